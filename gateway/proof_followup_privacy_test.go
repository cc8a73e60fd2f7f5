package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// What is planted of discharged patients. The numbers are of blocks that belong
// to nobody.
const (
	plantedPatientName = "欧阳植二"
	plantedMRN         = "QX8842MRN"
	plantedVisit       = "QX8842VISIT"
	plantedMobile      = "19900008842"
	plantedAbroad      = "2025550142"
	plantedWords       = "qxzauberwords 护士长姓慕容"
	plantedClue        = "红包给了 qx8842clue"
	plantedUnlinked    = "qx8842unlinked"
	plantedPageComment = "qx8842page 饭菜凉了"
	plantedCallPhone   = "19900006642"
)

// secrets are texts that may be nowhere; what is only known during the proof,
// such as a token, is added then.
type secrets []string

func plantedOfPatients() secrets {
	return secrets{
		plantedPatientName, plantedMRN, plantedVisit, plantedMobile, plantedMobile[3:], plantedAbroad, "qxzauberwords", "慕容", "qx8842clue",
		plantedUnlinked, "qx8842page", "饭菜凉了", plantedCallPhone,
	}
}

// spellings are the forms a text may turn up in, also as a program would write
// bytes down.
func spellings(text string) []string {
	raw := base64.RawStdEncoding.EncodeToString([]byte(text))
	return append(forms(text), hex.EncodeToString([]byte(text)), raw[:len(raw)-1], fmt.Sprint([]byte(text)))
}

// foundIn are the texts that are somewhere, in any spelling.
func (s secrets) foundIn(text string) (found []string) {
	for _, secret := range s {
		for _, spelling := range spellings(secret) {
			if at := strings.Index(text, spelling); at >= 0 {
				found = append(found, fmt.Sprintf("%q: …%.300q…", secret, text[max(0, at-150):min(len(text), at+150)]))
				break
			}
		}
	}
	return found
}

func (s secrets) proveNowhere(t *testing.T, places []place) {
	t.Helper()
	for _, p := range places {
		if !strings.Contains(p.text, p.has) {
			t.Errorf("%s: does not even have %q: %.500s", p.what, p.has, p.text)
		}
		for _, found := range s.foundIn(p.text) {
			t.Errorf("%s: has %s", p.what, found)
		}
	}
}

// linkCarrier stands in for a carrier whose texts may carry links, and keeps
// the last.
type linkCarrier struct {
	server *httptest.Server
	texts  chan takenText
}

func newLinkCarrier(t *testing.T) *linkCarrier {
	c := &linkCarrier{texts: make(chan takenText, 100)}
	c.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.texts <- readKannel(r)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "0: Accepted for delivery")
	}))
	t.Cleanup(c.server.Close)
	return c
}

// token waits for a text and gives the token of its link.
func (c *linkCarrier) token(t *testing.T) string {
	t.Helper()
	text := receive(t, c.texts, "a text with a link")
	_, token, found := strings.Cut(text.body, "/s/")
	if !found || len(token) < 22 {
		t.Fatalf("the text has no link: %q", text.body)
	}
	return token[:22]
}

// Nothing of a discharged patient leaves the store, and what the store keeps of
// numbers, names and words is sealed in its files.
func TestProofNothingOfPatientsIsToldRealRedis(t *testing.T) {
	links := newLinkCarrier(t)
	s := newSiteAtAnyHour(t, "log: {level: debug}\n"+fmt.Sprintf(
		"carriers: {routes: [{country: US, carrier: generic}], generic: {preset: kannel, links: true, username: proof, request: {url: %q}}}\n", links.server.URL+"/cgi-bin/sendsms"))
	s.kannelSettings()
	r := s.startRedis()
	spoken, published := r.listen()
	c := openClinic(t, s)
	var frames safeBuffer
	board := c.signedInBoard(func(_ tabletclient.Head, data []byte) { fmt.Fprintf(&frames, "%s\n", data) })
	secret := plantedOfPatients()

	bodies := c.plantStays()
	secret = append(secret, c.plantTalks()...)
	token := links.token(t)
	bodies += c.plantPage(token)
	secret = append(secret, token)
	c.wardShows(board, 1, 1)

	_, metrics, err := c.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	s.sameInRedis()
	s.plantedIsKept(t)
	places := []place{
		{"Redis", r.dump(), cardiologyWard}, {"what was said to Redis", spoken.String(), cardiologyWard}, {"what Redis published", published.String(), cardiologyWard},
		{"the boards", frames.String(), cardiologyWard}, {"/metrics", metrics, "qingfeng_store_facts_total"}, {"answers to what is wrong", bodies, "resource_refused"},
		{"the gateway's output", c.out.String(), "level=DEBUG"}, {"the store's files", s.files(t), cardiologyWard},
	}
	secret.proveNowhere(t, places)
	c.stop()
	secret.proveNowhere(t, []place{{"the gateway's output", c.out.String(), "stopping"}, {"the store's files", s.files(t), cardiologyWard}})
	s.verify()
}

