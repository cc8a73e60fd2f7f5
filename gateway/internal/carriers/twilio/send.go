package twilio

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"qingfeng/surveys/texting"
)

// maxValidity is how long Twilio keeps a text at most (error 90007: 1 to 36,000
// seconds).
const maxValidity = 36_000 * time.Second

// retries asks Twilio to call a webhook again, three times within 15 seconds,
// when it cannot connect, gets no answer or gets a 5xx; by itself it does so
// once, and for the first reason alone. It is a fragment of the webhook's
// address and never part of a request.
const retries = "#rc=3&rp=ct,rt,5xx"

// Send hands a text to Twilio, once. An error is a *texting.SendError; its
// class is ambiguous whenever Twilio may have taken the text.
func (c *Carrier) Send(ctx context.Context, m texting.Message) (texting.Sent, error) {
	switch {
	case !isE164(m.To.E164()):
		return texting.Sent{}, noNumber.fail(0, nil)
	case m.ValidFor < 0:
		return texting.Sent{}, expired.fail(0, nil)
	}
	twilio, k := c.service(ctx)
	message, err := twilio.CreateMessage(c.params(m))
	switch {
	case k.status == 0:
		return texting.Sent{}, unanswered(k, cause(err))
	case k.status < 200 || k.status > 299:
		return texting.Sent{}, c.refused(k.status, restCode(err), k.header, cause(err))
	case err != nil:
		// It was taken, by all we know, and the answer with its id broke off.
		return texting.Sent{}, answerLost.fail(0, cause(err))
	}
	return c.taken(message)
}

// params is the form of a send.
func (c *Carrier) params(m texting.Message) *api.CreateMessageParams {
	p := &api.CreateMessageParams{}
	p.SetTo(m.To.E164()).SetBody(string(m.Body))
	p.SetStatusCallback(c.statusURL(m) + retries)
	// What is sent is what was written, so that it is found again by its words.
	p.SetSmartEncoded(false)
	if c.opt.MessagingServiceSID != "" {
		p.SetMessagingServiceSid(c.opt.MessagingServiceSID)
	}
	if c.opt.From != "" {
		p.SetFrom(c.opt.From)
	}
	if m.ValidFor > 0 {
		p.SetValidityPeriod(int(min(max(m.ValidFor, time.Second), maxValidity) / time.Second))
	}
	if !c.opt.KeepBodies {
		p.SetContentRetention("discard")
	}
	if c.opt.ObfuscateNumbers {
		p.SetAddressRetention("obfuscate")
	}
	return p
}

// statusURL is where Twilio reports on a text. It bears our own id, so that a
// report is recognised before the send has returned, and when it never does.
func (c *Carrier) statusURL(m texting.Message) string {
	if m.ID.IsZero() {
		return c.publicURL + StatusPath
	}
	return c.publicURL + StatusPath + "?message=" + m.ID.String()
}

// taken reads Twilio's word on a text.
func (c *Carrier) taken(m *api.ApiV2010Message) (texting.Sent, error) {
	id := value(m.Sid)
	if id == "" {
		return texting.Sent{}, answerLost.fail(0, errors.New("the answer names no message"))
	}
	sent := sentOf(m)
	if sent.Status != texting.StatusRefused {
		return sent, nil
	}
	code := 0
	if m.ErrorCode != nil {
		code = *m.ErrorCode
	}
	e, known := codes[code]
	if !known {
		e = byStatus[0]
		c.reportUnknown(code, 0, e.class)
	}
	return texting.Sent{}, e.fail(code, fmt.Errorf("message %s failed at once", id))
}

// sentOf reads a message of Twilio's; a status unknown here is one it has.
func sentOf(m *api.ApiV2010Message) texting.Sent {
	s := texting.Sent{ProviderID: value(m.Sid), Status: texting.StatusQueued}
	if status, ok := statuses[value(m.Status)]; ok {
		s.Status = status
	}
	if n, err := strconv.Atoi(value(m.NumSegments)); err == nil && n > 0 {
		s.Segments = n // 0 until a Messaging Service has picked a sender
	}
	return s
}

// restCode gives Twilio's code of a refusal; 0: there is none.
func restCode(err error) int {
	var rest *client.TwilioRestError
	if errors.As(err, &rest) {
		return rest.Code
	}
	return 0
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
