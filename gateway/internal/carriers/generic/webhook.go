package generic

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Receiver takes what the carrier sends in. It returns once the row is on disk.
type Receiver interface {
	RecordInbound(ctx context.Context, in texting.Inbound) error // idempotent by (Carrier, ProviderID)
	RecordStatus(ctx context.Context, r texting.StatusReport) error
}

const (
	// Prefix is where Handler serves.
	Prefix = "/sms/generic/"
	// maxBody bounds a webhook's body, in bytes, before it is read.
	maxBody = 64 << 10
	// maxText bounds a reply, in characters; longer ones are cut.
	maxText = 2000
	// recordTimeout bounds the storing of one webhook.
	recordTimeout = 10 * time.Second
)

// Handler takes delivery reports and replies, by GET or POST:
//
//	/sms/generic/{secret}/report    /sms/generic/{secret}/reply
//
// or without {secret}/ where the settings put it into a header or parameter. A
// wrong secret is answered as if there were nothing here. A 200 means stored, a
// 503 that it must be sent again.
func (c *Carrier) Handler(to Receiver) http.Handler {
	mux := http.NewServeMux()
	secret := ""
	if c.o.Webhook.SecretHeader == "" && c.o.Webhook.SecretField == "" {
		secret = "{secret}/"
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		mux.HandleFunc(method+" "+Prefix+secret+"report", func(w http.ResponseWriter, r *http.Request) {
			c.take(w, r, func(ctx context.Context, f fields) error { return c.takeReport(ctx, to, f) })
		})
		mux.HandleFunc(method+" "+Prefix+secret+"reply", func(w http.ResponseWriter, r *http.Request) {
			c.take(w, r, func(ctx context.Context, f fields) error { return c.takeReply(ctx, to, f) })
		})
	}
	return mux
}

// reportURL is where the carrier is told to report to.
func (c *Carrier) reportURL() string {
	secret := ""
	if c.o.Webhook.SecretHeader == "" && c.o.Webhook.SecretField == "" {
		secret = string(c.o.Secret) + "/"
	}
	return strings.TrimSuffix(c.o.PublicURL, "/") + Prefix + secret + "report"
}

// unreadable is a webhook that can never be taken. Its text is safe to show.
type unreadable string

func (u unreadable) Error() string { return string(u) }

func (c *Carrier) take(w http.ResponseWriter, r *http.Request, record func(context.Context, fields) error) {
	f, err := c.read(w, r)
	if !c.knows(r, f) {
		http.NotFound(w, r)
		return
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(r.Context(), recordTimeout)
		defer cancel()
		err = record(ctx, f)
	}
	var large *http.MaxBytesError
	var never unreadable
	switch {
	case err == nil:
		io.WriteString(w, c.o.Webhook.Answer) //nolint:errcheck // the carrier is gone; it sends again
	case errors.As(err, &large):
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	case errors.As(err, &never):
		c.o.Logger.WarnContext(r.Context(), "a webhook of the carrier cannot be read", "carrier", c.o.Name, "why", never.Error())
		http.Error(w, never.Error(), http.StatusBadRequest)
	default:
		c.o.Logger.ErrorContext(r.Context(), "a webhook of the carrier could not be stored; it is sent again", "carrier", c.o.Name, "error", err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
	}
}

// knows compares the secret in constant time; hashing makes lengths alike.
func (c *Carrier) knows(r *http.Request, f fields) bool {
	shown := r.PathValue("secret")
	switch {
	case c.o.Webhook.SecretHeader != "":
		shown = r.Header.Get(c.o.Webhook.SecretHeader)
	case c.o.Webhook.SecretField != "":
		shown = f.get(c.o.Webhook.SecretField)
	}
	given, good := sha256.Sum256([]byte(shown)), 0
	for _, own := range []surveys.Secret{c.o.Secret, c.o.PreviousSecret} {
		want := sha256.Sum256([]byte(own))
		if own != "" {
			good |= subtle.ConstantTimeCompare(given[:], want[:])
		}
	}
	return good == 1
}

// fields are a webhook's parameters: a form's, or a JSON object.
type fields struct {
	form   url.Values
	object any
}

func (f fields) get(name string) string {
	switch {
	case name == "":
		return ""
	case f.object == nil:
		return f.form.Get(name)
	case name[0] != '/':
		name = "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	value, _ := follow(f.object, name)
	return value
}

// read takes the parameters out of a request. A parameter that comes twice is
// refused: two readers could each believe another one.
func (c *Carrier) read(w http.ResponseWriter, r *http.Request) (fields, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return fields{}, large
		}
		return fields{}, unreadable("the body broke off")
	}
	if c.o.Webhook.Format == "json" {
		return readObject(raw)
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) //nolint:errcheck // no type is no form
	if kind != "application/x-www-form-urlencoded" {
		raw = nil
	}
	return readForm(r.URL.RawQuery, string(raw))
}

