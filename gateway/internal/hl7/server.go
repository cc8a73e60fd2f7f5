package hl7

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// Handler stores what the hospital information system tells.
type Handler interface {
	// ApplyVisitChange returns nil once the change is on disk, also for one that
	// was there before (see Changes). An error with a method Refused()
	// surveys.Text says that the change can never be taken; any other has the
	// sender repeat the message.
	ApplyVisitChange(ctx context.Context, c followup.VisitChange) error
	// KeepRejected keeps a message that can never be taken for hospital IT. It
	// may be called again for the same one.
	KeepRejected(ctx context.Context, r Rejected) error
}

// Rejected is a message that cannot be taken.
type Rejected struct {
	Source     string // Source
	ReceivedAt time.Time
	// Payload is the message as it came, in its own character set.
	Payload surveys.Secret
	// Truncated says that Payload is only the beginning of an oversized message.
	Truncated bool
	Reason    surveys.Text
}

// Counts are what a server has done since its start. They carry no content.
type Counts struct {
	Accepted, Errors, Rejected uint64 // messages answered AA, AE, AR
	Ignored                    uint64 // of Accepted: events that change no visit
	Connections                int64  // open now
	TurnedAway                 uint64 // connections beyond the limit, or not from a peer
}

// Options are a server's settings. Handler and Settings.Zone are needed.
type Options struct {
	Handler  Handler
	Settings Settings
	Now      func() time.Time // nil: time.Now
	Logger   *slog.Logger     // nil: silent

	// Peers are the networks that may connect. Empty: whoever reaches the
	// listener. MLLP itself knows no sign-in and no encryption.
	Peers []netip.Prefix
	// MaxConnections is how many may be open. An interface engine opens one or
	// two. 0: 16.
	MaxConnections int
	// Idle is how long a connection may be silent between messages; the sender
	// then opens another. 0: 1 h.
	Idle time.Duration
	// FrameTime is how long a message may take from its first byte to its last,
	// and WriteTime an answer. 0: 30 s and 10 s.
	FrameTime, WriteTime time.Duration
	// HandleTime bounds the storing of one message; beyond it the answer is AE.
	// Below the 30 s after which senders usually give up. 0: 20 s.
	HandleTime time.Duration
	// Grace is how long Serve waits at its end for answers under way. 0: 5 s.
	Grace time.Duration
}

func (o *Options) setDefaults() {
	durations := []struct {
		d        *time.Duration
		standard time.Duration
	}{
		{&o.Idle, time.Hour}, {&o.FrameTime, 30 * time.Second}, {&o.WriteTime, 10 * time.Second},
		{&o.HandleTime, 20 * time.Second}, {&o.Grace, 5 * time.Second},
	}
	for _, x := range durations {
		if *x.d <= 0 {
			*x.d = x.standard
		}
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 16
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Server answers MLLP connections.
type Server struct {
	opt      Options
	began    int64 // for the control ids of answers
	answered atomic.Int64

	accepted, failed, rejected, ignored, turnedAway atomic.Uint64

	mu      sync.Mutex
	closing bool
	conns   map[net.Conn]struct{}
	full    bool // the limit is reached, and was logged
	strange bool // somebody who is no peer came, and was logged
}

// New makes a server; Serve does the work.
func New(opt Options) (*Server, error) {
	opt.setDefaults()
	if opt.Handler == nil || opt.Settings.Zone == nil {
		return nil, errors.New("make HL7 server: handler and zone are needed")
	}
	opt.Settings = opt.Settings.withDefaults()
	return &Server{opt: opt, began: opt.Now().UnixMicro(), conns: make(map[net.Conn]struct{})}, nil
}

// Counts gives what was done so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	open := int64(len(s.conns))
	s.mu.Unlock()
	return Counts{
		Accepted: s.accepted.Load(), Errors: s.failed.Load(), Rejected: s.rejected.Load(), Ignored: s.ignored.Load(),
		Connections: open, TurnedAway: s.turnedAway.Load(),
	}
}

// Serve answers connections of ln until ctx ends, and closes ln. A message that
// is being stored then is finished and answered; one half received is left, and
// the sender, who got no answer, sends it again. It returns nil after ctx ended,
// or the listener's error.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	working, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	stop := context.AfterFunc(ctx, func() {
		_ = ln.Close()
		s.interrupt()
	})
	defer stop()
	var open sync.WaitGroup
	err := s.accept(ctx, working, ln, &open)
	_ = ln.Close()
	s.interrupt()
	done := make(chan struct{})
	go func() { open.Wait(); close(done) }()
	grace := time.NewTimer(s.opt.Grace)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		abort()
		s.closeAll()
		<-done
	}
	return err
}

