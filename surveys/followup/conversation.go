package followup

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"qingfeng/surveys"
)

// Thread is one invitation as the conversation with its number sees it.
type Thread struct {
	Invitation InvitationID
	Patient    PatientID
	Form       *Form
	Mode       surveys.Mode
	Language   string // "zh" or "en": what the invitation was written in
	State      InvitationState
	// Ward and DischargedOn are how two patients on one phone are told apart.
	// Names are never sent.
	Ward         surveys.Text
	DischargedOn surveys.Day
	// AskedAt is when the newest invitation or reminder was handed to the
	// carrier; zero: nothing was, and nothing can be an answer.
	AskedAt  time.Time
	ClosesAt time.Time
	Progress Progress
}

// Progress is how far a thread has come. It holds nothing a patient wrote, and
// is kept as JSON.
type Progress struct {
	// Asking is the question the next text answers; empty: the first one.
	Asking surveys.ItemID `json:"asking,omitempty"`
	// Clarified says that Asking was asked back already.
	Clarified bool `json:"clarified,omitempty"`
	// Answered and Passed are the questions that have their answer, and those
	// that were not understood twice and left.
	Answered []surveys.ItemID `json:"answered,omitempty"`
	Passed   []surveys.ItemID `json:"passed,omitempty"`
	// Grade is the answer to the overall question; 0: none.
	Grade surveys.Grade `json:"grade,omitempty"`
	// CallWanted says that the patient asked to be phoned.
	CallWanted bool `json:"call_wanted,omitempty"`
	// LateNoticed says that the one notice to late texts was given.
	LateNoticed bool `json:"late_noticed,omitempty"`
}

// NumberState is what is known of a number beside its threads.
type NumberState struct {
	// Focus is the thread the number speaks of since FocusedAt, when there is
	// more than one. A newer invitation or reminder puts it in doubt again.
	Focus     InvitationID
	FocusedAt time.Time
	// Which are the threads the patient was asked to choose from, in the order
	// of the text; Held is the text that started it. Empty: nothing is open.
	Which []InvitationID
	Held  surveys.Secret
}

// numberState is NumberState on disk, the held text in clear.
type numberState struct {
	Focus     InvitationID   `json:"focus,omitzero"`
	FocusedAt time.Time      `json:"focused_at,omitzero"`
	Which     []InvitationID `json:"which,omitempty"`
	Held      string         `json:"held,omitempty"`
}

// Encode gives the state for the store. It may hold a text in clear: the caller
// encrypts it.
func (s NumberState) Encode() []byte {
	data, err := json.Marshal(numberState{s.Focus, s.FocusedAt, s.Which, string(s.Held)})
	if err != nil {
		panic("number state: plain values always encode: " + err.Error())
	}
	return data
}

// DecodeNumberState reads what Encode wrote; nothing gives the zero state. Its
// error repeats no content.
func DecodeNumberState(data []byte) (NumberState, error) {
	if len(data) == 0 {
		return NumberState{}, nil
	}
	var s numberState
	if json.Unmarshal(data, &s) != nil {
		return NumberState{}, fmt.Errorf("read number state: %d bytes are not one", len(data))
	}
	return NumberState{s.Focus, s.FocusedAt, s.Which, surveys.Secret(s.Held)}, nil
}

// Conversation is the talk with one number: all its threads that were texted
// and are not long over, open and ended, in any order.
type Conversation struct {
	Threads  []Thread
	OptedOut bool
	Number   NumberState
}

// Reply is a text a patient sent.
type Reply struct {
	Text surveys.Secret
	// Handled is "stop", "start" or "help" when the carrier has acted on the
	// word and answered it itself; empty otherwise.
	Handled string
}

// clone copies what Receive changes, so that the conversation it was called on
// stays as it was.
func (c Conversation) clone() Conversation {
	c.Threads = slices.Clone(c.Threads)
	for i := range c.Threads {
		p := &c.Threads[i].Progress
		p.Answered, p.Passed = slices.Clone(p.Answered), slices.Clone(p.Passed)
	}
	c.Number.Which = slices.Clone(c.Number.Which)
	return c
}

// open reports whether a text at now may answer the thread.
func (t *Thread) open(now time.Time) bool {
	return !t.AskedAt.IsZero() && !t.ended() && now.Before(t.ClosesAt)
}

func (t *Thread) ended() bool {
	switch t.State {
	case InvitationQueued, InvitationSent, InvitationDelivered, InvitationUndelivered:
		return false
	}
	return true
}

// AskedByText lists the questions a form asks in reply mode, in their order.
func (f *Form) AskedByText() []Question {
	return slices.DeleteFunc(slices.Clone(f.Questions), func(q Question) bool { return q.Short == surveys.Text{} })
}

// AskedIn lists the questions a mode asks: those with a short text in reply
// mode, all of them on a page.
func (f *Form) AskedIn(mode surveys.Mode) []Question {
	if mode == surveys.ModeReply {
		return f.AskedByText()
	}
	return f.Questions
}

// NextQuestion gives the question that is asked now: the first of its mode that
// is neither answered nor passed; false when none is left.
func (t *Thread) NextQuestion() (Question, bool) {
	for _, q := range t.Form.AskedIn(t.Mode) {
		if !slices.Contains(t.Progress.Answered, q.ID) && !slices.Contains(t.Progress.Passed, q.ID) {
			return q, true
		}
	}
	return Question{}, false
}

// Outcome is the state in which an invitation ends when no more answers come:
// its window is over, or every question was asked. Complete is every question
// of its mode that is not optional; partial at least half of those; break-off
// fewer; unanswered none.
func (p Progress) Outcome(f *Form, mode surveys.Mode) InvitationState {
	required, answered := 0, 0
	for _, q := range f.AskedIn(mode) {
		if q.Optional {
			continue
		}
		required++
		if slices.Contains(p.Answered, q.ID) {
			answered++
		}
	}
	switch {
	case len(p.Answered) == 0:
		return InvitationUnanswered
	case answered == required:
		return InvitationComplete
	case 2*answered >= required:
		return InvitationPartial
	}
	return InvitationBreakOff
}
