package tabletclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"qingfeng/surveys"
)

const patience = 20 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// desk is a server whose every answer a test decides.
type desk struct {
	t     *testing.T
	http  *httptest.Server
	conns chan *deskConn
}

type deskConn struct {
	t  *testing.T
	ws *websocket.Conn
}

// open serves sockets that are challenged and welcomed.
func open(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, conns: make(chan *deskConn, 8)}
	up := websocket.Upgrader{}
	d.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"challenge","nonce":"AAAA"}`))
		if _, _, err := ws.ReadMessage(); err != nil {
			return
		}
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"welcome","place":{"id":"settlement-2"},"questionnaire":{"version":"c3de95c9bf6cbc80"}}`))
		d.conns <- &deskConn{t, ws}
	}))
	t.Cleanup(d.http.Close)
	return d
}

func (d *desk) accept() *deskConn {
	d.t.Helper()
	select {
	case c := <-d.conns:
		d.t.Cleanup(func() { _ = c.ws.Close() })
		_ = c.ws.SetReadDeadline(time.Now().Add(patience))
		return c
	case <-time.After(patience):
		d.t.Fatal("no tablet came")
		return nil
	}
}

// fact reads a fact and gives its number.
func (c *deskConn) fact() int {
	c.t.Helper()
	_, data, err := c.ws.ReadMessage()
	if err != nil {
		c.t.Fatalf("waiting for a fact: %v", err)
	}
	var f struct{ ID surveys.FactID }
	if err := json.Unmarshal(data, &f); err != nil {
		c.t.Fatal(err)
	}
	return int(f.ID[14])<<8 | int(f.ID[15])
}

func (c *deskConn) facts(n int) (got []int) {
	c.t.Helper()
	for range n {
		got = append(got, c.fact())
	}
	return got
}

func (c *deskConn) send(format string, args ...any) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *deskConn) ack(n int) { c.send(`{"type":"ack","id":"%s","outcome":"stored"}`, factID(n)) }

func (d *desk) tablet(change ...func(*Options)) *Tablet {
	d.t.Helper()
	key, err := NewKey()
	if err != nil {
		d.t.Fatal(err)
	}
	opt := Options{
		Server: Server{URL: d.http.URL}, Identity: Identity{Device: factID(1), Key: key},
		FirstPause: time.Millisecond, LastPause: 10 * time.Millisecond,
	}
	for _, f := range change {
		f(&opt)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.t.Cleanup(cancel)
	tablet := New(opt)
	go func() { _ = tablet.Run(ctx) }()
	return tablet
}

// numbers counts from first to last.
func numbers(first, last int) (out []int) {
	for n := first; n <= last; n++ {
		out = append(out, n)
	}
	return out
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestFactsGoInOrderAndAtMost32AreInFlight(t *testing.T) {
	d := open(t)
	tablet := d.tablet()
	for n := range 50 {
		tablet.Queue(Rating{ID: factID(n), Grade: 5, Place: "settlement-2", Questionnaire: "c3de95c9bf6cbc80"})
	}
	c := d.accept()
	same(t, "first facts", numbers(0, 31), c.facts(32))
	// A status that was made later overtakes the facts that wait.
	if err := tablet.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := tablet.Status(true); err != nil {
		t.Fatal(err)
	}
	_, data, err := c.ws.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "33rd frame", `{"type":"status","queued":50,"queue_ok":true}`, string(data))
	for _, n := range []int{7, 0, 3} { // acks may come in any order
		c.ack(n)
	}
	same(t, "facts after three acks", numbers(32, 34), c.facts(3))
	if n := tablet.Queued(); n != 47 {
		t.Errorf("%d facts are queued, want 47", n)
	}
}

func TestQueueSurvivesACutAndIsSentAgainInOrder(t *testing.T) {
	d := open(t)
	acks := make(chan surveys.FactID, 16)
	tablet := d.tablet(func(o *Options) { o.OnAck = func(a Ack) { acks <- a.ID } })
	first := d.accept()
	for n := range 5 {
		tablet.Queue(Rating{ID: factID(n), Grade: 5})
	}
	same(t, "facts", numbers(0, 4), first.facts(5))
	first.ack(1)
	same(t, "acked", factID(1), <-acks)
	_ = first.ws.Close()
	second := d.accept()
	same(t, "facts sent again", []int{0, 2, 3, 4}, second.facts(4))
	for _, n := range []int{0, 2, 3, 4} {
		second.ack(n)
		same(t, "acked", factID(n), <-acks)
	}
	second.ack(4) // an ack nobody waits for harms nobody
	if n := tablet.Queued(); n != 0 {
		t.Errorf("%d facts are queued, want none", n)
	}
}

func TestRateWaitsForItsOwnAck(t *testing.T) {
	d := open(t)
	tablet := d.tablet()
	c := d.accept()
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			ack, err := tablet.Rate(within(t), Rating{ID: factID(n), Grade: 4})
			if err != nil || ack.ID != factID(n) || ack.Outcome != surveys.OutcomeStored {
				t.Errorf("rating %d got %+v, %v", n, ack, err)
			}
		})
	}
	got := c.facts(8)
	for i := range got { // in the opposite order
		c.ack(got[len(got)-1-i])
	}
	wg.Wait()

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tablet.Rate(ctx, Rating{ID: factID(20), Grade: 4}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended wait gave %v", err)
	}
	if n := tablet.Queued(); n != 1 {
		t.Errorf("%d facts are queued, want the one nobody waits for any more", n)
	}
}

