package generic

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Carrier hands texts to the interface its settings describe. Make one with New.
type Carrier struct {
	o        Options
	client   *http.Client
	yes, id  *regexp.Regexp // nil: not asked for
	refusals []*regexp.Regexp
}

// New makes the carrier; it refuses settings that Check finds wrong.
func New(o Options) (*Carrier, error) {
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("carrier generic: %w", err)
	}
	o = o.withDefaults()
	c := &Carrier{o: o, yes: compile(o.Accepted.Pattern), id: compile(o.Accepted.IDPattern)}
	for _, r := range o.Refusals {
		c.refusals = append(c.refusals, compile(r.Pattern))
	}
	if o.Transport == nil {
		o.Transport = newTransport(o.Request.Method)
	}
	c.client = &http.Client{
		Transport: o.Transport, Timeout: time.Duration(o.Request.TimeoutSeconds) * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

func compile(pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil
	}
	return regexp.MustCompile(pattern) // Check has compiled it
}

// Name gives the carrier's name.
func (c *Carrier) Name() string { return c.o.Name }

// Capabilities are those of the settings, towards every country.
func (c *Carrier) Capabilities(texting.Country) texting.Capabilities {
	return texting.Capabilities{
		Inbound: c.o.Inbound, URL: c.o.URL, SignatureRequired: c.o.SignatureRequired, OptOutManaged: c.o.OptOutManaged,
	}
}

// Send hands a text over, once. A carrier that names no id of its own gets ours,
// which its reports must then carry.
func (c *Carrier) Send(ctx context.Context, m texting.Message) (texting.Sent, error) {
	r, err := c.build(ctx, m)
	if err != nil {
		return texting.Sent{}, sendError(texting.ClassFinal, "request", err)
	}
	a, written, err := c.hand(r)
	switch {
	case err != nil && written:
		return texting.Sent{}, sendError(texting.ClassAmbiguous, "", err)
	case err != nil:
		return texting.Sent{}, sendError(texting.ClassLater, "", err)
	case !c.accepted(a):
		return texting.Sent{}, c.refusal(a)
	}
	id := c.providerID(a)
	if id == "" {
		id = m.ID.String()
	}
	return texting.Sent{ProviderID: id, Status: texting.StatusQueued}, nil
}

func (c *Carrier) accepted(a answer) bool {
	if !slices.Contains(c.o.Accepted.Statuses, a.status) {
		return false
	}
	if c.yes != nil && !c.yes.Match(a.body) {
		return false
	}
	if c.o.Accepted.Pointer == "" {
		return true
	}
	got, ok := pointAt(a.body, c.o.Accepted.Pointer)
	return ok && got == c.o.Accepted.Value
}

// maxID bounds a provider's id, in bytes.
const maxID = 100

// providerID is the id the answer names; empty: none that is fit to be kept.
func (c *Carrier) providerID(a answer) string {
	id := ""
	switch {
	case c.id != nil:
		if found := c.id.FindSubmatch(a.body); len(found) > 1 {
			id = string(found[1])
		}
	case c.o.Accepted.IDPointer != "":
		id, _ = pointAt(a.body, c.o.Accepted.IDPointer)
	}
	if len(id) > maxID || strings.Map(printable, id) != id {
		return ""
	}
	return id
}

// refusal judges an answer that is not a yes: by the settings' list, then by its
// status. A 2xx that is not recognised may be a yes, and so may a 5xx.
func (c *Carrier) refusal(a answer) *texting.SendError {
	for i, r := range c.o.Refusals {
		if (r.Status == 0 || r.Status == a.status) && (c.refusals[i] == nil || c.refusals[i].Match(a.body)) {
			e := sendError(r.Class, r.Code, nil)
			e.RetryAfter = a.retryAfter
			return e
		}
	}
	class := texting.ClassFinal
	switch {
	case a.status == http.StatusTooManyRequests:
		class = texting.ClassLater
	case a.status >= 500, a.status < 300:
		class = texting.ClassAmbiguous
	case a.status < 400, a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusNotFound, a.status == http.StatusPaymentRequired:
		class = texting.ClassHalt
	}
	e := sendError(class, fmt.Sprintf("http_%d", a.status), nil)
	e.RetryAfter = a.retryAfter
	return e
}

// operatorWords says what each class asks of hospital IT.
var operatorWords = map[texting.Class]surveys.Text{
	texting.ClassFinal:     {ZH: "短信通道不接收这条短信", EN: "the carrier will not take this text"},
	texting.ClassSuppress:  {ZH: "短信通道不再向该号码发送", EN: "the carrier sends nothing more to this number"},
	texting.ClassHalt:      {ZH: "短信通道拒绝请求，请核对地址、账号和余额", EN: "the carrier refuses requests; check address, account and balance"},
	texting.ClassLater:     {ZH: "短信通道暂时不接收，稍后自动重试", EN: "the carrier takes nothing just now; it is tried again by itself"},
	texting.ClassTwice:     {ZH: "短信通道出错，自动重试", EN: "the carrier failed; it is tried again by itself"},
	texting.ClassAmbiguous: {ZH: "不知道短信通道是否已接收，系统会先查清再决定是否重发", EN: "nobody knows whether the carrier took it; it is found out before it is sent again"},
}

func sendError(class texting.Class, code string, err error) *texting.SendError {
	return &texting.SendError{Class: class, Code: code, Operator: operatorWords[class], Err: err}
}
