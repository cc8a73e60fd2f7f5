package texting

import (
	"sync"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// State is how a carrier is doing.
type State string

// States of a carrier.
const (
	StateOK      State = "ok"
	StateSlowed  State = "slowed"  // it asks for patience, or does not answer
	StateHalted  State = "halted"  // it takes nothing until a person has looked
	StateProbing State = "probing" // halted, and being given one text to see
)

const (
	// slowAfter is how many sends in a row must fail before the others wait too:
	// one failure may be about one text.
	slowAfter = 3
	// firstSlow is the first pause of a slowed carrier; it doubles up to lastSlow.
	firstSlow, lastSlow = time.Second, time.Minute
	// longestWish bounds the pause a carrier may ask for.
	longestWish = time.Hour
)

// health is how a carrier is doing, by the machine's clock.
type health struct {
	mu       sync.Mutex
	state    State
	until    time.Time // no text before; zero: any time
	failures int       // in a row, of those that say nothing of the text itself
	code     string
	operator surveys.Text
	since    time.Time // of the state
	success  time.Time // the last text taken; zero: none
}

// allowance says how many of n texts may be handed over now, or how long to
// wait. A carrier in trouble is given one, when nothing else is under way.
func (h *health) allowance(n, underWay int, now time.Time) (int, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == StateOK {
		return n, 0
	}
	if pause := h.until.Sub(now); pause > 0 {
		return 0, pause
	}
	if underWay > 0 {
		return 0, 0
	}
	return min(n, 1), 0
}

// taken notes a text that was taken. It reports whether that ended a trouble.
func (h *health) taken(now time.Time) (recovered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.success = now
	return h.recover(now)
}

func (h *health) recover(now time.Time) bool {
	was := h.state
	h.failures, h.until = 0, time.Time{}
	if was == StateOK {
		return false
	}
	h.state, h.code, h.operator, h.since = StateOK, "", surveys.Text{}, now
	return true
}

// failed notes a failed send and gives the state before and after.
func (h *health) failed(e *texting.SendError, pause time.Duration, now time.Time) (before, after State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before = h.state
	switch e.Class {
	case texting.ClassFinal, texting.ClassSuppress:
		h.recover(now) // it is the text that was refused: the carrier works
		return before, h.state
	case texting.ClassHalt:
		h.become(StateHalted, e, now.Add(pause), now)
		return before, h.state
	}
	h.failures++
	switch {
	case h.state == StateHalted: // the text to see was not taken
		h.until = now.Add(pause)
	case e.RetryAfter > 0 || h.failures >= slowAfter || h.state == StateSlowed:
		slow := min(firstSlow<<min(max(h.failures-slowAfter, 0), 16), lastSlow)
		h.become(StateSlowed, e, now.Add(max(slow, min(e.RetryAfter, longestWish))), now)
	}
	return before, h.state
}

func (h *health) become(state State, e *texting.SendError, until, now time.Time) {
	if h.state != state {
		h.since = now
	}
	h.state, h.code, h.operator, h.until = state, e.Code, e.Operator, until
}

// resume lets a carrier in trouble be given a text at once.
func (h *health) resume(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.until.After(now) {
		h.until = now
	}
}
