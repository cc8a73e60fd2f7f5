package tabletclient

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"qingfeng/surveys"
)

// Rating is a tap to be sent.
type Rating struct {
	Grade  surveys.Grade
	Prompt surveys.FactID // zero: unasked
	Dwell  time.Duration
	// ID, At, Place, Questionnaire and Language are filled in when zero: a new
	// id, the clock, and what the welcome said.
	ID            surveys.FactID
	At            time.Time
	Place         surveys.PlaceID
	Questionnaire surveys.VersionID
	Language      string
}

// appendRating appends the rating's frame. It is the hottest frame of all, so
// it is put together by hand; its strings are names without anything to escape.
func appendRating(b []byte, r *Rating) []byte {
	b = append(b, `{"type":"rating","id":"`...)
	b = appendID(b, r.ID)
	b = append(b, `","at":"`...)
	b = r.At.UTC().AppendFormat(b, timeLayout)
	b = append(b, `","place":"`...)
	b = append(b, r.Place...)
	if !r.Prompt.IsZero() {
		b = append(b, `","prompt_id":"`...)
		b = appendID(b, r.Prompt)
	}
	b = append(b, `","questionnaire":"`...)
	b = append(b, r.Questionnaire...)
	b = append(b, `","grade":`...)
	b = strconv.AppendInt(b, int64(r.Grade), 10)
	b = append(b, `,"dwell_ms":`...)
	b = strconv.AppendInt(b, r.Dwell.Milliseconds(), 10)
	b = append(b, `,"language":"`...)
	b = append(b, r.Language...)
	return append(b, `"}`...)
}

func appendID(b []byte, id surveys.FactID) []byte {
	b = hex.AppendEncode(b, id[0:4])
	b = append(b, '-')
	b = hex.AppendEncode(b, id[4:6])
	b = append(b, '-')
	b = hex.AppendEncode(b, id[6:8])
	b = append(b, '-')
	b = hex.AppendEncode(b, id[8:10])
	b = append(b, '-')
	return hex.AppendEncode(b, id[10:16])
}

type detailFrame struct {
	Type          string         `json:"type"`
	ID            surveys.FactID `json:"id"`
	At            string         `json:"at"`
	RatingID      surveys.FactID `json:"rating_id"`
	Tags          []string       `json:"tags"`
	Comment       string         `json:"comment,omitempty"`
	CallbackPhone string         `json:"callback_phone,omitempty"`
}

type shownFrame struct {
	Type     string         `json:"type"`
	ID       surveys.FactID `json:"id"`
	At       string         `json:"at"`
	PromptID surveys.FactID `json:"prompt_id"`
}

type selfTestFrame struct {
	Type      string          `json:"type"`
	ID        surveys.FactID  `json:"id"`
	At        string          `json:"at"`
	Place     surveys.PlaceID `json:"place"`
	KeyWorked bool            `json:"key_worked"`
}

type statusFrame struct {
	Type    string `json:"type"`
	Queued  int    `json:"queued"`
	QueueOK bool   `json:"queue_ok"`
}

type ticketFrame struct {
	Type   string `json:"type"`
	Ticket string `json:"ticket"`
}

type subscribeFrame struct {
	Type   string `json:"type"`
	Period string `json:"period"`
}

// Welcome is what the server told the tablet of itself.
type Welcome struct {
	ServerTime time.Time `json:"server_time"`
	Device     struct {
		ID   surveys.DeviceID   `json:"id"`
		Kind surveys.DeviceKind `json:"kind"`
		Name string             `json:"name"`
	} `json:"device"`
	Place struct {
		ID   surveys.PlaceID   `json:"id"`
		Kind surveys.PlaceKind `json:"kind"`
	} `json:"place"`
	Questionnaire struct {
		Version surveys.VersionID `json:"version"`
		Items   []surveys.Item    `json:"items"`
	} `json:"questionnaire"`
	SelfTestDue bool    `json:"self_test_due"`
	Prompt      *Prompt `json:"prompt"`
}

// Prompt asks for a rating.
type Prompt struct {
	ID              surveys.FactID     `json:"id"`
	TransactionKind surveys.WindowKind `json:"transaction_kind"`
	Window          surveys.PlaceID    `json:"window"`
	CreatedAt       time.Time          `json:"created_at"`
	ExpiresAt       time.Time          `json:"expires_at"`
}

// serverFrame is any frame the server sends a tablet.
type serverFrame struct {
	Type         string          `json:"type"`
	ID           surveys.FactID  `json:"id"`
	Outcome      surveys.Outcome `json:"outcome"`
	AfterSeconds int             `json:"after_seconds"`
	Reason       string          `json:"reason"`
	Prompt       *Prompt         `json:"prompt"`
	PromptID     surveys.FactID  `json:"prompt_id"`
}

const (
	ackHead   = `{"type":"ack","id":"`
	ackMiddle = `","outcome":"`
	ackTail   = `"}`
)

var finalOutcomes = [...]surveys.Outcome{
	surveys.OutcomeStored, surveys.OutcomeDuplicate, surveys.OutcomeConflict, surveys.OutcomeAlreadyRated, surveys.OutcomeInvalid,
}

// parseFrame reads a frame. An ack in the server's own spelling is read
// without decoding JSON.
func parseFrame(data []byte, f *serverFrame) error {
	const idAt, outcomeAt = len(ackHead), len(ackHead) + 36 + len(ackMiddle)
	if len(data) > outcomeAt+len(ackTail) && string(data[:idAt]) == ackHead &&
		string(data[idAt+36:outcomeAt]) == ackMiddle && string(data[len(data)-len(ackTail):]) == ackTail {
		outcome := data[outcomeAt : len(data)-len(ackTail)]
		for _, known := range finalOutcomes {
			if string(outcome) == string(known) {
				var err error
				f.ID, err = surveys.ParseFactID(string(data[idAt : idAt+36]))
				f.Type, f.Outcome = "ack", known
				return err
			}
		}
	}
	return json.Unmarshal(data, f)
}
