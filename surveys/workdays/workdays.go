package workdays

import (
	"time"

	"qingfeng/surveys"
)

// Calendar is what the yearly notices say. A nil *Calendar knows no holidays
// and counts Monday to Friday. It must not be changed while in use.
type Calendar struct {
	// Holidays names every day off, weekends inside a holiday included.
	Holidays map[surveys.Day]string
	// MakeUp are the weekend days on which people work.
	MakeUp map[surveys.Day]bool
	// Years are the years whose notice is in the calendar. Days of other
	// years follow the weekday rule, which is a guess: see Covers.
	Years map[int]bool
}

// IsWorkday reports whether d is a working day. A make-up day always is, a
// holiday never, and any other day when it falls on Monday to Friday.
func (c *Calendar) IsWorkday(d surveys.Day) bool {
	if c != nil {
		if c.MakeUp[d] {
			return true
		}
		if _, off := c.Holidays[d]; off {
			return false
		}
	}
	switch d.Start(time.UTC).Weekday() {
	case time.Saturday, time.Sunday:
		return false
	}
	return true
}

// AddWorkdays gives the n-th working day after d, which does not count itself:
// from a Friday, one working day on is Monday. A negative n counts back, and
// n = 0 gives d unchanged, working day or not.
func (c *Calendar) AddWorkdays(d surveys.Day, n int) surveys.Day {
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	for n > 0 {
		d = d.AddDays(step)
		if c.IsWorkday(d) {
			n--
		}
	}
	return d
}

// WorkdaysBetween counts the working days after from, up to and including to:
// what is left of a term that ends on to. It is negative when to is past, and
// WorkdaysBetween(d, AddWorkdays(d, n)) is n for every n ≥ 0.
func (c *Calendar) WorkdaysBetween(from, to surveys.Day) int {
	if to < from {
		return -c.WorkdaysBetween(to, from)
	}
	n := 0
	for from < to {
		from = from.AddDays(1)
		if c.IsWorkday(from) {
			n++
		}
	}
	return n
}

// Covers reports whether the notice of d's year is in the calendar. Where it is
// not, the other methods fall back to the weekday rule.
func (c *Calendar) Covers(d surveys.Day) bool {
	return c != nil && c.Years[int(d)/10000]
}
