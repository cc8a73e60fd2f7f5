package twilio

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Where Twilio calls, below the public URL.
const (
	InboundPath = "/sms/twilio/inbound"
	StatusPath  = "/sms/twilio/status"
)

const (
	// maxBody bounds a webhook's body, in bytes; a text is at most 1,600
	// characters.
	maxBody = 64 << 10
	// storeTime is what the store has for one row: Twilio gives up after 15 s.
	storeTime = 10 * time.Second
	// emptyReply tells Twilio to answer nothing: what there is to say is sent as a
	// text of its own, after the row is on disk.
	emptyReply = `<?xml version="1.0" encoding="UTF-8"?><Response/>`
)

// refusal is why a webhook is turned away. Whoever sent it learns the status
// alone.
type refusal struct {
	status int
	why    string // for the log; nothing of the request
}

func (r *refusal) Error() string { return r.why }

func forbidden(why string) *refusal { return &refusal{http.StatusForbidden, why} }

// hook is one kind of webhook.
type hook struct {
	path string
	// query checks the query of a request before it becomes part of what must
	// have been signed.
	query func(raw string) bool
	take  func(ctx context.Context, f form, query string) error
}

// InboundHandler serves POST InboundPath: a patient's text.
func (c *Carrier) InboundHandler() http.Handler {
	return c.handler(hook{path: InboundPath, take: c.takeInbound, query: func(raw string) bool { return raw == "" }})
}

// StatusHandler serves POST StatusPath: what became of a text.
func (c *Carrier) StatusHandler() http.Handler {
	return c.handler(hook{path: StatusPath, take: c.takeStatus, query: func(raw string) bool {
		_, err := messageID(raw)
		return err == nil
	}})
}

// handler acknowledges with 200 only what the Receiver has stored. 503 has
// Twilio call again; see retries.
func (c *Carrier) handler(h hook) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := c.serve(w, r, h)
		var refused *refusal
		switch {
		case err == nil:
			w.Header().Set("Content-Type", "text/xml; charset=utf-8")
			_, _ = io.WriteString(w, emptyReply)
		case errors.As(err, &refused):
			if c.notices.due(h.path + " " + refused.why) {
				c.opt.Logger.Warn("refused a webhook", slog.String("path", h.path), slog.Int("status", refused.status), slog.String("why", refused.why))
			}
			http.Error(w, strings.ToLower(http.StatusText(refused.status)), refused.status)
		default:
			if c.notices.due(h.path + " store") {
				c.opt.Logger.Error("a webhook could not be stored; Twilio calls again", slog.String("path", h.path), slog.Any("error", err))
			}
			http.Error(w, "try again", http.StatusServiceUnavailable)
		}
	})
}

// serve checks everything there is to check, cheapest first, and hands over.
func (c *Carrier) serve(w http.ResponseWriter, r *http.Request, h hook) error {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return &refusal{http.StatusMethodNotAllowed, "it is no POST"}
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" || r.Header.Get("Content-Encoding") != "" {
		return forbidden("it is no plain form")
	}
	if !h.query(r.URL.RawQuery) {
		return forbidden("its query is not ours")
	}
	signatures := r.Header.Values("X-Twilio-Signature")
	if len(signatures) != 1 || signatures[0] == "" {
		return forbidden("it is not signed")
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	f, err := parseForm(body)
	if err != nil {
		return forbidden(err.Error())
	}
	if f["AccountSid"] != c.opt.AccountSID {
		return forbidden("it is another account's")
	}
	if !c.signed(h.path, r.URL.RawQuery, f, signatures[0]) {
		return forbidden("its signature is wrong: if texts really go missing, compare public_url and auth_token with Twilio's console")
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTime)
	defer cancel()
	return h.take(ctx, f, r.URL.RawQuery)
}

// readBody looks at the announced length before it reads anything.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := &refusal{http.StatusRequestEntityTooLarge, "its body is longer than 64 KiB"}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge
	case err != nil:
		return nil, forbidden("its body broke off")
	}
	return body, nil
}

