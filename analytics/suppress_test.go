package analytics_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

// withheldIn lists what a board withholds, as "id reason" and "id/mode reason",
// leaving out what has no data.
func withheldIn(v analytics.BoardView) []string {
	got := []string{}
	var walk func(u *analytics.Unit)
	note := func(name string, f *analytics.Figure) {
		if f.Withheld != "" && f.Withheld != analytics.WithheldNoData {
			got = append(got, name+" "+f.Withheld)
		}
	}
	walk = func(u *analytics.Unit) {
		note(u.ID, &u.Figure)
		for i := range u.Modes {
			note(u.ID+"/"+string(u.Modes[i].Mode), &u.Modes[i].Figure)
		}
		note(u.ID+"?", &u.Unasked)
		for i := range u.Places {
			walk(&u.Places[i])
		}
	}
	walk(&v.Hospital)
	for i := range v.Departments {
		walk(&v.Departments[i])
	}
	return got
}

func TestSuppression(t *testing.T) {
	tests := []struct {
		name    string
		org     *surveys.Organisation
		answers []answers
		want    []string
	}{
		{"ten answers are shown", hospital(1, 1), []answers{
			{day: today, place: "d0-p0", grades: good(10)},
		}, []string{}},
		{"nine are not", hospital(1, 1), []answers{
			{day: today, place: "d0-p0", grades: good(9)},
		}, []string{
			"hospital not_enough", "hospital/window not_enough", "d0 not_enough", "d0/window not_enough", "d0-p0 not_enough", "d0-p0/window not_enough",
		}},
		{"one small place takes the smallest other with it", hospital(1, 3), []answers{
			{day: today, place: "d0-p0", grades: good(30)}, {day: today, place: "d0-p1", grades: good(20)}, {day: today, place: "d0-p2", grades: good(3)},
		}, []string{
			"d0-p1 protected", "d0-p1/window protected", "d0-p2 not_enough", "d0-p2/window not_enough",
		}},
		{"one small department takes the smallest other, and that one's places", hospital(3, 1), []answers{
			{day: today, place: "d0-p0", grades: good(30)}, {day: today, place: "d1-p0", grades: good(3)}, {day: today, place: "d2-p0", grades: good(20)},
		}, []string{
			"d1 not_enough", "d1/window not_enough", "d1-p0 not_enough", "d1-p0/window not_enough",
			"d2 protected", "d2/window protected", "d2-p0 protected", "d2-p0/window protected",
		}},
		{"two small places whose sum is too small take a third", hospital(1, 3), []answers{
			{day: today, place: "d0-p0", grades: good(30)}, {day: today, place: "d0-p1", grades: good(4)}, {day: today, place: "d0-p2", grades: good(3)},
		}, []string{
			"d0-p0 protected", "d0-p0/window protected", "d0-p1 not_enough", "d0-p1/window not_enough", "d0-p2 not_enough", "d0-p2/window not_enough",
		}},
		{"two small places whose sum is enough hide each other", hospital(1, 3), []answers{
			{day: today, place: "d0-p0", grades: good(30)}, {day: today, place: "d0-p1", grades: good(9)}, {day: today, place: "d0-p2", grades: good(3)},
		}, []string{
			"d0-p1 not_enough", "d0-p1/window not_enough", "d0-p2 not_enough", "d0-p2/window not_enough",
		}},
		{"a place without answers hides nothing", hospital(1, 3), []answers{
			{day: today, place: "d0-p0", grades: good(30)}, {day: today, place: "d0-p1", grades: good(20)},
		}, []string{}},
		{"one small mode takes the other", hospital(1, 1), []answers{
			{day: today, place: "d0-p0", grades: good(30)}, {day: today, place: "d0-p0", mode: surveys.ModeLobby, grades: good(2)},
		}, []string{
			"hospital/lobby not_enough", "hospital/window protected", "d0/lobby not_enough", "d0/window protected", "d0-p0/lobby not_enough", "d0-p0/window protected",
		}},
		{"two small modes whose sum is enough hide each other, and the ward is shown", hospital(1, 1), []answers{
			{day: today, place: "d0-p0", mode: surveys.ModeBedside, grades: good(7)}, {day: today, place: "d0-p0", mode: surveys.ModeReply, grades: good(5)},
		}, []string{
			"hospital/bedside not_enough", "hospital/sms_reply not_enough", "d0/bedside not_enough", "d0/sms_reply not_enough", "d0-p0/bedside not_enough", "d0-p0/sms_reply not_enough",
		}},
		{"one small survey mode takes the smallest other mode", hospital(1, 1), []answers{
			{day: today, place: "d0-p0", mode: surveys.ModeBedside, grades: good(40)}, {day: today, place: "d0-p0", mode: surveys.ModeReply, grades: good(20)},
			{day: today, place: "d0-p0", mode: surveys.ModeCode, grades: good(3)},
		}, []string{
			"hospital/sms_code not_enough", "hospital/sms_reply protected", "d0/sms_code not_enough", "d0/sms_reply protected", "d0-p0/sms_code not_enough", "d0-p0/sms_reply protected",
		}},
		{"a small survey mode in one ward takes the same mode of another", hospital(1, 2), []answers{
			{day: today, place: "d0-p0", mode: surveys.ModeBedside, grades: good(40)}, {day: today, place: "d0-p0", mode: surveys.ModeReply, grades: good(20)},
			{day: today, place: "d0-p1", mode: surveys.ModeBedside, grades: good(30)}, {day: today, place: "d0-p1", mode: surveys.ModeReply, grades: good(4)},
		}, []string{
			"d0-p0/bedside protected", "d0-p0/sms_reply protected", "d0-p1/bedside protected", "d0-p1/sms_reply not_enough",
		}},
		{"a few answers of an unknown ward take the smallest department", hospital(2, 1), []answers{
			{day: today, place: "d0-p0", grades: good(30)}, {day: today, place: "d1-p0", grades: good(20)}, {day: today, mode: surveys.ModeReply, grades: good(3)},
		}, []string{
			"hospital/sms_reply not_enough", "hospital/window protected", "d1 protected", "d1/window protected", "d1-p0 protected", "d1-p0/window protected",
		}},
		{"many of them are no secret and hide a small department", hospital(2, 1), []answers{
			{day: today, place: "d0-p0", grades: good(30)}, {day: today, place: "d1-p0", grades: good(3)}, {day: today, grades: good(20)},
		}, []string{
			"d1 not_enough", "d1/window not_enough", "d1-p0 not_enough", "d1-p0/window not_enough",
		}},
		{"a few of a department's unknown ward take its smallest place", hospital(1, 2), []answers{
			{day: today, place: "d0-p0", grades: good(30)}, {day: today, place: "d0-p1", grades: good(20)}, {day: today, place: "d0", grades: good(3)},
		}, []string{
			"d0-p1 protected", "d0-p1/window protected",
		}},
		{"unasked ratings are a series of their own", hospital(1, 2), []answers{
			{day: today, place: "d0-p0", grades: good(30), series: surveys.SeriesUnasked}, {day: today, place: "d0-p1", grades: good(2), series: surveys.SeriesUnasked},
		}, []string{"d0-p0? protected", "d0-p1? not_enough"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := withheldIn(analytics.BuildBoard(test.org, countsOf(test.answers...), period(today, today)))
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("withheld (-want +got):\n%s", d)
			}
		})
	}
}

