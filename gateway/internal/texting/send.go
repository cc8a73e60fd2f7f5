package texting

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

// send hands one text over and records what became of it. A send that has begun
// is waited for, also when ctx ends.
func (l *lane) send(ctx context.Context, x *sqlstore.TakenText) {
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.s.opt.SendTimeout)
	sent, err := l.attempt(sending, x.Message)
	cancel()
	if err == nil {
		l.accepted(ctx, x, sent)
		return
	}
	l.refused(ctx, x, sendError(err))
}

// attempt hands a text over. A carrier that panics may have taken it.
func (l *lane) attempt(ctx context.Context, m texting.Message) (sent texting.Sent, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("carrier panics: %T", r)
		}
	}()
	return l.carrier.Send(ctx, m)
}

// sendError makes one of any error. What is not a *texting.SendError says
// nothing of whether the text was taken, and its words may name anything.
func sendError(err error) *texting.SendError {
	if e, ok := errors.AsType[*texting.SendError](err); ok {
		return e
	}
	return &texting.SendError{
		Class: texting.ClassAmbiguous, Err: fmt.Errorf("%T", err),
		Operator: surveys.Text{ZH: "通道没有说明短信是否已被接收，系统会先查清", EN: "the carrier did not say whether it took the text; it is being found out"},
	}
}

func (l *lane) accepted(ctx context.Context, x *sqlstore.TakenText, sent texting.Sent) {
	l.s.counted.send(l.carrier.Name(), x.Message.Purpose, "sent")
	if l.health.taken(time.Now()) {
		l.s.opt.Logger.Info("the carrier takes texts again", "carrier", l.carrier.Name())
	}
	l.s.firm.forget(x.Message.ID)
	at := l.s.opt.Now()
	l.s.persist(ctx, "record sent text", func(ctx context.Context) error {
		return l.s.opt.Store.RecordSent(ctx, sqlstore.SentText{ID: x.Message.ID, Carrier: l.carrier.Name(), Sent: sent, At: at})
	})
}

func (l *lane) refused(ctx context.Context, x *sqlstore.TakenText, e *texting.SendError) {
	l.s.counted.send(l.carrier.Name(), x.Message.Purpose, string(e.Class))
	before, after := l.health.failed(e, l.s.opt.HaltPause, time.Now())
	l.tell(before, after, e)
	switch e.Class {
	case texting.ClassLater, texting.ClassTwice, texting.ClassHalt:
		l.s.firm.add(x.Message.ID)
	case texting.ClassFinal, texting.ClassSuppress:
		l.s.firm.forget(x.Message.ID)
	}
	now := l.s.opt.Now()
	failure := sqlstore.SendFailure{
		ID: x.Message.ID, Carrier: l.carrier.Name(), Err: e, At: now, RetryAt: now.Add(l.s.backoff(x.Handings, e.RetryAfter)),
	}
	l.s.persist(ctx, "record failed send", func(ctx context.Context) error {
		_, err := l.s.opt.Store.RecordSendFailed(ctx, failure)
		return err
	})
}

// tell logs what a person should know of a failed send. A text that is refused
// for good is told too: somebody wonders why it never came.
func (l *lane) tell(before, after State, e *texting.SendError) {
	log := l.s.opt.Logger.With("carrier", l.carrier.Name(), "class", string(e.Class), "code", e.Code, "advice", e.Operator.EN)
	switch {
	case after == StateHalted && before != StateHalted:
		log.Error("the carrier takes no texts until somebody has looked; all of them wait", "error", e)
	case after == StateSlowed && before != StateSlowed:
		log.Warn("the carrier asks for patience; texts wait", "error", e)
	case after == StateHalted || after == StateSlowed:
	case l.s.notices.due("send "+l.carrier.Name()+" "+string(e.Class), time.Now()):
		log.Warn("a text was not taken", "error", e)
	}
}

// backoff is how long a text waits before it is handed over again: doubling
// with each handing over, at random between half and all of it, so that texts
// which failed together do not come back together. A carrier's wish is the
// least.
func (s *Service) backoff(handings int, wish time.Duration) time.Duration {
	d := min(s.opt.FirstRetry<<min(max(handings-1, 0), 16), s.opt.LastRetry)
	d = d/2 + rand.N(d/2+1)
	if wish = min(wish, longestWish); wish > d {
		d = wish + rand.N(wish/10+1)
	}
	return d
}

const (
	// recordTries is how often an outcome is recorded once the program ends: what
	// is not recorded by then is found out after the next start.
	recordTries = 5
	firstRecord = 50 * time.Millisecond
)

// persist has the store record something, however long the store fails: what a
// carrier said must not be forgotten while the program lives.
func (s *Service) persist(ctx context.Context, what string, do func(context.Context) error) {
	lasting := context.WithoutCancel(ctx)
	for try := 0; ; try++ {
		err := do(lasting)
		switch {
		case err == nil:
			return
		case errors.Is(err, sqlstore.ErrNotFound), errors.Is(err, sqlstore.ErrClosed):
			s.opt.Logger.Error("what became of a text could not be recorded", "what", what, "error", err)
			return
		}
		s.trouble(what, err)
		if ctx.Err() != nil && try >= recordTries {
			return
		}
		wait(lasting, min(firstRecord<<min(try, 16), lastSlow), ctx.Done())
		if ctx.Err() != nil {
			wait(lasting, firstRecord<<min(try, 4), nil)
		}
	}
}

// maxFirm bounds what is remembered of texts that wait for another try. Of one
// that is forgotten it is assumed that it may have arrived.
const maxFirm = 100_000

// firm counts how often a text was handed over without arriving for certain:
// refused for now, or put back. All other times it may have arrived. It is in
// memory alone, so after a restart a text is rather not sent than sent twice.
type firm struct {
	mu sync.Mutex
	n  map[surveys.FactID]int
}

func newFirm() *firm { return &firm{n: map[surveys.FactID]int{}} }

func (f *firm) add(id surveys.FactID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n[id] > 0 || len(f.n) < maxFirm {
		f.n[id]++
	}
}

func (f *firm) of(id surveys.FactID) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n[id]
}

func (f *firm) forget(id surveys.FactID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.n, id)
}
