package generic

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Options are the carrier's settings. Secrets come from the environment or
// files, never from the settings file.
type Options struct {
	// Name is the carrier's in rows and metrics; "generic" by default.
	Name string `yaml:"name"`
	// Preset fills what is left empty: "" or "kannel".
	Preset string `yaml:"preset"`

	Inbound           bool `yaml:"inbound"`
	URL               bool `yaml:"url"`
	SignatureRequired bool `yaml:"signature_required"`
	OptOutManaged     bool `yaml:"opt_out_managed"`
	// CountryCode and NationalLength turn a sender's number without a + into
	// E.164: one of exactly so many digits gets the code. 86 and 11 by default.
	CountryCode    string `yaml:"country_code"`
	NationalLength int    `yaml:"national_length"`

	Request  Request  `yaml:"request"`
	Accepted Accepted `yaml:"accepted"`
	// Refusals are read in order; the first that fits an answer that is not a yes
	// decides. What none fits is judged by its HTTP status.
	Refusals []Refusal `yaml:"refusals"`
	Webhook  Webhook   `yaml:"webhook"`

	// Username and Password fill {username} and {password}.
	Username surveys.Secret `yaml:"-"`
	Password surveys.Secret `yaml:"-"`
	// Secret is what webhooks must show; the previous one stays good.
	Secret, PreviousSecret surveys.Secret `yaml:"-"`
	// PublicURL is the gateway's own, for {report_url}.
	PublicURL string `yaml:"-"`

	// Now is the clock; time.Now by default.
	Now func() time.Time `yaml:"-"`
	// Transport carries requests; a copy of http.DefaultTransport by default. One
	// that is given must not send a GET twice by itself; see newTransport.
	Transport http.RoundTripper `yaml:"-"`
	// Logger hears of webhooks that could not be read; slog.Default by default.
	Logger *slog.Logger `yaml:"-"`
}

// Request is how a text is handed over. Values of fields and headers may hold
// {to} (E.164), {to_digits} (without +), {text}, {text_unsigned} (without the
// 【signature】), {id} (ours), {coding} (0: ASCII, 2: anything else), {minutes}
// (valid for), {username}, {password} and {report_url}.
type Request struct {
	Method string `yaml:"method"` // GET or POST
	URL    string `yaml:"url"`
	// Format of the fields: "query", "form" or "json" (one flat object of strings).
	Format         string            `yaml:"format"`
	Fields         map[string]string `yaml:"fields"`
	Headers        map[string]string `yaml:"headers"`
	TimeoutSeconds int               `yaml:"timeout_seconds"` // 0: 10
}

// Accepted is what a yes looks like: one of the statuses, and the pattern and
// the pointer's value where they are given.
type Accepted struct {
	Statuses []int  `yaml:"statuses"` // none: 200, 201, 202
	Pattern  string `yaml:"pattern"`  // regular expression on the body
	Pointer  string `yaml:"pointer"`  // JSON pointer (RFC 6901) into the body
	Value    string `yaml:"value"`    // what it points at
	// The provider's id of the text; neither: ours is used.
	IDPattern string `yaml:"id_pattern"` // its first group
	IDPointer string `yaml:"id_pointer"`
}

// Refusal says what follows from an answer.
type Refusal struct {
	Status  int           `yaml:"status"`  // 0: any
	Pattern string        `yaml:"pattern"` // regular expression on the body; "": any
	Class   texting.Class `yaml:"class"`
	Code    string        `yaml:"code"`
}

// Webhook is how reports and replies come in.
type Webhook struct {
	// Format: "form" (query or form parameters, by GET or POST) or "json" (an
	// object; names that begin with / are JSON pointers).
	Format string `yaml:"format"`
	// The secret is in the address unless one of these names a header or a
	// parameter for it.
	SecretHeader string `yaml:"secret_header"`
	SecretField  string `yaml:"secret_field"`
	// Answer is the body of a 200. Kannel sends it to the patient: leave it empty.
	Answer string `yaml:"answer"`

	Report Report `yaml:"report"`
	Reply  Reply  `yaml:"reply"`
}

