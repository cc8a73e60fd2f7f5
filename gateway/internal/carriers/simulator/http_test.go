package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qingfeng/surveys/texting"
)

func anybody(*http.Request) bool { return true }

// ask sends one request to the handler.
func ask(t *testing.T, h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// read decodes an answer that must be a 200.
func read[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if w.Code != http.StatusOK {
		t.Fatalf("status %d, want 200: %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPhonesAreShownToNobodyByDefault(t *testing.T) {
	c := New(Options{})
	if _, err := c.Send(t.Context(), textTo(zhang, 1)); err != nil {
		t.Fatal(err)
	}
	refuse := func(*http.Request) bool { return false }
	for name, allow := range map[string]func(*http.Request) bool{"no allow": nil, "refused": refuse} {
		h := c.Handler(allow)
		for _, r := range [][3]string{
			{"GET", Prefix, ""}, {"GET", Prefix + "/1", ""}, {"POST", Prefix, `{"number":"+8613800138001"}`},
			{"POST", Prefix + "/1/replies", fmt.Sprintf(`{"id":%q,"text":"5"}`, factID(1))}, {"POST", Prefix + "/1/failure", `{"failure":"refused"}`},
			{"GET", Prefix + "/nothing/here", ""},
		} {
			w := ask(t, h, r[0], r[1], r[2])
			if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "138") || strings.Contains(w.Body.String(), "打分") {
				t.Errorf("%s: %s %s = %d %s, want 403 and nothing of a patient", name, r[0], r[1], w.Code, w.Body)
			}
		}
	}
	w := ask(t, c.Handler(anybody), "POST", Prefix+"/1/replies", fmt.Sprintf(`{"id":%q,"text":"5"}`, factID(1)), "Origin", "https://evil.example")
	if w.Code != http.StatusForbidden {
		t.Errorf("another site's page types on a phone: %d", w.Code)
	}
	if got := thread(t, c, zhang); len(got) != 1 {
		t.Errorf("thread %v, want the one text", got)
	}
}

func TestLocal(t *testing.T) {
	for _, tt := range []struct {
		name, remote, host, header string
		want                       bool
	}{
		{"this machine", "127.0.0.1:40000", "127.0.0.1:8080", "", true},
		{"by name", "127.0.0.1:40000", "localhost:8080", "", true},
		{"IPv6", "[::1]:40000", "[::1]:8080", "", true},
		{"mapped", "[::ffff:127.0.0.1]:40000", "LOCALHOST", "", true},
		{"another machine", "10.0.0.9:40000", "127.0.0.1:8080", "", false},
		{"a name pointed at loopback", "127.0.0.1:40000", "evil.example:8080", "", false},
		{"a name that looks like it", "127.0.0.1:40000", "127.0.0.1.evil.example", "", false},
		{"through a proxy", "127.0.0.1:40000", "127.0.0.1:8080", "X-Forwarded-For", false},
		{"through another proxy", "127.0.0.1:40000", "127.0.0.1:8080", "Forwarded", false},
		{"no address", "", "127.0.0.1:8080", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr, r.Host = tt.remote, tt.host
			if tt.header != "" {
				r.Header.Set(tt.header, "203.0.113.9")
			}
			if got := Local(r); got != tt.want {
				t.Errorf("Local = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTypingOnAPhone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &inbox{}
		c := running(t, Options{Now: func() time.Time { return time.Date(2026, 3, 5, 2, 0, 0, 0, time.UTC) }}, to)
		h := c.Handler(anybody)
		if _, err := c.Send(t.Context(), textTo(zhang, 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		list := read[listBody](t, ask(t, h, "GET", Prefix, ""))
		if len(list.Phones) != 1 || list.Zone != "Asia/Shanghai" || list.Phones[0].Number != zhang || list.Phones[0].Received != 1 ||
			list.Phones[0].Last == nil || list.Phones[0].Last.At != "2026-03-05T02:00:00.000Z" || !strings.HasPrefix(list.Phones[0].Last.Text, "【清风医院】") {
			t.Fatalf("list %+v is not the one phone with its text", list)
		}
		target := fmt.Sprintf("%s/%d", Prefix, list.Phones[0].ID)
		if w := ask(t, h, "POST", target+"/replies", fmt.Sprintf(`{"id":%q,"text":"不满意"}`, factID(3))); w.Code != http.StatusAccepted || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("a reply is answered %d %s", w.Code, w.Body)
		}
		synctest.Wait()
		got := read[threadBody](t, ask(t, h, "GET", target, ""))
		if len(got.Entries) != 2 || got.Entries[0].Status != "delivered" || got.Entries[1].Text != "不满意" || got.Entries[1].Kind != "reply" || got.Entries[1].Status != "taken" {
			t.Errorf("thread %+v, want the text and the reply", got.Entries)
		}
		if w := ask(t, h, "POST", target+"/failure", `{"failure":"refused"}`); w.Code != http.StatusNoContent {
			t.Errorf("choosing a failure is answered %d", w.Code)
		}
		if _, err := c.Send(t.Context(), textTo(zhang, 2)); err == nil {
			t.Error("the phone takes a text though it was told to refuse")
		}
	})
}

func TestWaitingForWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := running(t, Options{}, &inbox{})
		h := c.Handler(anybody)
		first := read[listBody](t, ask(t, h, "GET", Prefix, ""))
		poll := fmt.Sprintf("%s?after=%d&boot=%s", Prefix, first.Revision, first.Boot)
		begun := time.Now()
		read[listBody](t, ask(t, h, "GET", poll, ""))
		if took := time.Since(begun); took != pollTime {
			t.Errorf("nothing new is answered after %v, want %v", took, pollTime)
		}
		begun = time.Now()
		read[listBody](t, ask(t, h, "GET", Prefix+"?after=999&boot=before-the-restart", ""))
		if took := time.Since(begun); took != 0 {
			t.Errorf("a page from before the restart waits %v, want none", took)
		}
		go func() {
			time.Sleep(3 * time.Second)
			c.phones.put(texting.NumberOf(zhang))
		}()
		begun = time.Now()
		list := read[listBody](t, ask(t, h, "GET", poll, ""))
		if took := time.Since(begun); took != 3*time.Second || len(list.Phones) != 1 {
			t.Errorf("the new phone is told after %v with %d phones, want 3s and 1", took, len(list.Phones))
		}
	})
}

func TestRefusedRequests(t *testing.T) {
	c := New(Options{})
	h := c.Handler(anybody)
	id := c.phones.put(texting.NumberOf(zhang))
	reply, failure := fmt.Sprintf("%s/%d/replies", Prefix, id), fmt.Sprintf("%s/%d/failure", Prefix, id)
	good := fmt.Sprintf(`{"id":%q,"text":%%q}`, factID(1))
	for _, tt := range []struct {
		name, method, target, body string
		status                     int
	}{
		{"no such phone", "GET", Prefix + "/999", "", 404},
		{"no number of a phone", "GET", Prefix + "/one", "", 404},
		{"reply to no phone", "POST", Prefix + "/999/replies", fmt.Sprintf(good, "5"), 404},
		{"empty reply", "POST", reply, fmt.Sprintf(good, " \n "), 422},
		{"reply without id", "POST", reply, `{"text":"5"}`, 422},
		{"reply with a wrong id", "POST", reply, `{"id":"7","text":"5"}`, 400},
		{"longest reply", "POST", reply, fmt.Sprintf(good, strings.Repeat("请", maxReply)), 202},
		{"too long a reply", "POST", reply, fmt.Sprintf(good, strings.Repeat("请", maxReply+1)), 422},
		{"far too long", "POST", reply, fmt.Sprintf(good, strings.Repeat("x", 10<<20)), 413},
		{"not JSON", "POST", reply, "5", 400},
		{"not UTF-8", "POST", reply, "{\"text\":\"\xff\"}", 400},
		{"no such failure", "POST", failure, `{"failure":"on fire"}`, 422},
		{"failure of no phone", "POST", Prefix + "/999/failure", `{"failure":"none"}`, 404},
		{"no number", "POST", Prefix, `{"number":"call me"}`, 422},
		{"a number with letters", "POST", Prefix, `{"number":"+86138001380O0"}`, 422},
		{"a mainland number", "POST", Prefix, `{"number":"138 0013-8001"}`, 201},
		{"an E.164 number", "POST", Prefix, `{"number":"+44 7700 900123"}`, 201},
		{"wrong method", "DELETE", Prefix, "", 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if w := ask(t, h, tt.method, tt.target, tt.body); w.Code != tt.status {
				t.Errorf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
		})
	}
	if w := ask(t, h, "POST", reply, fmt.Sprintf(good, "5"), "Content-Type", "text/plain"); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a form's reply is answered %d, want 415", w.Code)
	}
}

func FuzzReadNumber(f *testing.F) {
	for _, seed := range []string{"13800138000", "+86 138-0013-8000", "+", "", "+0123456789", "１３８", "+861380013800013800"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		number, err := readNumber(text)
		if err != nil {
			if strings.Contains(err.Error(), text) && len(text) > 3 {
				t.Error("the error quotes the number")
			}
			return
		}
		got := number.E164()
		if got[0] != '+' || len(got) < 8 || len(got) > 16 || strings.Trim(got[1:], "0123456789") != "" {
			t.Errorf("%q is read as something that is not E.164", text)
		}
	})
}

func FuzzReply(f *testing.F) {
	for _, seed := range []string{`{"id":"0199c0de-0000-7000-8000-000000000001","text":"5"}`, `{"text":null}`, `[]`, `{"id":`} {
		f.Add(seed)
	}
	c := New(Options{})
	h := c.Handler(anybody)
	id := c.phones.put(texting.NumberOf(zhang))
	f.Fuzz(func(t *testing.T, body string) {
		w := ask(t, h, "POST", fmt.Sprintf("%s/%d/replies", Prefix, id), body, "Content-Type", "application/json")
		switch w.Code {
		case 202, 400, 413, 422, 503:
		default:
			t.Errorf("status %d for %q", w.Code, body)
		}
	})
}
