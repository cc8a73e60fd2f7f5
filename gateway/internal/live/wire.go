package live

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"qingfeng/surveys"
)

// Close codes tell the screen whether to come back; docs/protocol.md says how.
const (
	CloseGoingAway   = 1001
	CloseTooBig      = 1009
	CloseBadFrame    = 4400
	CloseNotEnrolled = 4401
	CloseRevoked     = 4403
	CloseTooSlow     = 4408
	CloseSharedKey   = 4409
	CloseTooMany     = 4429
)

// closeTexts are the reasons sent beside the codes.
var closeTexts = map[int]string{
	CloseGoingAway:   "going away",
	CloseTooBig:      "too big",
	CloseBadFrame:    "bad frame",
	CloseNotEnrolled: "not enrolled",
	CloseRevoked:     "revoked",
	CloseTooSlow:     "too slow",
	CloseSharedKey:   "shared key",
	CloseTooMany:     "too many",
}

// Types of frame.
const (
	typeChallenge       = "challenge"
	typeHello           = "hello"
	typeTicket          = "ticket"
	typeWelcome         = "welcome"
	typePrompt          = "prompt"
	typePromptWithdrawn = "prompt_withdrawn"
	typeRating          = "rating"
	typeRatingDetail    = "rating_detail"
	typePromptShown     = "prompt_shown"
	typeSelfTest        = "self_test"
	typeSelfTestDue     = "self_test_due"
	typeStatus          = "status"
	typeSubscribe       = "subscribe"
	typeSnapshot        = "snapshot"
	typeDelta           = "delta"
)

// timeLayout is how times stand on the wire: UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// wireTime is a time as it stands on the wire.
type wireTime time.Time

// MarshalText implements encoding.TextMarshaler.
func (t wireTime) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, timeLayout), nil
}

type challengeFrame struct {
	Type       string   `json:"type"`
	Nonce      string   `json:"nonce"`
	ServerTime wireTime `json:"server_time"`
}

type welcomeFrame struct {
	Type          string             `json:"type"`
	ServerTime    wireTime           `json:"server_time"`
	Device        wireDevice         `json:"device"`
	Hospital      wireHospital       `json:"hospital"`
	Place         *wirePlace         `json:"place,omitempty"`
	Questionnaire *wireQuestionnaire `json:"questionnaire,omitempty"`
	Settings      Settings           `json:"settings"`
	SelfTestDue   bool               `json:"self_test_due"`
	Prompt        *wirePrompt        `json:"prompt,omitempty"`
}

type wireDevice struct {
	ID       surveys.DeviceID   `json:"id"`
	Kind     surveys.DeviceKind `json:"kind"`
	Name     string             `json:"name"`
	Bed      surveys.BedID      `json:"bed,omitempty"`
	Mirrored bool               `json:"mirrored"`
}

type wireHospital struct {
	Name            surveys.Text    `json:"name"`
	ReportingPhones []surveys.Phone `json:"reporting_phones"`
	NineRules       []surveys.Text  `json:"nine_rules"`
	Zone            string          `json:"zone"` // of the hospital's clock
}

type wirePlace struct {
	ID         surveys.PlaceID    `json:"id"`
	Kind       surveys.PlaceKind  `json:"kind"`
	Name       surveys.Text       `json:"name"`
	Department wireDepartment     `json:"department"`
	WindowKind surveys.WindowKind `json:"window_kind,omitempty"`
}

type wireDepartment struct {
	ID   surveys.DepartmentID `json:"id"`
	Name surveys.Text         `json:"name"`
}

type wireQuestionnaire struct {
	Version surveys.VersionID `json:"version"`
	Title   surveys.Text      `json:"title"`
	Items   []surveys.Item    `json:"items"`
}

type wirePrompt struct {
	ID              surveys.FactID     `json:"id"`
	TransactionKind surveys.WindowKind `json:"transaction_kind"`
	TransactionText surveys.Text       `json:"transaction_text"`
	Window          surveys.PlaceID    `json:"window"`
	Staff           *wireStaff         `json:"staff,omitempty"`
	CreatedAt       wireTime           `json:"created_at"`
	ExpiresAt       wireTime           `json:"expires_at"`
}

type wireStaff struct {
	Number surveys.StaffID `json:"number"`
	Name   surveys.Text    `json:"name"`
	Title  surveys.Text    `json:"title"`
}

type promptFrame struct {
	Type   string      `json:"type"`
	Prompt *wirePrompt `json:"prompt"`
}

type promptWithdrawnFrame struct {
	Type     string         `json:"type"`
	PromptID surveys.FactID `json:"prompt_id"`
	Reason   WithdrawReason `json:"reason"`
}

// WithdrawReason says why a prompt leaves the screens before its time: that it
// expired they see for themselves.
type WithdrawReason string

// Reasons to withdraw a prompt.
const (
	WithdrawRated    WithdrawReason = "rated"
	WithdrawReplaced WithdrawReason = "replaced"
)

// retryReason says why a fact was not taken.
type retryReason string

const (
	retryUnavailable retryReason = "store_unavailable"
	retryBusy        retryReason = "busy"
)

// selfTestDueFrame never varies.
const selfTestDueFrame = `{"type":"` + typeSelfTestDue + `"}`

// encode gives a frame as it is sent. Frames are plain values, so encoding one
// cannot fail for a reason a caller could act on.
func encode(frame any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(frame); err != nil {
		panic(fmt.Sprintf("encode %T: %v", frame, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// appendAck appends the ack of a fact. It is the hottest frame the server
// makes, so it is put together by hand.
func appendAck(b []byte, id surveys.FactID, outcome surveys.Outcome) []byte {
	b = append(b, `{"type":"ack","id":"`...)
	b = appendID(b, id)
	b = append(b, `","outcome":"`...)
	b = append(b, outcome...)
	return append(b, `"}`...)
}

// appendRetry appends the frame that leaves a fact with its device.
func appendRetry(b []byte, id surveys.FactID, after time.Duration, reason retryReason) []byte {
	b = append(b, `{"type":"retry","id":"`...)
	b = appendID(b, id)
	b = fmt.Appendf(b, `","after_seconds":%d,"reason":"`, int(after.Seconds()))
	b = append(b, reason...)
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
