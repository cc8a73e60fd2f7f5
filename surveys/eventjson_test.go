package surveys

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The hand-written encoder must write what encoding/json reads back as the
// same event, and for the plain names of a hospital the same bytes.
func TestEventJSON(t *testing.T) {
	full := Event{
		Kind: EventRatingDetailed, At: 1795233600123, Day: 20261121, Hour: 23, Department: "finance", Place: "settlement-1",
		Staff: "0123456789abcdef", Version: "fedcba9876543210", Item: "satisfaction", Mode: ModeWindow, Series: SeriesAsked,
		Grade: 5, Flagged: true, Tags: []Tag{{Item: "praise", ID: "careful"}, {Item: "praise", ID: "quick"}}, Device: "d", KeyWorked: true,
	}
	for name, e := range map[string]Event{"full": full, "answer": {Kind: EventAnswerRecorded, Day: 20261121, Hour: 9, Item: "nurses-1", Mode: ModeReply, Value: 10}, "empty": {}, "hour of a rollup": {Kind: EventPromptOffered, Day: 20260101, Hour: -1}} {
		t.Run(name, func(t *testing.T) {
			want, err := json.Marshal(&e)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(AppendEvent(nil, &e))); diff != "" {
				t.Errorf("JSON (-encoding/json +ours):\n%s", diff)
			}
			var back Event
			if err := ParseEvent(string(want), &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, back); diff != "" {
				t.Errorf("read back (-want +got):\n%s", diff)
			}
			if !plain(string(want)) {
				t.Error("a plain event takes the slow way")
			}
		})
	}
}

func FuzzEventJSON(f *testing.F) {
	f.Add("finance", "settlement-1", "a\"b\\c\n\x00", "心内科", int64(1), 5)
	f.Add("", "\u2028", "<&>", "\x7f", int64(-1), -3)
	f.Fuzz(func(t *testing.T, department, place, staff, tag string, at int64, grade int) {
		e := Event{Kind: EventRatingRecorded, At: at, Department: DepartmentID(department), Place: PlaceID(place),
			Staff: StaffRef(staff), Grade: Grade(grade), Tags: []Tag{{Item: "i", ID: tag}}}
		theirs, err := json.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		var want, got Event
		if err := json.Unmarshal(theirs, &want); err != nil {
			t.Fatal(err)
		}
		if err := ParseEvent(string(AppendEvent(nil, &e)), &got); err != nil {
			t.Fatalf("%v in %q", err, AppendEvent(nil, &e))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read back (-encoding/json +ours):\n%s", diff)
		}
	})
}

// Whatever text is in the outbox, the fast decoder agrees with encoding/json
// or leaves it to it.
func FuzzParseEvent(f *testing.F) {
	f.Add(`{"kind":"rating_recorded","at":1,"day":20261121,"hour":3,"place":"a","grade":5}`)
	f.Add(`{"kind":"x","at":1,"day":20261121000,"hour":3}`)
	f.Add(`{"kind":"x","at":01,"day":+1,"hour":3}`)
	f.Add(`{"kind":"x","at":1,"day":1,"hour":3,"tags":[{"item":"a","id":"b"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if !plain(text) {
			return
		}
		var want, got Event
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("read what encoding/json refuses: %v", err)
		}
		if err := ParseEvent(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read (-encoding/json +ours):\n%s", diff)
		}
	})
}

// plain reports whether an event's text is read the fast way.
func plain(text string) bool {
	r := eventReader{rest: text, ok: true}
	return r.read(&Event{})
}