func (s *Server) accept(ctx, working context.Context, ln net.Listener, open *sync.WaitGroup) error {
	pause := 5 * time.Millisecond
	for {
		conn, err := ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of file descriptors, say: it may pass
			s.opt.Logger.Error("HL7 connection not accepted", "err", err)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = 5 * time.Millisecond
		if !s.admit(conn) {
			_ = conn.Close()
			continue
		}
		open.Go(func() {
			defer s.leave(conn)
			s.converse(working, conn)
		})
	}
}

// admit takes a connection in unless it is not a peer's or there are too many.
func (s *Server) admit(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isPeer(conn.RemoteAddr()) {
		s.turnedAway.Add(1)
		if !s.strange {
			s.strange = true
			s.opt.Logger.Warn("HL7 connection turned away: its address is not among the peers", "address", conn.RemoteAddr().String())
		}
		return false
	}
	if len(s.conns) >= s.opt.MaxConnections {
		s.turnedAway.Add(1)
		if !s.full {
			s.full = true
			s.opt.Logger.Warn("HL7 connections turned away: the limit is reached; does the sender close its own?", "limit", s.opt.MaxConnections)
		}
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

func (s *Server) isPeer(address net.Addr) bool {
	if len(s.opt.Peers) == 0 {
		return true
	}
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return false
	}
	from := tcp.AddrPort().Addr().Unmap()
	return slices.ContainsFunc(s.opt.Peers, func(p netip.Prefix) bool { return p.Contains(from) })
}

func (s *Server) leave(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	s.full = false
}

// interrupt ends every read under way and keeps new ones from starting.
func (s *Server) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for conn := range s.conns {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}
}

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// patience sets the deadline of the next read, unless the server is closing.
func (s *Server) patience(conn net.Conn, d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	return conn.SetReadDeadline(time.Now().Add(d)) == nil
}

// converse answers the messages of one connection, one after the other.
func (s *Server) converse(ctx context.Context, conn net.Conn) {
	in := newFrames(conn)
	for s.patience(conn, s.opt.Idle) {
		if err := in.begin(); err != nil {
			s.ended(err)
			return
		}
		if !s.patience(conn, s.opt.FrameTime) {
			return
		}
		raw, err := in.message()
		if err != nil && !errors.Is(err, ErrFrameTooLong) && !errors.Is(err, ErrEndless) {
			s.ended(err)
			return
		}
		answer := s.answer(ctx, raw, err != nil)
		_ = conn.SetWriteDeadline(time.Now().Add(s.opt.WriteTime))
		if _, werr := conn.Write(frame(answer)); werr != nil {
			s.ended(werr)
			return
		}
		if errors.Is(err, ErrEndless) {
			s.ended(err)
			return
		}
	}
}

// ended logs why a connection ended where somebody should look.
func (s *Server) ended(err error) {
	if errors.Is(err, ErrEndless) {
		s.opt.Logger.Warn("HL7 connection closed: what came is not MLLP; is another protocol pointed at this port?")
		return
	}
	s.opt.Logger.Debug("HL7 connection ended", "err", err)
}

