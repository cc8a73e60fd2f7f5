package analytics_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

// inBrief is a figure as "offered→answered score", with why it is withheld in
// place of the score.
func inBrief(f *analytics.Figure) string {
	if !f.Shown {
		return fmt.Sprintf("%d→%d %s", f.Offered, f.Answered, f.Withheld)
	}
	return fmt.Sprintf("%d→%d %.2f", f.Offered, f.Answered, *f.Score)
}

// unitInBrief is a unit's figure, then those of its modes.
func unitInBrief(u *analytics.Unit) []string {
	got := []string{inBrief(&u.Figure)}
	for i := range u.Modes {
		got = append(got, string(u.Modes[i].Mode)+" "+inBrief(&u.Modes[i].Figure))
	}
	return got
}

func offer(c *analytics.Counts, place string, mode surveys.Mode, n int64) {
	e := rating()
	e.Kind, e.Day, e.Department, e.Place, e.Mode = surveys.EventPromptOffered, today, surveys.DepartmentID(place[:min(2, len(place))]), surveys.PlaceID(place), mode
	c.AddEvent(&e, n)
}

// TestAWardsFigureIsOfAllItsModesWhichStandApart is the rule of Unit.Figure: all
// answers weigh the same, and every mode in the sum is beside it.
func TestAWardsFigureIsOfAllItsModesWhichStandApart(t *testing.T) {
	bedside := answers{day: today, hour: 9, place: "d0-p0", mode: surveys.ModeBedside, grades: [5]int64{0, 0, 0, 0, 30}}
	tests := []struct {
		name    string
		answers []answers
		offered map[surveys.Mode]int64
		want    []string
	}{
		{"by text and at the bed", []answers{bedside, {day: today, hour: 9, place: "d0-p0", mode: surveys.ModeReply, grades: [5]int64{10}}},
			map[surveys.Mode]int64{surveys.ModeBedside: 40, surveys.ModeReply: 60}, []string{"100→40 75.00", "bedside 40→30 100.00", "sms_reply 60→10 0.00"}},
		{"too few by text", []answers{bedside, {day: today, hour: 9, place: "d0-p0", mode: surveys.ModeLink, grades: [5]int64{2}}},
			map[surveys.Mode]int64{surveys.ModeLink: 50}, []string{"50→32 93.75", "bedside 0→30 protected", "sms_link 50→2 not_enough"}},
		{"nobody has answered the text", []answers{bedside},
			map[surveys.Mode]int64{surveys.ModeCode: 12}, []string{"12→30 100.00", "bedside 0→30 100.00", "sms_code 12→0 no_data"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := countsOf(test.answers...)
			for mode, n := range test.offered {
				offer(c, "d0-p0", mode, n)
			}
			board := analytics.BuildBoard(hospital(1, 1), c, period(today, today))
			department := &board.Departments[0]
			for _, u := range []*analytics.Unit{&board.Hospital, department, &department.Places[0]} {
				if d := cmp.Diff(test.want, unitInBrief(u)); d != "" {
					t.Errorf("%s (-want +got):\n%s", u.ID, d)
				}
			}
		})
	}
}

// TestAnUnknownWardCountsAboveAndIsNoRow has answers without a place, and
// without a department either.
func TestAnUnknownWardCountsAboveAndIsNoRow(t *testing.T) {
	c := countsOf(
		answers{day: today, hour: 9, place: "d0-p0", mode: surveys.ModeBedside, grades: good(30)},
		answers{day: today, hour: 9, place: "d0", mode: surveys.ModeReply, grades: good(12)},
		answers{day: today, hour: 9, mode: surveys.ModeReply, grades: good(15)},
		answers{day: today, hour: 9, mode: surveys.ModeReply, grades: good(11), series: surveys.SeriesUnasked},
	)
	offer(c, "", surveys.ModeReply, 50)
	board := analytics.BuildBoard(hospital(1, 1), c, period(today, today))
	if len(board.Departments) != 1 || len(board.Departments[0].Places) != 1 {
		t.Fatalf("rows %+v, want d0 with d0-p0 alone", board.Departments)
	}
	department := &board.Departments[0]
	for _, tt := range []struct {
		unit *analytics.Unit
		want []string
	}{
		{&board.Hospital, []string{"50→57 100.00", "bedside 0→30 100.00", "sms_reply 50→27 100.00"}},
		{department, []string{"0→42 100.00", "bedside 0→30 100.00", "sms_reply 0→12 100.00"}},
		{&department.Places[0], []string{"0→30 100.00", "bedside 0→30 100.00"}},
	} {
		if d := cmp.Diff(tt.want, unitInBrief(tt.unit)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.unit.ID, d)
		}
	}
	if got := board.Hospital.Unasked.Answered; got != 11 {
		t.Errorf("the hospital has %d unasked answers, want 11", got)
	}

	for _, head := range []surveys.DepartmentID{"d0", ""} {
		board := analytics.BuildBoard(hospital(1, 1), c, headOf(head, today, 23))
		for i := range board.Departments {
			if u := &board.Departments[i]; u.ID != string(head) || u.ID == "" || len(u.Places) != 1 {
				t.Errorf("the head of %q sees %+v", head, u)
			}
		}
	}
}

