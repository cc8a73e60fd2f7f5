package analytics

import "math"

// Z is Φ⁻¹(0.975), the normal quantile of a two-sided 95 % interval.
const Z = 1.959963984540054

// Score puts the value x of a scale a..b on 0..100, a worst and b best:
// 100(x − a)/(b − a).
func Score(x, a, b float64) float64 { return 100 * (x - a) / (b - a) }

// Wilson gives the 95 % score interval of a share k/n (Wilson, JASA 22, 1927).
// k may be fractional. n must be positive.
func Wilson(k, n float64) (low, high float64) {
	p := k / n
	z2 := Z * Z
	centre := (p + z2/(2*n)) / (1 + z2/n)
	half := Z / (1 + z2/n) * math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	return max(0, centre-half), min(1, centre+half)
}

// meanScore gives the score of a histogram of grades, 0 to 100, and its 95 %
// interval. n must be positive.
//
// The interval is Wilson's with the rescaled mean in place of the share. A
// value in 0..1 with mean p has a variance of at most p(1 − p) (Bhatia and
// Davis, Amer. Math. Monthly 107, 2000), the variance Wilson's formula uses, so
// it covers at least as often as promised, stays inside 0..100, and does not
// shrink to a point when all answers are equal, as mean ± z·s/√n would.
func meanScore(grades [5]int64) (score, low, high float64) {
	var n, sum int64
	for i, k := range grades {
		n += k
		sum += k * int64(i)
	}
	score = Score(float64(sum)/float64(n), 0, 4)
	low, high = Wilson(score/100*float64(n), float64(n))
	return score, 100 * low, 100 * high
}
