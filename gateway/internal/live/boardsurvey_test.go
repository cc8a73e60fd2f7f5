package live_test

import (
	"strings"
	"testing"
	"time"

	"qingfeng/analytics"
	"qingfeng/gateway/internal/live"
	"qingfeng/surveys"
)

// TestASurveyAfterDischargeOnABoard has a ward that is known, and a stay whose
// ward is not.
func TestASurveyAfterDischargeOnABoard(t *testing.T) {
	s := start(t)
	s.lists.change(func() {
		s.lists.list = []live.Callback{
			{ID: "c1", At: noon, Department: "cardiology", Place: "ward-7a", Mode: surveys.ModeReply, Grade: 2, Phone: true, State: "open"},
			{ID: "c2", At: noon, Mode: surveys.ModeLink, Phone: true, State: "open"},
		}
	})
	c := analytics.NewCounts()
	day := surveys.DayOf(noon, time.UTC)
	for range 12 {
		c.AddEvent(&surveys.Event{Kind: surveys.EventRatingRecorded, Day: day, Hour: 9, Mode: surveys.ModeReply, Series: surveys.SeriesAsked, Grade: 5}, 1)
	}
	s.scores.change(func() {
		s.scores.counts = c
		s.scores.arrivals = []analytics.Arrival{{At: noon, Grade: 2, Series: surveys.SeriesAsked, Mode: surveys.ModeReply}}
	})

	sc := s.board(office)
	sc.send(`{"type":"subscribe","period":"7d"}`)
	snapshot := string(sc.expect("snapshot"))
	for _, want := range []string{
		`"department":"","place":"","grade":2,"series":"asked","mode":"sms_reply"}`,
		`"department":"cardiology","place":"ward-7a","mode":"sms_reply","grade":2,"tags":[]`,
		`"department":"","place":"","mode":"sms_link","grade":0,"tags":[]`,
		`"modes":[{"mode":"sms_reply","figure":{"offered":0,"answered":12,`,
	} {
		if !strings.Contains(snapshot, want) {
			t.Errorf("the snapshot lacks %s: %s", want, snapshot)
		}
	}
	if strings.Contains(snapshot, `"id":""`) {
		t.Errorf("the snapshot has a row without a name: %s", snapshot)
	}
}
