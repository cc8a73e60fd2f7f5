package registers

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"qingfeng/surveys"
)

// CallbackWorkdays is how many working days after it was opened a call-back
// must be closed, unless the hospital sets another number.
const CallbackWorkdays = 15

// UnaskedCallbacks is how many call-backs one device can open on a business day
// with ratings nobody asked for. Somebody who leans on a tablet must not bury
// the patients who want to be called.
const UnaskedCallbacks = 20

// MaxNote is the longest note of a call-back in characters.
const MaxNote = 2000

// Calendar counts working days.
type Calendar interface {
	AddWorkdays(d surveys.Day, n int) surveys.Day
	WorkdaysBetween(from, to surveys.Day) int
}

// CallbackID numbers call-backs in the order they were opened.
type CallbackID int64

// CallbackState is where a call-back stands.
type CallbackState string

// States of a call-back.
const (
	CallbackOpen    CallbackState = "open"    // nobody has phoned yet
	CallbackCalling CallbackState = "calling" // somebody has taken it up, it is not closed
	CallbackDone    CallbackState = "done"
)

// CallbackOutcome is what came of phoning.
type CallbackOutcome string

// Outcomes of a call.
const (
	CallbackReached  CallbackOutcome = "reached"
	CallbackNoAnswer CallbackOutcome = "no_answer"
	CallbackDeclined CallbackOutcome = "declined"
	CallbackNoNumber CallbackOutcome = "no_number" // the patient left no number
)

// Valid reports whether o is a known outcome.
func (o CallbackOutcome) Valid() bool {
	switch o {
	case CallbackReached, CallbackNoAnswer, CallbackDeclined, CallbackNoNumber:
		return true
	}
	return false
}

// Errors of recording a call.
var (
	ErrCallbackDone    = errors.New("call-back is closed already")
	ErrCallbackOutcome = errors.New("call-back outcome is unknown")
	ErrCallbackNote    = errors.New("call-back note is too long")
)

// Callback is the task of phoning a patient who was dissatisfied or asked to be
// called.
type Callback struct {
	ID     CallbackID
	Rating surveys.FactID
	// At is when the rating was given; OpenedOn the business day it reached
	// the hospital, from which DueOn is counted.
	At         time.Time
	OpenedOn   surveys.Day
	DueOn      surveys.Day
	Department surveys.DepartmentID
	Place      surveys.PlaceID
	Grade      surveys.Grade
	State      CallbackState
	Outcome    CallbackOutcome // of the last call; empty: none yet
	Note       surveys.Secret  // of the last call
	ClosedAt   time.Time
}

// OpensCallback reports whether a rating opens a call-back by itself: a grade
// of 1 or 2, asked or not. A number left with any grade opens one too: whoever
// asks to be called is called.
func OpensCallback(r *surveys.Rating) bool { return r.Grade.Low() }

// InFlood reports whether an unasked rating opens no call-back though it is
// low, because its device has opened as many with unasked ratings that day as
// it may.
func InFlood(r *surveys.Rating, openedUnasked int) bool {
	return r.Series() == surveys.SeriesUnasked && openedUnasked >= UnaskedCallbacks
}

// OpenCallback makes the call-back of a low rating that reached the hospital
// on the business day on and must be closed within that many working days.
func OpenCallback(r *surveys.Rating, on surveys.Day, calendar Calendar, workdays int) Callback {
	return Callback{
		Rating: r.ID, At: r.Origin.OccurredAt, OpenedOn: on, DueOn: calendar.AddWorkdays(on, workdays),
		Department: r.Department, Place: r.Place, Grade: r.Grade, State: CallbackOpen,
	}
}

// Take marks that somebody is phoning. Taking one that is being called, or
// done, changes nothing.
func (c Callback) Take() Callback {
	if c.State == CallbackOpen {
		c.State = CallbackCalling
	}
	return c
}

// Record notes the outcome of one call at the moment at; done closes the
// call-back. A closed one refuses with ErrCallbackDone.
func (c Callback) Record(outcome CallbackOutcome, note surveys.Secret, done bool, at time.Time) (Callback, error) {
	switch {
	case c.State == CallbackDone:
		return c, ErrCallbackDone
	case !outcome.Valid():
		return c, fmt.Errorf("%w: %q", ErrCallbackOutcome, outcome)
	case utf8.RuneCountInString(string(note)) > MaxNote:
		return c, ErrCallbackNote
	}
	c.Outcome, c.Note, c.State = outcome, note, CallbackCalling
	if done {
		c.State, c.ClosedAt = CallbackDone, at
	}
	return c, nil
}

// Overdue reports whether the call-back is unfinished after its due day.
func (c Callback) Overdue(today surveys.Day) bool {
	return c.State != CallbackDone && today > c.DueOn
}

// WorkdaysLeft counts the working days from today to the due day; negative
// when overdue.
func (c Callback) WorkdaysLeft(today surveys.Day, calendar Calendar) int {
	if today > c.DueOn {
		return -calendar.WorkdaysBetween(c.DueOn, today)
	}
	return calendar.WorkdaysBetween(today, c.DueOn)
}
