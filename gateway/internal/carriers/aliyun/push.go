package aliyun

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Receiver takes what the service pushes. It returns once the row is on disk.
type Receiver interface {
	RecordInbound(ctx context.Context, in texting.Inbound) error // idempotent by (Carrier, ProviderID)
	RecordStatus(ctx context.Context, r texting.StatusReport) error
}

const (
	// PushPrefix is where Handler serves.
	PushPrefix = "/sms/aliyun/"
	// maxPush bounds a push, in bytes, before it is read.
	maxPush = 64 << 10
	// maxContent bounds a reply, in characters; longer ones are cut.
	maxContent = 2000
	// recordTimeout bounds the storing of one push.
	recordTimeout = 10 * time.Second
)

// Handler takes the service's pushes:
//
//	POST /sms/aliyun/{token}/report  状态报告 (SmsReport)
//	POST /sms/aliyun/{token}/up      上行短信 (SmsUp)
//
// The token in the address is the only proof there is, so a wrong one, or an
// address outside the configured networks, is answered as if there were nothing
// here. address gives the client's address behind trusted proxies; it may be
// nil when no networks are set. The service is told 成功 only after every item
// was stored; otherwise it sends the push again, which changes nothing.
func (c *Carrier) Handler(to Receiver, address func(*http.Request) netip.Addr) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+PushPrefix+"{token}/report", func(w http.ResponseWriter, r *http.Request) {
		c.take(w, r, address, func(ctx context.Context, items []json.RawMessage) error {
			return recordEach(ctx, c, items, readReport, to.RecordStatus)
		})
	})
	mux.HandleFunc("POST "+PushPrefix+"{token}/up", func(w http.ResponseWriter, r *http.Request) {
		c.take(w, r, address, func(ctx context.Context, items []json.RawMessage) error {
			return recordEach(ctx, c, items, readReply, to.RecordInbound)
		})
	})
	return mux
}

// take reads one push and answers it.
func (c *Carrier) take(w http.ResponseWriter, r *http.Request, address func(*http.Request) netip.Addr, record func(context.Context, []json.RawMessage) error) {
	if !c.knows(r.PathValue("token")) || !c.mayPush(r, address) {
		http.NotFound(w, r)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPush))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			say(w, http.StatusRequestEntityTooLarge, 1, "too large")
			return
		}
		say(w, http.StatusBadRequest, 1, "broke off")
		return
	}
	items, err := readPush(raw)
	if err != nil {
		say(w, http.StatusBadRequest, 1, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), recordTimeout)
	defer cancel()
	if err := record(ctx, items); err != nil {
		c.o.Logger.ErrorContext(ctx, "a push of the carrier could not be stored; it is sent again", "carrier", Name, "error", err)
		say(w, http.StatusServiceUnavailable, 1, "try again")
		return
	}
	say(w, http.StatusOK, 0, "成功")
}

// knows compares in constant time; hashing makes lengths alike.
func (c *Carrier) knows(token string) bool {
	given := sha256.Sum256([]byte(token))
	good := 0
	for _, own := range []surveys.Secret{c.o.PushToken, c.o.PreviousPushToken} {
		want := sha256.Sum256([]byte(own))
		if own != "" {
			good |= subtle.ConstantTimeCompare(given[:], want[:])
		}
	}
	return good == 1
}

func (c *Carrier) mayPush(r *http.Request, address func(*http.Request) netip.Addr) bool {
	if len(c.networks) == 0 {
		return true
	}
	if address == nil {
		return false
	}
	from := address(r).Unmap()
	for _, n := range c.networks {
		if n.Contains(from) {
			return true
		}
	}
	return false
}

func say(w http.ResponseWriter, status, code int, msg string) {
	raw, err := json.Marshal(struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
	}{code, msg})
	if err != nil {
		panic("aliyun: plain values always encode: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(raw) //nolint:errcheck // the client is gone; there is nobody to tell
}

// readPush takes a push apart: an array of objects in UTF-8.
func readPush(raw []byte) ([]json.RawMessage, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("not UTF-8")
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		return nil, errors.New("not a JSON array")
	}
	return items, nil
}

