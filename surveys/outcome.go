package surveys

// Outcome is what became of a fact that was handed to the store. Every outcome
// but OutcomeRetry is on disk before it is reported, and ends the device's
// responsibility for the fact.
type Outcome string

// Outcomes of recording a fact.
const (
	// OutcomeStored: the fact is on disk for the first time.
	OutcomeStored Outcome = "stored"
	// OutcomeDuplicate: the same id with the same body is on disk already.
	OutcomeDuplicate Outcome = "duplicate"
	// OutcomeConflict: the id is on disk with another body; this one is set
	// aside for a person.
	OutcomeConflict Outcome = "conflict"
	// OutcomeAlreadyRated: the transaction has its one rating already; this
	// one is set aside for a person.
	OutcomeAlreadyRated Outcome = "already_rated"
	// OutcomeInvalid: the fact can never be accepted; it is set aside for a
	// person.
	OutcomeInvalid Outcome = "invalid"
	// OutcomeRetry: nothing was stored (the disk is full, the store is
	// closing); the device keeps the fact and sends it again.
	OutcomeRetry Outcome = "retry"
)

// Final reports whether the device may forget the fact.
func (o Outcome) Final() bool { return o != OutcomeRetry }
