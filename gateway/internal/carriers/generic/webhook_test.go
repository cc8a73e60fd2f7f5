package generic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys/texting"
)

// inbox keeps what it is given; down makes it refuse.
type inbox struct {
	inbounds []texting.Inbound
	reports  []texting.StatusReport
	down     bool
}

func (b *inbox) RecordInbound(_ context.Context, in texting.Inbound) error {
	if b.down {
		return errors.New("the store is down")
	}
	b.inbounds = append(b.inbounds, in)
	return nil
}

func (b *inbox) RecordStatus(_ context.Context, r texting.StatusReport) error {
	if b.down {
		return errors.New("the store is down")
	}
	b.reports = append(b.reports, r)
	return nil
}

// hook sends one webhook; a body goes as the type given, or as a form.
func hook(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const at = Prefix + secret

func TestKannelsWebhooks(t *testing.T) {
	to := &inbox{}
	h := newCarrier(t, kannelOptions("http://kannel")).Handler(to)
	id := invite().ID
	for status, want := range map[string]texting.Status{
		"1": texting.StatusDelivered, "2": texting.StatusUndelivered, "4": texting.StatusQueued, "8": texting.StatusSent, "16": texting.StatusUndelivered,
	} {
		to.reports = nil
		w := hook(h, "GET", fmt.Sprintf("%s/report?id=%s&status=%s&code=NACK/42", at, id, status), "")
		if w.Code != http.StatusOK || w.Body.Len() != 0 {
			t.Fatalf("status %s is answered %d %q, want 200 and nothing: Kannel sends it on", status, w.Code, w.Body)
		}
		expect := texting.StatusReport{Carrier: "generic", ProviderID: id.String(), Message: id, Status: want, Code: "NACK/42", At: noon}
		if want == texting.StatusDelivered {
			expect.Code = ""
		}
		if diff := cmp.Diff([]texting.StatusReport{expect}, to.reports); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
	}
	query := url.Values{"id": {"7a0b"}, "from": {zhang}, "to": {"1069"}, "text": {"５分，谢谢"}}.Encode()
	for method, target := range map[string][2]string{"GET": {at + "/reply?" + query, ""}, "POST": {at + "/reply", query}} {
		to.inbounds = nil
		w := hook(h, method, target[0], target[1])
		if w.Code != http.StatusOK || w.Body.Len() != 0 || len(to.inbounds) != 1 {
			t.Fatalf("%s is answered %d %q with %d stored", method, w.Code, w.Body, len(to.inbounds))
		}
		in := to.inbounds[0]
		if in.From.E164() != zhang || !in.To.IsZero() || string(in.Body) != "５分，谢谢" || in.ProviderID != "7a0b" || in.Carrier != "generic" || !in.ReceivedAt.Equal(noon) {
			t.Errorf("%s: the reply is another one: %+v", method, in)
		}
	}
}

func TestWebhooksAsObjects(t *testing.T) {
	to := &inbox{}
	o := jsonOptions("http://bridge")
	o.Inbound, o.Secret = true, secret
	o.Webhook = Webhook{
		Format: "json", SecretHeader: "X-Secret", Answer: `{"ok":true}`,
		Report: Report{ProviderID: "/message/id", Status: "state", Statuses: map[string]texting.Status{"DELIVRD": texting.StatusDelivered}},
		Reply:  Reply{ID: "/message/id", From: "/message/from", Text: "/message/text"},
	}
	h := newCarrier(t, o).Handler(to)
	w := hook(h, "POST", Prefix+"report", `{"message":{"id":90061974693649844012},"state":"DELIVRD"}`, "X-Secret", secret)
	if w.Code != 200 || w.Body.String() != `{"ok":true}` || len(to.reports) != 1 || to.reports[0].ProviderID != "90061974693649844012" {
		t.Errorf("report: %d %s, %+v", w.Code, w.Body, to.reports)
	}
	w = hook(h, "POST", Prefix+"reply", `{"message":{"id":"m1","from":"13800138000","text":"5"}}`, "X-Secret", secret)
	if w.Code != 200 || len(to.inbounds) != 1 || to.inbounds[0].From.E164() != zhang {
		t.Errorf("reply: %d %s, %+v", w.Code, w.Body, to.inbounds)
	}
	for _, wrong := range []string{"", secret + "x", strings.ToUpper(secret)} {
		if w := hook(h, "POST", Prefix+"reply", `{"message":{"id":"m2","from":"13800138000","text":"5"}}`, "X-Secret", wrong); w.Code != http.StatusNotFound {
			t.Errorf("secret %q is answered %d, want 404", wrong, w.Code)
		}
	}
	for _, body := range []string{`[]`, `null`, `{"message":1}`, `{} {}`, "{\"message\":\"\xff\"}", ``} {
		if w := hook(h, "POST", Prefix+"reply", body, "X-Secret", secret); w.Code != http.StatusBadRequest {
			t.Errorf("%q is answered %d, want 400", body, w.Code)
		}
	}
}

func TestWebhooksThatAreRefused(t *testing.T) {
	good := "id=1&from=13800138000&text=5"
	for _, tt := range []struct {
		name, target, body string
		status             int
	}{
		{"good", at + "/reply?" + good, "", 200},
		{"wrong secret", Prefix + secret[1:] + "x/reply?" + good, "", 404},
		{"longer secret", Prefix + secret + "x/reply?" + good, "", 404},
		{"twice the same", at + "/reply?" + good + "&text=4", "", 400},
		{"twice, in query and body", at + "/reply?" + good, "text=4", 400},
		{"wrongly encoded", at + "/reply?id=1&from=13800138000&text=%zz", "", 400},
		{"not UTF-8", at + "/reply?id=1&from=13800138000&text=%ff", "", 400},
		{"no id", at + "/reply?from=13800138000&text=5", "", 400},
		{"nobody", at + "/reply?id=1&from=anonymous&text=5", "", 400},
		{"an unknown status", at + "/report?id=" + invite().ID.String() + "&status=77", "", 400},
		{"a report of nothing", at + "/report?status=1", "", 400},
		{"10 MiB", at + "/reply?" + good, strings.Repeat("x", 10<<20), 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := &inbox{}
			var log bytes.Buffer
			o := kannelOptions("http://kannel")
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			w := hook(newCarrier(t, o).Handler(to), "POST", tt.target, tt.body)
			if stored := len(to.inbounds) + len(to.reports); w.Code != tt.status || (stored == 1) != (tt.status == 200) {
				t.Errorf("answered %d with %d stored, want %d", w.Code, stored, tt.status)
			}
			if strings.Contains(w.Body.String()+log.String(), "138") || strings.Contains(log.String(), secret) {
				t.Errorf("the answer or the log says too much: %s %s", w.Body, log.String())
			}
		})
	}
}

