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
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"qingfeng/surveys"
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

func TestAnswers(t *testing.T) {
	down := errors.New("store is down")
	good := adt("A01", "PID|1||M1")
	tests := []struct {
		name    string
		message string
		apply   error
		keep    error
		word    string
		id      string
		code    string // ERR
		reason  string // kept aside with
	}{
		{"stored", good, nil, nil, "AA", "77", "", ""},
		{"an event that changes nothing", adt("A60", "PID|1||M1"), nil, nil, "AA", "77", "", ""},
		{"not stored", good, down, nil, "AE", "77", "207", ""},
		{"refused by the handler", good, &Refusal{surveys.Text{ZH: "不收", EN: "no"}}, nil, "AR", "77", "101", "no"},
		{"refused deep inside", good, fmt.Errorf("apply: %w", &Refusal{surveys.Text{ZH: "不收", EN: "no"}}), nil, "AR", "77", "101", "no"},
		{"refused and not kept", adt("A01", "PID|1||"), nil, down, "AE", "77", "101", ""},
		{"no patient", adt("A01", "PID|1||"), nil, nil, "AR", "77", "101", "neither patient nor visit number (PID-3, PV1-19)"},
		{"another type", strings.Replace(good, "ADT^A01", "ORU^R01", 1), nil, nil, "AR", "77", "200", "not an ADT message"},
		{"no header", "planted", nil, nil, "AR", "", "100", "message does not begin with an MSH segment"},
		{"empty", "", nil, nil, "AR", "", "100", "message does not begin with an MSH segment"},
		{"neither character set", good + "\xff\xff", nil, nil, "AR", "77", "100", "neither UTF-8 nor GB18030"},
		{"too many fields", good + "ZZZ" + strings.Repeat("|", 600), nil, nil, "AR", "77", "100", ErrTooMany.Error()},
		{"too long", good + strings.Repeat("planted", 100_000), nil, nil, "AR", "77", "100", ErrTooLong.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &fakeHandler{keep: tt.keep}
			if tt.apply != nil {
				h.apply = func(context.Context, followup.VisitChange) error { return tt.apply }
			}
			_, address, _ := serve(t, Options{Handler: h})
			out := dial(t, address)
			out.write(frame([]byte(tt.message)))
			ack := out.answer()
			if word(ack) != tt.word || controlID(ack) != tt.id {
				t.Errorf("got %s of %q, want %s of %q", word(ack), controlID(ack), tt.word, tt.id)
			}
			if got := ack.Segment("ERR").First(1).Subcomponent(4, 1); got != tt.code {
				t.Errorf("got error code %q, want %q", got, tt.code)
			}
			checkKept(t, h, tt.message, tt.reason)
			// The connection is of use afterwards.
			h.mu.Lock()
			h.apply = nil
			h.mu.Unlock()
			out.write(frame([]byte(good)))
			if ack := out.answer(); word(ack) != "AA" {
				t.Errorf("the next message got %s, want AA", word(ack))
			}
		})
	}
}

func checkKept(t *testing.T, h *fakeHandler, message, reason string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if reason == "" {
		if len(h.rejected) != 0 {
			t.Errorf("%d messages kept aside, want none", len(h.rejected))
		}
		return
	}
	if len(h.rejected) != 1 {
		t.Fatalf("%d messages kept aside, want 1", len(h.rejected))
	}
	r := h.rejected[0]
	whole := string(r.Payload) == message && !r.Truncated || r.Truncated && string(r.Payload) == message[:keptHead]
	if r.Reason.EN != reason || r.Reason.ZH == "" || !whole || r.Source != Source || r.ReceivedAt.IsZero() {
		t.Errorf("kept %d bytes (truncated %v) for %+v, want %q", len(r.Payload), r.Truncated, r.Reason, reason)
	}
}

func TestAnswerInTheSendersForm(t *testing.T) {
	h := &fakeHandler{apply: func(context.Context, followup.VisitChange) error { return errors.New("down") }}
	_, address, _ := serve(t, Options{Handler: h, Now: func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }})
	out := dial(t, address)
	out.write(frame([]byte("MSH#!*@%#HIS%1.2%ISO!x#YY#QF#QQ#2026##ADT!A01!ADT_A01#a@F@1#P#2.5.1\rPID###1")))
	raw, err := out.in.ReadString(carriage)
	for err == nil && !strings.Contains(raw, "\x1c") {
		var more string
		more, err = out.in.ReadString(carriage)
		raw += more
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.Trim(raw, "\x0b\x1c\r"), "\r")
	head := strings.Split(lines[0], "#")
	head[9] = "own"
	want := []string{
		"MSH#!*@%#QF#QQ#HIS!x#YY#20261121200000+0800##ACK!A01!ACK#own#P#2.5.1",
		"MSA#AE#a@F@1#Application internal error",
		"ERR###207!Application internal error!HL70357#E",
	}
	lines[0] = strings.Join(head, "#")
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestAnswerInTheSendersCharacterSet(t *testing.T) {
	_, address, _ := serve(t, Options{Handler: &fakeHandler{}})
	out := dial(t, address)
	text := strings.Replace(adt("A01", "PID|1||M1||王^小明"), "|HIS|", "|医院|", 1)
	out.write(frame([]byte(gb18030(t, text))))
	ack := out.answer()
	if ack.Charset != CharsetGB18030 || ack.Header(5, 1) != "医院" {
		t.Errorf("got %q in %s", ack.Header(5, 1), ack.Charset)
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