// answer handles one message and gives its acknowledgement.
func (s *Server) answer(ctx context.Context, raw []byte, truncated bool) []byte {
	now := s.opt.Now()
	m, word, p := s.handle(ctx, raw, truncated, now)
	switch word {
	case AckAccept:
		s.accepted.Add(1)
	case AckError:
		s.failed.Add(1)
	case AckReject:
		s.rejected.Add(1)
	}
	own := strconv.FormatInt(s.began+s.answered.Add(1), 36)
	return acknowledge(m, word, p, own, now.In(s.opt.Settings.Zone))
}

// handle reads and stores one message. A panic on the way is the message's: it is
// kept aside like an unreadable one, so that it does not hold up those behind it.
func (s *Server) handle(ctx context.Context, raw []byte, truncated bool, now time.Time) (m *Message, word Ack, p problem) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.HandleTime)
	defer cancel()
	rejected := Rejected{Source: Source, ReceivedAt: now, Payload: surveys.Secret(raw), Truncated: truncated}
	defer func() {
		if recover() != nil {
			s.opt.Logger.Error("HL7 message broke its handler", "stack", string(debug.Stack()))
			rejected.Reason = surveys.Text{ZH: "程序处理该消息时出错", EN: "the program failed on this message"}
			word, p = s.reject(ctx, rejected), problemInternal
		}
	}()
	if truncated {
		rejected.Reason = unreadable(ErrTooLong)
		return headOf(raw), s.reject(ctx, rejected), problemUnreadable
	}
	m, err := Parse(raw)
	if err != nil {
		rejected.Reason = unreadable(err)
		return headOf(raw), s.reject(ctx, rejected), problemUnreadable
	}
	changes, err := Changes(m, s.opt.Settings, now)
	if err == nil {
		err = s.apply(ctx, changes)
	}
	var refusal interface{ Refused() surveys.Text }
	switch {
	case errors.As(err, &refusal):
		rejected.Reason = refusal.Refused()
		return m, s.reject(ctx, rejected), refusedFor(m)
	case err != nil:
		s.opt.Logger.Error("visit change not stored; the sender is asked to repeat it", "err", err)
		return m, AckError, problemInternal
	}
	if len(changes) == 0 {
		s.ignored.Add(1)
	}
	return m, AckAccept, problemNone
}

func refusedFor(m *Message) problem {
	if kind, _ := m.Type(); kind != "ADT" {
		return problemType
	}
	return problemRefused
}

func (s *Server) apply(ctx context.Context, changes []followup.VisitChange) error {
	for _, c := range changes {
		if err := s.opt.Handler.ApplyVisitChange(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// reject keeps a message aside and gives AR; where it cannot be kept the sender
// is asked to repeat it, so that it is not lost.
func (s *Server) reject(ctx context.Context, r Rejected) Ack {
	if err := s.opt.Handler.KeepRejected(ctx, r); err != nil {
		s.opt.Logger.Error("unreadable HL7 message not kept; the sender is asked to repeat it", "err", err)
		return AckError
	}
	s.opt.Logger.Warn("HL7 message rejected and kept aside; see the desk", "reason", r.Reason.EN)
	return AckReject
}

// headOf reads the header of a message that cannot be read, so that its sender
// learns which one it was. nil: there is none.
func headOf(raw []byte) *Message {
	for i, b := range raw {
		if b == '\r' || b == '\n' {
			raw = raw[:i]
			break
		}
	}
	m, err := Parse(raw)
	if err != nil {
		return nil
	}
	return m
}

// unreadable is the reason of Parse's errors for the desk.
func unreadable(err error) surveys.Text {
	reasons := map[error]string{
		ErrTooLong: "消息超过 256 KiB", ErrNoHeader: "消息不以 MSH 段开头", ErrDelimiters: "MSH-1、MSH-2 没有可用的分隔符",
		ErrTooMany: "消息的段、字段或重复次数超过上限", ErrCharset: "消息既不是 UTF-8 也不是 GB18030 编码",
	}
	return surveys.Text{ZH: reasons[err], EN: err.Error()}
}
