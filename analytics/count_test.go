package analytics_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

func rating() surveys.Event {
	return surveys.Event{
		Kind: surveys.EventRatingRecorded, At: 1795228927120, Day: 20261121, Hour: 10,
		Department: "finance", Place: "settlement-2", Version: "0011223344556677", Item: "grade",
		Mode: surveys.ModeWindow, Series: surveys.SeriesAsked, Grade: 4,
	}
}

func TestCountDecidesWhatAnEventAdds(t *testing.T) {
	change := func(f func(e *surveys.Event)) surveys.Event {
		e := rating()
		f(&e)
		return e
	}
	tests := []struct {
		name  string
		event surveys.Event
		want  map[string]int64
	}{
		{"rating", rating(), map[string]int64{
			"g|finance|settlement-2|0011223344556677|grade|window|asked|4|0": 3,
			"h|finance|settlement-2|window|asked|10|4|0":                     3,
		}},
		{"rating of a day whose hours are forgotten", change(func(e *surveys.Event) { e.Hour = -1 }), map[string]int64{
			"g|finance|settlement-2|0011223344556677|grade|window|asked|4|0": 3,
		}},
		{"flagged rating about a member of staff", change(func(e *surveys.Event) { e.Flagged, e.Staff = true, "ab12" }), map[string]int64{
			"g|finance|settlement-2|0011223344556677|grade|window|asked|4|1": 3,
			"s|finance|ab12|0011223344556677|grade|window|asked|4|1":         3,
			"h|finance|settlement-2|window|asked|10|4|1":                     3,
		}},
		{"rating about a member of staff, flagged later", change(func(e *surveys.Event) {
			e.Kind, e.Flagged, e.Staff = surveys.EventRatingFlagged, true, "ab12"
		}), map[string]int64{
			"g|finance|settlement-2|0011223344556677|grade|window|asked|4|0": -3,
			"s|finance|ab12|0011223344556677|grade|window|asked|4|0":         -3,
			"h|finance|settlement-2|window|asked|10|4|0":                     -3,
			"g|finance|settlement-2|0011223344556677|grade|window|asked|4|1": 3,
			"s|finance|ab12|0011223344556677|grade|window|asked|4|1":         3,
			"h|finance|settlement-2|window|asked|10|4|1":                     3,
		}},
		{"flagged later and yet not flagged", change(func(e *surveys.Event) { e.Kind = surveys.EventRatingFlagged }), map[string]int64{}},
		{"detail", change(func(e *surveys.Event) {
			e.Kind = surveys.EventRatingDetailed
			e.Tags = []surveys.Tag{{Item: "why", ID: "queue"}, {Item: "why", ID: "manner"}}
		}), map[string]int64{
			"t|finance|settlement-2|0011223344556677|why|window|asked|queue":  3,
			"t|finance|settlement-2|0011223344556677|why|window|asked|manner": 3,
		}},
		{"prompt", change(func(e *surveys.Event) { e.Kind = surveys.EventPromptOffered }), map[string]int64{
			"o|finance|settlement-2|window": 3,
		}},
		{"self-test", change(func(e *surveys.Event) { e.Kind, e.Device, e.KeyWorked = surveys.EventSelfTested, "d1", true }), map[string]int64{
			"x|d1|1": 3,
		}},
		{"answer", change(func(e *surveys.Event) {
			e.Kind, e.Item, e.Mode, e.Series, e.Grade, e.Value = surveys.EventAnswerRecorded, "nurses-1", surveys.ModeLink, "", 0, 10
		}), map[string]int64{"a|finance|settlement-2|0011223344556677|nurses-1|sms_link|10|0": 3}},
		{"flagged answer that is not applicable", change(func(e *surveys.Event) {
			e.Kind, e.Item, e.Mode, e.Flagged = surveys.EventAnswerRecorded, "nurses-1", surveys.ModeReply, true
		}), map[string]int64{"a|finance|settlement-2|0011223344556677|nurses-1|sms_reply|0|1": 3}},
		{"answer off every scale", change(func(e *surveys.Event) { e.Kind, e.Value = surveys.EventAnswerRecorded, 11 }), map[string]int64{}},
		{"unknown kind", change(func(e *surveys.Event) { e.Kind = "clue_received" }), map[string]int64{}},
		{"no grade", change(func(e *surveys.Event) { e.Grade = 0 }), map[string]int64{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := map[string]int64{}
			analytics.Count(&test.event, 3, func(c analytics.Cell, n int64) { got[c.String()] += n })
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("cells (-want +got):\n%s", d)
			}
		})
	}
}

