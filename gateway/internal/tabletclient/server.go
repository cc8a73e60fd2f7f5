package tabletclient

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Server is the gateway to talk to.
type Server struct {
	// URL is the gateway's address, for example "http://127.0.0.1:8080".
	URL string
	// Origin is the page's origin; empty: URL's own.
	Origin string
	// TLS is for gateways with a certificate of their own; may be nil.
	TLS *tls.Config
	// BufferBytes is the size of a socket's buffers (1024).
	BufferBytes int
}

func (s Server) origin() string {
	if s.Origin != "" {
		return s.Origin
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return s.URL
	}
	return u.Scheme + "://" + u.Host
}

const (
	maxFrame         = 8 << 20 // a board's snapshot is large
	handshakeTimeout = 10 * time.Second
	writeTimeout     = 10 * time.Second
	// silence is how long a server may say nothing, not even ping.
	silence = 60 * time.Second
)

// dial opens a websocket at path. Closing it on ctx's end is the caller's.
func (s Server) dial(ctx context.Context, path string, pool websocket.BufferPool) (*websocket.Conn, error) {
	u, err := url.Parse(s.URL + path)
	if err != nil {
		return nil, fmt.Errorf("parse server URL: %w", err)
	}
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	size := s.BufferBytes
	if size == 0 {
		size = 1024
	}
	d := websocket.Dialer{
		TLSClientConfig: s.TLS, HandshakeTimeout: handshakeTimeout,
		ReadBufferSize: size, WriteBufferSize: size, WriteBufferPool: pool,
	}
	ws, resp, err := d.DialContext(ctx, u.String(), http.Header{"Origin": {s.origin()}})
	if err != nil {
		if resp != nil {
			return nil, &RefusedError{Status: resp.StatusCode}
		}
		return nil, fmt.Errorf("connect: %w", err)
	}
	ws.SetReadLimit(maxFrame)
	if err := ws.SetReadDeadline(time.Now().Add(silence)); err != nil {
		_ = ws.Close()
		return nil, fmt.Errorf("connect: %w", err)
	}
	ws.SetPingHandler(func(data string) error {
		if err := ws.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		err := ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTimeout))
		if errors.Is(err, websocket.ErrCloseSent) {
			return nil
		}
		return err
	})
	return ws, nil
}

var writeBuffers = &sync.Pool{}

// RefusedError says that the server answered the upgrade with an HTTP status.
type RefusedError struct{ Status int }

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the server refused the socket: %d %s", e.Status, http.StatusText(e.Status))
}

// StoppedError says that the server closed the socket with a code after which a
// screen must not come back: not enrolled, revoked or shared key.
type StoppedError struct{ Code int }

// Error implements error.
func (e *StoppedError) Error() string {
	return fmt.Sprintf("the server stopped this screen: %d", e.Code)
}

// Close codes after which a screen does something else than come back after
// the usual pause.
const (
	codeBadFrame    = 4400
	codeNotEnrolled = 4401
	codeRevoked     = 4403
	codeTooSlow     = 4408
	codeSharedKey   = 4409
	codeTooMany     = 4429
)

// pause says how long to wait before coming back after err, or that there is no
// coming back. attempt counts failures in a row.
func pause(err error, attempt int, first, last time.Duration) (time.Duration, error) {
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		switch closed.Code {
		case codeNotEnrolled, codeRevoked, codeSharedKey:
			return 0, &StoppedError{Code: closed.Code}
		case codeTooSlow:
			return 0, nil
		case codeBadFrame, codeTooMany:
			return last, nil
		}
	}
	wait := first
	for range min(attempt, 16) {
		wait = min(2*wait, last)
	}
	return wait, nil
}

// sleep waits for d or ctx.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// readJSON reads one frame into out.
func readJSON(ws *websocket.Conn, out any) error {
	_, data, err := ws.ReadMessage()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	return nil
}
