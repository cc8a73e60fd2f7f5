package surveys_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
)

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

func TestGamingWatchJudge(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, shanghai)
	type tap struct {
		after time.Duration // since noon
		dwell time.Duration
	}
	calm := func(after time.Duration) tap { return tap{after, 3 * time.Second} }
	tests := []struct {
		name string
		kind surveys.PlaceKind
		taps []tap
		want []string // flags of each tap
	}{
		{"one calm rating", surveys.PlaceWindow, []tap{calm(0)}, []string{""}},
		{"a tap at once", surveys.PlaceWindow, []tap{{0, 999 * time.Millisecond}}, []string{"short_dwell"}},
		{"a second is enough", surveys.PlaceWindow, []tap{{0, time.Second}}, []string{""}},
		{"seven in a minute: the seventh is one too many", surveys.PlaceWindow,
			[]tap{calm(0), calm(1e9), calm(2e9), calm(3e9), calm(4e9), calm(5e9), calm(6e9)},
			[]string{"", "", "", "", "", "", "burst"}},
		{"seven in seven minutes", surveys.PlaceWindow,
			[]tap{calm(0), calm(time.Minute), calm(2 * time.Minute), calm(3 * time.Minute), calm(4 * time.Minute), calm(5 * time.Minute), calm(6 * time.Minute)},
			[]string{"", "", "", "", "", "", ""}},
		{"before opening", surveys.PlaceWindow, []tap{calm(-5*time.Hour - time.Second)}, []string{"outside_hours"}},
		{"at opening", surveys.PlaceWindow, []tap{calm(-5 * time.Hour)}, []string{""}},
		{"at closing", surveys.PlaceWindow, []tap{calm(9 * time.Hour)}, []string{"outside_hours"}},
		{"a ward never closes", surveys.PlaceWard, []tap{calm(-10 * time.Hour)}, []string{""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var watch surveys.GamingWatch
			var got []string
			for _, tap := range tt.taps {
				r := &surveys.Rating{Dwell: tap.dwell, Origin: surveys.Origin{OccurredAt: noon.Add(tap.after)}}
				got = append(got, watch.Judge(r, tt.kind, surveys.DefaultGamingRules(), shanghai).String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("flags (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDay(t *testing.T) {
	late := time.Date(2026, 12, 31, 16, 30, 0, 0, time.UTC) // half past midnight in Shanghai
	day := surveys.DayOf(late, shanghai)
	if day != 20270101 {
		t.Errorf("DayOf = %d, want 20270101", day)
	}
	if got := day.AddDays(-1); got != 20261231 {
		t.Errorf("AddDays(-1) = %d, want 20261231", got)
	}
	if got := surveys.Day(20280228).AddDays(1); got != 20280229 {
		t.Errorf("leap day = %d, want 20280229", got)
	}
	if got := day.String(); got != "2027-01-01" {
		t.Errorf("String() = %q", got)
	}
	if got := day.Start(shanghai); surveys.DayOf(got, shanghai) != day || surveys.DayOf(got.Add(-1), shanghai) == day {
		t.Errorf("Start = %v is not the first moment of the day", got)
	}
}

func TestDeviceFaults(t *testing.T) {
	morning := time.Date(2026, 11, 20, 8, 0, 0, 0, shanghai)
	base := surveys.Device{Kind: surveys.DeviceWindowTablet, EnrolledAt: morning.AddDate(0, 0, -9), LastTestAt: morning.Add(-time.Hour), LastTestKeyWorked: true}
	tests := []struct {
		name   string
		change func(d *surveys.Device)
		now    time.Time
		want   []surveys.Fault
	}{
		{"tested today", func(*surveys.Device) {}, morning, nil},
		{"tested today and not counted", func(d *surveys.Device) { d.TestUncounted = true }, morning, []surveys.Fault{surveys.FaultNoSelfTest}},
		{"tested yesterday only", func(d *surveys.Device) { d.LastTestAt = morning.AddDate(0, 0, -1) }, morning, []surveys.Fault{surveys.FaultNoSelfTest}},
		{"just after midnight it has time", func(d *surveys.Device) { d.LastTestAt = morning.AddDate(0, 0, -1) },
			time.Date(2026, 11, 20, 0, 14, 59, 0, shanghai), nil},
		{"just enrolled it has time", func(d *surveys.Device) { d.LastTestAt, d.EnrolledAt = time.Time{}, morning.Add(-10*time.Minute) }, morning, nil},
		{"enrolled and never tested", func(d *surveys.Device) { d.LastTestAt, d.EnrolledAt = time.Time{}, morning.Add(-20*time.Minute) }, morning,
			[]surveys.Fault{surveys.FaultNoSelfTest}},
		{"the worst key does not work", func(d *surveys.Device) { d.LastTestKeyWorked = false }, morning, []surveys.Fault{surveys.FaultKey}},
		{"two sessions", func(d *surveys.Device) { d.SharedKeyAt = morning }, morning, []surveys.Fault{surveys.FaultSharedKey}},
		{"a wall board owes no test", func(d *surveys.Device) { d.Kind, d.LastTestAt = surveys.DeviceWallBoard, time.Time{} }, morning, nil},
	}
	for _, tt := range tests {
		d := base
		tt.change(&d)
		if diff := cmp.Diff(tt.want, d.Faults(tt.now, shanghai)); diff != "" {
			t.Errorf("%s: faults (-want +got):\n%s", tt.name, diff)
		}
	}
}
