package generic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"qingfeng/surveys/texting"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// placeholders is what fields and headers may hold.
var placeholders = map[string]func(*Carrier, texting.Message) string{
	"{to}":            func(_ *Carrier, m texting.Message) string { return m.To.E164() },
	"{to_digits}":     func(_ *Carrier, m texting.Message) string { return strings.TrimPrefix(m.To.E164(), "+") },
	"{text}":          func(_ *Carrier, m texting.Message) string { return string(m.Body) },
	"{text_unsigned}": func(_ *Carrier, m texting.Message) string { return withoutSignature(string(m.Body)) },
	"{id}":            func(_ *Carrier, m texting.Message) string { return m.ID.String() },
	"{coding}":        func(_ *Carrier, m texting.Message) string { return coding(string(m.Body)) },
	"{minutes}": func(_ *Carrier, m texting.Message) string {
		return strconv.Itoa(max(1, int(m.ValidFor/time.Minute)))
	},
	"{username}":   func(c *Carrier, _ texting.Message) string { return string(c.o.Username) },
	"{password}":   func(c *Carrier, _ texting.Message) string { return string(c.o.Password) },
	"{report_url}": func(c *Carrier, _ texting.Message) string { return c.reportURL() },
}

func withoutSignature(body string) string {
	if rest, ok := strings.CutPrefix(body, "【"); ok {
		if _, text, found := strings.Cut(rest, "】"); found {
			return text
		}
	}
	return body
}

// coding is the SMPP data coding family: 0 for what every alphabet has, 2 for
// UCS-2.
func coding(body string) string {
	for _, c := range []byte(body) {
		if c >= utf8.RuneSelf {
			return "2"
		}
	}
	return "0"
}

// fill replaces the placeholders of a value in one pass, so that what a text
// says is never taken for one.
func (c *Carrier) fill(value string, m texting.Message) string {
	return placeholder.ReplaceAllStringFunc(value, func(name string) string { return placeholders[name](c, m) })
}

// build makes the request of a text.
func (c *Carrier) build(ctx context.Context, m texting.Message) (*http.Request, error) {
	r := c.o.Request
	values := url.Values{}
	for name, value := range r.Fields {
		values.Set(name, c.fill(value, m))
	}
	target, body, kind := r.URL, "", ""
	switch r.Format {
	case "query":
		separator := "?"
		if strings.Contains(target, "?") {
			separator = "&"
		}
		target += separator + values.Encode()
	case "form":
		body, kind = values.Encode(), "application/x-www-form-urlencoded"
	case "json":
		flat := map[string]string{}
		for name := range values {
			flat[name] = values.Get(name)
		}
		raw, err := json.Marshal(flat)
		if err != nil {
			return nil, errors.New("encode the fields")
		}
		body, kind = string(raw), "application/json"
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, target, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("build the request")
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	} else {
		request.Body, request.GetBody = nil, nil
	}
	for name, value := range r.Headers {
		request.Header.Set(name, strings.Map(printable, c.fill(value, m)))
	}
	return request, nil
}

// printable leaves out what could end a header's line.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}

// newTransport is http.DefaultTransport, but for a GET without kept connections:
// net/http sends a GET again by itself when a kept connection turns out to be
// closed, and this GET sends a text.
func newTransport(method string) http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = method == http.MethodGet
	return t
}

// answer is what the carrier said.
type answer struct {
	status     int
	body       []byte
	retryAfter time.Duration // 0: it does not say
}

// hand sends the request once. written reports whether any of it left this
// machine: then a failure is in doubt. Errors name neither address nor fields.
func (c *Carrier) hand(r *http.Request) (a answer, written bool, err error) {
	var begun atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaderField: func(string, []string) { begun.Store(true) }}
	response, err := c.client.Do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		return a, begun.Load(), nameless(err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end or given up
	a.status = response.StatusCode
	if s, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && s > 0 && s <= 3600 {
		a.retryAfter = time.Duration(s) * time.Second
	}
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return a, true, fmt.Errorf("read the answer: %w", nameless(err))
	case len(a.body) > maxAnswer:
		return a, true, errors.New("the answer is too long")
	}
	return a, true, nil
}

// nameless reduces a client's error to what says nothing of the request.
func nameless(err error) error {
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return context.DeadlineExceeded
	case errors.As(err, &op):
		return fmt.Errorf("%s failed: %w", op.Op, op.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	}
	return errors.New("the connection failed")
}
