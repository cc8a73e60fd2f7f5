package surveys

import "time"

// Transaction is a finished piece of business at a window, as the window's own
// system reports it. Its number is unique at its window.
type Transaction struct {
	Window      PlaceID
	Number      TransactionNumber
	Kind        WindowKind
	Staff       StaffID // empty when the window's system does not say
	CompletedAt time.Time
}

// Prompt asks the tablet of a window to have a transaction rated.
type Prompt struct {
	ID          FactID // made by the server when the transaction is first reported
	Transaction Transaction
	CreatedAt   time.Time
	ExpiresAt   time.Time
	// ShownAt is when a device first had it on screen (offered); zero: never.
	ShownAt time.Time
	// RatedAt is when its rating occurred; zero: unanswered.
	RatedAt time.Time
}

// PromptState is where a prompt stands.
type PromptState string

// States of a prompt. An unanswered prompt stays unanswered: it is offered and
// expired, never satisfied.
const (
	PromptWaiting PromptState = "waiting" // not yet shown
	PromptOffered PromptState = "offered" // on a screen
	PromptRated   PromptState = "rated"
	PromptExpired PromptState = "expired"
)

// State gives the prompt's state at the moment now.
func (p *Prompt) State(now time.Time) PromptState {
	switch {
	case !p.RatedAt.IsZero():
		return PromptRated
	case !now.Before(p.ExpiresAt):
		return PromptExpired
	case !p.ShownAt.IsZero():
		return PromptOffered
	}
	return PromptWaiting
}
