package live_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/live"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

// rating gives a rating's frame with some fields changed; nil takes one away.
func rating(t *testing.T, n int, change map[string]any) string {
	t.Helper()
	frame := map[string]any{
		"type": "rating", "id": factID(n).String(), "at": "2026-11-21T02:42:07.120Z", "place": "settlement-2",
		"questionnaire": string(samplePaper().Version()), "grade": 5, "dwell_ms": 2300, "language": "zh",
	}
	for name, value := range change {
		if frame[name] = value; value == nil {
			delete(frame, name)
		}
	}
	data, err := json.Marshal(frame)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (sc *screen) answer() string {
	sc.t.Helper()
	_, data, err := sc.ws.ReadMessage()
	if err != nil {
		sc.t.Fatalf("waiting for an answer: %v", err)
	}
	return string(data)
}

func ack(n int, outcome surveys.Outcome) string {
	return fmt.Sprintf(`{"type":"ack","id":"%s","outcome":"%s"}`, factID(n), outcome)
}

func TestFrameThatCanNeverBeAFactIsSetAside(t *testing.T) {
	s := start(t)
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	tests := []struct {
		name   string
		frame  string
		reason string
	}{
		{"grade 6", rating(t, 1, map[string]any{"grade": 6}), "grade is outside 1 to 5"},
		{"no grade", rating(t, 2, map[string]any{"grade": nil}), "grade is outside 1 to 5"},
		{"grade as text", rating(t, 3, map[string]any{"grade": "5"}), "grade has the wrong type"},
		{"grade with a fraction", rating(t, 4, map[string]any{"grade": 4.5}), "grade is not a whole number"},
		{"place unknown", rating(t, 5, map[string]any{"place": "window-99"}), "place is not one of the hospital's"},
		{"no place", rating(t, 6, map[string]any{"place": nil}), "place is not one of the hospital's"},
		{"version never published", rating(t, 7, map[string]any{"questionnaire": "0123456789abcdef"}), "questionnaire version was never published"},
		{"version too long", rating(t, 8, map[string]any{"questionnaire": strings.Repeat("a", 100)}), "questionnaire version was never published"},
		{"time unreadable", rating(t, 9, map[string]any{"at": "noon"}), "at is not a time"},
		{"prompt unreadable", rating(t, 10, map[string]any{"prompt_id": "88121"}), "prompt_id is not an id"},
		{"another language", rating(t, 11, map[string]any{"language": "fr"}), "language is not zh or en"},
		{"negative dwell", rating(t, 12, map[string]any{"dwell_ms": -1}), "dwell_ms is out of range"},
		{"endless dwell", rating(t, 13, map[string]any{"dwell_ms": int64(1) << 50}), "dwell_ms is not a whole number"},
		{
			"grade twice", strings.Replace(rating(t, 14, nil), `"grade":5`, `"grade":5,"grade":1`, 1),
			"grade is given twice",
		},
		{"detail of nothing", `{"type":"rating_detail","id":"` + factID(15).String() + `","at":"2026-11-21T02:42:07Z","rating_id":"x","tags":[]}`, "rating_id is not an id"},
		{"empty detail", `{"type":"rating_detail","id":"` + factID(16).String() + `","at":"2026-11-21T02:42:07Z","rating_id":"` + factID(1).String() + `","tags":[]}`, "detail adds nothing"},
		{"too many tags", `{"type":"rating_detail","id":"` + factID(17).String() + `","at":"2026-11-21T02:42:07Z","rating_id":"` + factID(1).String() + `","tags":["a1"` + manyTags(30) + `]}`, "too many tags"},
		{"prompt_shown of nothing", `{"type":"prompt_shown","id":"` + factID(18).String() + `","at":"2026-11-21T02:42:07Z"}`, "prompt_id is not an id"},
		{"self-test nowhere", `{"type":"self_test","id":"` + factID(19).String() + `","at":"2026-11-21T02:42:07Z","key_worked":true}`, "place is not one of the hospital's"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc.send(tt.frame)
			if got := sc.answer(); got != ack(i+1, surveys.OutcomeInvalid) {
				t.Errorf("answered %s, want an invalid ack of %d", got, i+1)
			}
			var kind struct{ Type string }
			if err := json.Unmarshal([]byte(tt.frame), &kind); err != nil {
				t.Fatal(err)
			}
			want := live.SetAside{ID: factID(i + 1), Device: deviceID(1), Kind: kind.Type, Reason: tt.reason, Body: []byte(tt.frame), At: noon}
			got := look(s.store, func() live.SetAside { return s.store.aside[len(s.store.aside)-1] })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("set aside (-want +got):\n%s", diff)
			}
		})
	}
	if n := look(s.store, func() int { return len(s.store.order) }); n != 0 {
		t.Errorf("the store was given %d facts, want none", n)
	}
}

