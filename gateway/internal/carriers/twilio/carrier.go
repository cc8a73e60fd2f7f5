package twilio

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twilio/twilio-go/client"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Name is the carrier's name in settings, rows and reports.
const Name = "twilio"

// apiURL is where Twilio's API is unless Options.BaseURL says otherwise.
const apiURL = "https://api.twilio.com"

// Receiver takes what webhooks bring. It returns nil once the row is on disk:
// the webhook is acknowledged on that alone.
type Receiver interface {
	// RecordInbound is idempotent by carrier and provider id.
	RecordInbound(ctx context.Context, in texting.Inbound) error
	// RecordStatus keeps every report, in whatever order they come.
	RecordStatus(ctx context.Context, r texting.StatusReport) error
}

// OptOut says who acts on STOP, START and HELP.
type OptOut string

// Ways of opting out.
const (
	// OptOutStandard: Twilio acts on its English standard words and answers
	// them. So it is on long codes and toll-free numbers unless it was changed.
	OptOutStandard OptOut = "standard"
	// OptOutAdvanced: the Messaging Service has Advanced Opt-Out, and every
	// text Twilio acted on says so in OptOutType.
	OptOutAdvanced OptOut = "advanced"
	// OptOutOurs: Twilio was asked to leave these words to us, or the sender is
	// a short code, where it does by itself.
	OptOutOurs OptOut = "ours"
)

// Options are the carrier's settings. AccountSID, AuthToken, PublicURL,
// Receiver, and one of MessagingServiceSID and From are needed.
type Options struct {
	AccountSID string // AC and 32 hexadecimal digits
	// AuthToken is the account's primary token: it authenticates sends and signs
	// webhooks.
	AuthToken surveys.Secret
	// PreviousAuthToken is accepted on webhooks too, so that a token can be
	// changed without losing one. Empty: none.
	PreviousAuthToken surveys.Secret
	// MessagingServiceSID is MG and 32 hexadecimal digits; it picks the sender.
	MessagingServiceSID string
	// From is a number in E.164 form, a short code, or an alphanumeric sender,
	// which nobody can answer.
	From string
	// PublicURL is where Twilio reaches this gateway, such as
	// https://survey.hospital.example; signatures are checked over it and never
	// over what a request says of itself.
	PublicURL string
	// BaseURL replaces https://api.twilio.com, for tests. Empty: not replaced.
	BaseURL string

	// OptOut empty: OptOutStandard.
	OptOut OptOut
	// Countries says what can be done towards a country; it goes before the
	// defaults: to CN neither answers nor links, see Elsewhere for the others.
	Countries map[texting.Country]texting.Capabilities
	// Elsewhere is for countries not in the table. Nil: links, and answers and
	// Twilio's opt-out if the sender can be answered.
	Elsewhere *texting.Capabilities

	// KeepBodies leaves texts readable at Twilio. They are discarded otherwise,
	// which an account without Message Redaction refuses with 30029.
	KeepBodies bool
	// ObfuscateNumbers has Twilio mask the patient's number once a text is sent.
	// A text whose answer was lost can then be found only while it is queued.
	ObfuscateNumbers bool

	Receiver Receiver
	// Timeout bounds one request to Twilio, answer included. 0: 10 s.
	Timeout time.Duration
	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil: silent
}

// Carrier is one Twilio account with one way of sending.
type Carrier struct {
	opt        Options
	base       *url.URL // nil: the API's own address
	publicURL  string   // without a slash at the end
	transport  *http.Transport
	validators []client.RequestValidator // current token, previous token
	notices    *notices
}

// New makes a carrier, or says everything that is wrong with the options. No
// error contains a token.
func New(opt Options) (*Carrier, error) {
	opt.setDefaults()
	c := &Carrier{opt: opt, transport: newTransport(), notices: newNotices(opt.Now)}
	problems := opt.problems()
	var err error
	if c.publicURL, err = checkPublicURL(opt.PublicURL); err != nil {
		problems = append(problems, err)
	}
	if opt.BaseURL != "" {
		if c.base, err = checkURL("base_url", opt.BaseURL); err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("make Twilio carrier: %w", errors.Join(problems...))
	}
	// The validator takes an empty token for a key like any other, and everybody
	// can sign with that: none is made of one.
	for _, token := range []surveys.Secret{opt.AuthToken, opt.PreviousAuthToken} {
		if token != "" {
			c.validators = append(c.validators, client.NewRequestValidator(string(token)))
		}
	}
	return c, nil
}