// files are the bytes of the store's files as they lie on the disk.
func (s *site) files(t *testing.T) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(s.env["QINGFENG_DATA_DIR"], "qingfeng.db*"))
	if err != nil || len(all) == 0 {
		t.Fatalf("found no files of the store: %v", err)
	}
	var b strings.Builder
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return b.String()
}

// plantStays has three stays told of by file and message, and others in ways
// nobody can read. It gives the answers to those.
func (c *clinic) plantStays() (bodies string) {
	at := time.Now().AddDate(0, 0, -3)
	list := []discharge{
		{plantedMRN, plantedVisit, plantedPatientName, plantedMobile, cardiologyWard, at},
		{plantedMRN + "1", plantedVisit + "1", plantedPatientName, "+1" + plantedAbroad, cardiologyWard, at},
	}
	c.importFile(list)
	w := c.dialHL7()
	third := discharge{plantedMRN + "2", plantedVisit + "2", plantedPatientName, plantedCallPhone, "QXWARD", at}
	message := c.a03(third, "one")
	w.write(frame(message))
	if code, _, text := w.ack(); code != "AA" {
		c.t.Errorf("the discharge is answered %q", text)
	}
	message = strings.Replace(message, plantedVisit+"2", plantedVisit+"3", 1)
	for _, bad := range []string{
		strings.Replace(message, plantedMRN+"2", "", 1), strings.Replace(message, "ADT^A03", "ORU^R01", 1),
		strings.Replace(message, "PID|", plantedPatientName+"|", 1), "MSH|" + plantedPatientName + plantedMobile + "\r", plantedMobile,
	} {
		w = c.dialHL7()
		w.write(frame(bad))
		code, _, text := w.ack()
		if code == "AA" && !strings.Contains(bad, "ORU^R01") {
			c.t.Errorf("%q is accepted", bad)
		}
		bodies += text + "\n"
	}
	var made struct {
		Token string `json:"token"`
	}
	if err := c.desk.call(c.t.Context(), "POST", "/api/v1/tokens", "", map[string]any{"label": "his", "windows": []string{}, "scope": "intake"}, &made); err != nil {
		c.t.Fatal(err)
	}
	patient := fmt.Sprintf(`{"resourceType":"Patient","name":[{"text":%q}],"telecom":[{"system":"phone","value":%q}]}`, plantedPatientName, plantedMobile)
	for _, bad := range [][2]string{
		{"application/fhir+json", patient}, {"application/fhir+json", patient[:len(patient)-2]}, {"application/fhir+json", strings.Replace(patient, "Patient", plantedPatientName, 1)},
		{"text/csv", "姓名,手机号码\n" + plantedPatientName + "," + plantedMobile + "\n"},
		{"text/csv", c.csv([]discharge{{"", "", plantedPatientName, plantedMobile, plantedPatientName, at}})}, {"application/json", patient},
	} {
		path := "/api/v1/encounters"
		if bad[0] == "text/csv" {
			path = "/api/v1/discharges"
		}
		bodies += c.send(path, made.Token, bad[0], bad[1])
	}
	return bodies
}

// send posts a body and gives the answer.
func (c *clinic) send(path, bearer, kind, body string) (answer string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url()+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
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
	return string(text) + "\n"
}

// plantTalks has two patients write, and gives the receipt code that one gets.
func (c *clinic) plantTalks() []string {
	first, second := "+86"+plantedMobile, "+86"+plantedCallPhone
	c.rings(first, 1)
	c.types(first, "5分，"+plantedWords)
	for n, reply := range []string{"没有", "4，" + plantedWords, plantedWords} {
		c.rings(first, n+2)
		c.types(first, reply)
	}
	c.rings(first, 5)
	c.types(first, plantedUnlinked)
	c.rings(second, 1)
	c.types(second, plantedClue)
	receipt := receiptCode.FindString(c.rings(second, 2))
	if receipt == "" {
		c.t.Fatal("the clue got no receipt code")
	}
	c.worked(6)
	return []string{receipt, strings.ReplaceAll(receipt, " ", "")}
}

