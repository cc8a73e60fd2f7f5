package texting

// Status is how far a text has come.
type Status string

// Statuses of a text, from the carrier's answer to the phone's.
const (
	StatusWaiting     Status = "waiting"     // not handed to the carrier yet
	StatusQueued      Status = "queued"      // the carrier has it
	StatusSent        Status = "sent"        // the carrier has passed it on
	StatusDelivered   Status = "delivered"   // the phone has it
	StatusUndelivered Status = "undelivered" // it did not reach the phone
	StatusRefused     Status = "refused"     // the carrier would not take it
	StatusUnknown     Status = "unknown"     // the answer was lost; being found out
)

// Rank orders statuses by how much they say: a report of lower rank never
// replaces one of higher rank, whatever order they come in. Delivered outranks
// undelivered: some networks report a late delivery after giving up.
func (s Status) Rank() int {
	switch s {
	case StatusWaiting:
		return 0
	case StatusUnknown:
		return 1
	case StatusQueued:
		return 2
	case StatusSent:
		return 3
	case StatusRefused:
		return 4
	case StatusUndelivered:
		return 5
	case StatusDelivered:
		return 6
	}
	return -1
}

// Valid reports whether s is a known status.
func (s Status) Valid() bool { return s.Rank() >= 0 }

// Final reports whether nothing more is to be expected.
func (s Status) Final() bool { return s.Rank() >= StatusRefused.Rank() }