func TestRetryKeepsTheFactAndTheOrder(t *testing.T) {
	d := open(t)
	tablet := d.tablet()
	c := d.accept()
	for n := range 3 {
		tablet.Queue(Rating{ID: factID(n), Grade: 4})
	}
	same(t, "facts", numbers(0, 2), c.facts(3))
	c.send(`{"type":"retry","id":"%s","after_seconds":0,"reason":"busy"}`, factID(0))
	same(t, "the fact comes again", 0, c.fact())
	for n := range 3 {
		c.ack(n)
	}
	tablet.Queue(Rating{ID: factID(3), Grade: 4})
	same(t, "the next fact", 3, c.fact())
}

func TestPromptsReachTheCallbacks(t *testing.T) {
	d := open(t)
	told := make(chan string, 4)
	d.tablet(func(o *Options) {
		o.OnPrompt = func(p *Prompt) { told <- "prompt " + p.ID.String() }
		o.OnWithdrawn = func(id surveys.FactID, reason string) { told <- reason + " " + id.String() }
		o.OnSelfTestDue = func() { told <- "self-test" }
	})
	c := d.accept()
	c.send(`{"type":"prompt","prompt":{"id":"%s","window":"settlement-2"}}`, factID(5))
	c.send(`{"type":"prompt_withdrawn","prompt_id":"%s","reason":"rated"}`, factID(5))
	c.send(`{"type":"something_new","x":1}`)
	c.send(`{"type":"self_test_due"}`)
	for _, want := range []string{"prompt " + factID(5).String(), "rated " + factID(5).String(), "self-test"} {
		same(t, "told", want, <-told)
	}
}

func TestPauseBeforeComingBack(t *testing.T) {
	const first, last = 200 * time.Millisecond, 30 * time.Second
	closed := func(code int) error { return fmt.Errorf("read: %w", &websocket.CloseError{Code: code}) }
	tests := []struct {
		name    string
		err     error
		attempt int
		want    time.Duration
		stopped int
	}{
		{"cut off", errors.New("reset"), 0, first, 0},
		{"cut off three times", errors.New("reset"), 3, 8 * first, 0},
		{"cut off for an hour", errors.New("reset"), 1000, last, 0},
		{"gateway restarts", closed(1001), 0, first, 0},
		{"too slow", closed(codeTooSlow), 5, 0, 0},
		{"bad frame", closed(codeBadFrame), 0, last, 0},
		{"too many", closed(codeTooMany), 0, last, 0},
		{"not enrolled", closed(codeNotEnrolled), 0, 0, codeNotEnrolled},
		{"revoked", closed(codeRevoked), 0, 0, codeRevoked},
		{"shared key", closed(codeSharedKey), 0, 0, codeSharedKey},
	}
	for _, tt := range tests {
		got, err := pause(tt.err, tt.attempt, first, last)
		var stopped *StoppedError
		if got != tt.want || errors.As(err, &stopped) != (tt.stopped != 0) || stopped != nil && stopped.Code != tt.stopped {
			t.Errorf("%s: %s, %v; want %s, stopped %d", tt.name, got, err, tt.want, tt.stopped)
		}
	}
}

func TestEnrol(t *testing.T) {
	states := []string{"waiting", "approved"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/enrolments", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			PublicKey []byte `json:"-"`
			Key       string `json:"public_key"`
			Kind      string `json:"kind"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Key) != 87 || body.Kind != "window_tablet" {
			t.Errorf("asked with %+v, %v; want a point of 65 bytes", body, err)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"enrolment_id":"e1","secret":"s1","code":"K7PM3XQ2","expires_at":"2026-11-21T02:52:07.120Z"}`))
	})
	mux.HandleFunc("GET /api/v1/enrolments/e1", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s1" {
			t.Errorf("asked without the secret")
		}
		state := states[0]
		if len(states) > 1 {
			states = states[1:]
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"state": state, "device_id": factID(9)})
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	e, err := Enrol(within(t), Server{URL: server.URL}, surveys.DeviceWindowTablet)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "code", "K7PM3XQ2", e.Code)
	id, err := e.Wait(within(t))
	if err != nil || id.Device != factID(9) || id.Key == nil {
		t.Errorf("enrolled as %v, %v", id.Device, err)
	}
	states = []string{"expired"}
	if _, err := e.Wait(within(t)); !errors.Is(err, ErrEnrolmentExpired) {
		t.Errorf("an expired code gave %v", err)
	}
}

func TestRefusedUpgradeSaysItsStatus(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	var refused *RefusedError
	if _, err := (Server{URL: server.URL}).dial(within(t), "/ws/device", writeBuffers); !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		t.Errorf("dial gave %v, want the status 404", err)
	}
}