// plantPage answers on the phone page, well and badly, and gives the answers to
// the latter.
func (c *clinic) plantPage(token string) (bodies string) {
	save := func(answers string) string {
		return fmt.Sprintf(`{"id":%q,"answers":[%s]}`, newFactID(time.Now()), answers)
	}
	good := `{"question":"overall","value":2},{"question":"suggestion","value":0,"text":"` + plantedPageComment + `"}`
	if status, answer := c.post("/api/v1/survey/saves", token, strings.TrimSuffix(save(good), "}")+`,"call_back":true,"call_phone":"`+plantedCallPhone+`"}`); status != http.StatusOK {
		c.t.Fatalf("save answers: %d %s", status, answer)
	}
	for _, bad := range []struct{ path, bearer, body string }{
		{"/api/v1/survey/saves", token, save(`{"question":"` + plantedPatientName + `","value":5}`)},
		{"/api/v1/survey/saves", token, save(`{"question":"overall","value":5,"text":"` + strings.Repeat(plantedPageComment, 500) + `"}`)},
		{"/api/v1/survey/saves", token, strings.TrimSuffix(save(good), "}") + `,"call_phone":"` + strings.Repeat(plantedCallPhone, 9) + `"}`},
		{"/api/v1/survey/saves", token, save(`{"question":"overall","value":"` + plantedMobile + `"}`)},
		{"/api/v1/survey/saves", token + plantedMobile, save(good)},
		{"/api/v1/survey/saves", token[1:] + "A", save(good)},
		{"/api/v1/survey/code", "", `{"code":"` + plantedMobile[3:] + `"}`},
		{"/api/v1/survey/code", "", `{"code":"` + plantedPatientName + `"}`},
		{"/api/v1/phones", "", `{"number":"` + plantedMobile + plantedMobile + `"}`},
		{"/api/v1/phones/1/replies", "", `{"id":"","text":"` + plantedWords + `"}`},
		{"/sms/generic/" + plantedMobile + plantedMobile + plantedMobile + "/report", "", plantedWords},
		{"/sms/generic/" + kannelSecret + "/report?id=" + plantedMobile + "&status=" + plantedCallPhone, "", plantedWords},
		{"/api/v1/followup/demo-clock", "", `{"hours":"` + plantedMobile + `"}`},
	} {
		status, answer := c.post(bad.path, bad.bearer, bad.body)
		if status < 400 && !strings.HasPrefix(bad.path, "/sms/") {
			c.t.Errorf("%s is answered with %d: %s", bad.body, status, answer)
		}
		bodies += answer + "\n"
	}
	for _, path := range []string{"/s/" + token, "/s/" + plantedMobile, "/api/v1/survey/" + plantedPatientName, "/sms/" + plantedMobile} {
		if _, answer, err := c.get(path); err != nil {
			c.t.Errorf("get a page: %v", err)
		} else {
			bodies += answer + "\n"
		}
	}
	return bodies
}

// plantedIsKept proves that what was planted is in the store, for whoever has
// its key.
func (s *site) plantedIsKept(t *testing.T) {
	t.Helper()
	s.withStore(func(ctx context.Context, store *sqlstore.Store) {
		visit, err := store.FindVisitByNumber(ctx, plantedVisit)
		if err != nil || visit.Place != cardiologyWard || !visit.HasPhone {
			t.Errorf("the planted stay is %+v, %v", visit, err)
		}
		clues, err := store.Clues(ctx)
		if err != nil || len(clues) != 1 {
			t.Fatalf("there are %d clues, %v", len(clues), err)
		}
		if words, err := store.OpenClue(ctx, clues[0].ID, prover); err != nil || words != surveys.Secret(plantedClue) {
			t.Errorf("the clue cannot be read: %v", err)
		}
		callbacks, err := store.Callbacks(ctx, sqlstore.CallbackFilter{})
		if err != nil || len(callbacks) != 1 {
			t.Fatalf("there are %d call-backs, %v", len(callbacks), err)
		}
		if number, err := store.RevealPhone(ctx, callbacks[0].ID, prover); err != nil || !strings.Contains(string(number), plantedCallPhone) {
			t.Errorf("the number to be called cannot be read: %v", err)
		}
	})
}