// TestAPlaceThatIsGoneIsOfItsModesKind names a place the organisation no longer
// has.
func TestAPlaceThatIsGoneIsOfItsModesKind(t *testing.T) {
	for mode, want := range map[surveys.Mode]string{
		surveys.ModeWindow: "window", surveys.ModeBedside: "ward", surveys.ModeLobby: "lobby",
		surveys.ModeReply: "ward", surveys.ModeLink: "ward", surveys.ModeCode: "ward",
	} {
		board := analytics.BuildBoard(hospital(1, 1), countsOf(answers{day: today, place: "zz-gone", mode: mode, grades: good(1)}), period(today, today))
		if got := board.Departments[1].Places[0].Kind; got != want {
			t.Errorf("%s: the place is a %s, want %s", mode, got, want)
		}
	}
}

// TestStepsAreOfOneMode answers texts one by one in a ward that has plenty of
// bedside answers: a head's figures move with whole pieces of one mode.
func TestStepsAreOfOneMode(t *testing.T) {
	given := []answers{
		{day: yesterday, hour: 9, place: "d0-p0", mode: surveys.ModeBedside, grades: good(40)},
		{day: yesterday, hour: 9, place: "d0-p0", mode: surveys.ModeReply, grades: good(12)},
	}
	var moved []int
	last := []string{"100.00", "100.00", "100.00"}
	for n := 1; n <= 24; n++ {
		given = append(given, answers{day: today, hour: 7 + (n-1)/4, place: "d0-p0", mode: surveys.ModeReply, grades: [5]int64{1}})
		u := analytics.BuildBoard(hospital(1, 1), countsOf(given...), headOf("d0", yesterday, 23)).Departments[0]
		scores := []string{fmt.Sprintf("%.2f", *u.Figure.Score)}
		for i := range u.Modes {
			scores = append(scores, fmt.Sprintf("%.2f", *u.Modes[i].Figure.Score))
		}
		if cmp.Diff(last, scores) != "" {
			moved, last = append(moved, n), scores
		}
		if scores[1] != "100.00" {
			t.Fatalf("after %d answers by text the bedside score is %s", n, scores[1])
		}
	}
	// Twelve of three hours are a piece, and come in when the next is whole too.
	if d := cmp.Diff([]int{22}, moved); d != "" {
		t.Errorf("answers that moved a score (-want +got):\n%s", d)
	}
}

// TestModesTooSmallForAPieceAddUpToNone has enough answers in all, but in no
// mode: their sum would be a figure without parts.
func TestModesTooSmallForAPieceAddUpToNone(t *testing.T) {
	c := countsOf(
		answers{day: yesterday, hour: 9, place: "d0-p0", mode: surveys.ModeBedside, grades: good(7)},
		answers{day: yesterday, hour: 9, place: "d0-p0", mode: surveys.ModeReply, grades: good(6)},
		answers{day: yesterday, hour: 9, place: "d0-p0", mode: surveys.ModeLink, grades: good(5)},
	)
	board := analytics.BuildBoard(hospital(1, 1), c, headOf("d0", yesterday, 23))
	want := []string{"0→18 protected", "bedside 0→7 not_enough", "sms_link 0→5 not_enough", "sms_reply 0→6 not_enough"}
	if d := cmp.Diff(want, unitInBrief(&board.Departments[0])); d != "" {
		t.Errorf("d0 (-want +got):\n%s", d)
	}
}
