package live

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"qingfeng/surveys"
)

const (
	// maxQueue is how many frames may wait for one screen.
	maxQueue = 64
	// maxFrame is the largest frame a screen may send, in bytes.
	maxFrame = 64 << 10
	// maxLinger is how much of what a screen still sends is read away while it
	// takes in its close frame.
	maxLinger = 1 << 20
)

// outFrame is a frame that waits to be sent: an ack, a frame of its own, or one
// that many screens share.
type outFrame struct {
	outcome surveys.Outcome // not empty: the ack of id
	id      surveys.FactID
	data    []byte
	shared  *websocket.PreparedMessage
}

var queues = sync.Pool{New: func() any { q := make([]outFrame, 0, 8); return &q }}

// owner is who a socket belongs to. Its methods run on the socket's reader, but
// for visited, which the ping loop calls.
type owner interface {
	// frame handles one text frame and gives a close code, or 0 to go on. data
	// is only valid during the call.
	frame(data []byte) int
	// visited is called about every ping interval. It must not block.
	visited(now time.Time)
	// ended is called once, when the socket is gone.
	ended()
}

// socket is one websocket: a reader of its own, a bounded send queue, and a
// writer that exists only while something waits to be sent.
type socket struct {
	ws   *websocket.Conn
	wire *corkConn
	hub  *hub
	seat *seat

	slot, index int32 // where the ping loop finds it; under hub.mu

	// heard is when a frame last came in, Unix milliseconds.
	heard atomic.Int64

	mu       sync.Mutex
	own      owner       // nil until the screen has said who it is
	queue    *[]outFrame // nil while nothing waits
	draining bool        // a writer is at work
	code     int         // the close code once closing; 0 while open
	probes   *probe      // nil but for a moment in a socket's life
}

type probe struct {
	payload  string
	answered chan struct{} // closed by the pong
	gone     chan struct{} // closed when the socket is gone
}

// send queues a frame and reports whether it was taken. It never blocks; a full
// queue closes the socket.
func (s *socket) send(f outFrame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.queueLocked(f) {
		return false
	}
	s.drainLocked()
	return true
}

// enqueue queues frames and reports whether the caller has to drain the socket,
// since nobody else does.
func (s *socket) enqueue(frames ...outFrame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range frames {
		if !s.queueLocked(f) {
			return false
		}
	}
	if s.draining {
		return false
	}
	s.draining = true
	return true
}

func (s *socket) queueLocked(f outFrame) bool {
	if s.code != 0 {
		return false
	}
	if s.queue == nil {
		s.queue = queues.Get().(*[]outFrame)
	}
	if len(*s.queue) >= maxQueue {
		*s.queue = (*s.queue)[:0]
		s.closeLocked(CloseTooSlow)
		return false
	}
	*s.queue = append(*s.queue, f)
	return true
}

// close sends what is queued and then the close code, and is done with the
// socket within timing.closing. Only the first call counts.
func (s *socket) close(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(code)
}

func (s *socket) closeLocked(code int) {
	if s.code != 0 {
		return
	}
	s.code = code
	// The reader outlives every write: when this deadline passes it closes the
	// connection, which also ends a write that hangs.
	_ = s.ws.SetReadDeadline(time.Now().Add(s.hub.timing.closing))
	s.drainLocked()
}

func (s *socket) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code != 0
}

func (s *socket) drainLocked() {
	if !s.draining {
		s.draining = true
		s.hub.drainers.drain(s)
	}
}

// drain sends until nothing waits. One drain runs at a time.
func (s *socket) drain() {
	for {
		s.mu.Lock()
		queue, code := s.queue, s.code
		s.queue = nil
		if queue == nil && code == 0 {
			s.draining = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		if queue == nil {
			// draining stays set: after the close frame nothing is sent.
			s.writeClose(code)
			return
		}
		err := s.write(*queue)
		clear(*queue)
		*queue = (*queue)[:0]
		queues.Put(queue)
		if err != nil {
			_ = s.wire.Close() // the reader sees it and cleans up
			return
		}
	}
}

func (s *socket) write(queue []outFrame) error {
	_ = s.ws.SetWriteDeadline(time.Now().Add(s.hub.timing.write))
	if len(queue) == 1 {
		return s.writeOne(queue[0], nil)
	}
	s.wire.cork()
	var ack [128]byte
	var err error
	for _, f := range queue {
		if err = s.writeOne(f, ack[:0]); err != nil {
			break
		}
	}
	return errors.Join(err, s.wire.uncork())
}

func (s *socket) writeOne(f outFrame, scratch []byte) error {
	switch {
	case f.outcome != "":
		return s.ws.WriteMessage(websocket.TextMessage, appendAck(scratch, f.id, f.outcome))
	case f.shared != nil:
		return s.ws.WritePreparedMessage(f.shared)
	}
	return s.ws.WriteMessage(websocket.TextMessage, f.data)
}

func (s *socket) writeClose(code int) {
	message := websocket.FormatCloseMessage(code, closeTexts[code])
	_ = s.ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(s.hub.timing.closing))
}

