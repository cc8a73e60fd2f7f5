package twilio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"
)

// maxAnswer bounds what is read of an answer: 1,000 messages of a list, 1,600
// characters each.
const maxAnswer = 8 << 20

// call is one request to Twilio. The client library knows no context, follows
// TWILIO_REGION and TWILIO_EDGE of the environment, does not close the body of
// a refusal and drops its status: a call puts all that right from below, and
// keeps what tells a text that was surely not taken from one that may have been.
type call struct {
	ctx       context.Context
	transport http.RoundTripper
	base      *url.URL // nil: leave the address alone

	// connected: a connection was ready for the request, so that some of it may
	// have been written. Refused connections, names that do not resolve and
	// failed TLS handshakes come before.
	connected atomic.Bool
	status    int // 0: no answer
	header    http.Header
}

// service gives the library's API over this one call.
func (c *Carrier) service(ctx context.Context) (*api.ApiService, *call) {
	k := &call{ctx: ctx, transport: c.transport, base: c.base}
	twilio := &client.Client{
		Credentials: client.NewCredentials(c.opt.AccountSID, string(c.opt.AuthToken)),
		HTTPClient: &http.Client{
			Transport: k, Timeout: c.opt.Timeout,
			// A redirect would send the text again, to somebody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	twilio.SetAccountSid(c.opt.AccountSID)
	// Not NewRequestHandler: it reads region and edge from the environment.
	return api.NewApiService(&client.RequestHandler{Client: twilio}), k
}

// RoundTrip implements http.RoundTripper. The answer it gives is read to the end.
func (k *call) RoundTrip(r *http.Request) (*http.Response, error) {
	// The request's own context ends with the client's timeout.
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(k.ctx, func() { cancel(context.Cause(k.ctx)) })()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { k.connected.Store(true) },
	})
	r = r.Clone(ctx)
	if k.base != nil {
		r.URL.Scheme, r.URL.Host = k.base.Scheme, k.base.Host
		r.URL.Path = strings.TrimRight(k.base.Path, "/") + r.URL.Path
		r.Host = k.base.Host
	}
	answer, err := k.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	k.status, k.header = answer.StatusCode, answer.Header
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, errors.New("answer is too long")
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// cause strips from an error what may hold a number or the account: the
// address of a request, and Twilio's own words.
func cause(err error) error {
	var rest *client.TwilioRestError
	if errors.As(err, &rest) {
		return fmt.Errorf("status %d", rest.Status)
	}
	var address *url.Error
	if errors.As(err, &address) {
		return address.Err
	}
	return err
}
