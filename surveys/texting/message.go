package texting

import (
	"time"

	"qingfeng/surveys"
)

// Number is a phone number in E.164 form, such as +8613800138000. It redacts
// itself wherever it is printed; E164 is the only way to it.
type Number struct{ surveys.Secret }

// NumberOf makes a Number of E.164 text that was checked before.
func NumberOf(e164 string) Number { return Number{surveys.Secret(e164)} }

// E164 gives the number itself.
func (n Number) E164() string { return string(n.Secret) }

// IsZero reports whether there is no number.
func (n Number) IsZero() bool { return n.Secret == "" }

// Country is an ISO 3166-1 alpha-2 code in upper case, such as CN.
type Country string

// Purpose says what a text is for. A carrier that demands registered templates
// has one for each purpose and language.
type Purpose string

// Purposes of a text.
const (
	PurposeInvite       Purpose = "invite"        // the first text of a survey, in any mode
	PurposeReminder     Purpose = "reminder"      // the one reminder
	PurposeQuestion     Purpose = "question"      // the next question, in reply mode
	PurposeClarify      Purpose = "clarify"       // the one question back
	PurposeThanks       Purpose = "thanks"        // the survey is complete
	PurposeThanksLow    Purpose = "thanks_low"    // complete, and somebody will phone
	PurposeLate         Purpose = "late"          // the window is over
	PurposeWhich        Purpose = "which"         // two patients on one phone: which?
	PurposeOptedOut     Purpose = "opted_out"     // the one confirmation of an opt-out
	PurposeResumed      Purpose = "resumed"       // the opt-out is undone
	PurposeClueReceived Purpose = "clue_received" // hotline and receipt code, nothing echoed
	PurposeHelp         Purpose = "help"          // who this is and how to stop
)

// Message is one text on its way out.
type Message struct {
	// ID is our own, made once for the text and kept over every try: status
	// callbacks carry it, so that a send whose answer was lost is recognised.
	ID       surveys.FactID
	To       Number
	Country  Country
	Purpose  Purpose
	Language string // "zh" or "en"
	// Body is the text as the patient reads it, the hospital's 【signature】 in
	// front. A carrier that adds the signature itself strips it; see Unsigned.
	Body surveys.Secret
	// Variables fill a registered template, in the template's order.
	Variables []Variable
	// ValidFor is how long the carrier may still deliver it.
	ValidFor time.Duration
}

// Variable is one named value of a template. A value may be a survey's token,
// so it redacts itself.
type Variable struct {
	Name  string
	Value surveys.Secret
}

// Inbound is a text that a patient sent.
type Inbound struct {
	Carrier string
	// ProviderID is the carrier's own id of the text: the same id is the same
	// text, however often it is delivered.
	ProviderID string
	From, To   Number
	Body       surveys.Secret
	ReceivedAt time.Time
	// Handled is "stop", "start" or "help" when the carrier has already acted on
	// the word and answered it; empty otherwise.
	Handled string
}

// StatusReport is a carrier's word on what became of a text. Reports come in any
// order, twice, and before the send has returned.
type StatusReport struct {
	Carrier    string
	ProviderID string
	// Message is our own id when the report carries it; zero otherwise.
	Message surveys.FactID
	Status  Status
	Code    string // the carrier's error code; empty: none
	At      time.Time
}
