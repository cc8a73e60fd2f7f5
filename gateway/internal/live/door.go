package live

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Buffers of a socket. The read buffer is all an idle one keeps; frames larger
// than either are read and written past them.
const (
	readBufferBytes  = 1024
	writeBufferBytes = 1024
)

// door lets sockets in: it applies the limits, upgrades, and challenges.
type door struct {
	opt      DoorOptions
	hub      *hub
	upgrader websocket.Upgrader
	log      *slog.Logger

	// ctx ends when the hub closes; work for a socket runs under it.
	ctx  context.Context
	stop context.CancelFunc
}

func newDoor(opt DoorOptions) (*door, error) {
	d := &door{opt: opt, log: opt.Logger}
	d.ctx, d.stop = context.WithCancel(context.Background())
	h, err := newHub(d.ctx, *opt.timing)
	if err != nil {
		d.stop()
		return nil, err
	}
	d.hub = h
	d.upgrader = websocket.Upgrader{
		HandshakeTimeout: opt.timing.hello,
		ReadBufferSize:   0, // the reader corkWriter made
		WriteBufferSize:  writeBufferBytes,
		WriteBufferPool:  &sync.Pool{},
		CheckOrigin: func(r *http.Request) bool {
			origin := r.Header.Get("Origin")
			return origin != "" && opt.Origins(r, origin)
		},
	}
	go h.run(d.ctx, opt.Now)
	return d, nil
}

// visitor is a socket whose screen has not yet said who it is.
type visitor struct {
	*socket
	origin string
	nonce  string
}

// open upgrades a request and greets the screen in a goroutine of its own, so
// that the server's handler and its buffers are released. greet runs with the
// first frame and says who owns the socket from then on, or the close code.
func (d *door) open(w http.ResponseWriter, r *http.Request, greet func(v *visitor, first *inFrame) (owner, int)) {
	if d.hub.over() {
		refuse(w, http.StatusServiceUnavailable, "closing")
		return
	}
	seat, status, refusal := d.opt.Seats.enter(d.opt.ClientAddress(r), time.Now())
	if seat == nil {
		refuse(w, status, refusal)
		return
	}
	cw := &corkWriter{ResponseWriter: w}
	ws, err := d.upgrader.Upgrade(cw, r, nil)
	if err != nil {
		seat.leave() // the upgrader has answered
		d.log.DebugContext(r.Context(), "upgrade refused", "error", err)
		return
	}
	cw.unwrapReader()
	s := &socket{ws: ws, wire: cw.conn, hub: d.hub, seat: seat}
	s.hear()
	if !seat.connected(func() { _ = s.wire.Close() }) || !d.hub.add(s) {
		seat.leave()
		_ = s.wire.Close()
		return
	}
	ws.SetReadLimit(maxFrame)
	ws.SetPongHandler(s.pong)
	origin := strings.Clone(r.Header.Get("Origin"))
	go d.greet(&visitor{socket: s, origin: origin}, greet)
}

func (d *door) greet(v *visitor, greet func(v *visitor, first *inFrame) (owner, int)) {
	own, code := d.firstFrame(v, greet)
	if code == 0 {
		v.seat.sit()
		v.serve(own)
		return
	}
	v.close(code)
	v.serve(strangers{}) // reads on until the close frame is through
}

func (d *door) firstFrame(v *visitor, greet func(v *visitor, first *inFrame) (owner, int)) (owner, int) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	v.nonce = base64.RawURLEncoding.EncodeToString(random[:])
	v.allow(time.Now().Add(d.opt.timing.hello))
	v.send(outFrame{data: encode(challengeFrame{Type: typeChallenge, Nonce: v.nonce, ServerTime: wireTime(d.opt.Now())})})
	buf, err := v.first()
	if err != nil {
		return nil, CloseBadFrame
	}
	defer freeBuffer(buf)
	var first inFrame
	if err := first.decode(*buf); err != nil || first.Problem != "" {
		return nil, CloseBadFrame
	}
	if !v.seat.free() {
		return nil, CloseTooMany
	}
	return greet(v, &first)
}

// close sends everyone away and waits for them until ctx ends; whoever is left
// then is cut off.
func (d *door) close(ctx context.Context) error {
	d.hub.close()
	defer d.stop()
	select {
	case <-d.hub.empty:
		return nil
	case <-ctx.Done():
		d.hub.cut()
		return ctx.Err()
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Retry-After", "30")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"code":"` + code + `","message":"too many screens are connected; try again later"}`))
}

// strangers own sockets that are being sent away.
type strangers struct{}

func (strangers) frame([]byte) int  { return CloseBadFrame }
func (strangers) visited(time.Time) {}
func (strangers) ended()            {}
