package live

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// corkConn is the connection below a websocket. It notes when the peer was last
// heard, and while corked it gathers what is written, so that a batch of frames
// leaves in one system call.
type corkConn struct {
	net.Conn
	// heard is when bytes last came in, Unix milliseconds.
	heard atomic.Int64

	mu       sync.Mutex
	batch    *[]byte // nil: not corked
	deadline time.Time
}

// maxCorked is how much is gathered before it is written anyway.
const maxCorked = 16 << 10

var batches = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// Read implements net.Conn.
func (c *corkConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.heard.Store(time.Now().UnixMilli())
	}
	return n, err
}

// Write implements net.Conn. Each call is a whole frame or, for a large
// message, a part of one; the websocket keeps them in order.
func (c *corkConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.batch == nil {
		return c.Conn.Write(b)
	}
	if len(*c.batch)+len(b) > maxCorked {
		if err := c.flushLocked(); err != nil {
			return 0, err
		}
		if len(b) > maxCorked {
			return c.Conn.Write(b)
		}
	}
	*c.batch = append(*c.batch, b...)
	return len(b), nil
}

// SetWriteDeadline implements net.Conn. A deadline within a second of the one
// that stands changes nothing: setting one costs more than it is worth for
// every frame.
func (c *corkConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := t.Sub(c.deadline); d >= 0 && d < time.Second {
		return nil
	}
	c.deadline = t
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *corkConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.Conn.SetDeadline(t)
}

func (c *corkConn) cork() {
	c.mu.Lock()
	c.batch = batches.Get().(*[]byte)
	c.mu.Unlock()
}

// uncork writes what was gathered.
func (c *corkConn) uncork() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.flushLocked()
	batches.Put(c.batch)
	c.batch = nil
	return err
}

func (c *corkConn) flushLocked() error {
	if len(*c.batch) == 0 {
		return nil
	}
	_, err := c.Conn.Write(*c.batch)
	*c.batch = (*c.batch)[:0]
	return err
}

// corkWriter hands the upgrader a corkConn in place of the server's connection.
type corkWriter struct {
	http.ResponseWriter
	conn *corkConn
}

// Hijack implements http.Hijacker.
func (w *corkWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.conn = &corkConn{Conn: conn}
	w.conn.heard.Store(time.Now().UnixMilli())
	return w.conn, rw, nil
}
