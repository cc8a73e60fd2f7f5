package analytics

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"qingfeng/surveys"
)

// heads builds what a department's head sees and gives how many answers every
// figure is made of, by its name.
func heads(org *surveys.Organisation, c *Counts, from, to surveys.Day, hour int) map[string]int64 {
	b := newBuilder(org, BoardOptions{
		From: from, To: to, Today: to, Hour: hour, Audience: AudienceDepartment, Department: "d", MinAnswers: 10, BatchStep: 10,
	})
	b.addSteps(c)
	seen := map[string]int64{}
	for _, br := range b.hospital.children {
		for _, u := range append([]*branch{br}, br.children...) {
			seen[u.unit.ID] = u.all.step.answered()
			for i := range u.modes {
				seen[u.unit.ID+"/"+string(u.modes[i].mode)] = u.modes[i].step.answered()
			}
		}
	}
	return seen
}

// TestHeadsCannotSubtract taps through a month and compares every snapshot with
// the one before, the month with its end, and the department with its places:
// no difference is of one to nine answers.
func TestHeadsCannotSubtract(t *testing.T) {
	const seed = 20261121
	random := rand.New(rand.NewPCG(seed, 1))
	places := []surveys.Place{{ID: "p0", Department: "d"}, {ID: "p1", Department: "d"}, {ID: "p2", Department: "d"}}
	org := surveys.NewOrganisation(surveys.Text{}, nil, []surveys.Department{{ID: "d"}}, places, nil)
	c, before, moved := NewCounts(), map[string]int64{}, 0
	hold := func(at, what string, n int64) {
		if n < 0 || n > 0 && n < 10 {
			t.Fatalf("seed %d, %s: %s tells %d answers apart", seed, at, what, n)
		}
	}
	for day := surveys.Day(20261101); day <= 20261112; day++ {
		for hour := range 24 {
			for range random.IntN(6) {
				mode := surveys.ModeWindow
				if random.IntN(3) == 0 {
					mode = surveys.ModeLobby
				}
				c.AddEvent(&surveys.Event{
					Kind: surveys.EventRatingRecorded, Day: day, Hour: hour, Department: "d", Place: places[random.IntN(3)*random.IntN(2)].ID,
					Mode: mode, Series: surveys.SeriesAsked, Grade: 1,
				}, 1)
				at := fmt.Sprintf("%s hour %d", day, hour)
				month := heads(org, c, 20261101, day, hour)
				since := map[string]int64{}
				if day >= 20261105 {
					since = heads(org, c, 20261105, day, hour)
				}
				for name, n := range month {
					hold(at, name, n-before[name])
					hold(at, name+" before the fifth", n-since[name])
					hold(at, name+" before the fifth, in time", n-since[name]-before["<"+name])
					if n > before[name] {
						moved++
					}
					before[name] = n
					if day > 20261105 {
						before["<"+name] = n - since[name]
					}
				}
				if whole, parts := month["d"], month["p0"]+month["p1"]+month["p2"]; whole != parts {
					t.Fatalf("seed %d, %s: the department has %d answers, its places %d", seed, at, whole, parts)
				}
			}
		}
	}
	if moved < 50 {
		t.Fatalf("figures moved %d times in twelve days, want them alive", moved)
	}
}
