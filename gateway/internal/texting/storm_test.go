package texting_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	desk "qingfeng/gateway/internal/texting"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
	"qingfeng/surveys/texting"
)

// storm is a carrier's bad day: of a hundred sends some time out after
// accepting, some answer 500 after accepting or before, some are throttled,
// some connections are reset.
func storm(r *rand.Rand) func(int, texting.Message) (bool, error) {
	return func(int, texting.Message) (bool, error) {
		switch n := r.IntN(1000); {
		case n < 10:
			return true, context.DeadlineExceeded
		case n < 20:
			return true, refusal(texting.ClassAmbiguous, 0)
		case n < 30:
			return false, refusal(texting.ClassAmbiguous, 0)
		case n < 40:
			return false, errors.New("connection reset")
		case n < 80:
			return false, refusal(texting.ClassLater, 3*time.Second)
		case n < 90:
			return false, refusal(texting.ClassTwice, 0)
		}
		return true, nil
	}
}

// Ten thousand first texts through a carrier's bad day: none is lost, no visit
// counts twice, and at most one in a thousand arrives twice.
func TestTenThousandTextsThroughAStorm(t *testing.T) {
	const texts, seed = 10_000, 20261121
	bubble(t, func(t *testing.T) {
		t.Logf("seed %d", seed)
		w := newWorld(t, func(o *desk.Options) { o.InFlight, o.TextsPerSecond = 1000, 10_000 })
		w.stop()
		w.opt.Carriers = []desk.Carrier{finding{w.carrier}}
		w.carrier.every = 10
		w.carrier.setFault(storm(rand.New(rand.NewPCG(seed, 1))))
		w.crowd(texts)
		if done, err := w.planner.Plan(context.Background()); err != nil || done.Outcome[sqlstore.Queued] != texts {
			t.Fatalf("planned %+v, %v", done.Outcome, err)
		}
		w.offset.Add(int64(48 * time.Hour))
		w.start()
		for range 90 {
			w.pass(time.Minute)
			c, err := w.store.TextCounts(context.Background(), w.now())
			must(t, err)
			if c.Waiting+c.Handing+c.Unknown == 0 {
				break
			}
		}
		lost, twice, wordless := 0, 0, 0
		for i := range texts {
			switch n := len(w.carrier.shows(number(i))); {
			case n == 0:
				lost++
			case n > 1:
				twice += n - 1
			}
		}
		cells, err := w.store.Dispositions(context.Background(), sqlstore.DispositionFilter{})
		must(t, err)
		for _, c := range cells {
			if c.State == followup.InvitationRefused { // told to the desk: the carrier failed twice
				wordless += int(c.Invitations)
			}
		}
		if lost != wordless || wordless > texts/1000 || twice > texts/1000 {
			t.Errorf("of %d texts %d did not arrive (%d told as refused) and %d arrived twice", texts, lost, wordless, twice)
		}
		want := w.answer(texts)
		if n := len(w.events(surveys.EventRatingRecorded)); n != want {
			t.Errorf("%d ratings, want %d: one for each visit that answered, however often", n, want)
		}
		if n := len(w.events(surveys.EventPromptOffered)); n != texts-lost {
			t.Errorf("%d offered, want %d", n, texts-lost)
		}
		w.verify()
	})
}

func number(i int) string { return fmt.Sprintf("+861380%07d", i) }