// loose is a value the service writes as a string in one place and as a number
// or truth in another.
type loose string

// UnmarshalJSON implements json.Unmarshaler.
func (l *loose) UnmarshalJSON(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, (*string)(l))
	}
	if bytes.ContainsAny(raw, "{[") {
		return errors.New("neither text nor number")
	}
	if string(raw) != "null" {
		*l = loose(raw)
	}
	return nil
}

// readReport reads one status report. ok is false when it names no text or says
// nothing of it.
func readReport(raw json.RawMessage, now time.Time) (r texting.StatusReport, ok bool) {
	var body struct {
		Success    loose  `json:"success"`
		ErrCode    string `json:"err_code"`
		ReportTime string `json:"report_time"`
		BizID      loose  `json:"biz_id"`
		OutID      string `json:"out_id"`
	}
	if json.Unmarshal(raw, &body) != nil || len(body.BizID) > 100 {
		return r, false
	}
	r = texting.StatusReport{Carrier: Name, ProviderID: string(body.BizID), Code: readCode(body.ErrCode), At: readTime(body.ReportTime, now)}
	r.Message, _ = surveys.ParseFactID(strings.ToLower(body.OutID)) //nolint:errcheck // an id that is none of ours is no id
	switch strings.ToLower(string(body.Success)) {
	case "true":
		r.Status, r.Code = texting.StatusDelivered, ""
	case "false":
		r.Status = texting.StatusUndelivered
	default:
		return r, false
	}
	return r, r.ProviderID != "" || !r.Message.IsZero()
}

// recordEach stores what a push holds, in its order. An item that cannot be read
// is left out: it would be no better the next time.
func recordEach[T any](ctx context.Context, c *Carrier, items []json.RawMessage, read func(json.RawMessage, time.Time) (T, bool), record func(context.Context, T) error) error {
	for _, raw := range items {
		item, ok := read(raw, c.o.Now())
		if !ok {
			c.o.Logger.WarnContext(ctx, "an item of a carrier's push cannot be read and is left out", "carrier", Name)
			continue
		}
		if err := record(ctx, item); err != nil {
			return err
		}
	}
	return nil
}

// readReply reads one text of a patient. Its id is a hash: the service gives a
// sequence number that is unique only with number, extension and time.
func readReply(raw json.RawMessage, now time.Time) (in texting.Inbound, ok bool) {
	var body struct {
		Phone    string `json:"phone_number"`
		SendTime string `json:"send_time"`
		Content  string `json:"content"`
		DestCode loose  `json:"dest_code"`
		Sequence loose  `json:"sequence_id"`
	}
	if json.Unmarshal(raw, &body) != nil {
		return in, false
	}
	from, ok := internationalNumber(body.Phone)
	if !ok {
		return in, false
	}
	parts := []string{string(body.DestCode), string(body.Sequence), from.E164(), body.SendTime}
	if body.Sequence == "" {
		parts = append(parts, body.Content)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	if utf8.RuneCountInString(body.Content) > maxContent {
		body.Content = string([]rune(body.Content)[:maxContent])
	}
	return texting.Inbound{
		Carrier: Name, ProviderID: "up-" + hex.EncodeToString(sum[:16]), From: from,
		Body: surveys.Secret(body.Content), ReceivedAt: readTime(body.SendTime, now),
	}, true
}

// maxAhead is how far the service's clock may be ahead of ours.
const maxAhead = 5 * time.Minute

// readTime reads a time of the service. One that is missing, wrong or in the
// future is replaced by now.
func readTime(text string, now time.Time) time.Time {
	at, err := time.ParseInLocation(time.DateTime, text, beijing)
	if err != nil || at.After(now.Add(maxAhead)) || at.Year() < 2000 {
		return now
	}
	return at
}
