package surveys

import "time"

// EventKind names what happened, in the past tense.
type EventKind string

// Kinds of event. What each adds to the counts is decided in one place:
// analytics.Count.
const (
	EventRatingRecorded EventKind = "rating_recorded"
	EventRatingDetailed EventKind = "rating_detailed"
	// EventRatingFlagged corrects an EventRatingRecorded that was not flagged:
	// it repeats that event with Flagged set, and from now on the rating counts
	// so. Day and Hour are the rating's; At is when the flag was earned.
	EventRatingFlagged EventKind = "rating_flagged"
	EventPromptOffered EventKind = "prompt_offered"
	EventSelfTested    EventKind = "self_tested"
	// EventAnswerRecorded is one scored answer of a survey. It leaves when the
	// response it belongs to has ended.
	EventAnswerRecorded EventKind = "answer_recorded"
)

// Event is what leaves the store when a fact is on disk: enough to count, and
// nothing that names a person. It carries no fact id, transaction number,
// work number, comment or phone. On the wire it is JSON with these names.
type Event struct {
	Kind EventKind `json:"kind"`
	// At is when it happened, Unix milliseconds; Day is its business day and
	// Hour (0 to 23) its hour in the hospital's zone.
	At   int64 `json:"at"`
	Day  Day   `json:"day"`
	Hour int   `json:"hour"`

	Department DepartmentID `json:"department,omitempty"`
	Place      PlaceID      `json:"place,omitempty"`
	Staff      StaffRef     `json:"staff,omitempty"`
	Version    VersionID    `json:"version,omitempty"`
	Item       ItemID       `json:"item,omitempty"` // rating_recorded, rating_flagged: the grade item; answer_recorded: the question
	Mode       Mode         `json:"mode,omitempty"`
	Series     Series       `json:"series,omitempty"`
	Grade      Grade        `json:"grade,omitempty"`
	Flagged    bool         `json:"flagged,omitempty"` // rating_detailed: as the rating was first counted
	Tags       []Tag        `json:"tags,omitempty"`    // rating_detailed
	Device     string       `json:"device,omitempty"`
	KeyWorked  bool         `json:"key_worked,omitempty"` // self_tested
	Value      int          `json:"value,omitempty"`      // answer_recorded: 1 to 10; 0: not applicable
}

// Tag is an option chosen in a tags item.
type Tag struct {
	Item ItemID `json:"item"`
	ID   string `json:"id"`
}

// Time gives At as a time.
func (e *Event) Time() time.Time { return time.UnixMilli(e.At) }

// SequencedEvent is an event with its place in its node's outbox. Sequences
// start at 1 and have no gaps.
type SequencedEvent struct {
	Sequence int64
	Event    Event
}