func manyTags(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"tag%d"`, i)
	}
	return b.String()
}

func TestFrameWithoutAReadableIDClosesTheSocket(t *testing.T) {
	s := start(t)
	for i, frame := range []string{
		rating(t, 1, map[string]any{"id": nil}),
		rating(t, 1, map[string]any{"id": 7}),
		rating(t, 1, map[string]any{"id": strings.ToUpper(factID(1).String())}),
		rating(t, 1, map[string]any{"id": "7b1f3c1e-9a55-4a8b-8d0a-2c9b5a7f0e11"}), // a UUIDv4
		strings.Replace(rating(t, 1, nil), `"id"`, `"id":"`+factID(2).String()+`","id"`, 1),
		rating(t, 1, nil)[:60],
		rating(t, 1, nil) + "x",
		`{"type":"praise","id":"` + factID(1).String() + `"}`,
		`{"id":"` + factID(1).String() + `"}`,
		`{"type":"status","queued":-1,"queue_ok":true}`,
		strings.Repeat(`{"x":`, 40) + "1" + strings.Repeat("}", 40),
	} {
		sc := s.welcomed("/ws/device", s.enrol(10+i, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
		sc.send(frame)
		if code, before := sc.closed(); code != live.CloseBadFrame || len(before) != 0 {
			t.Errorf("%.80s: closed with %d after %q, want %d after nothing", frame, code, before, live.CloseBadFrame)
		}
	}
	if n := look(s.store, func() int { return len(s.store.order) + len(s.store.aside) }); n != 0 {
		t.Errorf("the store was given %d frames, want none", n)
	}
}

func TestTooLargeAFrameClosesTheSocket(t *testing.T) {
	s := start(t)
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	comment := func(bytes int) string { return strings.Repeat("x", bytes) }
	sc.send(`{"type":"status","queued":1,"queue_ok":true,"note":"` + comment(60<<10) + `"}`)
	eventually(t, "a frame just within the limit is read", func() bool { return s.tablets.Online()[deviceID(1)].Queued == 1 })
	sc.send(`{"type":"status","queued":2,"queue_ok":true,"note":"` + comment(200<<10) + `"}`)
	if code, _ := sc.closed(); code != live.CloseTooBig {
		t.Errorf("closed with %d, want %d", code, live.CloseTooBig)
	}
}

func TestOutcomesReachTheTablet(t *testing.T) {
	s := start(t)
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	retry := func(n, after int, reason string) string {
		return fmt.Sprintf(`{"type":"retry","id":"%s","after_seconds":%d,"reason":"%s"}`, factID(n), after, reason)
	}
	tests := []struct {
		outcome surveys.Outcome
		err     error
		want    string
	}{
		{surveys.OutcomeStored, nil, ack(1, surveys.OutcomeStored)},
		{surveys.OutcomeStored, nil, ack(1, surveys.OutcomeDuplicate)}, // the same once more
		{surveys.OutcomeConflict, nil, ack(1, surveys.OutcomeConflict)},
		{surveys.OutcomeAlreadyRated, nil, ack(1, surveys.OutcomeAlreadyRated)},
		{surveys.OutcomeInvalid, nil, ack(1, surveys.OutcomeInvalid)},
		{surveys.OutcomeRetry, errNotFound, retry(1, 5, "store_unavailable")},
		{surveys.OutcomeRetry, fmt.Errorf("submit: %w", errBusy), retry(1, 2, "busy")},
	}
	for _, tt := range tests {
		s.store.change(func() {
			s.store.answer = func(surveys.Fact) (surveys.Outcome, error) { return tt.outcome, tt.err }
		})
		sc.send(rating(t, 1, nil))
		if got := sc.answer(); got != tt.want {
			t.Errorf("%s: answered %s, want %s", tt.outcome, got, tt.want)
		}
	}
}

func TestStoreThatCannotSetAsideLeavesTheFactWithItsTablet(t *testing.T) {
	s := start(t)
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	s.store.change(func() { s.store.broken = errNotFound })
	for _, frame := range []string{
		rating(t, 1, map[string]any{"grade": 9}),
		rating(t, 1, map[string]any{"questionnaire": "0123456789abcdef"}),
	} {
		sc.send(frame)
		if got := sc.answer(); !strings.HasPrefix(got, `{"type":"retry"`) {
			t.Errorf("%s: answered %s, want a retry", frame, got)
		}
	}
}

func TestOldPublishedVersionIsTaken(t *testing.T) {
	s := start(t)
	s.store.change(func() { s.store.versions["00000000deadbeef"] = true })
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	sc.send(rating(t, 1, map[string]any{"questionnaire": "00000000deadbeef"}))
	if got := sc.answer(); got != ack(1, surveys.OutcomeStored) {
		t.Errorf("answered %s", got)
	}
}

func TestTimesAndFlagsOfARating(t *testing.T) {
	const slow = -7 * time.Hour // what the tablet's clock is wrong by
	tests := []struct {
		name     string
		change   map[string]any
		occurred time.Time
		flags    surveys.Flags
		place    surveys.PlaceID
		mode     surveys.Mode
	}{
		{"just now", nil, noon, 0, "settlement-2", surveys.ModeWindow},
		{"two hours ago", map[string]any{"at": noon.Add(slow - 2*time.Hour)}, noon.Add(-2 * time.Hour), 0, "settlement-2", surveys.ModeWindow},
		{"a little ahead", map[string]any{"at": noon.Add(slow + 30*time.Second)}, noon, 0, "settlement-2", surveys.ModeWindow},
		{"far ahead", map[string]any{"at": noon.Add(slow + time.Hour)}, noon, surveys.FlagClockSuspect, "settlement-2", surveys.ModeWindow},
		{"40 days ago", map[string]any{"at": noon.Add(slow - 40*24*time.Hour)}, noon, surveys.FlagClockSuspect, "settlement-2", surveys.ModeWindow},
		{"year 1", map[string]any{"at": "0001-01-01T00:00:00Z"}, noon, surveys.FlagClockSuspect, "settlement-2", surveys.ModeWindow},
		{"before opening", map[string]any{"at": noon.Add(slow - 8*time.Hour)}, noon.Add(-8 * time.Hour), surveys.FlagOutsideHours, "settlement-2", surveys.ModeWindow},
		{"tapped at once", map[string]any{"dwell_ms": 300}, noon, surveys.FlagShortDwell, "settlement-2", surveys.ModeWindow},
		{"moved since", map[string]any{"place": "settlement-3"}, noon, surveys.FlagPlaceChanged, "settlement-3", surveys.ModeWindow},
		{"moved to a ward", map[string]any{"place": "ward-7a"}, noon, surveys.FlagPlaceChanged, "ward-7a", surveys.ModeBedside},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			sc := s.open("/ws/device")
			h := sc.hello(s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
			h["client_time"] = noon.Add(slow)
			sc.sendJSON(h)
			sc.expect("welcome")
			change := map[string]any{"at": noon.Add(slow)}
			for name, value := range tt.change {
				change[name] = value
			}
			sc.send(rating(t, i, change))
			sc.expect("ack")
			got := look(s.store, func() *surveys.Rating { return s.store.order[0].(*surveys.Rating) })
			if !got.Origin.OccurredAt.Equal(tt.occurred) || got.Flags != tt.flags || got.Place != tt.place || got.Mode != tt.mode {
				t.Errorf("occurred %s, flags %s, at %s by %s; want %s, %s, %s, %s",
					got.Origin.OccurredAt, got.Flags, got.Place, got.Mode, tt.occurred, tt.flags, tt.place, tt.mode)
			}
		})
	}
}

func TestBurstIsSeenAcrossReconnectsAndRepeatsAreNone(t *testing.T) {
	s := start(t)
	id := s.enrol(1, surveys.DeviceWindowTablet, "settlement-2")
	tablet := s.connect(id)
	ctx := within(t)
	for n := range 4 {
		if _, err := tablet.Rate(ctx, tabletclient.Rating{Grade: 5, Dwell: 2 * time.Second, ID: factID(n)}); err != nil {
			t.Fatal(err)
		}
	}
	tablet.Break()
	for n := range 7 { // 0 to 3 are sent again
		if _, err := tablet.Rate(ctx, tabletclient.Rating{Grade: 5, Dwell: 2 * time.Second, ID: factID(n)}); err != nil {
			t.Fatal(err)
		}
	}
	var flagged []surveys.FactID
	for _, f := range look(s.store, func() []surveys.Fact { return s.store.order }) {
		if f.(*surveys.Rating).Flags.Has(surveys.FlagBurst) {
			flagged = append(flagged, f.FactID())
		}
	}
	if diff := cmp.Diff([]surveys.FactID{factID(6)}, flagged); diff != "" {
		t.Errorf("flagged as a burst (-want +got):\n%s", diff)
	}
}

func TestDeviceBeyondItsRateIsToldToRetry(t *testing.T) {
	s := start(t, withLimits(live.Limits{FactsPerSecond: 10, FactBurst: 3}))
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	var got []string
	for n := range 5 {
		sc.send(rating(t, n, nil))
		got = append(got, strings.SplitN(sc.answer(), `"`, 5)[3])
	}
	s.clock.set(noon.Add(200 * time.Millisecond))
	for n := 3; n < 6; n++ {
		sc.send(rating(t, n, nil))
		got = append(got, strings.SplitN(sc.answer(), `"`, 5)[3])
	}
	want := []string{"ack", "ack", "ack", "retry", "retry", "ack", "ack", "retry"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}
