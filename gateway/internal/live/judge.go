package live

import (
	"sync"
	"time"

	"qingfeng/surveys"
)

// maxAhead is how far in the future a corrected device clock may lie before it
// is called wrong; less is jitter.
const maxAhead = 2 * time.Minute

// maxAge is the oldest a fact may be; a device that was offline longer has a
// wrong clock, or a fact nobody can place any more.
const maxAge = 30 * 24 * time.Hour

// occurred corrects a device's time by the offset measured at connect. suspect
// says that the result could not be right and the server's time was taken.
func occurred(at time.Time, offset time.Duration, now time.Time) (corrected time.Time, suspect bool) {
	corrected = at.Add(offset)
	switch {
	case corrected.After(now):
		return now, corrected.Sub(now) > maxAhead
	case now.Sub(corrected) > maxAge:
		return now, true
	}
	return corrected, false
}

// remembered is how many judgements of a device are kept: as many facts as it
// may have unacknowledged and therefore send again.
const remembered = 32

// judge flags a device's ratings. It outlives the device's connections, and a
// rating sent again is judged as it was the first time, so that repeats do not
// look like a burst.
type judge struct {
	mu     sync.Mutex
	memory *judgements // nil until the first rating
}

type judgements struct {
	watch surveys.GamingWatch
	last  []judgement // a ring once full
	next  int
}

type judgement struct {
	id    surveys.FactID
	flags surveys.Flags
}

func (j *judge) flags(r *surveys.Rating, kind surveys.PlaceKind, rules surveys.GamingRules, zone *time.Location) surveys.Flags {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.memory == nil {
		j.memory = &judgements{}
	}
	m := j.memory
	for i := range m.last {
		if m.last[i].id == r.ID {
			return m.last[i].flags
		}
	}
	flags := m.watch.Judge(r, kind, rules, zone)
	if len(m.last) < remembered {
		m.last = append(m.last, judgement{r.ID, flags})
		return flags
	}
	m.last[m.next] = judgement{r.ID, flags}
	m.next = (m.next + 1) % remembered
	return flags
}

// bucket is a token bucket; the zero bucket is full. It is used by one reader
// at a time, and kept across reconnects.
type bucket struct {
	mu   sync.Mutex
	used float64
	at   int64 // Unix nanoseconds
}

// take reports whether one more is within rate per second and burst.
func (b *bucket) take(now time.Time, rate, burst float64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := now.UnixNano()
	b.used = max(0, b.used-time.Duration(at-b.at).Seconds()*rate)
	b.at = at
	if b.used+1 > burst {
		return false
	}
	b.used++
	return true
}
