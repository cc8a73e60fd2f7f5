package simulator

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

const (
	// maxPhones are kept; the one that was quiet longest makes room.
	maxPhones = 200
	// maxEntries of a thread are kept, the newest.
	maxEntries = 100
)

// Failure is how a phone fails; none by default.
type Failure string

// Failures a phone can be told to have. They hold until another is chosen.
const (
	FailNone        Failure = "none"
	FailUndelivered Failure = "undelivered" // taken, and reported as not delivered
	FailRefused     Failure = "refused"     // the carrier will not take it
	FailTimeout     Failure = "timeout"     // taken, delivered and reported; the answer never comes
	FailThrottled   Failure = "throttled"   // 429: later
	FailLostAnswer  Failure = "lost_answer" // taken and delivered; neither an answer nor a report comes
)

// Valid reports whether f is a known failure.
func (f Failure) Valid() bool {
	switch f {
	case FailNone, FailUndelivered, FailRefused, FailTimeout, FailThrottled, FailLostAnswer:
		return true
	}
	return false
}

// Kinds of entry.
const (
	kindText  = "text"  // from the hospital
	kindReply = "reply" // typed on the phone
)

// States of a reply on its way to the hospital; a text has a texting.Status.
const (
	replySending = "sending"
	replyTaken   = "taken"
	replyFailed  = "failed"
)

// entry is one bubble of a thread.
type entry struct {
	number   int64 // unique over all phones, rising
	kind     string
	id       surveys.FactID // of the message or the reply
	provider string         // empty: the carrier did not take it
	body     surveys.Secret
	at       time.Time
	status   string
	tries    int // how often this text came while it was not taken
	owner    *phone
}

// phone is one simulated phone.
type phone struct {
	id       int64
	number   texting.Number
	failure  Failure
	entries  []*entry
	dropped  int   // entries that made room
	received int64 // texts there ever were, for what is unread
	revision int64 // of its last change
	active   int64 // revision of its last text or reply
}

// phones are all simulated phones. Every change counts the revision up and wakes
// whoever waits for it.
type phones struct {
	mu       sync.Mutex
	byNumber map[texting.Number]*phone
	revision int64
	last     int64 // id or number given last
	changed  chan struct{}
	closed   bool
}

func newPhones() *phones {
	return &phones{byNumber: map[texting.Number]*phone{}, changed: make(chan struct{})}
}

var (
	errNoPhone   = errors.New("there is no such phone")
	errEmpty     = errors.New("the reply is empty")
	errTooLong   = errors.New("the reply is too long")
	errNotNumber = errors.New("not a number in E.164 form")
)

// close wakes everybody who waits, for good.
func (p *phones) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.changed)
	}
}

// touch is called with the lock held after every change of a phone.
func (p *phones) touch(ph *phone) {
	p.revision++
	ph.revision = p.revision
	if !p.closed {
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

// phone finds the phone of a number, or puts it on the desk. Called with the
// lock held.
func (p *phones) phone(number texting.Number) *phone {
	if ph := p.byNumber[number]; ph != nil {
		return ph
	}
	if len(p.byNumber) >= maxPhones {
		quiet := slices.MinFunc(p.list(), func(a, b *phone) int { return cmp.Compare(a.active, b.active) })
		delete(p.byNumber, quiet.number)
	}
	p.last++
	ph := &phone{id: p.last, number: number, failure: FailNone, active: p.revision + 1}
	p.byNumber[number] = ph
	return ph
}

// list is every phone, the one with the newest text or reply first. Called with
// the lock held.
func (p *phones) list() []*phone {
	all := make([]*phone, 0, len(p.byNumber))
	for _, ph := range p.byNumber {
		all = append(all, ph)
	}
	slices.SortFunc(all, func(a, b *phone) int { return cmp.Or(cmp.Compare(b.active, a.active), cmp.Compare(b.id, a.id)) })
	return all
}

// byID finds a phone. Called with the lock held.
func (p *phones) byID(id int64) *phone {
	for _, ph := range p.byNumber {
		if ph.id == id {
			return ph
		}
	}
	return nil
}

// add puts a bubble into a thread. Called with the lock held.
func (p *phones) add(ph *phone, e *entry) {
	p.last++
	e.number, e.owner = p.last, ph
	ph.entries = append(ph.entries, e)
	if over := len(ph.entries) - maxEntries; over > 0 {
		ph.entries = slices.Delete(ph.entries, 0, over)
		ph.dropped += over
	}
	p.touch(ph)
	ph.active = p.revision
}

// deliver brings a text to its phone, as far as the phone's failure lets it. The
// entry is nil when the carrier did not take it. name makes the provider's id.
func (p *phones) deliver(m texting.Message, at time.Time, name func(int64) string) (Failure, *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ph := p.phone(m.To)
	taken := ph.failure != FailRefused && ph.failure != FailThrottled
	// A text that comes again after it was not taken is the same bubble.
	var e *entry
	for _, old := range ph.entries {
		if old.id == m.ID && old.kind == kindText && old.provider == "" {
			e = old
		}
	}
	if e == nil {
		e = &entry{kind: kindText, id: m.ID, body: m.Body, at: at}
		ph.received++
		p.add(ph, e)
	} else {
		p.touch(ph)
	}
	if !taken {
		e.tries++
		e.status = string(ph.failure)
		return ph.failure, nil
	}
	e.at, e.provider, e.status = at, name(e.number), string(texting.StatusQueued)
	if ph.failure == FailLostAnswer {
		e.status = string(texting.StatusDelivered)
	}
	return ph.failure, e
}

// mark notes how far a text has come.
func (p *phones) mark(e *entry, status texting.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if status.Rank() > texting.Status(e.status).Rank() {
		e.status = string(status)
		p.touch(e.owner)
	}
}

// answered notes whether a reply reached the hospital.
func (p *phones) answered(e *entry, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.status = replyFailed
	if ok {
		e.status = replyTaken
	}
	p.touch(e.owner)
}

// find looks for a text that was taken.
func (p *phones) find(number texting.Number, id surveys.FactID) (provider string, status texting.Status, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ph := p.byNumber[number]
	if ph == nil {
		return "", "", false
	}
	for _, e := range ph.entries {
		if e.kind == kindText && e.id == id && e.provider != "" {
			return e.provider, texting.Status(e.status), true
		}
	}
	return "", "", false
}

// reply writes what was typed into the thread. The entry is nil when the same
// reply is there already.
func (p *phones) reply(id int64, reply surveys.FactID, text surveys.Secret, at time.Time) (texting.Number, *entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ph := p.byID(id)
	if ph == nil {
		return texting.Number{}, nil, errNoPhone
	}
	for _, e := range ph.entries {
		if e.kind == kindReply && e.id == reply {
			return ph.number, nil, nil
		}
	}
	e := &entry{kind: kindReply, id: reply, provider: reply.String(), body: text, at: at, status: replySending}
	p.add(ph, e)
	return ph.number, e, nil
}

// fail chooses how a phone fails from now on.
func (p *phones) fail(id int64, f Failure) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	ph := p.byID(id)
	if ph == nil {
		return errNoPhone
	}
	ph.failure = f
	p.touch(ph)
	return nil
}

// put places a phone on the desk before anything was sent to it.
func (p *phones) put(number texting.Number) (id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ph := p.phone(number)
	p.touch(ph)
	ph.active = p.revision
	return ph.id
}

// since says when there is something newer than a revision: now, or when the
// channel closes.
func (p *phones) since(revision int64) (now bool, later <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed || p.revision > revision, p.changed
}
