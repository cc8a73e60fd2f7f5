package live

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"time"
)

// corkConn is the connection below a websocket as writes see it: while corked it
// gathers what is written, so that a batch of frames leaves in one system call.
type corkConn struct {
	net.Conn

	mu       sync.Mutex
	batch    *[]byte // nil: not corked
	deadline int64   // the write deadline that stands, Unix milliseconds
}

// maxCorked is how much is gathered before it is written anyway.
const maxCorked = 16 << 10

var batches = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

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
	at := t.UnixMilli()
	if d := at - c.deadline; d >= 0 && d < time.Second.Milliseconds() {
		return nil
	}
	c.deadline = at
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *corkConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t.UnixMilli()
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

// corkWriter hands the upgrader a corkConn in place of the server's connection,
// and a reader of its own size in place of the server's.
type corkWriter struct {
	http.ResponseWriter
	conn   *corkConn
	reader *bufio.Reader
}

// Hijack implements http.Hijacker.
func (w *corkWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if rw.Reader.Buffered() == 0 {
		rw.Reader = bufio.NewReaderSize(conn, readBufferBytes)
	} // else the upgrader refuses: the client spoke before it was let in
	w.conn, w.reader = &corkConn{Conn: conn}, rw.Reader
	return w.conn, rw, nil
}

// unwrapReader lets reads pass the corkConn by: the frame it would add to the
// stack of a waiting reader is the one that makes that stack grow.
func (w *corkWriter) unwrapReader() { w.reader.Reset(w.conn.Conn) }
