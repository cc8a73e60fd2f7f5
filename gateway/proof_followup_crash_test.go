package main

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowCarrier stands in for Kannel: it takes every text, answers after a while,
// and tells of every other one that it was delivered.
type slowCarrier struct {
	t       *testing.T
	server  *httptest.Server
	took    time.Duration // for an answer
	reports sync.WaitGroup

	mu    sync.Mutex
	texts map[string][]takenText // by our id, in the order they came
}

func newSlowCarrier(t *testing.T, took time.Duration) *slowCarrier {
	c := &slowCarrier{t: t, took: took, texts: map[string][]takenText{}}
	c.server = httptest.NewServer(c)
	t.Cleanup(func() { c.server.Close(); c.reports.Wait() })
	return c
}

// ServeHTTP implements http.Handler.
func (c *slowCarrier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := readKannel(r)
	c.mu.Lock()
	c.texts[x.id] = append(c.texts[x.id], x)
	c.mu.Unlock()
	if tells(x.id) {
		c.reports.Go(func() { c.report(x) })
	}
	select {
	case <-time.After(c.took):
	case <-r.Context().Done(): // the gateway was killed
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, "0: Accepted for delivery")
}

// tells reports whether the stand-in reports on a text.
func tells(id string) bool { return strings.ContainsAny(id[len(id)-1:], "02468ace") }

// report says that a text was delivered, once its answer is due and until the
// gateway takes it.
func (c *slowCarrier) report(x takenText) {
	rest(c.t.Context(), 2*c.took)
	for c.t.Context().Err() == nil {
		response, err := http.Get(strings.NewReplacer("%d", "1", "%A", "").Replace(x.report))
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		rest(c.t.Context(), 20*time.Millisecond)
	}
}

func (c *slowCarrier) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.texts)
}

// A gateway killed while texts are being handed over loses none, and sends none
// a second time but those whose answer was lost: once more at most, in the same
// words with the same token, and not if the carrier has told of it meanwhile.
func TestProofKilledWhileTexting(t *testing.T) {
	const texts, kills, inFlight = 300, 3, 8
	carrier := newSlowCarrier(t, 120*time.Millisecond)
	s := newSiteAtAnyHour(t, fmt.Sprintf(
		"carriers: {default: generic, texts_per_second: 60, in_flight: %d, generic: {preset: kannel, links: true, username: proof, request: {url: %q}}}\n",
		inFlight, carrier.server.URL+"/cgi-bin/sendsms"))
	s.kannelSettings()
	s.start().stop() // makes the store
	var list []discharge
	for i := range texts {
		list = append(list, discharge{
			patient: fmt.Sprintf("P%d", i), visit: fmt.Sprintf("V%d", i), name: "测试", phone: fmt.Sprintf("199%08d", i), ward: cardiologyWard, at: time.Now().AddDate(0, 0, -3),
		})
	}
	s.importFile(list)
	running := s.start()
	lost := map[string]bool{} // their answers
	for k := range kills {
		eventually(t, "more texts are being handed over", func() bool { return carrier.count() >= (k+1)*texts/(kills+2) })
		running.kill()
		for _, id := range s.handing() {
			lost[id] = true
		}
		s.passes(10 * time.Minute)
		running = s.start()
	}
	eventually(t, "every text was taken, and none is in doubt", func() bool {
		return carrier.count() == texts && s.number("SELECT count(*) FROM texts WHERE state IN ('waiting', 'handing', 'unknown')") == 0
	})
	running.stop()
	carrier.prove(lost)
	if n := len(lost); n == 0 || n > kills*inFlight {
		t.Errorf("the answers of %d texts were lost, want some and at most %d", n, kills*inFlight)
	}
	if n := s.number("SELECT count(*) FROM invitations WHERE state IN ('sent', 'delivered')"); n != texts {
		t.Errorf("%d invitations were sent, want %d", n, texts)
	}
	s.verify()
}

// prove holds what the carrier got against the texts whose answers were lost.
func (c *slowCarrier) prove(lost map[string]bool) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	again, spared, tokens := 0, 0, map[string]bool{}
	for id, came := range c.texts {
		_, token, found := strings.Cut(came[0].body, "/s/")
		if !found || tokens[token[:22]] {
			c.t.Errorf("text %s has no token of its own: %q", id, came[0].body)
		}
		tokens[token[:22]] = true
		switch {
		case len(came) == 1:
			if lost[id] {
				spared++
			}
			continue
		case len(came) > 2 || !lost[id] || tells(id):
			c.t.Errorf("text %s came %d times; its answer was lost: %v, told of: %v", id, len(came), lost[id], tells(id))
		}
		again++
		if came[1] != came[0] {
			c.t.Errorf("text %s came as %q and then as %q", id, came[0].body, came[1].body)
		}
	}
	c.t.Logf("%d texts, %d answers lost: %d came again, %d did not, being told of", len(c.texts), len(lost), again, spared)
	if again == 0 || spared == 0 {
		c.t.Error("want some of both")
	}
}

// handing are the texts that were being handed over when the gateway ended.
func (s *site) handing() (ids []string) {
	s.t.Helper()
	s.query("SELECT id FROM texts WHERE state = 'handing'", func(rows *sql.Rows) error {
		var id []byte
		err := rows.Scan(&id)
		ids = append(ids, uuidText(id))
		return err
	})
	return ids
}

func uuidText(id []byte) string {
	h := hex.EncodeToString(id)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// passes has the texts in doubt be so long in doubt while no gateway runs: how
// long a report is waited for is no setting.
func (s *site) passes(d time.Duration) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+s.config().StorePath()+"?_busy_timeout=10000")
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(s.t.Context(), "UPDATE texts SET handed_at = handed_at - ? WHERE state IN ('handing', 'unknown')", d.Milliseconds()); err != nil {
		s.t.Fatalf("let time pass: %v", err)
	}
}