// Report names the parameters of a delivery report. It needs one of the ids.
type Report struct {
	ID         string                    `yaml:"id"`          // ours
	ProviderID string                    `yaml:"provider_id"` // theirs
	Status     string                    `yaml:"status"`
	Code       string                    `yaml:"code"`
	Statuses   map[string]texting.Status `yaml:"statuses"`
}

// Reply names the parameters of a patient's text.
type Reply struct {
	ID   string `yaml:"id"`
	From string `yaml:"from"`
	To   string `yaml:"to"`
	Text string `yaml:"text"`
}

const (
	defaultTimeout = 10 // seconds
	maxTimeout     = 60 // seconds
	minSecret      = 24 // characters
)

// kannel fills Options for Kannel's smsbox: its user's guide, "Using the HTTP
// interface to send SMS messages" and "Delivery reports". The reply service
// needs max-messages = 0, or Kannel answers the patient by itself.
func kannel(o Options) Options {
	o.Request.Method, o.Request.Format = "GET", "query"
	if o.Request.Fields == nil {
		o.Request.Fields = map[string]string{
			"username": "{username}", "password": "{password}", "to": "{to}", "text": "{text}", "charset": "UTF-8", "coding": "{coding}",
			"validity": "{minutes}", "dlr-mask": "31", "dlr-url": "{report_url}?id={id}&status=%d&code=%A",
		}
	}
	// "0: Accepted for delivery" and "3: Queued for later delivery".
	o.Accepted = Accepted{Statuses: []int{202}, Pattern: `^\s*[03]:`}
	o.Refusals = append(o.Refusals, Refusal{Status: 503, Pattern: "(?i)temporal failure", Class: texting.ClassLater, Code: "temporal_failure"})
	o.Webhook.Format = "form"
	o.Webhook.Report = Report{ID: "id", Status: "status", Code: "code", Statuses: map[string]texting.Status{
		"1": texting.StatusDelivered, "2": texting.StatusUndelivered, "4": texting.StatusQueued, "8": texting.StatusSent,
		"16": texting.StatusUndelivered, "34": texting.StatusUndelivered, "66": texting.StatusUndelivered,
	}}
	o.Webhook.Reply = Reply{ID: "id", From: "from", To: "to", Text: "text"}
	return o
}

