package followup

import (
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// InvitationID is the UUIDv7 of an invitation. It is ours and names nobody.
type InvitationID = surveys.FactID

// InvitationState is where an invitation stands: the disposition people ask for.
type InvitationState string

// States of an invitation.
const (
	InvitationQueued      InvitationState = "queued"      // due, or waiting for its hour
	InvitationSent        InvitationState = "sent"        // the carrier has it
	InvitationDelivered   InvitationState = "delivered"   // the phone has it
	InvitationUndelivered InvitationState = "undelivered" // it did not reach the phone
	InvitationRefused     InvitationState = "refused"     // the carrier would not take it
	InvitationOptedOut    InvitationState = "opted_out"   // the patient said stop
	InvitationUnanswered  InvitationState = "unanswered"  // the window closed without a word
	InvitationBreakOff    InvitationState = "break_off"   // begun, and left before half of it
	InvitationPartial     InvitationState = "partial"     // at least half answered when the window closed
	InvitationComplete    InvitationState = "complete"
	InvitationWithdrawn   InvitationState = "ineligible" // no longer to be asked: cancelled, readmitted, transferred, deceased
	InvitationStopped     InvitationState = "stopped"    // ended for the clue lane; nothing more is asked
)

// Invitation asks one patient about one visit, once.
type Invitation struct {
	ID         InvitationID
	Visit      VisitID
	Patient    PatientID
	Form       surveys.VersionID
	Mode       surveys.Mode
	Language   string
	Department surveys.DepartmentID
	Place      surveys.PlaceID
	State      InvitationState
	DueAt      time.Time // the first text leaves at the first allowed hour from here
	SentAt     time.Time // zero: not yet
	RemindedAt time.Time // zero: not yet
	ClosesAt   time.Time // answers count until here
	AnsweredAt time.Time // the first answer; zero: none
	EndedAt    time.Time // complete, stopped or closed; zero: open
	Country    texting.Country
}

// Answer is a response's answer to one question.
type Answer struct {
	Question surveys.ItemID
	// Value is the choice's value; NotApplicable too. Of a text question 0.
	Value int
	// Text is a comment, or what a reply said beside its number.
	Text surveys.Secret
	At   time.Time
}