// crowd sends n patients home, some at a time.
func (w *world) crowd(n int) {
	w.t.Helper()
	var working sync.WaitGroup
	for part := range 64 {
		working.Go(func() {
			for i := part; i < n; i += 64 {
				change := storetest.Discharge(followup.PatientNumber(fmt.Sprint("p", i)), w.now())
				if _, err := w.store.ApplyVisitChange(context.Background(), change, storetest.Ward(number(i))); err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	working.Wait()
}

// answer has every tenth phone, and every one that has the first text twice,
// answer each copy with a 4, each answer delivered twice. It gives how many did.
func (w *world) answer(n int) int {
	w.t.Helper()
	var working sync.WaitGroup
	var answering atomic.Int64
	for part := range 64 {
		working.Go(func() {
			for i := part; i < n; i += 64 {
				texts := w.carrier.shows(number(i))
				if len(texts) == 0 || len(texts) == 1 && i%10 > 0 {
					continue
				}
				answering.Add(1)
				for copy := range texts {
					in := texting.Inbound{
						Carrier: "phones", ProviderID: fmt.Sprint("a", i, "-", copy), From: texting.NumberOf(number(i)), Body: "4", ReceivedAt: w.now(),
					}
					for range 2 {
						if err := w.service.RecordInbound(context.Background(), in); err != nil {
							w.t.Error(err)
						}
					}
				}
			}
		})
	}
	working.Wait()
	w.pass(10 * time.Second)
	return int(answering.Load())
}

// A gateway that is killed between handing a text over and recording it: after
// the next start nobody is asked twice who was reached, and all are asked.
func TestAKillBetweenHandingOverAndSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := &deaf{}
		w := newWorld(t, func(o *desk.Options) { o.Store = d })
		for i := range 6 {
			w.discharge(fmt.Sprint("p", i), number(i))
		}
		d.on.Store(true)
		n := 0
		w.carrier.setFault(func(int, texting.Message) (bool, error) {
			n++
			if n%2 == 0 {
				return false, context.DeadlineExceeded
			}
			return true, nil
		})
		w.carrier.status = ""
		w.offset.Add(int64(48 * time.Hour))
		w.service.Wake()
		w.pass(5 * time.Second)
		w.stop()
		must(t, w.store.Close())

		w.store = w.openStore()
		d.on.Store(false)
		w.carrier.setFault(nil)
		w.opt.Carriers = []desk.Carrier{finding{w.carrier}}
		w.start()
		w.pass(time.Minute)
		for i := range 6 {
			if n := len(w.carrier.shows(number(i))); n > 1 {
				t.Errorf("phone %d shows %d texts before the carrier was asked", i, n)
			}
		}
		w.pass(10 * time.Minute)
		for i := range 6 {
			if n := len(w.carrier.shows(number(i))); n != 1 {
				t.Errorf("phone %d shows %d texts in the end, want 1", i, n)
			}
		}
	})
}

// deaf is a store whose outcomes of sends are lost, as a kill loses them.
type deaf struct {
	desk.Store
	on atomic.Bool
}

func (d *deaf) over(s desk.Store) { d.Store = s }

func (d *deaf) RecordSent(ctx context.Context, t sqlstore.SentText) error {
	if d.on.Load() {
		return nil
	}
	return d.Store.RecordSent(ctx, t)
}

func (d *deaf) RecordSendFailed(ctx context.Context, f sqlstore.SendFailure) (sqlstore.TextState, error) {
	if d.on.Load() {
		return "", nil
	}
	return d.Store.RecordSendFailed(ctx, f)
}

// A carrier without a list of what it took: a report that carries our id settles
// the doubt; without one the text is sent once more, and never a third time.
func TestALostAnswerWithoutAFinder(t *testing.T) {
	for _, tt := range []struct {
		name   string
		lost   int // sends whose answer is lost
		report bool
		sends  int
		state  followup.InvitationState
	}{
		{"report", 1, true, 1, followup.InvitationDelivered},
		{"once more", 1, false, 2, followup.InvitationDelivered},
		{"given up", 99, false, 2, followup.InvitationUndelivered},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.discharge("p1", phone)
				var last texting.Message
				w.carrier.setFault(func(n int, m texting.Message) (bool, error) {
					if last = m; n < tt.lost {
						return true, refusal(texting.ClassAmbiguous, 0)
					}
					return true, nil
				})
				w.pass(48*time.Hour + time.Minute)
				if tt.report {
					must(t, w.service.RecordStatus(context.Background(), texting.StatusReport{
						Carrier: "phones", ProviderID: "late", Message: last.ID, Status: texting.StatusDelivered,
					}))
				}
				for range 12 {
					w.pass(5 * time.Minute)
				}
				if n := len(w.carrier.sent()); n != tt.sends {
					t.Errorf("%d sends, want %d", n, tt.sends)
				}
				cells, err := w.store.Dispositions(context.Background(), sqlstore.DispositionFilter{})
				must(t, err)
				if len(cells) != 1 || cells[0].State != tt.state {
					t.Errorf("the disposition is %+v, want %s", cells, tt.state)
				}
			})
		})
	}
}
