package texting

import (
	"fmt"
	"time"

	"qingfeng/surveys"
)

// Capabilities is what a carrier can do towards one country.
type Capabilities struct {
	Inbound           bool // patients can answer
	URL               bool // a text may carry a link
	SignatureRequired bool // every text begins with the registered 【signature】
	TemplateRequired  bool // only registered templates are sent
	OptOutManaged     bool // the carrier itself acts on STOP and START and answers them
}

// Mode gives the mode a survey runs in by text: reply where patients can
// answer, link where they cannot but may be sent one, code otherwise.
func (c Capabilities) Mode() surveys.Mode {
	switch {
	case c.Inbound:
		return surveys.ModeReply
	case c.URL:
		return surveys.ModeLink
	}
	return surveys.ModeCode
}

// Sent is a carrier's word that it has taken a text.
type Sent struct {
	ProviderID string
	Status     Status // StatusQueued or further
	// Segments the carrier counted; 0: it does not say.
	Segments int
}

// Class says what follows from a send that failed.
type Class string

// Classes of failure.
const (
	// ClassFinal: this text will never be taken.
	ClassFinal Class = "final"
	// ClassSuppress: final, and the number gets no other text either.
	ClassSuppress Class = "suppress"
	// ClassHalt: no text will be taken until a person has looked: wrong key,
	// closed account, no money. The text itself goes back to the queue.
	ClassHalt Class = "halt"
	// ClassLater: try again later, as often as the text is valid.
	ClassLater Class = "later"
	// ClassTwice: try again, but twice at most.
	ClassTwice Class = "twice"
	// ClassAmbiguous: nobody knows whether it was taken. It is not sent again
	// before that is found out.
	ClassAmbiguous Class = "ambiguous"
)

// SendError is a send that failed. Its text names no number and no body.
type SendError struct {
	Class Class
	Code  string // the carrier's own; empty: none
	// Operator tells hospital IT what to do.
	Operator surveys.Text
	// RetryAfter is the carrier's wish; 0: none.
	RetryAfter time.Duration
	Err        error
}

// Error implements error.
func (e *SendError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("carrier refuses: %s %s", e.Class, e.Code)
	}
	return fmt.Sprintf("carrier refuses: %s %s: %v", e.Class, e.Code, e.Err)
}

// Unwrap gives the cause.
func (e *SendError) Unwrap() error { return e.Err }
