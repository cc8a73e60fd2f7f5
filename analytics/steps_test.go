package analytics_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

func headOf(department surveys.DepartmentID, from surveys.Day, hour int) analytics.BoardOptions {
	opt := period(from, today)
	opt.Audience, opt.Department, opt.Hour = analytics.AudienceDepartment, department, hour
	return opt
}

// TestOneTapNeverMovesAHeadsFigure taps one by one through a morning, at a
// place with few answers before and at one with many.
func TestOneTapNeverMovesAHeadsFigure(t *testing.T) {
	for _, before := range []int64{11, 49, 50, 5000} {
		t.Run(fmt.Sprintf("%d answers before", before), func(t *testing.T) {
			given := []answers{{day: yesterday, hour: 9, place: "d0-p0", grades: good(before)}}
			var bad []int
			last, lastAt := -1.0, 0
			for hour := 8; hour < 14; hour++ {
				for range 6 {
					given = append(given, answers{day: today, hour: hour, place: "d0-p0", grades: [5]int64{1}})
					f := analytics.BuildBoard(hospital(1, 1), countsOf(given...), headOf("d0", yesterday, hour)).Departments[0].Places[0].Figure
					if !f.Shown || f.Answered != before+int64(len(given)-1) {
						t.Fatalf("hour %d: %+v", hour, f)
					}
					if f.Grades != nil || f.Flagged != nil || f.CleanedScore != nil {
						t.Fatalf("a head is told how many gave each grade: %+v", f)
					}
					if *f.Score != last {
						bad, last, lastAt = append(bad, len(given)-1), *f.Score, len(given)
					}
				}
			}
			// Twelve of the first two hours come in when twelve more are over.
			if d := cmp.Diff([]int{1, 25}, bad); d != "" {
				t.Errorf("taps that moved the score (-want +got):\n%s", d)
			}
			f := analytics.BuildBoard(hospital(1, 1), countsOf(given...), period(yesterday, today)).Departments[0].Figure
			if f.Grades[0] != 36 || lastAt == 0 {
				t.Errorf("the office sees %d bad grades, want all 36", f.Grades[0])
			}
		})
	}
}

// TestStepIsNeverLessThanTheLeastAnswers asks for single steps and for larger
// ones.
func TestStepIsNeverLessThanTheLeastAnswers(t *testing.T) {
	for _, test := range []struct {
		least, step int
		want        bool
	}{{10, 1, true}, {10, 5, true}, {10, 12, true}, {10, 13, false}, {13, 10, false}} {
		opt := headOf("d0", yesterday, 9)
		opt.MinAnswers, opt.BatchStep = test.least, test.step
		f := analytics.BuildBoard(hospital(1, 1), countsOf(
			answers{day: yesterday, hour: 9, place: "d0-p0", grades: good(12)},
		), opt).Departments[0].Figure
		if f.Shown != test.want {
			t.Errorf("least %d, step %d: 12 answers are shown is %v, want %v", test.least, test.step, f.Shown, test.want)
		}
	}
}

func TestHoursTellNoFewAnswers(t *testing.T) {
	c := countsOf(
		answers{day: today, hour: 8, place: "d0-p0", grades: good(12)},
		answers{day: today, hour: 9, place: "d0-p0", grades: good(9)},
		answers{day: today, hour: 10, place: "d0-p0", grades: good(10)}, // one piece with the nine
		answers{day: today, hour: 11, place: "d0-p0", grades: good(11)},
		answers{day: today, hour: 12, place: "d0-p0", grades: good(14)}, // held back
		answers{day: today, hour: 13, place: "d0-p0", grades: good(30)}, // in progress
	)
	scored := func(u *analytics.Unit) (hours []int) {
		for _, h := range u.Hours {
			if h.Score != nil {
				hours = append(hours, h.Hour)
			}
		}
		return hours
	}
	office, head := period(today, today), headOf("d0", today, 13)
	for _, test := range []struct {
		who  string
		opt  analytics.BoardOptions
		want []int
	}{{"the office", office, []int{8, 10, 11, 12, 13}}, {"a head", head, []int{8, 11}}} {
		u := analytics.BuildBoard(hospital(1, 1), c, test.opt).Departments[0]
		if d := cmp.Diff(test.want, scored(&u)); d != "" {
			t.Errorf("hours with a score for %s (-want +got):\n%s", test.who, d)
		}
		if len(u.Hours) != 6 || u.Hours[1].Answered != 9 {
			t.Errorf("hours for %s are %+v, want all six with their answers", test.who, u.Hours)
		}
	}
}
