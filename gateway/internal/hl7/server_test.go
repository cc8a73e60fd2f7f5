package hl7

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"qingfeng/surveys/followup"
)

// fakeHandler keeps what it is given, like a store: a key it has is a repeat.
type fakeHandler struct {
	mu       sync.Mutex
	changes  []followup.VisitChange
	rejected []Rejected
	repeats  int
	apply    func(ctx context.Context, c followup.VisitChange) error // nil: keep it
	keep     error
}

func (h *fakeHandler) ApplyVisitChange(ctx context.Context, c followup.VisitChange) error {
	h.mu.Lock()
	apply := h.apply
	h.mu.Unlock()
	if apply != nil {
		if err := apply(ctx, c); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, known := range h.changes {
		if known.Message == c.Message {
			h.repeats++
			return nil
		}
	}
	h.changes = append(h.changes, c)
	return nil
}

func (h *fakeHandler) KeepRejected(_ context.Context, r Rejected) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.keep != nil {
		return h.keep
	}
	h.rejected = append(h.rejected, r)
	return nil
}

func (h *fakeHandler) plain() []plain {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]plain, 0, len(h.changes))
	for _, c := range h.changes {
		all = append(all, readable(c))
	}
	return all
}

// serve starts a server on a free port of the loopback; stop ends it and gives
// what Serve returned.
func serve(t *testing.T, opt Options) (s *Server, address string, stop func() error) {
	t.Helper()
	opt.Settings.Zone = shanghai(t)
	s, err := New(opt)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	return s, ln.Addr().String(), stop
}

// sender is the other end of a connection.
type sender struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, address string) *sender {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	return &sender{t, conn, bufio.NewReader(conn)}
}

func (s *sender) write(raw []byte) {
	s.t.Helper()
	if _, err := s.conn.Write(raw); err != nil {
		s.t.Fatalf("write: %v", err)
	}
}

// answer reads one acknowledgement.
func (s *sender) answer() *Message {
	s.t.Helper()
	raw, err := s.in.ReadBytes(endOfBlock)
	if err != nil {
		s.t.Fatalf("read answer: %v", err)
	}
	if b, err := s.in.ReadByte(); err != nil || b != carriage || raw[0] != startOfBlock {
		s.t.Fatalf("answer %q is not framed", raw)
	}
	return mustParse(s.t, string(raw[1:len(raw)-1]))
}

func word(m *Message) string      { return m.Segment("MSA").First(1).Component(1) }
func controlID(m *Message) string { return m.Segment("MSA").First(2).Component(1) }

// closed waits until the other side has closed the connection.
func (s *sender) closed() {
	s.t.Helper()
	if b, err := s.in.ReadByte(); err == nil {
		s.t.Fatalf("got %q, want the connection closed", b)
	}
}

func TestSampleOverASocket(t *testing.T) {
	h := &fakeHandler{}
	server, address, _ := serve(t, Options{Handler: h})
	out := dial(t, address)
	for round := range 2 { // the second round is a replay
		for i, raw := range sampleMessages(t) {
			out.write(frame(raw))
			ack, want := out.answer(), mustParse(t, string(raw))
			if word(ack) != "AA" || controlID(ack) != strconv.Itoa(i+1) {
				t.Fatalf("round %d, message %d: got %s of %s", round, i+1, word(ack), controlID(ack))
			}
			got := []string{ack.Header(3, 1), ack.Header(4, 1), ack.Header(5, 1), ack.Header(6, 1), ack.Header(9, 1), ack.Header(9, 2), ack.Header(11, 1), ack.Header(12, 1)}
			expected := []string{"RAPP", "RFAC", "SIMHOSP", "SFAC", "ACK", want.Header(9, 2), "T", "2.3"}
			if strings.Join(got, " ") != strings.Join(expected, " ") {
				t.Fatalf("message %d: header %v, want %v", i+1, got, expected)
			}
		}
	}
	compareGolden(t, "testdata/adt-sample.golden.json", h.plain())
	if got := server.Counts(); h.repeats != 46 || got.Accepted != 92 || got.Errors+got.Rejected+got.Ignored != 0 {
		t.Errorf("got %d repeats and %+v", h.repeats, got)
	}
}

// Needs Debian's python3-hl7; .ci/tools installs it.
func TestSampleByMLLPSend(t *testing.T) {
	h := &fakeHandler{}
	_, address, _ := serve(t, Options{Handler: h})
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "mllp_send", "--loose", "--port", port, "--file", sampleFile, "127.0.0.1").CombinedOutput()
	if err != nil {
		t.Fatalf("mllp_send (python3-hl7, see .ci/tools): %v\n%s", err, out)
	}
	if got := bytes.Count(out, []byte("MSA|AA|")); got != 46 {
		t.Errorf("mllp_send printed %d AA, want 46", got)
	}
	compareGolden(t, "testdata/adt-sample.golden.json", h.plain())
}