// A rating flagged after it was counted leaves the counts of one that was
// flagged from the start.
func TestFlaggedLaterCountsAsFlaggedAtOnce(t *testing.T) {
	for _, hour := range []int{-1, 10} {
		plain, flagged := rating(), rating()
		plain.Hour, flagged.Hour, plain.Staff, flagged.Staff = hour, hour, "ab12", "ab12"
		flagged.Flagged = true
		later := flagged
		later.Kind = surveys.EventRatingFlagged
		want, got := analytics.NewCounts(), analytics.NewCounts()
		want.AddEvent(&plain, 2)
		want.AddEvent(&flagged, 3)
		got.AddEvent(&plain, 5)
		got.AddEvent(&later, 3)
		if d := analytics.Diff(want, got); d != nil || got.Len() != want.Len() {
			t.Errorf("hour %d: %v, %d cells instead of %d", hour, d, got.Len(), want.Len())
		}
		opt := period(today, today)
		if d := cmp.Diff(analytics.BuildBoard(hospital(1, 1), want, opt), analytics.BuildBoard(hospital(1, 1), got, opt)); d != "" {
			t.Errorf("hour %d: boards (-flagged at once +later):\n%s", hour, d)
		}
	}
}

func TestCheckEventRefusesWhatCannotBeCounted(t *testing.T) {
	tests := []struct {
		name   string
		damage func(e *surveys.Event)
		want   string
	}{
		{"kind", func(e *surveys.Event) { e.Kind = "secret" }, "event is of an unknown kind"},
		{"day that is none", func(e *surveys.Event) { e.Day = 20260231 }, "rating_recorded names no business day"},
		{"no day", func(e *surveys.Event) { e.Day = 0 }, "rating_recorded names no business day"},
		{"hour", func(e *surveys.Event) { e.Hour = 24 }, "rating_recorded has an hour outside 0 to 23"},
		{"grade", func(e *surveys.Event) { e.Grade = 6 }, "rating_recorded has a grade outside 1 to 5"},
		{"long place", func(e *surveys.Event) { e.Place = surveys.PlaceID(strings.Repeat("p", 65)) }, "rating_recorded has an identifier that is too long"},
		{"long tag", func(e *surveys.Event) { e.Tags = []surveys.Tag{{ID: strings.Repeat("t", 65)}} }, "rating_recorded has an identifier that is too long"},
		{"series", func(e *surveys.Event) { e.Series = "" }, "rating_recorded is neither asked nor unasked"},
		{"value", func(e *surveys.Event) { e.Kind, e.Value = surveys.EventAnswerRecorded, -1 }, "answer_recorded has a value outside 0 to 10"},
		{"correction without a flag", func(e *surveys.Event) { e.Kind = surveys.EventRatingFlagged }, "rating_flagged is not flagged"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := rating()
			test.damage(&e)
			err := analytics.CheckEvent(&e)
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if e := rating(); analytics.CheckEvent(&e) != nil {
		t.Errorf("a good rating is refused: %v", analytics.CheckEvent(&e))
	}
}

func cells() []analytics.Cell {
	return []analytics.Cell{
		{Kind: analytics.CellGrade, Department: "finance", Place: "settlement-2", Version: "00", Item: "grade", Mode: "window", Series: "asked", Grade: 5, Flagged: true},
		{Kind: analytics.CellStaff, Department: "finance", Staff: "ab", Version: "00", Item: "grade", Mode: "window", Series: "unasked", Grade: 1},
		{Kind: analytics.CellHour, Department: "finance", Place: "settlement-2", Mode: "window", Series: "asked", Hour: 23, Grade: 2},
		{Kind: analytics.CellOffered, Department: "", Place: "p", Mode: "bedside"},
		{Kind: analytics.CellTag, Department: "a|b", Place: "100%", Version: "x y", Item: "缴费", Mode: "m", Series: "asked", Tag: "\x00"},
		{Kind: analytics.CellSelfTest, Device: "0192", KeyWorked: true},
		{Kind: analytics.CellAnswer, Department: "cardiology", Place: "ward-3", Version: "00", Item: "nurses-1", Mode: "sms_link", Value: 10, Flagged: true},
	}
}

func TestCellTextReadsBack(t *testing.T) {
	for _, want := range cells() {
		got, err := analytics.ParseCell(want.String())
		if err != nil || got != want {
			t.Errorf("%q reads back as %+v, %v", want.String(), got, err)
		}
		for _, c := range []byte(want.String()) {
			if c <= 0x20 || c >= 0x7f {
				t.Errorf("%q holds byte %#x", want.String(), c)
			}
		}
	}
}

func TestParseCellRefuses(t *testing.T) {
	for _, text := range []string{
		"", "g", "z|a", "x|d1", "x|d1|2", "x|d1|1|", "x|d1|01", "x|d%7|1", "x|d%41|1", "x|d%7C|1", "x|d 1|1",
		"o|a|b", "o|a|b|c|d", "h|a|b|c|d|24|1|0", "h|a|b|c|d|-1|1|0", "h|a|b|c|d|+1|1|0", "h|a|b|c|d|1|6|0",
		"a|a|b|c|d|e|11|0", "a|a|b|c|d|e|-1|0", "a|a|b|c|d|e|1|2", "a|a|b|c|d|1|0",
		"x|" + strings.Repeat("d", 3000) + "|1",
	} {
		if c, err := analytics.ParseCell(text); err == nil {
			t.Errorf("%.40q is read as %+v", text, c)
		}
	}
}

func FuzzParseCell(f *testing.F) {
	for _, c := range cells() {
		f.Add(c.String())
	}
	f.Add("x|d%7c|1")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := analytics.ParseCell(text)
		if err == nil && c.String() != text {
			t.Errorf("%q reads as a cell written %q", text, c.String())
		}
	})
}