func (o Options) withDefaults() Options {
	if o.Preset == "kannel" {
		o = kannel(o)
	}
	if o.Name == "" {
		o.Name = "generic"
	}
	if o.CountryCode == "" && o.NationalLength == 0 {
		o.CountryCode, o.NationalLength = "86", 11
	}
	if o.Request.TimeoutSeconds == 0 {
		o.Request.TimeoutSeconds = defaultTimeout
	}
	if len(o.Accepted.Statuses) == 0 {
		o.Accepted.Statuses = []int{http.StatusOK, http.StatusCreated, http.StatusAccepted}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Check reports everything that is wrong with the settings, each by its key.
func (o Options) Check() error {
	o = o.withDefaults()
	var c checker
	c.want(surveys.ValidName(o.Name), "name: must be a short word of small letters, digits and _")
	c.want(o.Preset == "" || o.Preset == "kannel", "preset: must be kannel or empty")
	c.want(strings.Trim(o.CountryCode, "0123456789") == "" && len(o.CountryCode) <= 3, "country_code: must be 1 to 3 digits")
	c.request(o)
	c.pattern("accepted.pattern", o.Accepted.Pattern)
	c.pattern("accepted.id_pattern", o.Accepted.IDPattern)
	c.want(o.Accepted.IDPattern == "" || strings.Contains(o.Accepted.IDPattern, "("), "accepted.id_pattern: must have a group")
	c.pointer("accepted.pointer", o.Accepted.Pointer)
	c.pointer("accepted.id_pointer", o.Accepted.IDPointer)
	for i, r := range o.Refusals {
		c.pattern(fmt.Sprintf("refusals[%d].pattern", i), r.Pattern)
		_, known := operatorWords[r.Class]
		c.want(known, "refusals[%d].class: must be final, suppress, halt, later, twice or ambiguous", i)
		c.want(r.Code == "" || surveys.ValidName(r.Code), "refusals[%d].code: must be a short word of small letters, digits and _", i)
	}
	c.webhook(o)
	return errors.Join(c...)
}

type checker []error

func (c *checker) want(good bool, format string, args ...any) {
	if !good {
		*c = append(*c, fmt.Errorf(format, args...))
	}
}

func (c *checker) pattern(key, text string) {
	_, err := regexp.Compile(text)
	c.want(err == nil, "%s: is not a regular expression", key)
}

func (c *checker) pointer(key, text string) {
	c.want(text == "" || text[0] == '/', "%s: must begin with /", key)
}

func (c *checker) request(o Options) {
	u, err := url.Parse(o.Request.URL)
	c.want(err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && u.User == nil && !strings.ContainsAny(o.Request.URL, "{}"),
		"request.url: must be an http or https address without a user and without placeholders")
	c.want(o.Request.Method == http.MethodGet || o.Request.Method == http.MethodPost, "request.method: must be GET or POST")
	switch o.Request.Format {
	case "query":
	case "form", "json":
		c.want(o.Request.Method == http.MethodPost, "request.format: %s needs method POST", o.Request.Format)
	default:
		c.want(false, "request.format: must be query, form or json")
	}
	c.want(o.Request.TimeoutSeconds >= 1 && o.Request.TimeoutSeconds <= maxTimeout, "request.timeout_seconds: must be 1 to %d", maxTimeout)
	to, text := false, false
	for place, values := range map[string]map[string]string{"fields": o.Request.Fields, "headers": o.Request.Headers} {
		for name, value := range values {
			for _, used := range placeholder.FindAllString(value, -1) {
				_, known := placeholders[used]
				c.want(known, "request.%s.%s: there is no %s", place, name, used)
				to = to || used == "{to}" || used == "{to_digits}"
				text = text || used == "{text}" || used == "{text_unsigned}"
				c.want(used != "{username}" || o.Username != "", "request.%s.%s: no username is given", place, name)
				c.want(used != "{password}" || o.Password != "", "request.%s.%s: no password is given", place, name)
				c.want(used != "{report_url}" || o.PublicURL != "", "request.%s.%s: the gateway's public address is not set", place, name)
			}
		}
	}
	c.want(to && text, "request.fields: must hold {to} and {text}")
}

func (c *checker) webhook(o Options) {
	w := o.Webhook
	if w.Format == "" {
		c.want(!o.Inbound, "webhook.format: must be form or json where replies come in")
		return
	}
	c.want(w.Format == "form" || w.Format == "json", "webhook.format: must be form or json")
	c.want(w.SecretHeader == "" || w.SecretField == "", "webhook.secret_header: name a header or a field, not both")
	for name, secret := range map[string]surveys.Secret{"secret": o.Secret, "previous secret": o.PreviousSecret} {
		c.want(secret == "" || len(secret) >= minSecret && url.PathEscape(string(secret)) == string(secret), "the %s must have %d or more letters, digits, - and _", name, minSecret)
	}
	c.want(o.Secret != "", "webhook: needs a secret")
	if w.Report.Status != "" {
		c.want(w.Report.ID != "" || w.Report.ProviderID != "", "webhook.report: needs id or provider_id")
		c.want(len(w.Report.Statuses) > 0, "webhook.report.statuses: must say what each status means")
		for value, status := range w.Report.Statuses {
			c.want(status.Valid() && status.Rank() >= texting.StatusQueued.Rank(), "webhook.report.statuses.%s: must be queued, sent, delivered, undelivered or refused", value)
		}
	}
	if o.Inbound {
		c.want(w.Reply.ID != "" && w.Reply.From != "" && w.Reply.Text != "", "webhook.reply: needs id, from and text")
	}
}
