package live

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"qingfeng/surveys"
)

// retryAfter is how long a device waits before it sends again what the store
// could not take, and busyAfter what came too fast.
const (
	retryAfter = 5 * time.Second
	busyAfter  = 2 * time.Second
)

// session is a tablet's connection after its welcome.
type session struct {
	tablets *Tablets
	socket  *socket
	known   *known
	id      surveys.DeviceID
	place   *surveys.Place // nil when the device stands nowhere the organisation knows
	version surveys.VersionID
	offset  time.Duration // the server's clock minus the device's

	selfTests selfTests
}

var _ owner = (*session)(nil)

// frame implements owner.
func (s *session) frame(data []byte) int {
	var f inFrame
	if err := f.decode(data); err != nil {
		s.tablets.log().Warn("a tablet sent a frame that cannot be read", "device", s.id, "bytes", len(data))
		return CloseBadFrame
	}
	switch f.Type {
	case typeRating, typeRatingDetail, typePromptShown, typeSelfTest:
		if f.ID.IsZero() {
			return CloseBadFrame
		}
		s.fact(&f, data)
		return 0
	case typeStatus:
		if f.Problem != "" || f.Queued < 0 {
			return CloseBadFrame
		}
		s.tablets.devices.status(s.known, f.Queued, f.QueueOK)
		return 0
	}
	return CloseBadFrame
}

// fact hands a fact to the store, or sets the frame aside when it can never be
// one. Exactly one ack or retry follows, unless the server is closing.
func (s *session) fact(f *inFrame, data []byte) {
	t := s.tablets
	now := t.opt.Now()
	if !s.known.bucket.take(now, t.opt.Limits.FactsPerSecond, t.opt.Limits.FactBurst) {
		s.retry(f.ID, busyAfter, retryBusy)
		return
	}
	fact, problem, err := s.build(f, now)
	if err != nil {
		t.log().ErrorContext(t.door.ctx, "a fact stays on its tablet: the store cannot be read", "device", s.id, "error", err)
		s.retry(f.ID, retryAfter, retryUnavailable)
		return
	}
	if problem != "" && !s.known.asides.take(now, t.opt.Limits.SetAsidesPerSecond, t.opt.Limits.SetAsideBurst) {
		s.retry(f.ID, busyAfter, retryBusy)
		return
	}
	if !t.begin() {
		return
	}
	if problem != "" {
		defer t.settle()
		s.setAside(f, data, problem, now)
		return
	}
	t.opt.Store.Submit(fact, func(outcome surveys.Outcome, err error) {
		s.answer(fact, outcome, err)
		t.settle()
	})
}

// answer runs on the store's writer: it only queues.
func (s *session) answer(fact surveys.Fact, outcome surveys.Outcome, err error) {
	if !outcome.Final() {
		if s.tablets.opt.Busy != nil && errors.Is(err, s.tablets.opt.Busy) {
			s.retry(fact.FactID(), busyAfter, retryBusy)
		} else {
			s.retry(fact.FactID(), retryAfter, retryUnavailable)
		}
		return
	}
	s.socket.send(outFrame{outcome: outcome, id: fact.FactID()})
	switch fact := fact.(type) {
	case *surveys.Rating:
		done := outcome == surveys.OutcomeStored || outcome == surveys.OutcomeDuplicate || outcome == surveys.OutcomeAlreadyRated
		if done && !fact.Prompt.IsZero() {
			s.tablets.withdraw(fact.Prompt, fact.Place, WithdrawRated, s)
		}
	case *surveys.SelfTest:
		if outcome == surveys.OutcomeStored || outcome == surveys.OutcomeDuplicate {
			s.selfTests.tested(fact, s.tablets.opt.Zone)
			s.tablets.devices.changed()
		}
	}
}

func (s *session) retry(id surveys.FactID, after time.Duration, reason retryReason) {
	s.socket.send(outFrame{data: appendRetry(nil, id, after, reason)})
}

// setAside keeps a frame for a person and acknowledges it as invalid.
func (s *session) setAside(f *inFrame, data []byte, problem string, now time.Time) {
	t := s.tablets
	ctx, cancel := context.WithTimeout(t.door.ctx, t.opt.timing.setAside)
	defer cancel()
	err := t.opt.SetAside(ctx, SetAside{ID: f.ID, Device: s.id, Kind: f.Type, Reason: problem, Body: append([]byte(nil), data...), At: now})
	if err != nil {
		t.log().ErrorContext(ctx, "a malformed frame stays on its tablet: it could not be set aside", "device", s.id, "error", err)
		s.retry(f.ID, retryAfter, retryUnavailable)
		return
	}
	t.log().WarnContext(ctx, "a frame was set aside", "device", s.id, "kind", f.Type, "reason", problem)
	s.socket.send(outFrame{outcome: surveys.OutcomeInvalid, id: f.ID})
}

// visited implements owner.
func (s *session) visited(now time.Time) {
	if s.selfTests.ask(s.id, now, s.tablets.opt.Zone) {
		s.socket.send(outFrame{data: []byte(selfTestDueFrame)})
	}
}

// ended implements owner.
func (s *session) ended() {
	s.tablets.part(s)
	s.tablets.devices.ended(s.id, s.socket)
}

// selfTests remembers for which business day a device has proved itself, and
// for which it was asked to.
type selfTests struct {
	over   time.Duration // a new day's tests are spread over this
	passed atomic.Int32
	asked  atomic.Int32
}

func (st *selfTests) connected(d *surveys.Device, today surveys.Day, zone *time.Location) {
	if !d.LastTestAt.IsZero() && d.LastTestKeyWorked {
		st.passed.Store(int32(surveys.DayOf(d.LastTestAt, zone)))
	}
	st.asked.Store(int32(today)) // by the welcome
}

func (st *selfTests) due(today surveys.Day) bool { return surveys.Day(st.passed.Load()) < today }

func (st *selfTests) tested(f *surveys.SelfTest, zone *time.Location) {
	day := int32(surveys.DayOf(f.Origin.OccurredAt, zone))
	if f.KeyWorked && day > st.passed.Load() {
		st.passed.Store(day)
	}
}

// ask reports, once a business day, that the device should be asked for its
// test. Devices take their turns over the first minutes of the day.
func (st *selfTests) ask(id surveys.DeviceID, now time.Time, zone *time.Location) bool {
	today := surveys.DayOf(now, zone)
	if surveys.Day(st.asked.Load()) >= today {
		return false
	}
	turn := time.Duration(binary.BigEndian.Uint16(id[14:])) * st.over / (1 << 16)
	if now.Before(today.Start(zone).Add(turn)) {
		return false
	}
	st.asked.Store(int32(today))
	return st.due(today)
}