func TestAWebhookIsSentAgainWhenTheStoreIsDown(t *testing.T) {
	h := newCarrier(t, kannelOptions("http://kannel")).Handler(&inbox{down: true})
	for _, target := range []string{"/reply?id=1&from=13800138000&text=5", "/report?status=1&id=" + invite().ID.String()} {
		if w := hook(h, "GET", at+target, ""); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s is answered %d, want 503", target, w.Code)
		}
	}
}

func FuzzWebhooks(f *testing.F) {
	f.Add("id=1&from=%2B8613800138000&text=5&status=1", "")
	f.Add("", `{"id":"1","from":"13800138000","text":"5","status":8}`)
	f.Add("id=0199c0de-0000-7000-8000-000000000001&status=16", `{"id":{"a":[]}}`)
	c, err := New(kannelOptions("http://kannel"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query, body string) {
		form, formErr := readForm(query, "")
		object, objectErr := readObject([]byte(body))
		for _, f := range []struct {
			fields
			err error
		}{{form, formErr}, {object, objectErr}} {
			if f.err != nil {
				continue
			}
			if r, err := c.report(f.fields); err == nil && (r.ProviderID == "" || len(r.ProviderID) > maxID || !r.Status.Valid()) {
				t.Errorf("report %+v", r)
			}
			if in, err := c.reply(f.fields); err == nil {
				if e164 := in.From.E164(); e164[0] != '+' || len(e164) < 8 || len(e164) > 16 || in.ProviderID == "" || len([]rune(string(in.Body))) > maxText {
					t.Errorf("a reply has the wrong form")
				}
			}
		}
	})
}
