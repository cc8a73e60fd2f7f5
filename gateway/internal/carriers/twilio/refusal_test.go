package twilio

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"qingfeng/surveys/texting"
)

// quoting is a refusal as Twilio writes it: its words quote the number.
func quoting(code int) string {
	return fmt.Sprintf(`{"code":%d,"message":"The 'To' number %s cannot take: %s","more_info":"https://www.twilio.com/docs/errors/%d","status":400,"details":{"to":%q}}`,
		code, patient, words, code, patient)
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		header map[string]string
		class  texting.Class
		code   string
		after  time.Duration
	}{
		{"opted out", 400, quoting(21610), nil, texting.ClassSuppress, "21610", 0},
		{"no such number", 400, quoting(21211), nil, texting.ClassFinal, "21211", 0},
		{"a number that looks wrong", 400, quoting(21217), nil, texting.ClassFinal, "21217", 0},
		{"no mobile number", 400, quoting(21614), nil, texting.ClassFinal, "21614", 0},
		{"country not enabled", 400, quoting(21408), nil, texting.ClassFinal, "21408", 0},
		{"cannot be reached from this sender", 400, quoting(21612), nil, texting.ClassFinal, "21612", 0},
		{"not our sender", 400, quoting(21606), nil, texting.ClassHalt, "21606", 0},
		{"queue full", 400, quoting(21611), nil, texting.ClassLater, "21611", 0},
		{"wrong token", 401, quoting(20003), nil, texting.ClassHalt, "20003", 0},
		{"daily limit", 429, quoting(63038), map[string]string{"Retry-After": "60"}, texting.ClassHalt, "63038", time.Minute},
		{"too many requests", 429, quoting(20429), map[string]string{"Retry-After": "7"}, texting.ClassLater, "20429", 7 * time.Second},
		{"too many requests, until a moment", 429, quoting(20429), map[string]string{"Retry-After": "Mon, 21 Sep 2026 12:00:30 GMT"}, texting.ClassLater, "20429", 30 * time.Second},
		{"until a moment that has passed", 429, quoting(20429), map[string]string{"Retry-After": "Mon, 21 Sep 2026 11:00:30 GMT"}, texting.ClassLater, "20429", 0},
		{"until next week", 429, quoting(20429), map[string]string{"Retry-After": "600000"}, texting.ClassLater, "20429", time.Hour},
		{"until nonsense", 429, quoting(20429), map[string]string{"Retry-After": "soon"}, texting.ClassLater, "20429", 0},
		{"too many requests, says a proxy", 429, "slow down", nil, texting.ClassLater, "", 0},
		{"no privacy bought", 400, quoting(30029), nil, texting.ClassHalt, "30029", 0},
		{"unknown code", 400, quoting(29999), nil, texting.ClassFinal, "29999", 0},
		{"unknown code without permission", 403, quoting(29998), nil, texting.ClassHalt, "29998", 0},
		{"no code and no permission", 401, "", nil, texting.ClassHalt, "", 0},
		{"no money", 402, "{}", nil, texting.ClassHalt, "", 0},
		{"no such address", 404, "<html>", nil, texting.ClassHalt, "", 0},
		{"teapot", 418, "", nil, texting.ClassFinal, "", 0},
		{"half a request", 408, "", nil, texting.ClassLater, "", 0},
		{"redirected", 307, "", map[string]string{"Location": "/elsewhere"}, texting.ClassLater, "", 0},
		{"moved, with a page", 302, "<html>", map[string]string{"Location": "/elsewhere"}, texting.ClassLater, "", 0},
		{"broke after taking it", 500, quoting(20500), nil, texting.ClassAmbiguous, "20500", 0},
		{"broke with a code that is final elsewhere", 500, quoting(21610), nil, texting.ClassAmbiguous, "21610", 0},
		{"overloaded", 503, "", map[string]string{"Retry-After": "3"}, texting.ClassAmbiguous, "", 3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sends := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sends++
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer s.Close()
			log := &journal{}
			c := newCarrier(t, func(o *Options) { o.BaseURL, o.Logger = s.URL, log.logger() })
			sent, err := c.Send(t.Context(), message())
			failed := checkSent(t, sent, err, texting.Sent{}, tt.class, tt.code)
			if failed != nil && failed.RetryAfter != tt.after {
				t.Errorf("retry after %s, want %s", failed.RetryAfter, tt.after)
			}
			if sends != 1 {
				t.Errorf("it was sent %d times", sends)
			}
			checkClean(t, "the log", log.String())
		})
	}
}

func TestUnknownCodesAreReportedOnce(t *testing.T) {
	log := &journal{}
	code := 29999
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		_, _ = w.Write([]byte(quoting(code)))
	}))
	defer s.Close()
	now := noon
	c := newCarrier(t, func(o *Options) {
		o.BaseURL, o.Logger = s.URL, log.logger()
		o.Now = func() time.Time { now = now.Add(time.Hour); return now } // once is once, not once a minute
	})
	for _, code = range []int{29999, 29999, 29998, 21610} {
		_, _ = c.Send(t.Context(), message())
	}
	for code, want := range map[int]int{29999: 1, 29998: 1, 21610: 0} {
		if got := strings.Count(log.String(), "https://www.twilio.com/docs/api/errors/"+strconv.Itoa(code)); got != want {
			t.Errorf("code %d is reported %d times, want %d:\n%s", code, got, want, log)
		}
	}
	checkClean(t, "the log", log.String())
}

// The classes others rely on, apart from the table itself.
func TestCodes(t *testing.T) {
	want := map[texting.Class][]int{
		texting.ClassSuppress:  {21610},
		texting.ClassHalt:      {20003, 20005, 21606, 21660, 21704, 30002, 30034, 63038, 90010},
		texting.ClassLater:     {20429, 14107, 21611, 30001, 30450},
		texting.ClassTwice:     {30003, 30008},
		texting.ClassFinal:     {21211, 21217, 21408, 21612, 21614, 21635, 30004, 30005, 30006, 30007},
		texting.ClassAmbiguous: {30410},
	}
	for class, list := range want {
		for _, code := range list {
			got, operator, ok := Explain(code)
			if !ok || got != class || operator.ZH == "" || operator.EN == "" {
				t.Errorf("Explain(%d) = %s, %v, %v, want %s", code, got, operator, ok, class)
			}
		}
	}
	for code, e := range codes {
		if e.class == "" || e.zh == "" || e.en == "" || strings.ContainsAny(e.en, "。，") || !strings.ContainsFunc(e.zh, func(r rune) bool { return r > 0x2E7F }) {
			t.Errorf("code %d: %+v lacks a class or one of its languages", code, e)
		}
		if e.class == suppress && code != 21610 {
			t.Errorf("code %d keeps a number silent for ever; only the patient's own word does", code)
		}
	}
	if _, _, ok := Explain(29999); ok {
		t.Error("Explain knows a code that does not exist")
	}
}