// TestNothingWithheldCanBeWorkedOut tries hospitals at random: in no sum on the
// board is exactly one member unknown, and no unknown remainder is of fewer
// than ten answers.
func TestNothingWithheldCanBeWorkedOut(t *testing.T) {
	const seed = 20261121
	random := rand.New(rand.NewPCG(seed, 1))
	for round := range 300 {
		org := hospital(1+random.IntN(4), 1+random.IntN(4))
		var all []answers
		for _, p := range org.Places {
			all = append(all, answers{day: today, place: string(p.ID), grades: good(random.Int64N(25))})
			for _, mode := range []surveys.Mode{surveys.ModeBedside, surveys.ModeReply, surveys.ModeLink} {
				if random.IntN(3) == 0 {
					all = append(all, answers{day: today, place: string(p.ID), mode: mode, grades: good(random.Int64N(25))})
				}
			}
		}
		for _, unknown := range []string{"", "d0"} {
			if random.IntN(3) == 0 {
				all = append(all, answers{day: today, place: unknown, mode: surveys.ModeReply, grades: good(random.Int64N(25))})
			}
		}
		board := analytics.BuildBoard(org, countsOf(all...), period(today, today))
		check := func(what string, whole *analytics.Figure, parts []*analytics.Figure) {
			if whole.Answered == 0 {
				return
			}
			var hidden, together int64
			rest := whole.Answered // of no row, so never shown
			for _, p := range parts {
				rest -= p.Answered
				if !p.Shown && p.Answered > 0 {
					hidden++
					together += p.Answered
				}
			}
			if rest > 0 {
				hidden, together = hidden+1, together+rest
			}
			alone := hidden == 1 && rest == 0
			if whole.Shown && hidden > 0 && (alone || together < 10) || !whole.Shown && hidden == 0 {
				t.Errorf("seed %d round %d: %s gives away %d withheld of %d answers (whole shown: %v)", seed, round, what, hidden, together, whole.Shown)
			}
		}
		checkUnit(&board.Hospital, board.Departments, check)
		for i := range board.Departments {
			checkUnit(&board.Departments[i], board.Departments[i].Places, check)
		}
	}
}

func checkUnit(u *analytics.Unit, children []analytics.Unit, check func(string, *analytics.Figure, []*analytics.Figure)) {
	var parts, modes []*analytics.Figure
	for i := range children {
		parts = append(parts, &children[i].Figure)
	}
	check(u.ID+" by unit", &u.Figure, parts)
	for i := range u.Modes {
		modes = append(modes, &u.Modes[i].Figure)
		parts = nil
		for j := range children {
			for k := range children[j].Modes {
				if children[j].Modes[k].Mode == u.Modes[i].Mode {
					parts = append(parts, &children[j].Modes[k].Figure)
				}
			}
		}
		check(fmt.Sprintf("%s by unit in mode %s", u.ID, u.Modes[i].Mode), &u.Modes[i].Figure, parts)
	}
	check(u.ID+" by mode", &u.Figure, modes)
}

func TestDepartmentSeesOnlyItself(t *testing.T) {
	opt := period(yesterday, today)
	opt.Audience, opt.Department = analytics.AudienceDepartment, "d1"
	board := analytics.BuildBoard(hospital(3, 1), countsOf(
		answers{day: yesterday, hour: 8, place: "d0-p0", grades: good(100)}, answers{day: yesterday, hour: 8, place: "d1-p0", grades: good(100)},
	), opt)
	if len(board.Departments) != 1 || board.Departments[0].ID != "d1" || !board.Departments[0].Figure.Shown {
		t.Errorf("departments: %+v", board.Departments)
	}
	want := analytics.Figure{Withheld: analytics.WithheldProtected}
	if d := cmp.Diff(want, board.Hospital.Figure); d != "" {
		t.Errorf("the hospital's figure (-want +got):\n%s", d)
	}
}