func TestCountsMergeInAnyOrderAndForgetZero(t *testing.T) {
	one, two := analytics.NewCounts(), analytics.NewCounts()
	e, low := rating(), rating()
	low.Grade, low.Day = 1, 20261120
	one.AddEvent(&e, 2)
	two.AddEvent(&e, 3)
	two.AddEvent(&low, 1)
	ab, ba := analytics.NewCounts(), analytics.NewCounts()
	ab.Merge(one)
	ab.Merge(two)
	ba.Merge(two)
	ba.Merge(one)
	if d := analytics.Diff(ab, ba); d != nil {
		t.Errorf("the order of nodes changes the sum: %v", d)
	}
	grade := analytics.Cell{Kind: analytics.CellGrade, Department: "finance", Place: "settlement-2", Version: "0011223344556677", Item: "grade", Mode: "window", Series: "asked", Grade: 4}
	if got := ab.Get(20261121, grade); got != 5 {
		t.Errorf("merged count is %d, want 5", got)
	}
	ab.AddEvent(&low, -1)
	if d := cmp.Diff([]surveys.Day{20261121}, ab.Days()); d != "" {
		t.Errorf("days (-want +got):\n%s", d)
	}
	want := []analytics.Difference{
		{Day: 20261120, Cell: grade, Want: 0, Got: 1},
		{Day: 20261121, Cell: grade, Want: 5, Got: 4},
	}
	got := analytics.NewCounts()
	got.Merge(ab)
	got.Add(20261120, grade, 1)
	got.Add(20261121, grade, -1)
	if d := cmp.Diff(want, analytics.Diff(ab, got)); d != "" {
		t.Errorf("differences (-want +got):\n%s", d)
	}
}

func TestSelfTestsStayOutOfScores(t *testing.T) {
	c := analytics.NewCounts()
	e := rating()
	e.Kind, e.Device, e.KeyWorked, e.Grade = surveys.EventSelfTested, "d1", false, 1
	c.AddEvent(&e, 1)
	e.KeyWorked = true
	c.AddEvent(&e, 1)
	e.Device, e.KeyWorked = "d2", false
	c.AddEvent(&e, 1)
	if d := cmp.Diff(map[string]bool{"d1": true, "d2": false}, c.SelfTests(20261121)); d != "" {
		t.Errorf("self-tests (-want +got):\n%s", d)
	}
	board := analytics.BuildBoard(hospital(1, 1), c, period(20261121, 20261121))
	if board.Hospital.Figure.Answered != 0 || board.Hospital.Unasked.Answered != 0 {
		t.Errorf("a self-test is counted as an answer: %+v", board.Hospital)
	}
}

// Boards are made of grades: the answers of a survey are counted beside them and
// change nothing on a board.
func TestAnswersOfSurveysStayOffBoards(t *testing.T) {
	want, got := analytics.NewCounts(), analytics.NewCounts()
	e := rating()
	want.AddEvent(&e, 12)
	got.AddEvent(&e, 12)
	e.Kind, e.Value = surveys.EventAnswerRecorded, 1
	got.AddEvent(&e, 30)
	if got.Len() != want.Len()+1 || analytics.CellAnswer.OnBoard() {
		t.Errorf("%d cells, want one more than %d, on no board", got.Len(), want.Len())
	}
	opt := period(20261121, 20261121)
	if d := cmp.Diff(analytics.BuildBoard(hospital(1, 1), want, opt), analytics.BuildBoard(hospital(1, 1), got, opt)); d != "" {
		t.Errorf("boards (-without answers +with them):\n%s", d)
	}
}