func TestFramesHoweverTheyAreCut(t *testing.T) {
	a, b := adt("A01", "PID|1||M1||王^小明"), strings.Replace(adt("A03", "PID|1||M1"), "|77|", "|78|", 1)
	both := append(frame([]byte(a)), frame([]byte(b))...)
	bytewise := make([][]byte, len(both))
	for i := range both {
		bytewise[i] = both[i : i+1]
	}
	tests := []struct {
		name   string
		writes [][]byte
	}{
		{"two in one write", [][]byte{both}},
		{"byte by byte", bytewise},
		{"cut inside a character", [][]byte{both[:bytes.Index(both, []byte("王"))+1], both[bytes.Index(both, []byte("王"))+1:]}},
		{"junk between", [][]byte{[]byte("\r\nnoise"), frame([]byte(a)), []byte("\x1c\r\r\n"), frame([]byte(b))}},
		{"no CR behind the end", [][]byte{[]byte("\x0b" + a + "\x1c"), []byte("\x0b" + b + "\x1c")}},
		{"a first try given up", [][]byte{[]byte("\x0b" + a[:40]), both}},
		{"a first try given up after several reads", [][]byte{[]byte("\x0b" + strings.Repeat("x", 40_000)), both}},
		{"a first try that was too long given up", [][]byte{[]byte("\x0b" + strings.Repeat("x", MaxMessage+40_000)), both}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &fakeHandler{}
			_, address, _ := serve(t, Options{Handler: h})
			out := dial(t, address)
			for _, w := range tt.writes {
				out.write(w)
			}
			for _, want := range []string{"77", "78"} {
				if ack := out.answer(); word(ack) != "AA" || controlID(ack) != want {
					t.Errorf("got %s of %s, want AA of %s", word(ack), controlID(ack), want)
				}
			}
			if got := h.plain(); len(got) != 2 || got[0].Name != "王小明" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAcceptedOnlyOnceStored(t *testing.T) {
	release := make(chan struct{})
	h := &fakeHandler{apply: func(context.Context, followup.VisitChange) error { <-release; return nil }}
	_, address, _ := serve(t, Options{Handler: h})
	out := dial(t, address)
	out.write(frame([]byte(adt("A01", "PID|1||M1"))))
	answered := make(chan *Message, 1)
	go func() { answered <- out.answer() }()
	select {
	case <-answered:
		t.Fatal("answered before it was stored")
	case release <- struct{}{}: // the handler is at work
	}
	if ack := <-answered; word(ack) != "AA" {
		t.Errorf("got %s, want AA", word(ack))
	}
}

func TestPanicIsTheMessagesOwn(t *testing.T) {
	h := &fakeHandler{apply: func(context.Context, followup.VisitChange) error { panic("planted") }}
	var log bytes.Buffer
	_, address, _ := serve(t, Options{Handler: h, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	out := dial(t, address)
	out.write(frame([]byte(adt("A01", "PID|1||M1"))))
	if ack := out.answer(); word(ack) != "AR" || len(h.rejected) != 1 {
		t.Errorf("got %s and %d kept", word(ack), len(h.rejected))
	}
	if strings.Contains(log.String(), "planted") {
		t.Errorf("the log quotes the panic: %s", log.String())
	}
}

func TestHandlerOutOfTimeIsAskedAgain(t *testing.T) {
	h := &fakeHandler{apply: func(ctx context.Context, _ followup.VisitChange) error { <-ctx.Done(); return ctx.Err() }}
	_, address, _ := serve(t, Options{Handler: h, HandleTime: time.Millisecond})
	out := dial(t, address)
	out.write(frame([]byte(adt("A01", "PID|1||M1"))))
	if ack := out.answer(); word(ack) != "AE" {
		t.Errorf("got %s, want AE", word(ack))
	}
}

func TestSilentAndSlowConnectionsAreClosed(t *testing.T) {
	tests := []struct {
		name string
		opt  Options
		send string
	}{
		{"silent", Options{Idle: time.Millisecond}, ""},
		{"only junk", Options{Idle: time.Millisecond}, "abc"},
		{"never ended", Options{FrameTime: time.Millisecond}, "\x0bMSH|^~\\&|"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.opt.Handler = &fakeHandler{}
			_, address, _ := serve(t, tt.opt)
			out := dial(t, address)
			out.write([]byte(tt.send))
			out.closed()
		})
	}
}

func TestWhatIsNotMLLPIsClosed(t *testing.T) {
	var log syncBuffer
	h := &fakeHandler{}
	_, address, _ := serve(t, Options{Handler: h, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	out := dial(t, address)
	go func() { // the other side may close before all is written
		_, _ = out.conn.Write(bytes.Repeat([]byte("planted"), maxJunk/6))
	}()
	_, _ = io.Copy(io.Discard, out.conn)
	endless := dial(t, address)
	go func() {
		_, _ = endless.conn.Write([]byte("\x0bMSH|^~\\&|HIS|||||||77\r"))
		for range maxSkipped/70_000 + 10 {
			_, _ = endless.conn.Write(bytes.Repeat([]byte("planted"), 10_000))
		}
	}()
	// The refusal may be lost when the connection is closed over unread bytes;
	// that it was kept aside is what counts.
	_, _ = io.Copy(io.Discard, endless.conn)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.rejected) != 1 || !h.rejected[0].Truncated {
		t.Errorf("%d kept aside, want the endless one", len(h.rejected))
	}
	if text := log.String(); strings.Contains(text, "planted") || !strings.Contains(text, "not MLLP") {
		t.Errorf("log: %s", text)
	}
}

func TestTooManyConnections(t *testing.T) {
	server, address, _ := serve(t, Options{Handler: &fakeHandler{}, MaxConnections: 2})
	good := frame([]byte(adt("A01", "PID|1||M1")))
	var open []*sender
	for range 2 {
		out := dial(t, address)
		out.write(good)
		out.answer()
		open = append(open, out)
	}
	dial(t, address).closed()
	if got := server.Counts(); got.Connections != 2 || got.TurnedAway != 1 {
		t.Errorf("got %+v", got)
	}
	_ = open[0].conn.Close()
	waitFor(t, func() bool { return server.Counts().Connections == 1 })
	again := dial(t, address)
	again.write(good)
	if ack := again.answer(); word(ack) != "AA" {
		t.Errorf("got %s, want AA", word(ack))
	}
}

func TestOnlyPeersMayConnect(t *testing.T) {
	server, address, _ := serve(t, Options{Handler: &fakeHandler{}, Peers: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	dial(t, address).closed()
	if got := server.Counts(); got.Connections != 0 || got.TurnedAway != 1 {
		t.Errorf("got %+v", got)
	}
	_, address, _ = serve(t, Options{Handler: &fakeHandler{}, Peers: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("127.0.0.0/8")}})
	out := dial(t, address)
	out.write(frame([]byte(adt("A01", "PID|1||M1"))))
	if ack := out.answer(); word(ack) != "AA" {
		t.Errorf("got %s, want AA", word(ack))
	}
}

func TestEndsAfterTheAnswerUnderWay(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	h := &fakeHandler{apply: func(ctx context.Context, _ followup.VisitChange) error {
		close(entered)
		<-release
		return ctx.Err()
	}}
	server, address, stop := serve(t, Options{Handler: h, Grace: time.Minute})
	idle, half, busy := dial(t, address), dial(t, address), dial(t, address)
	half.write([]byte("\x0bMSH|^~\\&|half"))
	waitFor(t, func() bool { return server.Counts().Connections == 3 })
	busy.write(frame([]byte(adt("A01", "PID|1||M1"))))
	<-entered
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	idle.closed()
	half.closed()
	close(release)
	if ack := busy.answer(); word(ack) != "AA" {
		t.Errorf("got %s, want AA", word(ack))
	}
	busy.closed()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if len(h.plain()) != 1 || server.Counts().Connections != 0 {
		t.Errorf("got %d changes and %+v", len(h.plain()), server.Counts())
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Error("still listening")
	}
}

func TestEndsWithoutAStuckHandler(t *testing.T) {
	entered := make(chan struct{})
	h := &fakeHandler{apply: func(ctx context.Context, _ followup.VisitChange) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	}}
	_, address, stop := serve(t, Options{Handler: h, Grace: time.Millisecond, HandleTime: time.Hour})
	out := dial(t, address)
	out.write(frame([]byte(adt("A01", "PID|1||M1"))))
	<-entered
	if err := stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestLogsNoPayload(t *testing.T) {
	var log syncBuffer
	h := &fakeHandler{}
	_, address, stop := serve(t, Options{Handler: h, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	out := dial(t, address)
	h.apply = func(context.Context, followup.VisitChange) error { return errors.New("down") }
	planted := "planted|planted"
	for _, text := range []string{
		planted, "MSH|^~\\&|" + planted, adt("planted", planted), adt("A01", "PID|planted||planted"), adt("A01", "PID|\xff\xffplanted"),
		strings.Replace(adt("A01", "PID|1||planted"), "|77|", "|planted|", 1), "MSH|^~\\&|" + strings.Repeat(planted, 100_000),
	} {
		out.write(frame([]byte(text)))
		ack := out.answer()
		if got := ack.Segment("MSA").First(3).Component(1) + fmt.Sprint(ack.Segment("ERR").fields); strings.Contains(got, "planted") {
			t.Errorf("the answer quotes the message: %s", got)
		}
	}
	_ = stop()
	if text := log.String(); strings.Contains(text, "planted") || !strings.Contains(text, "kept aside") {
		t.Errorf("log: %s", text)
	}
	if text := fmt.Sprintf("%v %+v %#v", h.rejected, h.rejected, h.rejected); strings.Contains(text, "planted") {
		t.Errorf("a kept message prints its payload: %s", text)
	}
}

// syncBuffer is a buffer that several may write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// waitFor waits for a condition; it fails after far longer than that takes.
func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 20_000 {
		if condition() {
			return
		}
		<-tick.C
	}
	t.Fatal("waited in vain")
}
