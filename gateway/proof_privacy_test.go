package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"qingfeng/analytics/redisstream"
	"qingfeng/configs"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

// What is planted: no hospital has any of it, so wherever one turns up it came
// from the patient's or the clerk's own data.
const (
	plantedPhone       = "13912345678"
	plantedComment     = "等了三个小时没有人解释 qx7731comment"
	plantedTag         = "qx7731_tag"
	plantedStaff       = "QX7731STAFF"
	plantedNameZH      = "欧阳植一"
	plantedNameEN      = "Qxname Ouyang"
	plantedTransaction = "QX7731TRANSACTION"
)

func planted() []string {
	return []string{plantedPhone, plantedComment, "qx7731comment", plantedTag, plantedStaff, plantedNameZH, plantedNameEN, plantedTransaction}
}

// place is somewhere nothing personal may be, and something that is there, so
// that looking through it means something.
type place struct{ what, text, has string }

// forms are the spellings a text may turn up in.
func forms(text string) []string {
	escaped, points := "", ""
	for _, r := range text {
		if r < 0x80 {
			escaped, points = escaped+string(r), points+string(r)
			continue
		}
		for _, b := range []byte(string(r)) {
			escaped += fmt.Sprintf(`\x%02x`, b) // as MONITOR prints it
		}
		points += fmt.Sprintf(`\u%04x`, r) // as JSON may
	}
	return []string{text, escaped, points}
}

// Nothing that names a patient or a clerk leaves the SQL store: not to Redis
// and what is said to it, not to logs at their most talkative, metrics, boards
// or error texts.
func TestProofNothingPersonalLeavesTheStoreRealRedis(t *testing.T) {
	s := newSite(t, "log: {level: debug}\nhospital: hospital.yaml\n")
	plantStaff(t, s)
	r := s.startRedis()
	spoken, published := r.listen()
	c := openClinic(t, s)
	var frames safeBuffer
	board := c.signedInBoard(func(_ tabletclient.Head, data []byte) { fmt.Fprintf(&frames, "%s\n", data) })

	errorBodies := c.walkThePath(board)
	c.sendNonsense()

	_, metrics, err := c.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	_, ready, err := c.get("/readyz")
	if err != nil {
		t.Fatal(err)
	}
	// Everything is in Redis once the counts are equal, and on its way there no
	// more.
	s.sameInRedis()
	proveClean(t, []place{
		{"Redis", r.dump(), "settlement-1"}, {"what was said to Redis", spoken.String(), "settlement-1"},
		{"what Redis published", published.String(), "settlement-1"}, {"the boards", frames.String(), "settlement-1"},
		{"/metrics", metrics, "qingfeng_store_facts_total"}, {"/readyz", ready, "ready"}, {"error bodies", errorBodies, "transaction_conflict"},
		{"the gateway's output", c.out.String(), "level=DEBUG"},
	})
	proveSealed(t, s)
	c.stop()
	proveClean(t, []place{{"the gateway's output", c.out.String(), "stopping"}})
}

// proveClean proves that nothing planted is anywhere.
func proveClean(t *testing.T, places []place) {
	t.Helper()
	for _, p := range places {
		if !strings.Contains(p.text, p.has) {
			t.Errorf("%s: does not even have %q: %.500s", p.what, p.has, p.text)
		}
		for _, text := range planted() {
			for _, form := range forms(text) {
				if at := strings.Index(p.text, form); at >= 0 {
					t.Errorf("%s: has %q: …%s…", p.what, text, p.text[max(0, at-200):min(len(p.text), at+len(form)+100)])
					break
				}
			}
		}
	}
}

// proveSealed proves that the phone number is nowhere in the store's files in
// clear, and that it would be found there.
func proveSealed(t *testing.T, s *site) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.env["QINGFENG_DATA_DIR"], "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || info.IsDir() {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
		if strings.Contains(string(text), plantedPhone) {
			t.Errorf("%s has the phone number in clear", filepath.Base(file))
		}
	}
	for _, kept := range []string{plantedComment, plantedTransaction} {
		if !strings.Contains(all, kept) {
			t.Errorf("the store's files do not have %q: what was looked through is not where the facts are", kept)
		}
	}
}

