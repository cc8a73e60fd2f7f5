package tabletclient

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"qingfeng/analytics"
)

// BoardOptions say how a board behaves. Callbacks run on the board's reader.
type BoardOptions struct {
	Server Server
	// Identity is a wall board's; nil: Ticket is asked for each connection.
	Identity *Identity
	Ticket   func(ctx context.Context) (string, error)
	Period   string // "today", "7d" or "30d"; empty: today
	Now      func() time.Time
	Logger   *slog.Logger

	FirstPause, LastPause time.Duration

	// OnFrame gets every snapshot and delta as it came; data is only valid
	// during the call.
	OnFrame func(h Head, data []byte)
	// Headless leaves the units unread: positions and gaps only. Hundreds of
	// boards in one process need it.
	Headless bool
}

// Head is what every frame of a board begins with.
type Head struct {
	Type     string `json:"type"`
	Epoch    string `json:"epoch"`
	Offset   int64  `json:"offset"`
	Previous int64  `json:"previous"`
}

// BoardState is what a board shows.
type BoardState struct {
	Head
	Period      string              `json:"period"`
	AsOf        time.Time           `json:"as_of"`
	Behind      bool                `json:"behind"`
	Audience    analytics.Audience  `json:"audience"`
	Zone        string              `json:"zone"`
	MinAnswers  int                 `json:"min_answers"`
	Hospital    analytics.Unit      `json:"hospital"`
	Departments []analytics.Unit    `json:"departments"`
	Arrivals    []analytics.Arrival `json:"arrivals"`
	Callbacks   map[string]any      `json:"callbacks"`
	Devices     []map[string]any    `json:"devices"`
}

// maxArrivals is how many arrivals a board keeps.
const maxArrivals = 12

// Board is a board without a screen. It is safe for concurrent use.
type Board struct {
	opt BoardOptions

	mu      sync.Mutex
	ws      *websocket.Conn
	state   BoardState
	counts  Counts
	changed chan struct{}
	stopped error
}

// NewBoard makes a board; Run connects it.
func NewBoard(opt BoardOptions) *Board {
	if opt.Period == "" {
		opt.Period = "today"
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.FirstPause == 0 {
		opt.FirstPause = 200 * time.Millisecond
	}
	if opt.LastPause == 0 {
		opt.LastPause = 30 * time.Second
	}
	return &Board{opt: opt, changed: make(chan struct{})}
}

// Run connects and comes back until ctx ends, which is no error, or the server
// stops the board, which is a *StoppedError.
func (b *Board) Run(ctx context.Context) error {
	for attempt, seen := 0, 0; ; attempt++ {
		err := b.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if n := b.Counts().Snapshots; n > seen {
			attempt, seen = 0, n
		}
		wait, final := pause(err, attempt, b.opt.FirstPause, b.opt.LastPause)
		if final != nil {
			b.mu.Lock()
			b.stopped = final
			b.signalLocked()
			b.mu.Unlock()
			return final
		}
		b.opt.Logger.Debug("board lost its connection", "error", err, "wait", wait)
		if sleep(ctx, wait) != nil {
			return nil
		}
	}
}

// Counts are how many snapshots, deltas and gaps a board has seen.
type Counts struct{ Snapshots, Deltas, Gaps int }

// Counts gives them.
func (b *Board) Counts() Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts
}

