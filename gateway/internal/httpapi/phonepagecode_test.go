package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

func (c *client) code(code string, more ...string) *reply {
	c.w.tb.Helper()
	body := object{"code": code}
	if len(more) > 0 {
		body["device"] = more[0]
	}
	return c.post("/api/v1/survey/code", body)
}

func TestACodeBecomesAToken(t *testing.T) {
	for _, typed := range []string{surveyCode, "4071 8265", "4071-8265", "４０７１ ８２６５"} {
		t.Run(typed, func(t *testing.T) {
			w := pageWorld(t)
			first := w.invite(1)
			r := w.anybody().code(typed).want(http.StatusOK).without(first.token, first.id.String(), plantedNumber)
			got := decodeReply[struct {
				Token string `json:"token"`
			}](r)
			w.phone(got.Token).get("/api/v1/survey").want(http.StatusOK)
			first.get("/api/v1/survey").problem(http.StatusUnauthorized, "bad_token")
		})
	}
}

func TestACodeThatIsNoneTellsNothing(t *testing.T) {
	w := pageWorld(t)
	w.invite(1) // is too late below: 40718265
	w.pass(8 * 24 * time.Hour)
	w.invite(2).save(1, object{"answers": said("overall", 5), "finish": true}).want(http.StatusOK) // 40718266
	answer := func(code string) string {
		r := w.anybody().code(code)
		return fmt.Sprint(r.Code, r.Header(), r.Body)
	}
	want := answer("11111111")
	if !strings.HasPrefix(want, "404 ") || !strings.Contains(want, "no_such_code") {
		t.Fatalf("a wrong code is answered %s", want)
	}
	for who, code := range map[string]string{"too late": surveyCode, "used": "40718266", "short": "407182"} {
		if got := answer(code); got != want {
			t.Errorf("a code that is %s is answered %s, want %s", who, got, want)
		}
	}
	for _, text := range []string{"", "12345", "123456789", "4071826a", strings.Repeat("1", 5000), "四零七一八二"} {
		if p := w.anybody().code(text).problem(http.StatusUnprocessableEntity, "invalid_field"); p.Field != "code" {
			t.Errorf("%.10q: field %q", text, p.Field)
		}
	}
}

func TestWrongCodesAreCountedByAddressAndDevice(t *testing.T) {
	w := pageWorld(t)
	w.invite(1)
	device := storetest.ID(storetest.Noon(), 7).String()
	from := func(address string) *client {
		c := w.anybody()
		c.remote = netip.AddrPortFrom(netip.MustParseAddr(address), 9).String()
		return c
	}
	for n := range sqlstore.CodeTries {
		from("192.0.2.1").code(fmt.Sprint(10000000+n)).problem(http.StatusNotFound, "no_such_code")
	}
	if p := from("192.0.2.1").code(surveyCode).problem(http.StatusTooManyRequests, "too_many_tries"); p.RetryAfterSeconds < 1 || p.RetryAfterSeconds > 3600 {
		t.Errorf("try again after %d s", p.RetryAfterSeconds)
	}
	from("192.0.2.2").code(surveyCode).want(http.StatusOK)
	for n := range deviceCodes {
		from(fmt.Sprint("198.51.100.", n)).code("22222222", device).problem(http.StatusNotFound, "no_such_code")
		from(fmt.Sprint("198.51.100.", n)).code(surveyCode, storetest.ID(storetest.Noon(), 8).String()).want(http.StatusOK)
	}
	from("198.51.100.77").code(surveyCode, device).problem(http.StatusTooManyRequests, "too_many_tries")
	from("198.51.100.77").code(surveyCode, "planted").problem(http.StatusUnprocessableEntity, "invalid_field")
	for n := range sqlstore.CodeTries {
		from(fmt.Sprintf("2001:db8:0:1::%x", n)).code("33333333").problem(http.StatusNotFound, "no_such_code")
	}
	from("2001:db8:0:1:ffff::1").code(surveyCode).problem(http.StatusTooManyRequests, "too_many_tries")
	from("2001:db8:0:2::1").code(surveyCode).want(http.StatusOK)
	w.pass(codeHour)
	from("192.0.2.1").code(surveyCode, device).want(http.StatusOK)
}

func TestTheContactIsTheSameForEverybody(t *testing.T) {
	w := pageWorld(t)
	bare := w.anybody().get("/api/v1/survey/contact").want(http.StatusOK).Body.String()
	if !strings.Contains(bare, hotline) || !strings.Contains(bare, clueHotline) || !strings.Contains(bare, "Test Hospital") {
		t.Errorf("it says %s", bare)
	}
	if got := w.invite(1).get("/api/v1/survey/contact").Body.String(); got != bare {
		t.Errorf("with a token it says %s, want %s", got, bare)
	}
}

// TestATokenLeavesNoTrace opens a page every way there is and looks for its
// token, code, words and receipt where they must not be.
func TestATokenLeavesNoTrace(t *testing.T) {
	w := pageWorld(t)
	i, j := w.invite(1), w.invite(2)
	for _, target := range []string{"/s/" + i.token, "/s/" + i.token + "/", "/s/" + i.token + "/x", "//s/" + i.token, "/s/" + i.token + "?t=" + i.token, "/api/v1/survey/" + i.token} {
		i.get(target)
		i.post(target, object{"token": i.token})
		i.do("PLANTED", target, nil)
	}
	if r := i.get("/s/" + i.token).want(http.StatusOK).without(i.token); r.Header().Get("Referrer-Policy") != "no-referrer" || r.Header().Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(r.Header().Get("Content-Security-Policy"), "default-src 'self'") || r.Header().Get("Set-Cookie") != "" {
		t.Errorf("headers %v", r.Header())
	}
	i.get("/api/v1/survey").want(http.StatusOK)
	i.save(1, object{"answers": []object{{"question": "comment", "text": "planted-comment"}}, "call_back": true, "call_phone": "13912345678"}).want(http.StatusOK)
	i.save(2, object{"answers": said("planted-question", 1)}).want(http.StatusUnprocessableEntity)
	i.post("/api/v1/survey/saves", "planted-body").want(http.StatusBadRequest)
	receipt := decodeReply[saveAnswer](i.save(3, object{"clue": object{"text": "planted-clue"}}).want(http.StatusOK)).Receipt
	exchanged := decodeReply[object](w.anybody().code("40718266").want(http.StatusOK))["token"].(string)
	w.phone(exchanged).get("/api/v1/survey").want(http.StatusOK)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	i.get("/api/v1/survey")
	w.phone(exchanged).post("/api/v1/survey/saves", object{"id": storetest.ID(storetest.Noon(), 4).String(), "clue": object{"text": "planted-clue"}})
	w.anybody().code("40718266")

	scrape := w.anybody()
	scrape.remote = "127.0.0.1:9"
	metrics := scrape.get("/metrics").want(http.StatusOK).Body.String()
	logs := w.logs.String()
	for _, line := range []string{`route="GET /s/{token}"`, `route="POST /api/v1/survey/saves"`, "status=503"} {
		if !strings.Contains(logs, line) {
			t.Fatalf("the log lacks %s, so looking into it proves nothing:\n%s", line, logs)
		}
	}
	for place, text := range map[string]string{"log": logs, "metrics": metrics} {
		for _, secret := range []string{i.token, j.token, exchanged, receipt, "40718265", "40718266", "planted", "PLANTED", "13912345678", plantedName, "19900000101", i.id.String(), "192.0.2.7"} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("the %s holds %q: …%s…", place, secret, text[max(0, at-80):min(len(text), at+80)])
			}
		}
	}
}