// hear notes that the screen is alive.
func (s *socket) hear() { s.heard.Store(time.Now().UnixMilli()) }

// allow bounds what the reader waits, unless the socket is closing already and
// has its bound. The zero time is no bound.
func (s *socket) allow(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code == 0 {
		_ = s.ws.SetReadDeadline(until)
	}
}

// serve gives the socket to its owner and reads on in a goroutine of its own,
// whose small stack is all that an idle screen keeps.
func (s *socket) serve(own owner) {
	s.mu.Lock()
	s.own = own
	s.mu.Unlock()
	s.allow(time.Time{})
	go s.read(own)
}

// visited tells the owner that the ping loop came by, and whether there is one.
func (s *socket) visited(now time.Time) bool {
	s.mu.Lock()
	own := s.own
	s.mu.Unlock()
	if own == nil {
		return false
	}
	own.visited(now)
	return true
}

// read is the socket's reader. It returns when the socket is gone. It waits in
// NextReader with as few frames on its stack as can be: the stack of an idle
// screen stays at its smallest.
func (s *socket) read(own owner) {
	for {
		kind, r, err := s.ws.NextReader()
		if err == nil {
			err = s.take(own, kind, r)
		}
		if err != nil {
			s.over(own, err)
			return
		}
	}
}

// take hands a frame that has begun to the owner.
func (s *socket) take(own owner, kind int, r io.Reader) error {
	buf, err := readFrame(r)
	if err != nil {
		return err
	}
	defer freeBuffer(buf)
	s.hear()
	if s.closing() {
		return nil
	}
	code := CloseBadFrame
	if kind == websocket.TextMessage {
		code = own.frame(*buf)
	}
	if code != 0 {
		s.close(code)
	}
	return nil
}

// over cleans up after the reader.
func (s *socket) over(own owner, err error) {
	if errors.Is(err, websocket.ErrReadLimit) {
		s.linger()
	}
	s.gone()
	own.ended()
	s.seat.leave()
	s.hub.remove(s)
}

// gone closes the connection, makes every later send fail and tells a probe.
func (s *socket) gone() {
	_ = s.wire.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code == 0 {
		s.code = websocket.CloseAbnormalClosure
		s.draining = true
	}
	if s.probes != nil {
		close(s.probes.gone)
		s.probes = nil
	}
}

// linger reads away what the screen still sends, so that closing does not reset
// the connection before the screen has read the close frame.
func (s *socket) linger() {
	_ = s.wire.Conn.SetReadDeadline(time.Now().Add(s.hub.timing.closing))
	if half, ok := s.wire.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.CopyN(io.Discard, s.wire.Conn, maxLinger)
}

var errNotText = errors.New("frame is not text")

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

func freeBuffer(b *[]byte) {
	if cap(*b) <= 8<<10 {
		buffers.Put(b)
	}
}

// first reads the frame a screen begins with.
func (s *socket) first() (*[]byte, error) {
	kind, r, err := s.ws.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != websocket.TextMessage {
		return nil, errNotText
	}
	return readFrame(r)
}

// readFrame reads a frame into a buffer that is taken only now that the frame
// has begun, so that an idle socket holds none.
func readFrame(r io.Reader) (*[]byte, error) {
	buf := buffers.Get().(*[]byte)
	b := (*buf)[:0]
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == nil {
			continue
		}
		*buf = b
		if err == io.EOF {
			return buf, nil
		}
		freeBuffer(buf)
		return nil, err
	}
}

// pong is the websocket's pong handler.
func (s *socket) pong(payload string) error {
	s.hear()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probes != nil && s.probes.payload == payload {
		close(s.probes.answered)
		s.probes = nil
	}
	return nil
}

// alive pings the screen and reports whether it answers in time. payload must
// be new with each call.
func (s *socket) alive(payload string) bool {
	p := &probe{payload: payload, answered: make(chan struct{}), gone: make(chan struct{})}
	s.mu.Lock()
	if s.code != 0 || s.probes != nil {
		s.mu.Unlock()
		return false
	}
	s.probes = p
	s.mu.Unlock()
	ping, err := websocket.NewPreparedMessage(websocket.PingMessage, []byte(payload))
	if err != nil || !s.send(outFrame{shared: ping}) {
		return false
	}
	timeout := time.NewTimer(s.hub.timing.probe)
	defer timeout.Stop()
	select {
	case <-p.answered:
		return true
	case <-p.gone:
	case <-timeout.C:
	}
	return false
}
