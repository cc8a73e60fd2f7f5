package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// This file is the world around the follow-up: the hospital's own systems that
// tell of discharges, the patients' phones, and the officer's clock.

// anyHour lets surveys leave at any hour of any day, so that a proof does not
// depend on when it runs.
const anyHour = `calendar: calendar.yaml
followup: {send_from: "00:00", send_to: "24:00", daily_budget_yuan: 100000, allowed_countries: [CN, US]}
`

// newSiteAtAnyHour makes a site whose surveys leave at any hour.
func newSiteAtAnyHour(t *testing.T, more string) *site {
	t.Helper()
	s := newSite(t, anyHour+more)
	if err := os.WriteFile(filepath.Join(s.dir, "calendar.yaml"), []byte("years: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// discharge is a stay that has ended, as the hospital's systems tell of it.
type discharge struct {
	patient, visit, name, phone, ward string
	at                                time.Time
}

const cardiologyWard = "cardiology-ward"

// importFile has discharges imported from a file, beside the running gateway.
func (s *site) importFile(list []discharge) {
	s.t.Helper()
	file := filepath.Join(s.dir, "discharges.csv")
	if err := os.WriteFile(file, []byte(s.csv(list)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if out := s.command("import-discharges", file); !strings.Contains(out, fmt.Sprintf("%d added", len(list))) {
		s.t.Fatalf("import of %d discharges says %q", len(list), out)
	}
}

func (s *site) csv(list []discharge) string {
	var b strings.Builder
	b.WriteString("病案号,住院号,姓名,手机号码,病区,出院时间\n")
	zone := s.config().Location()
	for _, d := range list {
		fmt.Fprintf(&b, "%s,%s,%s,%s,%s,%s\n", d.patient, d.visit, d.name, d.phone, d.ward, d.at.In(zone).Format("2006-01-02 15:04"))
	}
	return b.String()
}

// a03 is the HL7 message of a discharge.
func (s *site) a03(d discharge, control string) string {
	zone := s.config().Location()
	at := d.at.In(zone).Format("20060102150405")
	return strings.Join([]string{
		`MSH|^~\&|HIS|HOSPITAL|QINGFENG|HOSPITAL|` + at + `||ADT^A03|` + control + `|P|2.5||||||UNICODE UTF-8`,
		`EVN|A03|` + at,
		`PID|1||` + d.patient + `^^^HIS^MR||` + d.name + `||19600101|F|||||` + d.phone,
		`PV1|1|I|` + d.ward + `^^1||||||||||||||||` + d.visit + strings.Repeat("|", 26) + at,
	}, "\r") + "\r"
}

var hl7Listening = regexp.MustCompile(`(127\.0\.0\.1:\d+)\s+HL7`)

// wire is a connection of the hospital's interface engine.
type wire struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// dialHL7 connects to where the gateway said that it listens.
func (l *life) dialHL7() *wire {
	l.t.Helper()
	found := hl7Listening.FindStringSubmatch(l.out.String())
	if found == nil {
		l.t.Fatalf("the gateway does not say where it takes HL7 messages:\n%s", l.out.String())
	}
	conn, err := net.Dial("tcp", found[1])
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		l.t.Fatal(err)
	}
	return &wire{l.t, conn, bufio.NewReader(conn)}
}

// frame puts a message into an MLLP frame.
func frame(message string) string { return "\x0b" + message + "\x1c\r" }

// write sends bytes as they are.
func (w *wire) write(text string) {
	w.t.Helper()
	if _, err := w.conn.Write([]byte(text)); err != nil {
		w.t.Fatalf("send HL7: %v", err)
	}
}

// ack reads one acknowledgement: its code and the control id it answers.
func (w *wire) ack() (code, control, text string) {
	w.t.Helper()
	text, err := w.in.ReadString('\x1c')
	if err != nil {
		w.t.Fatalf("read an acknowledgement: %v", err)
	}
	if _, err := w.in.Discard(1); err != nil {
		w.t.Fatalf("read an acknowledgement: %v", err)
	}
	for segment := range strings.SplitSeq(strings.Trim(text, "\x0b\x1c"), "\r") {
		if fields := strings.Split(segment, "|"); fields[0] == "MSA" && len(fields) > 2 {
			code, control = fields[1], fields[2]
		}
	}
	return code, control, text
}

// bubble is one text on a phone.
type bubble struct {
	Kind   string `json:"kind"` // "text" from the hospital, "reply" typed
	Text   string `json:"text"`
	Status string `json:"status"`
}

// handset is a simulated phone.
type handset struct {
	ID      int64    `json:"id"`
	Number  string   `json:"number"`
	Entries []bubble `json:"entries"`
}

// handsets are the phones that have rung.
func (c *clinic) handsets() []handset {
	c.t.Helper()
	var answer struct {
		Phones []handset `json:"phones"`
	}
	if err := c.desk.call(c.t.Context(), "GET", "/api/v1/phones", "", nil, &answer); err != nil {
		c.t.Fatal(err)
	}
	return answer.Phones
}

// shows are the hospital's texts on the phone of a number.
func (c *clinic) shows(number string) (texts []string) {
	c.t.Helper()
	list := c.handsets()
	i := slices.IndexFunc(list, func(h handset) bool { return h.Number == number })
	if i < 0 {
		return nil
	}
	var h handset
	if err := c.desk.call(c.t.Context(), "GET", fmt.Sprintf("/api/v1/phones/%d", list[i].ID), "", nil, &h); err != nil {
		c.t.Fatal(err)
	}
	for _, b := range h.Entries {
		if b.Kind == "text" {
			texts = append(texts, b.Text)
		}
	}
	return texts
}

// rings waits until a phone shows its n-th text and gives it.
func (c *clinic) rings(number string, n int) string {
	c.t.Helper()
	var texts []string
	eventually(c.t, fmt.Sprintf("a phone shows %d texts", n), func() bool {
		texts = c.shows(number)
		return len(texts) >= n
	}, func() string { return strings.Join(texts, "\n") })
	if len(texts) > n {
		c.t.Errorf("a phone shows %d texts, want %d: %q", len(texts), n, texts)
	}
	return texts[n-1]
}

// types types a reply on a phone.
func (c *clinic) types(number, text string) {
	c.t.Helper()
	list := c.handsets()
	i := slices.IndexFunc(list, func(h handset) bool { return h.Number == number })
	if i < 0 {
		c.t.Fatal("the phone has not rung yet")
	}
	body := map[string]any{"id": newFactID(time.Now()), "text": text}
	if err := c.desk.call(c.t.Context(), "POST", fmt.Sprintf("/api/v1/phones/%d/replies", list[i].ID), "", body, nil); err != nil {
		c.t.Fatalf("type a reply: %v", err)
	}
}

// worked waits until so many replies were worked on, and none waits.
func (c *clinic) worked(n int64) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d replies are worked on", n), func() bool {
		return c.number("SELECT count(*) FROM inbounds WHERE done_at > 0") == n && c.number("SELECT count(*) FROM inbounds WHERE done_at = 0") == 0
	})
}

// moveClock has the officer move the demonstration's clock on by at least so
// long, to a moment at which surveys may leave.
func (c *clinic) moveClock(least time.Duration) {
	c.t.Helper()
	hours, now := c.config().FollowupRules().Hours, time.Now()
	n := int(least.Hours())
	for !hours.Allowed(now.Add(time.Duration(n)*time.Hour)) || !hours.Allowed(now.Add(time.Duration(n+1)*time.Hour)) {
		n++
	}
	if err := c.officer.call(c.t.Context(), "POST", "/api/v1/followup/demo-clock", "", map[string]int{"hours": n}, nil); err != nil {
		c.t.Fatal(err)
	}
}

// dispositions are the invitations by state, of all modes.
func (c *clinic) dispositions() map[string]int64 {
	c.t.Helper()
	var answer struct {
		Rows []struct {
			States map[string]int64 `json:"states"`
		} `json:"rows"`
	}
	if err := c.officer.call(c.t.Context(), "GET", "/api/v1/followup/dispositions?by=mode", "", nil, &answer); err != nil {
		c.t.Fatal(err)
	}
	sum := map[string]int64{}
	for _, row := range answer.Rows {
		for state, n := range row.States {
			if n > 0 {
				sum[state] += n
			}
		}
	}
	return sum
}

// survey is an answer of the follow-up as the scores count it.
type surveyFact struct {
	kind  surveys.EventKind
	place surveys.PlaceID
	mode  surveys.Mode
	grade surveys.Grade
}

// foldSurveys recounts what surveys after discharge add to the scores.
func (s *site) foldSurveys() map[surveyFact]int64 {
	s.t.Helper()
	counts := map[surveyFact]int64{}
	s.withStore(func(ctx context.Context, store *sqlstore.Store) {
		_, err := store.Fold(ctx, 0, func(e *surveys.Event, n int64) error {
			counts[surveyFact{e.Kind, e.Place, e.Mode, e.Grade}] += n
			return nil
		})
		if err != nil {
			s.t.Fatalf("fold the store: %v", err)
		}
	})
	return counts
}

// takenText is a text as a carrier's HTTP interface got it.
type takenText struct{ id, to, body, report string }

// readKannel reads a request to Kannel's smsbox.
func readKannel(r *http.Request) takenText {
	q := r.URL.Query()
	x := takenText{to: q.Get("to"), body: q.Get("text"), report: q.Get("dlr-url")}
	if report, err := url.Parse(x.report); err == nil {
		x.id = report.Query().Get("id")
	}
	return x
}

const kannelSecret = "aSecretOfTheProofsWebhooks"

// kannelSettings send texts to a stand-in for Kannel; the gateway's environment
// gets its secrets.
func (s *site) kannelSettings() {
	s.env["QINGFENG_GENERIC_PASSWORD"], s.env["QINGFENG_GENERIC_SECRET"] = "proof", kannelSecret
}