// Wait blocks until ok is satisfied with what the board shows, or ctx ends, or
// the server stops the board. ok must not keep the state.
func (b *Board) Wait(ctx context.Context, ok func(s *BoardState, c Counts) bool) error {
	for {
		b.mu.Lock()
		done := b.counts.Snapshots > 0 && ok(&b.state, b.counts)
		stopped, changed := b.stopped, b.changed
		b.mu.Unlock()
		switch {
		case done:
			return nil
		case stopped != nil:
			return stopped
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Subscribe changes the period.
func (b *Board) Subscribe(period string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opt.Period = period
	if b.ws == nil {
		return ErrNotConnected
	}
	return b.subscribeLocked()
}

func (b *Board) subscribeLocked() error {
	frame, err := json.Marshal(subscribeFrame{Type: "subscribe", Period: b.opt.Period})
	if err != nil {
		return fmt.Errorf("encode subscribe: %w", err)
	}
	_ = b.ws.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err := b.ws.WriteMessage(websocket.TextMessage, frame); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

// Break cuts the connection off, as a network does. The board comes back.
func (b *Board) Break() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ws != nil {
		_ = b.ws.NetConn().Close()
	}
}

func (b *Board) signalLocked() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// once is one connection, from dialling to its end.
func (b *Board) once(ctx context.Context) error {
	ws, err := b.opt.Server.dial(ctx, "/ws/board", writeBuffers)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = ws.NetConn().Close() })()
	defer func() { _ = ws.Close() }()
	if err := b.introduce(ctx, ws); err != nil {
		return err
	}
	b.mu.Lock()
	b.ws = ws
	err = b.subscribeLocked()
	b.mu.Unlock()
	if err != nil {
		return err
	}
	defer func() {
		b.mu.Lock()
		b.ws = nil
		b.mu.Unlock()
	}()
	buf := make([]byte, 0, 4096)
	for {
		_, r, err := ws.NextReader()
		if err != nil {
			return err
		}
		if buf, err = readAll(r, buf[:0]); err != nil {
			return err
		}
		if err := b.take(buf); err != nil {
			return err
		}
	}
}

func (b *Board) introduce(ctx context.Context, ws *websocket.Conn) error {
	if b.opt.Identity != nil {
		return hello(ws, b.opt.Server, *b.opt.Identity, helloFrame{
			ClientTime: b.opt.Now().UTC().Format(timeLayout), Instance: newInstance(b.opt.Now()),
			Language: "zh", QueueOK: true, UIVersion: "tabletclient",
		})
	}
	var challenge struct{ Type string }
	if err := readJSON(ws, &challenge); err != nil {
		return fmt.Errorf("read challenge: %w", err)
	}
	ticket, err := b.opt.Ticket(ctx)
	if err != nil {
		return fmt.Errorf("get a ticket: %w", err)
	}
	if err := ws.WriteJSON(ticketFrame{Type: "ticket", Ticket: ticket}); err != nil {
		return fmt.Errorf("send ticket: %w", err)
	}
	return nil
}

// take applies one frame. A delta that does not follow makes the board
// subscribe again.
func (b *Board) take(data []byte) error {
	h, ok := parseHead(data)
	if !ok {
		if err := json.Unmarshal(data, &h); err != nil {
			return fmt.Errorf("read frame: %w", err)
		}
	}
	if h.Type != "snapshot" && h.Type != "delta" {
		return nil
	}
	if b.opt.OnFrame != nil {
		b.opt.OnFrame(h, data)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.signalLocked()
	if h.Type == "delta" && (b.counts.Snapshots == 0 || h.Epoch != b.state.Epoch || h.Previous != b.state.Offset) {
		b.counts.Gaps++
		return b.subscribeLocked()
	}
	if h.Type == "snapshot" {
		b.counts.Snapshots++
		b.state = BoardState{Head: h}
	} else {
		b.counts.Deltas++
	}
	if b.opt.Headless {
		b.state.Head = h
		return nil
	}
	return b.applyLocked(data)
}

func (b *Board) applyLocked(data []byte) error {
	s := &b.state
	var f struct {
		BoardState
		Hospital *analytics.Unit `json:"hospital"` // in place of the state's own: it may be absent
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	s.Head, s.AsOf, s.Behind = f.Head, f.AsOf, f.Behind
	if f.Type == "snapshot" {
		s.Period, s.Audience, s.Zone, s.MinAnswers = f.Period, f.Audience, f.Zone, f.MinAnswers
	}
	if f.Hospital != nil {
		s.Hospital = *f.Hospital
	}
	for _, unit := range f.Departments {
		s.replace(unit)
	}
	s.Arrivals = append(f.Arrivals, s.Arrivals...)
	s.Arrivals = s.Arrivals[:min(len(s.Arrivals), maxArrivals)]
	if f.Callbacks != nil {
		s.Callbacks = f.Callbacks
	}
	if f.Devices != nil {
		s.Devices = f.Devices
	}
	return nil
}

func (s *BoardState) replace(unit analytics.Unit) {
	for i := range s.Departments {
		if s.Departments[i].ID == unit.ID {
			s.Departments[i] = unit
			return
		}
	}
	s.Departments = append(s.Departments, unit)
}

// Forget makes the board believe that it stands elsewhere than it does, as if a
// delta had been lost: the next one does not follow.
func (b *Board) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Offset--
}