func readForm(query, body string) (fields, error) {
	all := query
	if body != "" {
		all += "&" + body
	}
	form, err := url.ParseQuery(all)
	if err != nil {
		return fields{}, unreadable("the parameters are not encoded rightly")
	}
	for name, values := range form {
		if len(values) > 1 {
			return fields{}, unreadable("a parameter comes twice")
		}
		if !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
			return fields{}, unreadable("the parameters are not UTF-8")
		}
	}
	return fields{form: form}, nil
}

func readObject(raw []byte) (fields, error) {
	if !utf8.Valid(raw) {
		return fields{}, unreadable("the body is not UTF-8")
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil || object == nil {
		return fields{}, unreadable("the body is not a JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fields{}, unreadable("something follows the JSON object")
	}
	return fields{object: object}, nil
}

// report reads a delivery report.
func (c *Carrier) report(f fields) (texting.StatusReport, error) {
	names := c.o.Webhook.Report
	r := texting.StatusReport{Carrier: c.o.Name, ProviderID: f.get(names.ProviderID), Code: readCode(f.get(names.Code)), At: c.o.Now()}
	r.Message, _ = surveys.ParseFactID(f.get(names.ID)) //nolint:errcheck // an id that is none of ours is no id
	if len(r.ProviderID) > maxID || r.ProviderID == "" && r.Message.IsZero() {
		return r, unreadable("the report names no text")
	}
	if r.ProviderID == "" {
		r.ProviderID = r.Message.String()
	}
	status, known := names.Statuses[f.get(names.Status)]
	if !known {
		return r, unreadable("the report's status is not in the settings")
	}
	r.Status = status
	if status == texting.StatusDelivered {
		r.Code = ""
	}
	return r, nil
}

func (c *Carrier) takeReport(ctx context.Context, to Receiver, f fields) error {
	r, err := c.report(f)
	if err != nil {
		return err
	}
	return to.RecordStatus(ctx, r)
}

// codeShape is what codes look like; sevenDigits may be somebody's number.
var (
	codeShape   = regexp.MustCompile(`^[A-Za-z0-9._:/-]{1,80}$`)
	sevenDigits = regexp.MustCompile(`[0-9]{7}`)
)

func readCode(text string) string {
	if !codeShape.MatchString(text) || sevenDigits.MatchString(text) {
		return ""
	}
	return text
}

// reply reads a patient's text.
func (c *Carrier) reply(f fields) (texting.Inbound, error) {
	names := c.o.Webhook.Reply
	from, ok := c.number(f.get(names.From))
	id, text := f.get(names.ID), f.get(names.Text)
	switch {
	case !ok:
		return texting.Inbound{}, unreadable("the reply's sender is no number")
	case id == "" || len(id) > maxID:
		return texting.Inbound{}, unreadable("the reply has no id")
	}
	if utf8.RuneCountInString(text) > maxText {
		text = string([]rune(text)[:maxText])
	}
	to, _ := c.number(f.get(names.To)) // a short code is no number
	return texting.Inbound{Carrier: c.o.Name, ProviderID: id, From: from, To: to, Body: surveys.Secret(text), ReceivedAt: c.o.Now()}, nil
}

func (c *Carrier) takeReply(ctx context.Context, to Receiver, f fields) error {
	in, err := c.reply(f)
	if err != nil {
		return err
	}
	return to.RecordInbound(ctx, in)
}

// number reads a number as carriers write them, into E.164.
func (c *Carrier) number(text string) (texting.Number, bool) {
	// A + that was not encoded arrives as a space.
	trimmed := strings.TrimSpace(text)
	digits, international := strings.CutPrefix(trimmed, "+")
	if !international {
		digits, international = strings.CutPrefix(trimmed, "00")
	}
	if !international && c.o.CountryCode != "" && len(digits) == c.o.NationalLength {
		digits = c.o.CountryCode + digits
	}
	if strings.Trim(digits, "0123456789") != "" || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' {
		return texting.Number{}, false
	}
	return texting.NumberOf("+" + digits), true
}
