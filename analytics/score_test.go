package analytics_test

import (
	"math"
	"testing"

	"qingfeng/analytics"
)

func TestScoreIsAPlaceOnTheScale(t *testing.T) {
	for _, test := range []struct{ x, a, b, want float64 }{{5, 1, 5, 100}, {1, 1, 5, 0}, {4.5, 1, 5, 87.5}, {1, 5, 1, 100}, {2, 1, 4, 100.0 / 3}} {
		if got := analytics.Score(test.x, test.a, test.b); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("Score(%g, %g, %g) = %g, want %g", test.x, test.a, test.b, got, test.want)
		}
	}
}

func TestWilsonHoldsToPublishedFigures(t *testing.T) {
	for _, test := range []struct{ k, n, low, high float64 }{
		{1, 100, 0.0017674320641406511, 0.054486196178705294},
		{65, 100, 0.55254443296887967, 0.73635751756902468},
		{1045, 5000, 0.19795549880013297, 0.22049130373189027},
		{9856, 12345, 0.79121017529090687, 0.80536400736149094},
		{2, 200, 0.002746658133544438, 0.035721761716176796},
		{214, 244, 0.829907, 0.912503},
	} {
		tolerance := 1e-14
		if test.n == 244 {
			tolerance = 5e-7
		}
		low, high := analytics.Wilson(test.k, test.n)
		if math.Abs(low-test.low) > tolerance || math.Abs(high-test.high) > tolerance {
			t.Errorf("Wilson(%g, %g) = %.17g..%.17g, want %.17g..%.17g", test.k, test.n, low, high, test.low, test.high)
		}
	}
	for _, n := range []float64{1, 10, 1000} {
		if low, high := analytics.Wilson(0, n); low != 0 || high <= 0 {
			t.Errorf("Wilson(0, %g) = %g..%g", n, low, high)
		}
		if low, high := analytics.Wilson(n, n); high > 1 || low >= 1 {
			t.Errorf("Wilson(%g, %g) = %g..%g", n, n, low, high)
		}
	}
}
