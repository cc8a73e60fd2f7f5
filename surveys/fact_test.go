package surveys_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"qingfeng/surveys"
)

func factID(n byte) surveys.FactID {
	return surveys.NewFactID(time.UnixMilli(1_763_000_000_000), [10]byte{n})
}

func rating() *surveys.Rating {
	return &surveys.Rating{
		ID: factID(1), Place: "settlement-1", Department: "finance", Questionnaire: "0123456789abcdef",
		Grade: surveys.Satisfied, Mode: surveys.ModeWindow, Language: "zh", Dwell: 2 * time.Second,
		Origin: surveys.Origin{Device: factID(9), ClientAt: time.UnixMilli(1_763_000_000_000)},
	}
}

func TestRatingCheck(t *testing.T) {
	tests := []struct {
		name   string
		change func(r *surveys.Rating)
		want   error
	}{
		{"whole", func(*surveys.Rating) {}, nil},
		{"no id", func(r *surveys.Rating) { r.ID = surveys.FactID{} }, surveys.ErrNoID},
		{"grade 0", func(r *surveys.Rating) { r.Grade = 0 }, surveys.ErrGrade},
		{"grade 6", func(r *surveys.Rating) { r.Grade = 6 }, surveys.ErrGrade},
		{"no place", func(r *surveys.Rating) { r.Place = "" }, surveys.ErrNoPlace},
		{"no version", func(r *surveys.Rating) { r.Questionnaire = "" }, surveys.ErrNoVersion},
	}
	for _, tt := range tests {
		r := rating()
		tt.change(r)
		if err := r.Check(); !errors.Is(err, tt.want) {
			t.Errorf("%s: Check() = %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestRatingDetailCheck(t *testing.T) {
	whole := func() *surveys.RatingDetail {
		return &surveys.RatingDetail{ID: factID(2), Rating: factID(1), Tags: []string{"less_queueing"}, Comment: "等了两个小时"}
	}
	tests := []struct {
		name   string
		change func(d *surveys.RatingDetail)
		ok     bool
	}{
		{"whole", func(*surveys.RatingDetail) {}, true},
		{"only a phone", func(d *surveys.RatingDetail) { d.Tags, d.Comment, d.Phone = nil, "", "13800000000" }, true},
		{"nothing in it", func(d *surveys.RatingDetail) { d.Tags, d.Comment = nil, "" }, false},
		{"2,000 characters of three bytes", func(d *surveys.RatingDetail) { d.Comment = surveys.Secret(strings.Repeat("请", 2000)) }, true},
		{"2,001 characters", func(d *surveys.RatingDetail) { d.Comment = surveys.Secret(strings.Repeat("请", 2001)) }, false},
		{"not UTF-8", func(d *surveys.RatingDetail) { d.Comment = "\xff\xfe" }, false},
		{"a tag that is no name", func(d *surveys.RatingDetail) { d.Tags = []string{"Robert'); --"} }, false},
		{"21 tags", func(d *surveys.RatingDetail) { d.Tags = make([]string, 21) }, false},
		{"no rating", func(d *surveys.RatingDetail) { d.Rating = surveys.FactID{} }, false},
	}
	for _, tt := range tests {
		d := whole()
		tt.change(d)
		if err := d.Check(); (err == nil) != tt.ok {
			t.Errorf("%s: Check() = %v, want ok %v", tt.name, err, tt.ok)
		}
	}
}

// The body hash covers what the device said and nothing the server added.
func TestBodyHash(t *testing.T) {
	same := map[string]func(r *surveys.Rating){
		"received later":       func(r *surveys.Rating) { r.Origin.ReceivedAt = r.Origin.ReceivedAt.Add(time.Hour) },
		"another clock offset": func(r *surveys.Rating) { r.Origin.OccurredAt = r.Origin.OccurredAt.Add(time.Minute) },
		"flagged":              func(r *surveys.Rating) { r.Flags = surveys.FlagBurst },
		"department moved":     func(r *surveys.Rating) { r.Department = "elsewhere" },
	}
	other := map[string]func(r *surveys.Rating){
		"grade":   func(r *surveys.Rating) { r.Grade = 1 },
		"device":  func(r *surveys.Rating) { r.Origin.Device = factID(8) },
		"time":    func(r *surveys.Rating) { r.Origin.ClientAt = r.Origin.ClientAt.Add(time.Millisecond) },
		"place":   func(r *surveys.Rating) { r.Place = "settlement-2" },
		"prompt":  func(r *surveys.Rating) { r.Prompt = factID(7) },
		"version": func(r *surveys.Rating) { r.Questionnaire = "fedcba9876543210" },
		"dwell":   func(r *surveys.Rating) { r.Dwell += time.Millisecond },
	}
	for name, change := range same {
		r := rating()
		change(r)
		if r.BodyHash() != rating().BodyHash() {
			t.Errorf("%s changed the hash of the body", name)
		}
	}
	for name, change := range other {
		r := rating()
		change(r)
		if r.BodyHash() == rating().BodyHash() {
			t.Errorf("another %s kept the hash of the body", name)
		}
	}
	a := &surveys.RatingDetail{ID: factID(2), Tags: []string{"ab"}, Comment: "c"}
	b := &surveys.RatingDetail{ID: factID(2), Tags: []string{"a"}, Comment: "bc"}
	if a.BodyHash() == b.BodyHash() {
		t.Error("fields ran into each other")
	}
}

func TestSecretNeverPrints(t *testing.T) {
	const planted = "13987654321"
	d := surveys.RatingDetail{Comment: planted, Phone: planted}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("detail", "detail", d, "pointer", &d, "phone", d.Phone)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("detail", "detail", d, "phone", d.Phone)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&log, verb, d)
		fmt.Fprintf(&log, verb, &d)
		fmt.Fprintf(&log, verb, d.Phone)
	}
	if strings.Contains(log.String(), planted) || strings.Contains(log.String(), "3133393837") {
		t.Errorf("the planted number was printed:\n%s", log.String())
	}
}

func TestPromptState(t *testing.T) {
	start := time.UnixMilli(1_763_000_000_000)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tests := []struct {
		name   string
		prompt surveys.Prompt
		now    time.Time
		want   surveys.PromptState
	}{
		{"new", surveys.Prompt{ExpiresAt: at(60)}, at(1), surveys.PromptWaiting},
		{"on a screen", surveys.Prompt{ExpiresAt: at(60), ShownAt: at(1)}, at(59), surveys.PromptOffered},
		{"unanswered stays unanswered", surveys.Prompt{ExpiresAt: at(60), ShownAt: at(1)}, at(60), surveys.PromptExpired},
		{"answered", surveys.Prompt{ExpiresAt: at(60), ShownAt: at(1), RatedAt: at(5)}, at(90), surveys.PromptRated},
	}
	for _, tt := range tests {
		if got := tt.prompt.State(tt.now); got != tt.want {
			t.Errorf("%s: State = %q, want %q", tt.name, got, tt.want)
		}
	}
}
