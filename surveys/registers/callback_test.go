package registers_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/registers"
)

// everyDay is a calendar in which every day is worked.
type everyDay struct{}

func (everyDay) AddWorkdays(d surveys.Day, n int) surveys.Day { return d.AddDays(n) }

func (everyDay) WorkdaysBetween(from, to surveys.Day) int {
	return int(to.Start(time.UTC).Sub(from.Start(time.UTC)).Hours() / 24)
}

func opened() registers.Callback {
	r := &surveys.Rating{ID: surveys.FactID{1}, Grade: 2, Place: "settlement-1", Department: "finance"}
	return registers.OpenCallback(r, 20261121, everyDay{}, registers.CallbackWorkdays)
}

func TestOnlyLowRatingsOpenACallback(t *testing.T) {
	for grade := surveys.Grade(1); grade <= 5; grade++ {
		if got := registers.OpensCallback(&surveys.Rating{Grade: grade}); got != (grade <= 2) {
			t.Errorf("grade %d opens a call-back: %t", grade, got)
		}
	}
}

func TestOnlyUnaskedRatingsAreAFlood(t *testing.T) {
	unasked, asked := &surveys.Rating{Grade: 1}, &surveys.Rating{Grade: 1, Prompt: surveys.FactID{9}}
	for _, tt := range []struct {
		rating *surveys.Rating
		opened int
		want   bool
	}{
		{unasked, registers.UnaskedCallbacks - 1, false}, {unasked, registers.UnaskedCallbacks, true}, {asked, 1000, false},
	} {
		if got := registers.InFlood(tt.rating, tt.opened); got != tt.want {
			t.Errorf("%s after %d: %t, want %t", tt.rating.Series(), tt.opened, got, tt.want)
		}
	}
}

func TestCallbackLife(t *testing.T) {
	at := time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC)
	want := registers.Callback{Rating: surveys.FactID{1}, OpenedOn: 20261121, DueOn: 20261206, Department: "finance", Place: "settlement-1", Grade: 2, State: registers.CallbackOpen}
	c := opened()
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("opened (-want +got):\n%s", diff)
	}
	if c = c.Take(); c.State != registers.CallbackCalling {
		t.Errorf("taken: %s", c.State)
	}
	c, err := c.Record(registers.CallbackNoAnswer, "无人接听", false, at)
	if err != nil || c.State != registers.CallbackCalling || !c.ClosedAt.IsZero() {
		t.Errorf("no answer: %+v, %v", c, err)
	}
	c, err = c.Record(registers.CallbackReached, "已解释", true, at)
	if err != nil || c.State != registers.CallbackDone || !c.ClosedAt.Equal(at) || c.Outcome != registers.CallbackReached {
		t.Errorf("closed: %+v, %v", c, err)
	}
	if c.Take().State != registers.CallbackDone {
		t.Error("a closed call-back was taken up again")
	}
	if _, err := c.Record(registers.CallbackReached, "", true, at); !errors.Is(err, registers.ErrCallbackDone) {
		t.Errorf("closed again: %v", err)
	}
}

func TestCallbackRefuses(t *testing.T) {
	if _, err := opened().Record("maybe", "", true, time.Time{}); !errors.Is(err, registers.ErrCallbackOutcome) {
		t.Errorf("an unknown outcome: %v", err)
	}
	long := surveys.Secret(strings.Repeat("长", registers.MaxNote+1))
	if _, err := opened().Record(registers.CallbackReached, long, true, time.Time{}); !errors.Is(err, registers.ErrCallbackNote) {
		t.Errorf("a note too long: %v", err)
	}
}

func TestCallbackDue(t *testing.T) {
	done, err := opened().Record(registers.CallbackReached, "", true, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		c       registers.Callback
		today   surveys.Day
		overdue bool
		left    int
	}{
		{"the day it was opened", opened(), 20261121, false, 15},
		{"the last day", opened(), 20261206, false, 0},
		{"a day late", opened(), 20261207, true, -1},
		{"done in time, seen later", done, 20261207, false, -1},
	} {
		if got := tt.c.Overdue(tt.today); got != tt.overdue {
			t.Errorf("%s: overdue %t", tt.name, got)
		}
		if got := tt.c.WorkdaysLeft(tt.today, everyDay{}); got != tt.left {
			t.Errorf("%s: %d working days left, want %d", tt.name, got, tt.left)
		}
	}
}