// signed reports whether the parameters were signed with one of our tokens for
// the address we have configured, whatever the request says of host, scheme
// and port. Twilio may or may not sign the fragment it was given with the
// address, and the validator tries it with and without the port.
func (c *Carrier) signed(path, query string, f form, signature string) bool {
	address := c.publicURL + path
	if query != "" {
		address += "?" + query
	}
	good := false
	for i := range c.validators {
		for _, signed := range []string{address, address + retries} {
			good = c.validators[i].Validate(signed, f, signature) || good
		}
	}
	return good
}

// takeInbound hands a patient's text over.
func (c *Carrier) takeInbound(ctx context.Context, f form, _ string) error {
	id := f.first("MessageSid", "SmsMessageSid", "SmsSid")
	body, hasBody := f["Body"]
	if !isMessageSID(id) || !hasBody {
		return forbidden("it is no text")
	}
	if !isE164(f["From"]) {
		// A service's short code or name: nobody to ask anything. Acknowledged, or
		// Twilio would call again.
		if c.notices.due("sender") {
			c.opt.Logger.Warn("a text was not kept: its sender is no phone number")
		}
		return nil
	}
	in := texting.Inbound{
		Carrier: Name, ProviderID: id, From: texting.NumberOf(f["From"]),
		Body: surveys.Secret(strings.ToValidUTF8(body, "\uFFFD")), ReceivedAt: c.opt.Now(), Handled: c.handled(f),
	}
	if isE164(f["To"]) {
		in.To = texting.NumberOf(f["To"])
	}
	return c.opt.Receiver.RecordInbound(ctx, in)
}

// takeStatus hands a report over.
func (c *Carrier) takeStatus(ctx context.Context, f form, query string) error {
	id := f.first("MessageSid", "SmsSid")
	said := f.first("MessageStatus", "SmsStatus")
	if !isMessageSID(id) || said == "" {
		return forbidden("it is no status")
	}
	message, err := messageID(query)
	if err != nil {
		return forbidden("its query is not ours")
	}
	status, known := statuses[said]
	if !known {
		if isWord(said) && c.notices.once("status "+said) {
			c.opt.Logger.Warn("Twilio gives a status nobody here knows; it was acknowledged and not kept", slog.String("status", said))
		}
		return nil
	}
	report := texting.StatusReport{Carrier: Name, ProviderID: id, Message: message, Status: status, At: c.opt.Now()}
	if code, err := strconv.ParseUint(f["ErrorCode"], 10, 20); err == nil && code != 0 {
		report.Code = strconv.FormatUint(code, 10)
		if _, known := codes[int(code)]; !known {
			c.reportUnknown(int(code), 0, final)
		}
	}
	return c.opt.Receiver.RecordStatus(ctx, report)
}

// messageID reads our own id from a status callback's query: exactly what
// statusURL wrote, or nothing, as from a callback set at the Messaging Service.
func messageID(query string) (surveys.FactID, error) {
	if query == "" {
		return surveys.FactID{}, nil
	}
	raw, ok := strings.CutPrefix(query, "message=")
	if !ok {
		return surveys.FactID{}, surveys.ErrFactID
	}
	return surveys.ParseFactID(raw)
}

// isWord reports whether s may stand in a log: 1 to 32 lower-case letters and
// underscores.
func isWord(s string) bool {
	return s != "" && len(s) <= 32 && !strings.ContainsFunc(s, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
}

func isMessageSID(id string) bool { return isSID(id, "SM") || isSID(id, "MM") }

// standardWords are the words Twilio acts on by itself if they are the whole
// text, case aside ("Twilio support for opt-out keywords"). YES is missing: it
// counts for Twilio only after a STOP, and otherwise it is an answer.
var standardWords = map[string]string{
	"stop": "stop", "stopall": "stop", "unsubscribe": "stop", "cancel": "stop", "end": "stop", "quit": "stop", "optout": "stop", "revoke": "stop",
	"start": "start", "unstop": "start",
	"help": "help", "info": "help",
}

// handled says what Twilio has already done about a text.
func (c *Carrier) handled(f form) string {
	switch kind := strings.ToLower(f["OptOutType"]); kind {
	case "stop", "start", "help":
		return kind
	}
	if c.opt.OptOut != OptOutStandard {
		return ""
	}
	return standardWords[strings.ToLower(strings.TrimSpace(f["Body"]))]
}
