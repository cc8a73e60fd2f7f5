package aliyun

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes: fifty rows of a list of
// texts are about 50 KiB.
const maxAnswer = 256 << 10

// version is the API's.
const version = "2017-05-25"

// reply is the service's answer to a request.
type reply struct {
	status     int
	body       []byte
	retryAfter time.Duration // 0: it does not say
}

// lostError is a request that has no answer. Its text names neither the address
// nor what was asked.
type lostError struct {
	written bool // some of it left this machine: it may have been carried out
	err     error
}

func (e *lostError) Error() string {
	if e.written {
		return "no answer after the request was written: " + e.err.Error()
	}
	return "request not written: " + e.err.Error()
}

func (e *lostError) Unwrap() error { return e.err }

// call asks the service for an action. Everything is in the query, as the
// service's own SDK has it. It never follows a redirection and never repeats
// what was written.
func (c *Carrier) call(ctx context.Context, action string, parameters []parameter) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.o.TimeoutSeconds)*time.Second)
	defer cancel()
	var written atomic.Bool
	// The first header on its way is where doubt begins; a connection that never
	// came about is none.
	trace := &httptrace.ClientTrace{WroteHeaderField: func(string, []string) { written.Store(true) }}
	query := canonicalQuery(parameters)
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodPost, c.endpoint+"/?"+query, nil)
	if err != nil {
		return reply{}, &lostError{false, errors.New("build the request")}
	}
	c.sign(r, action, query)
	answer, err := c.client.Do(r)
	if err != nil {
		return reply{}, &lostError{written.Load(), withoutAddress(err)}
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end or given up
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return reply{}, &lostError{true, fmt.Errorf("read the answer: %w", withoutAddress(err))}
	}
	if len(body) > maxAnswer {
		return reply{}, &lostError{true, errors.New("the answer is too long")}
	}
	return reply{answer.StatusCode, body, retryAfter(answer.Header)}, nil
}

func (c *Carrier) sign(r *http.Request, action, query string) {
	var nonce [16]byte
	rand.Read(nonce[:]) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	empty := hashOf(nil)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("X-Acs-Action", action)
	r.Header.Set("X-Acs-Version", version)
	r.Header.Set("X-Acs-Date", c.o.Now().UTC().Format("2006-01-02T15:04:05Z"))
	r.Header.Set("X-Acs-Signature-Nonce", hex.EncodeToString(nonce[:]))
	r.Header.Set("X-Acs-Content-Sha256", empty)
	r.Header.Set("Authorization", authorization(r.Method, "/", query, r.URL.Host, r.Header, empty, string(c.o.AccessKeyID), string(c.o.AccessKeySecret)))
}

// withoutAddress reduces a client's error to what says nothing of the request:
// its URL has the number.
func withoutAddress(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.As(err, &op):
		return fmt.Errorf("%s %s: %w", op.Op, op.Net, op.Err)
	}
	return errors.New("the connection failed")
}

func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.Atoi(h.Get("X-Acs-Retry-After")); err == nil && ms > 0 && ms < 3_600_000 {
		return time.Duration(ms) * time.Millisecond
	}
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s > 0 && s <= 3600 {
		return time.Duration(s) * time.Second
	}
	return 0
}
