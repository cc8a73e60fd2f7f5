package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/hl7"
	"qingfeng/gateway/internal/intake"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// plantedMessage is what a hospital's system sent; no list may hold it.
const plantedMessage = "MSH|^~\\&|HIS\rPID|1||4711||欧阳震华||19700101|M|||上海路1号||13812345678"

// fakeImporter reads to the end and says how much came.
type fakeImporter struct {
	got int64
	err error
}

func (f *fakeImporter) ImportCSV(_ context.Context, file io.Reader) (intake.Report, error) {
	n, err := io.Copy(io.Discard, file)
	f.got = n
	if err != nil {
		return intake.Report{}, err
	}
	return intake.Report{Rows: 1, Added: 1, Lines: []intake.Line{}}, f.err
}

func (f *fakeImporter) ApplyFHIR(_ context.Context, body io.Reader) ([]intake.Result, error) {
	f.got, _ = io.Copy(io.Discard, body)
	return []intake.Result{{Applied: intake.Applied{Outcome: intake.OutcomeRecorded, Created: true}, UnknownWard: true}}, f.err
}

func newTaken(t *testing.T) (*world, *fakeImporter) {
	t.Helper()
	in := &fakeImporter{}
	return newWorld(t, func(o *Options) {
		o.Intake = &IntakeOptions{Store: o.Store.(*sqlstore.Store), Import: in, HL7: func() HL7Status {
			return HL7Status{Address: "127.0.0.1:2575", Listening: true, Counts: hl7.Counts{Accepted: 7, Rejected: 1, Connections: 2}, LastMessageAt: time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC)}
		}}
	}), in
}

// visitSender is a program with a token for sending visits.
func visitSender(w *world, scope string) *client {
	made := decodeReply[struct{ Token string }](w.person("tokens-"+scope, "", "tokens.manage").post("/api/v1/tokens", map[string]any{"label": "HIS " + scope, "scope": scope}).want(http.StatusCreated))
	c := w.anybody()
	c.header.Set("Authorization", "Bearer "+made.Token)
	return c
}