// plantStaff adds a member of staff to the sample hospital.
func plantStaff(t *testing.T, s *site) {
	t.Helper()
	sample, err := configs.Files.ReadFile("hospital.yaml")
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("staff:\n  - {number: %q, name: {zh: %s, en: %s}, title: {zh: 收费员, en: Clerk}, department: cashier}\n", plantedStaff, plantedNameZH, plantedNameEN)
	text := strings.Replace(string(sample), "\nstaff:\n", "\n"+line, 1)
	if text == string(sample) {
		t.Fatal("the sample hospital has no list of staff to add to")
	}
	if err := os.WriteFile(filepath.Join(s.dir, "hospital.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// walkThePath does what a clerk and a patient do, well and badly, and gives
// every error body the gateway answered with.
func (c *clinic) walkThePath(board *tabletclient.Board) (errorBodies string) {
	t := c.t
	n := c.pair("settlement-1")
	ctx := within(t, patience)
	if err := n.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	path := "/api/v1/windows/settlement-1/transactions"
	good := fmt.Sprintf(`{"transaction":%q,"kind":"settlement","staff":%q}`, plantedTransaction, plantedStaff)
	if status, body := c.post(path, c.token, good); status != http.StatusAccepted {
		t.Fatalf("report a transaction: %d %s", status, body)
	}
	prompt := receive(t, n.prompts, "the prompt")
	if _, err := n.Shown(ctx, prompt.ID); err != nil {
		t.Fatal(err)
	}
	rating := n.rate(t, prompt.ID, surveys.VeryDissatisfied, surveys.OutcomeStored)
	detail := tabletclient.Detail{Rating: rating, Tags: []string{plantedTag}, Comment: plantedComment, Phone: plantedPhone}
	if ack, err := n.AddDetail(ctx, detail); err != nil || ack.Outcome != surveys.OutcomeStored {
		t.Fatalf("say why: %v %v", ack, err)
	}
	n.rate(t, prompt.ID, surveys.Satisfied, surveys.OutcomeAlreadyRated)
	c.boardShows(board, totals{Offered: 1, Asked: 1})

	for _, bad := range []struct{ path, bearer, body string }{
		{path, c.token, strings.Replace(good, "settlement", "pharmacy", 1)}, // the number with another body
		{path, c.token, strings.Replace(good, `"settlement"`, `"`+plantedPhone+`"`, 1)},
		{path, c.token, strings.TrimSuffix(good, "}")},
		{path, c.token, fmt.Sprintf(`{"transaction":%q,"kind":"settlement",%q:1}`, plantedTransaction, plantedPhone)},
		{path, c.token, fmt.Sprintf(`{"transaction":%q,"kind":"settlement","completed_at":%q}`, plantedTransaction, plantedPhone)},
		{path, plantedPhone, good},
		{"/api/v1/session", "", fmt.Sprintf(`{"username":%q,"password":%q}`, plantedPhone, plantedComment)},
	} {
		status, body := c.post(bad.path, bad.bearer, bad.body)
		if status < 400 {
			t.Errorf("%s was answered with %d: %s", bad.body, status, body)
		}
		errorBodies += body + "\n"
	}
	return errorBodies
}

// post sends a body as it is.
func (c *clinic) post(path, bearer, body string) (status int, answer string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url()+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", c.url())
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := c.desk.http.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// sendNonsense has a tablet send frames with personal text where it does not
// belong.
func (c *clinic) sendNonsense() {
	t := c.t
	n := c.pair("pharmacy-1")
	ctx := within(t, patience)
	if err := n.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	for _, r := range []tabletclient.Rating{
		{Grade: surveys.Satisfied, Language: plantedPhone}, {Grade: surveys.Satisfied, Place: plantedPhone}, {Grade: surveys.Satisfied, Questionnaire: plantedPhone},
	} {
		if ack, err := n.Rate(ctx, r); err != nil || ack.Outcome != surveys.OutcomeInvalid {
			t.Errorf("a rating with nonsense: %v %v, want invalid", ack, err)
		}
	}
	rating := n.rate(t, surveys.FactID{}, surveys.Dissatisfied, surveys.OutcomeStored)
	for _, d := range []tabletclient.Detail{
		{Rating: rating, Phone: plantedPhone + strings.Repeat(" "+plantedPhone, 9)},
		{Rating: rating, Comment: strings.Repeat(plantedComment, 200)},
		{Rating: rating, Tags: []string{plantedComment + plantedPhone}},
	} {
		if ack, err := n.AddDetail(ctx, d); err != nil || ack.Outcome != surveys.OutcomeInvalid {
			t.Errorf("a detail with nonsense: %v %v, want invalid", ack, err)
		}
	}
	// Not JSON at all: the socket is closed, and the log says so.
	n.Queue(tabletclient.Rating{Grade: surveys.Satisfied, Language: `zh"` + plantedPhone + plantedComment})
	eventually(t, "the log tells of the unreadable frame", func() bool { return strings.Contains(c.out.String(), "cannot be read") })
}

// listen hears every command that is given to Redis and every message it
// publishes, until the test ends.
func (r *realRedis) listen() (spoken, published *safeBuffer) {
	r.t.Helper()
	spoken, published = &safeBuffer{}, &safeBuffer{}
	conn, err := net.Dial(r.Network, r.Address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "MONITOR\r\n"); err != nil {
		r.t.Fatal(err)
	}
	go func() { _, _ = io.Copy(spoken, conn) }()
	eventually(r.t, "Redis is listened to", func() bool { return strings.Contains(spoken.String(), "+OK") })

	client := r.client()
	messages := client.PSubscribe(r.t.Context(), "*")
	if _, err := messages.Receive(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		for m := range messages.Channel() {
			fmt.Fprintf(published, "%s %s\n", m.Channel, m.Payload)
		}
	}()
	return spoken, published
}

// client is a client until the test ends.
func (r *realRedis) client() redis.UniversalClient {
	r.t.Helper()
	client, err := redisstream.Open(r.URL)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = client.Close() })
	return client
}

// dump writes down all that Redis holds.
func (r *realRedis) dump() string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	client := r.client()
	var b strings.Builder
	keys := client.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		key := keys.Val()
		var content any
		var err error
		switch kind := client.Type(ctx, key).Val(); kind {
		case "string":
			content, err = client.Get(ctx, key).Result()
		case "hash":
			content, err = client.HGetAll(ctx, key).Result()
		case "set":
			content, err = client.SMembers(ctx, key).Result()
		case "zset":
			content, err = client.ZRange(ctx, key, 0, -1).Result()
		case "list":
			content, err = client.LRange(ctx, key, 0, -1).Result()
		case "stream":
			content, err = client.XRange(ctx, key, "-", "+").Result()
		default:
			err = fmt.Errorf("a %s", kind)
		}
		if err != nil {
			r.t.Errorf("dump %s: %v", key, err)
		}
		fmt.Fprintf(&b, "%s %v\n", key, content)
	}
	if err := keys.Err(); err != nil {
		r.t.Errorf("list the keys of Redis: %v", err)
	}
	return b.String()
}
