package live

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// slots is how many groups the sockets are spread over, so that pings leave
// evenly over the interval.
const slots = 100

// heartbeatFrame goes out with every ping. Browsers answer pings but hide them
// from the page, which so has no other way to notice that its line is dead.
const heartbeatFrame = `{"type":"heartbeat"}`

// hub knows every open socket of one kind of screen: it pings them from one
// loop, drops the silent, and closes all at the end.
type hub struct {
	timing   timing
	ping     *websocket.PreparedMessage
	drainers *drainers
	last     *round                     // of pings; the ping loop's
	beat     *websocket.PreparedMessage // the heartbeat frame: pages never see a ping

	mu     sync.Mutex
	wheel  [slots][]*socket
	turn   int32
	count  int
	closed bool
	empty  chan struct{} // closed once closed and count is 0
}

// newHub makes a hub; what it keeps running ends with ctx.
func newHub(ctx context.Context, t timing) (*hub, error) {
	ping, err := websocket.NewPreparedMessage(websocket.PingMessage, nil)
	if err != nil {
		return nil, err
	}
	beat, err := websocket.NewPreparedMessage(websocket.TextMessage, []byte(heartbeatFrame))
	if err != nil {
		return nil, fmt.Errorf("prepare heartbeat: %w", err)
	}
	return &hub{timing: t, ping: ping, beat: beat, drainers: newDrainers(ctx.Done()), empty: make(chan struct{})}, nil
}

// add takes a socket in; false: the hub is closed.
func (h *hub) add(s *socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.count++
	h.turn = (h.turn + 1) % slots
	s.slot, s.index = h.turn, int32(len(h.wheel[h.turn]))
	h.wheel[h.turn] = append(h.wheel[h.turn], s)
	return true
}

func (h *hub) remove(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := h.wheel[s.slot]
	last := slot[len(slot)-1]
	slot[s.index], last.index = last, s.index
	slot[len(slot)-1] = nil
	h.wheel[s.slot] = slot[:len(slot)-1]
	h.count--
	if h.closed && h.count == 0 {
		close(h.empty)
	}
}

func (h *hub) over() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

func (h *hub) sockets() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// run is the one ping loop. It returns when ctx ends.
func (h *hub) run(ctx context.Context, now func() time.Time) {
	tick := time.NewTicker(max(h.timing.ping/slots, time.Millisecond))
	defer tick.Stop()
	var group []*socket
	for slot := 0; ; slot = (slot + 1) % slots {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h.mu.Lock()
		group = append(group[:0], h.wheel[slot]...)
		h.mu.Unlock()
		if len(group) == 0 {
			continue
		}
		h.visit(group, now())
		clear(group)
	}
}

// visit pings a group and drops its silent.
func (h *hub) visit(group []*socket, now time.Time) {
	silent := time.Now().Add(-h.timing.silence).UnixMilli()
	pings := &round{}
	for _, s := range group {
		if s.heard.Load() < silent {
			_ = s.wire.Close() // nobody is there to read a close frame
			continue
		}
		frames := []outFrame{{shared: h.ping}, {shared: h.beat}}
		if !s.visited(now) {
			frames = frames[:1]
		}
		if s.enqueue(frames...) {
			pings.sockets = append(pings.sockets, s)
		}
	}
	h.finish(pings)
}

// finish has a round written by a drainer, and one more to go on with the round
// before if that hangs.
func (h *hub) finish(r *round) {
	if last := h.last; last != nil && int(last.next.Load()) < len(last.sockets) {
		go last.drain()
	}
	h.last = r
	go r.drain()
}

// round is a group of sockets whose pings wait to be written. One drainer after
// the other writes them all, which spares an idle machine waking up for each; a
// socket that hangs holds the rest up until the next round comes.
type round struct {
	sockets []*socket
	next    atomic.Int64
}

func (r *round) drain() {
	for i := r.next.Add(1) - 1; int(i) < len(r.sockets); i = r.next.Add(1) - 1 {
		r.sockets[i].drain()
	}
}

// close closes every socket with 1001 and lets no new one in.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	var all []*socket
	for _, slot := range h.wheel {
		all = append(all, slot...)
	}
	if h.count == 0 {
		close(h.empty)
	}
	h.mu.Unlock()
	for _, s := range all {
		s.close(CloseGoingAway)
	}
}

// cut breaks every connection off.
func (h *hub) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, slot := range h.wheel {
		for _, s := range slot {
			_ = s.wire.Close()
		}
	}
}