func (o *Options) setDefaults() {
	if o.OptOut == "" {
		o.OptOut = OptOutStandard
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func (o *Options) problems() []error {
	var all []error
	need := func(good bool, problem string) {
		if !good {
			all = append(all, errors.New(problem))
		}
	}
	need(isSID(o.AccountSID, "AC"), "account_sid is not AC and 32 hexadecimal digits")
	need(o.AuthToken != "", "auth_token is empty: webhooks could be forged by anybody")
	need(alphanumeric(string(o.AuthToken)), "auth_token has characters other than letters and digits")
	need(alphanumeric(string(o.PreviousAuthToken)), "previous_auth_token has characters other than letters and digits")
	need(o.MessagingServiceSID != "" || o.From != "", "neither messaging_service_sid nor from is set")
	need(o.MessagingServiceSID == "" || isSID(o.MessagingServiceSID, "MG"), "messaging_service_sid is not MG and 32 hexadecimal digits")
	need(o.OptOut == OptOutStandard || o.OptOut == OptOutAdvanced || o.OptOut == OptOutOurs, "opt_out is none of standard, advanced, ours")
	need(o.Receiver != nil, "there is nobody to receive webhooks")
	return all
}

// checkPublicURL gives the address without a slash at its end. Twilio takes no
// host name with an underscore and signs no user or password.
func checkPublicURL(raw string) (string, error) {
	u, err := checkURL("public_url", raw)
	if err != nil {
		return "", err
	}
	if strings.Contains(u.Host, "_") {
		return "", errors.New("public_url: Twilio calls no host with an underscore in its name")
	}
	return strings.TrimRight(raw, "/"), nil
}

func checkURL(key, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" {
		return nil, errors.New(key + " is not an http or https address")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#") {
		return nil, errors.New(key + " must be an address without user, query and fragment")
	}
	return u, nil
}

// Name names the carrier.
func (c *Carrier) Name() string { return Name }

// Capabilities says what can be done towards a country.
func (c *Carrier) Capabilities(country texting.Country) texting.Capabilities {
	if can, ok := c.opt.Countries[country]; ok {
		return can
	}
	if country == "CN" {
		// Twilio's guidelines for China: one-way, no links, and every text bears
		// the sender's name.
		return texting.Capabilities{SignatureRequired: true}
	}
	if c.opt.Elsewhere != nil {
		return *c.opt.Elsewhere
	}
	answerable := c.opt.MessagingServiceSID != "" || !alphabetic(c.opt.From)
	return texting.Capabilities{Inbound: answerable, URL: true, OptOutManaged: answerable && c.opt.OptOut != OptOutOurs}
}

// newTransport is HTTP/1.1 alone: a request has a connection of its own, and is
// repeated on another only if not one byte of it was written.
func newTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   5 * time.Second,
		MaxIdleConns:          64,
		MaxIdleConnsPerHost:   64, // as many as are sent at a time
		IdleConnTimeout:       60 * time.Second,
		ExpectContinueTimeout: time.Second,
		Protocols:             protocols,
	}
}

// isSID reports whether s is the prefix and 32 hexadecimal digits.
func isSID(s, prefix string) bool {
	digits, ok := strings.CutPrefix(s, prefix)
	return ok && len(digits) == 32 && !strings.ContainsFunc(digits, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F')
	})
}

func alphanumeric(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	})
}

// alphabetic reports whether a sender is a name, not a number.
func alphabetic(sender string) bool {
	return strings.ContainsFunc(sender, func(r rune) bool { return r != '+' && (r < '0' || r > '9') })
}

// isE164 reports whether s is a whole number: + and 7 to 15 digits, the first
// not 0 (ITU-T E.164).
func isE164(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && len(digits) >= 7 && len(digits) <= 15 && digits[0] != '0' &&
		!strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
}