func TestMessagesThatWereNotTaken(t *testing.T) {
	w, _ := newTaken(t)
	for _, r := range []sqlstore.Rejected{
		{Source: "hl7", Reason: "没有患者号 / no patient number", Payload: []byte(plantedMessage)},
		{Source: "hl7", Reason: "odd", Payload: []byte("PID|\xc5\xb7\xd1\xf4")}, // 欧阳 in GB18030
	} {
		if err := w.store.KeepRejected(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	c := w.person("engineer", "", "intake.work", "intake.open")
	status := decodeReply[struct {
		HL7 struct {
			Address  string
			Accepted int
			LastAt   time.Time `json:"last_message_at"`
		}
		Rejected int
		MayOpen  bool `json:"may_open"`
	}](c.get("/api/v1/intake").want(http.StatusOK))
	if status.HL7.Address != "127.0.0.1:2575" || status.HL7.Accepted != 7 || status.HL7.LastAt.IsZero() || status.Rejected != 2 || !status.MayOpen {
		t.Errorf("the intake says %+v", status)
	}
	type entry struct {
		ID     int64
		Reason surveys.Text
	}
	list := decodeReply[struct{ Rejected []entry }](c.get("/api/v1/intake/rejected").want(http.StatusOK).without("欧阳", plantedPhone, "4711")).Rejected
	want := []surveys.Text{{ZH: "没有患者号", EN: "no patient number"}, {ZH: "odd", EN: "odd"}}
	if len(list) != 2 || list[0].Reason != want[0] || list[1].Reason != want[1] {
		t.Fatalf("messages: %+v", list)
	}
	one := fmt.Sprintf("/api/v1/intake/rejected/%d", list[0].ID)
	w.person("administrator", "", "intake.work").post(one+"/reveal", nil).without("欧阳").problem(http.StatusForbidden, "forbidden")
	if slices.Contains(w.auditActions(5), "rejected_message.open") {
		t.Error("a refused reading is in the audit log")
	}
	type opened struct{ Payload, Charset string }
	if got := decodeReply[opened](c.post(one+"/reveal", nil).want(http.StatusOK)); got != (opened{plantedMessage, "utf-8"}) {
		t.Errorf("opened %+v", got)
	}
	w.audited("rejected_message.open")
	if got := decodeReply[opened](c.post(fmt.Sprintf("/api/v1/intake/rejected/%d/reveal", list[1].ID), nil).want(http.StatusOK)); got != (opened{"PID|欧阳", "gb18030"}) {
		t.Errorf("opened %+v", got)
	}
	c.post(one+"/resolve", map[string]any{"note": " "}).problem(http.StatusUnprocessableEntity, "invalid_field")
	c.post(one+"/resolve", map[string]any{"note": "接口已改"}).want(http.StatusNoContent)
	w.audited("rejected_message.resolve")
	c.post(one+"/resolve", map[string]any{"note": "again"}).problem(http.StatusNotFound, "not_found")
	if done := decodeReply[struct{ Rejected []entry }](c.get("/api/v1/intake/rejected?state=resolved").want(http.StatusOK)).Rejected; len(done) != 1 {
		t.Errorf("resolved: %+v", done)
	}
	if text, charset := readable([]byte("\xff\xff")); charset != "unknown" || text == "" {
		t.Errorf("bytes that are no text: %q, %s", text, charset)
	}
	if strings.Contains(w.logs.String(), "欧阳") {
		t.Error("the log names a patient")
	}
}

func TestUploads(t *testing.T) {
	w, in := newTaken(t)
	desk, his, window := w.person("it", "", "intake.work"), visitSender(w, "intake"), visitSender(w, "windows")
	big := "a," + strings.Repeat("x", 1<<20) // beyond what other requests may hold
	upload := func(c *client, target, kind, body string) *reply {
		c.header.Set("Content-Type", kind)
		return c.do(http.MethodPost, target, body)
	}
	for name, c := range map[string]struct {
		*client
		path string
	}{"the desk": {desk, "/api/v1/intake/discharges"}, "a program": {his, "/api/v1/discharges"}} {
		got := decodeReply[intake.Report](upload(c.client, c.path, "text/csv", big).want(http.StatusOK))
		if diff := cmp.Diff(intake.Report{Rows: 1, Added: 1, Lines: []intake.Line{}}, got); diff != "" || in.got != int64(len(big)) {
			t.Errorf("%s: %d bytes came (-want +got):\n%s", name, in.got, diff)
		}
		upload(c.client, c.path, "multipart/form-data; boundary=x", "a,b").problem(http.StatusUnsupportedMediaType, "not_csv")
		upload(c.client, c.path, "text/csv", strings.Repeat("x", intake.MaxFile+importSlack+1)).problem(http.StatusRequestEntityTooLarge, "too_large")
		in.err = intake.Refuse(surveys.Text{ZH: "没有表头", EN: "no header"})
		if p := upload(c.client, c.path, "text/csv", "x").problem(http.StatusUnprocessableEntity, "file_refused"); p.Message != "没有表头 / no header" {
			t.Errorf("%s is told %q", name, p.Message)
		}
		in.err = errors.New("disk full of " + plantedPhone)
		upload(c.client, c.path, "text/csv", "x").without(plantedPhone).problem(http.StatusInternalServerError, "internal")
		in.err = nil
	}
	w.audited("intake.upload")

	w.importing.Lock()
	upload(desk, "/api/v1/intake/discharges", "text/csv", "a,b").problem(http.StatusServiceUnavailable, "busy")
	w.importing.Unlock()

	for _, path := range []string{"/api/v1/discharges", "/api/v1/encounters"} {
		upload(window, path, "text/csv", "a,b").problem(http.StatusUnauthorized, "bad_token")
		upload(w.anybody(), path, "text/csv", "a,b").problem(http.StatusUnauthorized, "bad_token")
	}
	his.header.Set("Content-Type", "application/json")
	his.post(settlement1, map[string]any{"transaction": "1", "kind": "settlement"}).problem(http.StatusForbidden, "other_window")
	window.header.Set("Content-Type", "application/json")
	window.post(settlement1, map[string]any{"transaction": "1", "kind": "settlement"}).want(http.StatusAccepted)
}

func TestEncounters(t *testing.T) {
	w, in := newTaken(t)
	his := visitSender(w, "intake")
	his.header.Set("Content-Type", "application/fhir+json")
	body := `{"resourceType":"Encounter","pad":"` + strings.Repeat("x", 100<<10) + `"}`
	got := his.do(http.MethodPost, "/api/v1/encounters", body).want(http.StatusOK).Body.String()
	if want := `{"changes":[{"outcome":"recorded","created":true,"unknown_ward":true,"unreachable":false}]}` + "\n"; got != want || in.got != int64(len(body)) {
		t.Errorf("%d bytes give %s, want %s", in.got, got, want)
	}
	his.do(http.MethodPost, "/api/v1/encounters", strings.Repeat("x", intake.MaxFHIR+1)).problem(http.StatusRequestEntityTooLarge, "too_large")
	in.err = intake.Refuse(surveys.Text{ZH: "没有就诊号", EN: "no visit number"})
	his.do(http.MethodPost, "/api/v1/encounters", plantedMessage).without("欧阳").problem(http.StatusUnprocessableEntity, "resource_refused")
	kept, err := w.store.RejectedMessages(t.Context(), true)
	if err != nil || len(kept) != 1 || kept[0].Source != intake.SourceFHIR || kept[0].Reason != "没有就诊号 / no visit number" {
		t.Errorf("kept aside: %+v, %v", kept, err)
	}
	his.header.Set("Content-Type", "text/plain")
	his.do(http.MethodPost, "/api/v1/encounters", "{}").problem(http.StatusUnsupportedMediaType, "not_json")

	admin := w.person("admin", "", "tokens.manage")
	tokens := decodeReply[struct {
		Tokens []struct {
			ID      int64
			Scope   string
			Windows []string
		}
	}](admin.get("/api/v1/tokens").want(http.StatusOK).without(string(IntakeScope))).Tokens
	if len(tokens) != 1 || tokens[0].Scope != "intake" || len(tokens[0].Windows) != 0 {
		t.Errorf("tokens: %+v", tokens)
	}
	for _, wrong := range []map[string]any{
		{"label": "x", "scope": "all"}, {"label": "x", "scope": "intake", "windows": []string{"settlement-1"}}, {"label": "x", "windows": []string{string(IntakeScope)}},
	} {
		admin.post("/api/v1/tokens", wrong).problem(http.StatusUnprocessableEntity, "invalid_field")
	}
	admin.post(fmt.Sprintf("/api/v1/tokens/%d/revoke", tokens[0].ID), nil).want(http.StatusNoContent)
	his.header.Set("Content-Type", "application/fhir+json")
	his.do(http.MethodPost, "/api/v1/encounters", "{}").problem(http.StatusUnauthorized, "bad_token")
}
