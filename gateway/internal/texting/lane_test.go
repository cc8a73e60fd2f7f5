package texting_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	desk "qingfeng/gateway/internal/texting"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

func (w *world) state() desk.Status {
	w.t.Helper()
	s, err := w.service.Status(context.Background())
	must(w.t, err)
	return s
}

// due makes n first texts due.
func (w *world) due(n int) {
	w.t.Helper()
	for i := range n {
		w.discharge(fmt.Sprint("p", i), number(i))
	}
	w.offset.Add(int64(48 * time.Hour))
	w.service.Wake()
}

// A carrier that has no money gets one text every while to see, and everything
// once a person has looked.
func TestAHaltedCarrier(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		halted := func(int, texting.Message) (bool, error) { return false, refusal(texting.ClassHalt, 0) }
		w.carrier.setFault(halted)
		w.due(50)
		w.pass(5 * time.Second)
		first := len(w.carrier.sent())
		c := w.state().Carriers[0]
		if first > 8 || c.State != desk.StateHalted || c.Operator.ZH == "" || c.Code != "c-halt" || c.RetryAt.IsZero() {
			t.Fatalf("%d sends, the carrier is %+v", first, c)
		}
		w.pass(30 * time.Minute)
		if n := len(w.carrier.sent()) - first; n != 3 && n != 2 {
			t.Errorf("%d texts to see in half an hour, want one every ten minutes", n)
		}
		w.carrier.setFault(nil)
		must(t, w.service.Resume("phones"))
		w.pass(10 * time.Second)
		c = w.state().Carriers[0]
		if c.State != desk.StateOK || c.LastSuccess.IsZero() || w.carrier.reached() != 50 {
			t.Errorf("%d phones reached, the carrier is %+v", w.carrier.reached(), c)
		}
		if err := w.service.Resume("nobody"); !errors.Is(err, desk.ErrNoCarrier) {
			t.Errorf("resuming nobody: %v", err)
		}
	})
}

func TestACarrierThatAsksForPatience(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.carrier.setFault(func(n int, _ texting.Message) (bool, error) {
			if n == 0 {
				return false, refusal(texting.ClassLater, 2*time.Minute)
			}
			return true, nil
		})
		w.due(1)
		w.pass(115 * time.Second)
		if s := w.state().Carriers[0]; len(w.carrier.sent()) != 1 || s.State != desk.StateSlowed {
			t.Errorf("%d sends within the carrier's wish, it is %s", len(w.carrier.sent()), s.State)
		}
		w.pass(30 * time.Second)
		if s := w.state().Carriers[0]; len(w.carrier.sent()) != 2 || s.State != desk.StateOK {
			t.Errorf("%d sends after it, it is %s", len(w.carrier.sent()), s.State)
		}
	})
}

func TestTheDaysBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, func(o *desk.Options) { o.Budget = 60 })
		w.due(20)
		w.pass(30 * time.Second)
		s := w.state()
		today := w.carrier.reached()
		if today == 0 || today >= 20 || s.Spent > 60 || !s.OverBudget {
			t.Fatalf("%d phones reached today, %+v", today, s)
		}
		w.pass(24 * time.Hour)
		if n := w.carrier.reached(); n <= today {
			t.Errorf("%d phones reached the next day, want more", n)
		}
	})
}

// Surveys keep to their hours, also when they were due before; an answer to
// somebody who writes at night leaves at once.
func TestQuietHours(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.stop()
		w.discharge("p1", phone)
		w.discharge("p2", number(7))
		w.offset.Add(int64(57 * time.Hour)) // 21:00, two days and nine hours after noon
		w.start()
		w.pass(time.Minute)
		w.types(phone, "HELP")
		if got := w.carrier.shows(phone); len(got) != 1 || !w.state().Quiet {
			t.Fatalf("at night the phone shows %q", got)
		}
		w.pass(13 * time.Hour)
		if a, b := len(w.carrier.shows(phone)), len(w.carrier.shows(number(7))); a != 2 || b != 1 {
			t.Errorf("in the morning the phones show %d and %d texts", a, b)
		}
		for _, x := range w.carrier.sent() {
			hour := x.at.Hour()
			if x.purpose == texting.PurposeInvite && (hour < 9 || hour >= 20 || x.at.Add(x.valid).Day() != x.at.Day()) {
				t.Errorf("a survey left at %s, valid for %s", x.at, x.valid)
			}
		}
	})
}

func TestSurveysSwitchedOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var enabled atomic.Bool
		w := newWorld(t, func(o *desk.Options) { o.Enabled = enabled.Load })
		w.due(2)
		w.types(phone, "HELP")
		if len(w.carrier.sent()) != 1 || len(w.carrier.shows(phone)) != 1 {
			t.Fatalf("%d sends while surveys are off, want the answer alone", len(w.carrier.sent()))
		}
		enabled.Store(true)
		w.pass(11 * time.Minute)
		if n := len(w.carrier.sent()); n != 3 {
			t.Errorf("%d sends when they are on", n)
		}
	})
}

// A report that comes before the send returns, and one that says the number
// wants nothing more.
func TestReports(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.carrier.early = true
		w.carrier.status, w.carrier.code = texting.StatusUndelivered, "21610"
		w.due(1)
		w.pass(5 * time.Second)
		list, err := w.store.Suppressions(context.Background(), 10)
		if err != nil || len(list) != 1 || list[0].Code != "21610" {
			t.Fatalf("suppressed are %+v, %v", list, err)
		}
		cells, err := w.store.Dispositions(context.Background(), sqlstore.DispositionFilter{})
		must(t, err)
		if len(cells) != 1 || cells[0].State != "undelivered" {
			t.Errorf("the disposition is %+v", cells)
		}
	})
}

// Texts leave at the pace that was set, and no more at a time.
func TestPace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, func(o *desk.Options) { o.TextsPerSecond, o.InFlight = 20, 4 })
		w.due(300)
		w.pass(20 * time.Second)
		if n := len(w.carrier.sent()); n != 300 {
			t.Fatalf("%d sends", n)
		}
		first, last := w.carrier.sent()[0].at, w.carrier.sent()[299].at
		if took := last.Sub(first); took < 14800*time.Millisecond || took > 15300*time.Millisecond {
			t.Errorf("300 texts at 20 a second took %s, want 15 s within 2 %%", took)
		}
	})
}

func TestTwoCarriersByCountry(t *testing.T) {
	_, err := desk.New(desk.Options{Store: &deaf{}, Templates: &texting.Templates{}, Hotline: "1"})
	if err == nil {
		t.Error("a service without a zone is made")
	}
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.types("+12025550123", "STOP") // nobody carries texts there
		if n := len(w.carrier.sent()); n != 0 {
			t.Errorf("%d texts to a country without a route", n)
		}
		opt := w.opt
		opt.Store, opt.Routes = w.store, []sqlstore.Route{{Country: "US", Carrier: "nobody"}}
		if _, err := desk.New(opt); !errors.Is(err, desk.ErrNoCarrier) {
			t.Errorf("a route to nobody: %v", err)
		}
	})
}
