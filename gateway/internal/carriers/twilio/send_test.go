package twilio

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys/texting"
)

// answer is Twilio's to a send, shortened.
const answer = `{"sid":"` + messageSID + `","status":"queued","num_segments":"1","direction":"outbound-api","error_code":null,"body":"","to":"` + patient + `"}`

// twilioServer answers every request alike and lets check look at it first.
func twilioServer(tb testing.TB, status int, body string, check func(r *http.Request, form url.Values)) *httptest.Server {
	tb.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			tb.Errorf("read the request: %v", err)
		}
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			tb.Errorf("the request is no form: %v", err)
		}
		if check != nil {
			check(r, form)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	tb.Cleanup(s.Close)
	return s
}

func TestSendForm(t *testing.T) {
	callback := "https://survey.hospital.example/sms/twilio/status?message=" + textID.String() + "#rc=3&rp=ct,rt,5xx"
	usual := func(change func(url.Values)) url.Values {
		v := url.Values{
			"To": {patient}, "From": {hospital}, "Body": {words}, "StatusCallback": {callback},
			"ValidityPeriod": {"10800"}, "ContentRetention": {"discard"}, "SmartEncoded": {"false"},
		}
		change(v)
		return v
	}
	for _, tt := range []struct {
		name    string
		options func(*Options)
		message func(*texting.Message)
		want    url.Values
	}{
		{"from a number", nil, nil, usual(func(url.Values) {})},
		{
			"through a Messaging Service", func(o *Options) { o.From, o.MessagingServiceSID = "", serviceSID }, nil,
			usual(func(v url.Values) { v.Del("From"); v.Set("MessagingServiceSid", serviceSID) }),
		},
		{
			"through a Messaging Service from one of its numbers", func(o *Options) { o.MessagingServiceSID = serviceSID }, nil,
			usual(func(v url.Values) { v.Set("MessagingServiceSid", serviceSID) }),
		},
		{"bodies kept", func(o *Options) { o.KeepBodies = true }, nil, usual(func(v url.Values) { v.Del("ContentRetention") })},
		{"numbers masked", func(o *Options) { o.ObfuscateNumbers = true }, nil, usual(func(v url.Values) { v.Set("AddressRetention", "obfuscate") })},
		{
			"below a path", func(o *Options) { o.PublicURL = "https://h.example:8443/qf/" }, nil,
			usual(func(v url.Values) {
				v.Set("StatusCallback", "https://h.example:8443/qf/sms/twilio/status?message="+textID.String()+"#rc=3&rp=ct,rt,5xx")
			}),
		},
		{"valid for a blink", nil, func(m *texting.Message) { m.ValidFor = time.Millisecond }, usual(func(v url.Values) { v.Set("ValidityPeriod", "1") })},
		{"valid for days", nil, func(m *texting.Message) { m.ValidFor = 50 * time.Hour }, usual(func(v url.Values) { v.Set("ValidityPeriod", "36000") })},
		{"validity left to Twilio", nil, func(m *texting.Message) { m.ValidFor = 0 }, usual(func(v url.Values) { v.Del("ValidityPeriod") })},
		{
			"signs of its own", nil, func(m *texting.Message) { m.Body = "a+b & c=d % 😀\n【】" },
			usual(func(v url.Values) { v.Set("Body", "a+b & c=d % 😀\n【】") }),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := twilioServer(t, http.StatusCreated, answer, func(r *http.Request, form url.Values) {
				if want := "/2010-04-01/Accounts/" + accountSID + "/Messages.json"; r.Method != "POST" || r.URL.Path != want || r.URL.RawQuery != "" {
					t.Errorf("%s %s, want POST %s", r.Method, r.URL, want)
				}
				if user, password, _ := r.BasicAuth(); user != accountSID || password != token {
					t.Errorf("signed in as %q with %q", user, password)
				}
				if diff := cmp.Diff(tt.want, form); diff != "" {
					t.Errorf("form (-want +got):\n%s", diff)
				}
			})
			c := newCarrier(t, func(o *Options) {
				o.BaseURL = s.URL
				if tt.options != nil {
					tt.options(o)
				}
			})
			m := message()
			if tt.message != nil {
				tt.message(&m)
			}
			sent, err := c.Send(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(texting.Sent{ProviderID: messageSID, Status: texting.StatusQueued, Segments: 1}, sent); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSendLeavesTheEnvironmentAlone(t *testing.T) {
	t.Setenv("TWILIO_REGION", "au1")
	t.Setenv("TWILIO_EDGE", "sydney")
	c := newCarrier(t, nil)
	twilio, _ := c.service(t.Context())
	if got, err := twilio.RequestHandler().BuildUrl("https://api.twilio.com/x"); err != nil || got != "https://api.twilio.com/x" {
		t.Errorf("the API is at %s (%v), want api.twilio.com", got, err)
	}
}

func TestSendBelowABasePath(t *testing.T) {
	s := twilioServer(t, http.StatusCreated, answer, func(r *http.Request, _ url.Values) {
		if want := "/twilio/2010-04-01/Accounts/" + accountSID + "/Messages.json"; r.URL.Path != want {
			t.Errorf("path %s, want %s", r.URL.Path, want)
		}
	})
	if _, err := newCarrier(t, func(o *Options) { o.BaseURL = s.URL + "/twilio/" }).Send(t.Context(), message()); err != nil {
		t.Error(err)
	}
}

func TestSendReadsTheAnswer(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       texting.Sent
		class      texting.Class // empty: sent
		code       string
	}{
		{"a service has not counted yet", `{"sid":"SM1","status":"accepted","num_segments":"0"}`, texting.Sent{ProviderID: "SM1", Status: texting.StatusQueued}, "", ""},
		{"three segments", `{"sid":"SM1","status":"queued","num_segments":"3"}`, texting.Sent{ProviderID: "SM1", Status: texting.StatusQueued, Segments: 3}, "", ""},
		{"gone already", `{"sid":"SM1","status":"sent"}`, texting.Sent{ProviderID: "SM1", Status: texting.StatusSent}, "", ""},
		{"a status of next year", `{"sid":"SM1","status":"pondering"}`, texting.Sent{ProviderID: "SM1", Status: texting.StatusQueued}, "", ""},
		{"failed at once, with a code", `{"sid":"SM1","status":"failed","error_code":21610}`, texting.Sent{}, texting.ClassSuppress, "21610"},
		{"failed at once, without", `{"sid":"SM1","status":"failed"}`, texting.Sent{}, texting.ClassFinal, ""},
		{"somebody else answers", `{}`, texting.Sent{}, texting.ClassAmbiguous, ""},
		{"a page of a proxy", `<html>welcome</html>`, texting.Sent{}, texting.ClassAmbiguous, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := twilioServer(t, http.StatusCreated, tt.body, nil)
			sent, err := newCarrier(t, func(o *Options) { o.BaseURL = s.URL }).Send(t.Context(), message())
			checkSent(t, sent, err, tt.want, tt.class, tt.code)
		})
	}
}

// checkSent compares what Send gave.
func checkSent(tb testing.TB, sent texting.Sent, err error, want texting.Sent, class texting.Class, code string) *texting.SendError {
	tb.Helper()
	var failed *texting.SendError
	if err != nil && !errors.As(err, &failed) {
		tb.Fatalf("the error is a %T, want a *texting.SendError: %v", err, err)
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		tb.Errorf("sent (-want +got):\n%s", diff)
	}
	switch {
	case class == "" && failed != nil:
		tb.Errorf("failed: %v", failed)
	case class != "" && failed == nil:
		tb.Errorf("it was sent, want %s", class)
	case failed != nil:
		if failed.Class != class || failed.Code != code {
			tb.Errorf("failed %s %q, want %s %q: %v", failed.Class, failed.Code, class, code, failed)
		}
		if failed.Operator.ZH == "" || failed.Operator.EN == "" {
			tb.Error("the operator is told nothing")
		}
		checkClean(tb, "the error", fmt.Sprintf("%v %+v %#v", failed, failed, failed))
	}
	return failed
}

func TestSendRefusesByItself(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*texting.Message)
	}{
		{"no number", func(m *texting.Message) { m.To = texting.NumberOf("") }},
		{"a number without country", func(m *texting.Message) { m.To = texting.NumberOf("13800138000") }},
		{"another channel", func(m *texting.Message) { m.To = texting.NumberOf("whatsapp:" + patient) }},
		{"a number with letters", func(m *texting.Message) { m.To = texting.NumberOf("+86138OO138000") }},
		{"a number too long", func(m *texting.Message) { m.To = texting.NumberOf("+1" + strings.Repeat("2", 15)) }},
		{"validity over", func(m *texting.Message) { m.ValidFor = -time.Second }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := twilioServer(t, http.StatusCreated, answer, func(*http.Request, url.Values) { t.Error("it was sent") })
			m := message()
			tt.change(&m)
			sent, err := newCarrier(t, func(o *Options) { o.BaseURL = s.URL }).Send(t.Context(), m)
			checkSent(t, sent, err, texting.Sent{}, texting.ClassFinal, "")
		})
	}
}
