package tabletclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"qingfeng/surveys"
)

// maxInFlight is how many facts may be unacknowledged.
const maxInFlight = 32

// Options say how a tablet behaves. Callbacks run on the tablet's reader: they
// must not block, and may send.
type Options struct {
	Server   Server
	Identity Identity
	// Instance names the page load; empty: a new one.
	Instance string
	Now      func() time.Time // nil: time.Now
	Logger   *slog.Logger     // nil: discards
	// FirstPause and LastPause bound the wait before coming back (200 ms, 30 s).
	FirstPause, LastPause time.Duration

	OnWelcome     func(w *Welcome)
	OnPrompt      func(p *Prompt) // also the one in the welcome
	OnWithdrawn   func(id surveys.FactID, reason string)
	OnAck         func(a Ack)
	OnRetry       func(id surveys.FactID, reason string) // the server could not take it; it stays queued
	OnSelfTestDue func()                                 // also by the welcome
}

// Ack is the end of the device's responsibility for a fact.
type Ack struct {
	ID      surveys.FactID
	Outcome surveys.Outcome
}

// Tablet is a tablet without a screen. Its queue is in memory and outlives its
// connections. It is safe for concurrent use.
type Tablet struct {
	opt      Options
	instance string

	mu      sync.Mutex
	ws      *websocket.Conn // nil while not welcomed
	welcome *Welcome
	queue   []*pending // oldest first; head and before are acknowledged
	head    int
	flying  int      // how many were sent on this connection and not answered
	pumping bool     // somebody is writing
	scratch []byte   // what is being written; the pump's
	aside   [][]byte // frames that are no facts
	ready   chan struct{}
	stopped error // why it will never come back
}

// pending is a fact that waits for its ack.
type pending struct {
	id    surveys.FactID
	frame []byte
	sent  bool
	held  bool // the server said to retry later
	done  chan Ack
}

var pendings = sync.Pool{New: func() any { return &pending{done: make(chan Ack, 1)} }}

// New makes a tablet; Run connects it.
func New(opt Options) *Tablet {
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
	if opt.Instance == "" {
		opt.Instance = newInstance(opt.Now())
	}
	return &Tablet{opt: opt, instance: opt.Instance, ready: make(chan struct{})}
}

// Run connects and comes back until ctx ends, which is no error, or the server
// stops the device, which is a *StoppedError.
func (t *Tablet) Run(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		welcomed, err := t.once(ctx)
		if ctx.Err() != nil {
			t.stop(ctx.Err())
			return nil
		}
		if welcomed {
			attempt = 0
		}
		wait, final := pause(err, attempt, t.opt.FirstPause, t.opt.LastPause)
		if final != nil {
			t.stop(final)
			return final
		}
		t.opt.Logger.Debug("tablet lost its connection", "error", err, "wait", wait)
		if sleep(ctx, wait) != nil {
			t.stop(ctx.Err())
			return nil
		}
	}
}

// Connect runs the tablet in the background until ctx ends and waits for its
// first welcome.
func (t *Tablet) Connect(ctx context.Context) error {
	go func() { _ = t.Run(ctx) }()
	return t.Ready(ctx)
}

// Ready waits until the tablet is welcome, or will never be.
func (t *Tablet) Ready(ctx context.Context) error {
	for {
		t.mu.Lock()
		on, stopped, ready := t.ws != nil, t.stopped, t.ready
		t.mu.Unlock()
		switch {
		case stopped != nil:
			return stopped
		case on:
			return nil
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// signalLocked wakes everybody in Ready.
func (t *Tablet) signalLocked() {
	close(t.ready)
	t.ready = make(chan struct{})
}

func (t *Tablet) stop(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = err
	t.signalLocked()
}

// Break cuts the connection off, as a wifi does. The tablet comes back.
func (t *Tablet) Break() {
	t.mu.Lock()
	ws := t.ws
	t.mu.Unlock()
	if ws != nil {
		_ = ws.NetConn().Close()
	}
}

// Welcome gives the last welcome; nil before the first.
func (t *Tablet) Welcome() *Welcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.welcome
}

// Queued is how many facts are not acknowledged yet.
func (t *Tablet) Queued() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue) - t.head
}

// once is one connection, from dialling to its end.
func (t *Tablet) once(ctx context.Context) (welcomed bool, err error) {
	ws, err := t.opt.Server.dial(ctx, "/ws/device", writeBuffers)
	if err != nil {
		return false, err
	}
	defer context.AfterFunc(ctx, func() { _ = ws.NetConn().Close() })()
	defer func() { _ = ws.Close() }()
	err = hello(ws, t.opt.Server, t.opt.Identity, helloFrame{
		ClientTime: t.opt.Now().UTC().Format(timeLayout), Instance: t.instance,
		Language: "zh", Queued: t.Queued(), QueueOK: true, UIVersion: "tabletclient",
	})
	if err != nil {
		return false, err
	}
	var welcome struct {
		Type string `json:"type"`
		Welcome
	}
	if err := readJSON(ws, &welcome); err != nil {
		return false, fmt.Errorf("read welcome: %w", err)
	}
	if welcome.Type != "welcome" {
		return false, fmt.Errorf("the server answered hello with %q", welcome.Type)
	}
	t.begin(ws, &welcome.Welcome)
	defer t.end()
	return true, t.read(ws)
}

func (t *Tablet) begin(ws *websocket.Conn, w *Welcome) {
	t.mu.Lock()
	t.ws, t.welcome, t.flying, t.aside = ws, w, 0, nil
	for _, p := range t.queue[t.head:] {
		p.sent, p.held = false, false
	}
	t.signalLocked()
	t.mu.Unlock()
	if t.opt.OnWelcome != nil {
		t.opt.OnWelcome(w)
	}
	if w.Prompt != nil && t.opt.OnPrompt != nil {
		t.opt.OnPrompt(w.Prompt)
	}
	if w.SelfTestDue && t.opt.OnSelfTestDue != nil {
		t.opt.OnSelfTestDue()
	}
	t.pump()
}

func (t *Tablet) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ws = nil
}

// read handles frames until the connection ends.
func (t *Tablet) read(ws *websocket.Conn) error {
	buf := make([]byte, 0, 256)
	for {
		_, r, err := ws.NextReader()
		if err != nil {
			return err
		}
		buf, err = readAll(r, buf[:0])
		if err != nil {
			return err
		}
		var f serverFrame
		if err := parseFrame(buf, &f); err != nil {
			return fmt.Errorf("read frame: %w", err)
		}
		t.handle(&f)
	}
}

func readAll(r io.Reader, b []byte) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

func (t *Tablet) handle(f *serverFrame) {
	switch f.Type {
	case "ack":
		t.acked(Ack{f.ID, f.Outcome})
	case "retry":
		if t.opt.OnRetry != nil {
			t.opt.OnRetry(f.ID, f.Reason)
		}
		t.retry(f.ID, time.Duration(f.AfterSeconds)*time.Second)
	case "prompt":
		if t.opt.OnPrompt != nil && f.Prompt != nil {
			t.opt.OnPrompt(f.Prompt)
		}
	case "prompt_withdrawn":
		if t.opt.OnWithdrawn != nil {
			t.opt.OnWithdrawn(f.PromptID, f.Reason)
		}
	case "self_test_due":
		if t.opt.OnSelfTestDue != nil {
			t.opt.OnSelfTestDue()
		}
	}
}

// Status tells the server how the queue is.
func (t *Tablet) Status(ok bool) error {
	frame, err := json.Marshal(statusFrame{Type: "status", Queued: t.Queued(), QueueOK: ok})
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	return t.writeAside(frame)
}
