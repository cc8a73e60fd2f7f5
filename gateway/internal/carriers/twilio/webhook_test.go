package twilio

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

const public = "https://survey.hospital.example"

// inboundParams are what Twilio sends with a patient's text.
func inboundParams() map[string]string {
	return map[string]string{
		"ToCountry": "US", "ToState": "", "SmsMessageSid": messageSID, "NumMedia": "0", "ToCity": "", "FromZip": "", "SmsSid": messageSID,
		"FromState": "", "SmsStatus": "received", "FromCity": "", "Body": "５分，谢谢 小时候的秘密", "FromCountry": "CN", "To": hospital, "ToZip": "",
		"NumSegments": "1", "MessageSid": messageSID, "AccountSid": accountSID, "From": patient, "ApiVersion": "2010-04-01",
	}
}

// statusParams are what Twilio sends of a text's fate.
func statusParams() map[string]string {
	return map[string]string{
		"SmsSid": messageSID, "SmsStatus": "delivered", "MessageStatus": "delivered", "To": patient, "MessageSid": messageSID,
		"AccountSid": accountSID, "From": hospital, "ApiVersion": "2010-04-01", "RawDlrDoneDate": "2609211201",
	}
}

func encode(params map[string]string) string {
	values := url.Values{}
	for name, value := range params {
		values.Set(name, value)
	}
	return values.Encode()
}

// with gives the parameters with some changed.
func with(params map[string]string, pairs ...string) map[string]string {
	params = maps.Clone(params)
	for i := 0; i < len(pairs); i += 2 {
		params[pairs[i]] = pairs[i+1]
	}
	return params
}

// without gives the parameters with one missing.
func without(params map[string]string, name string) map[string]string {
	params = maps.Clone(params)
	delete(params, name)
	return params
}

// posted is a webhook on its way in.
type posted struct {
	method, target, body string
	header               http.Header
	host                 string
	length               int64 // announced; 0: the body's
}

// genuine is a webhook as Twilio sends it, signed for our public address.
func genuine(target string, params map[string]string) posted {
	return posted{
		method: "POST", target: target, body: encode(params), host: "survey.hospital.example",
		header: http.Header{
			"Content-Type":               {"application/x-www-form-urlencoded; charset=UTF-8"},
			"X-Twilio-Signature":         {sign(token, public+target, params)},
			"I-Twilio-Idempotency-Token": {"0b5f"},
		},
	}
}

// changed gives the webhook with something altered after it was signed.
func (p posted) changed(change func(*posted)) posted {
	p.header = p.header.Clone()
	change(&p)
	return p
}

// signedAs gives the webhook signed with a token for an address.
func (p posted) signedAs(key, address string, params map[string]string) posted {
	return p.changed(func(p *posted) { p.header.Set("X-Twilio-Signature", sign(key, address, params)) })
}

func (c *Carrier) serveTest(tb testing.TB, p posted) *httptest.ResponseRecorder {
	tb.Helper()
	mux := http.NewServeMux()
	mux.Handle(InboundPath, c.InboundHandler())
	mux.Handle(StatusPath, c.StatusHandler())
	r := httptest.NewRequest(p.method, p.target, strings.NewReader(p.body))
	r.Header, r.Host = p.header, p.host
	if p.length != 0 {
		r.ContentLength = p.length
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

// TestThreats is what somebody at the door may try, and what must come through
// whatever stands between.
func TestThreats(t *testing.T) {
	in, report := inboundParams(), statusParams()
	inbound := genuine(InboundPath, in)
	statusTarget := StatusPath + "?message=" + textID.String()
	status := genuine(statusTarget, report)
	header := func(name, value string) func(*posted) {
		return func(p *posted) { p.header.Set(name, value) }
	}
	for _, tt := range []struct {
		name string
		post posted
		want int
	}{
		// What must come through.
		{"a text", inbound, 200},
		{"a report with our id", status, 200},
		{"a report without", genuine(StatusPath, report), 200},
		{"signed with the previous token", inbound.signedAs(oldToken, public+InboundPath, in), 200},
		{"signed with the port", inbound.signedAs(token, "https://survey.hospital.example:443"+InboundPath, in), 200},
		{"signed with the fragment", status.signedAs(token, public+statusTarget+retries, report), 200},
		{"behind a proxy that speaks http", inbound.changed(func(p *posted) {
			p.host = "10.0.0.7:8080"
			p.header.Set("X-Forwarded-Proto", "http")
			p.header.Set("X-Forwarded-Host", "internal")
			p.header.Set("X-Forwarded-Port", "8080")
			p.header.Set("Forwarded", "proto=http;host=internal")
		}), 200},
		{"unicode", genuine(InboundPath, with(in, "Body", "５分 5️⃣ 👍🏽 \u200f满意\r\n第二行 + & = % ;")), 200},
		{"empty text", genuine(InboundPath, with(in, "Body", "")), 200},
		{"spaces around, which must not be trimmed", genuine(InboundPath, with(in, "Body", "  5 ")), 200},
		{"a parameter Twilio adds next year", genuine(InboundPath, with(in, "Mood", "good")), 200},
		{"keys whose order depends on case", genuine(InboundPath, with(in, "aB", "1", "Ab", "2", "AB", "3")), 200},
		{"keys in another order", inbound.changed(func(p *posted) {
			pairs := strings.Split(p.body, "&")
			slices.Reverse(pairs)
			p.body = strings.Join(pairs, "&")
		}), 200},
		{"a text just below the bound", genuine(InboundPath, with(in, "Body", strings.Repeat("x", maxBody-1200))), 200},

		// Signatures.
		{"no signature", inbound.changed(func(p *posted) { p.header.Del("X-Twilio-Signature") }), 403},
		{"an empty signature", inbound.changed(header("X-Twilio-Signature", "")), 403},
		{"two signatures, the right one first", inbound.changed(func(p *posted) { p.header.Add("X-Twilio-Signature", "AAAA") }), 403},
		{"a forged signature", inbound.changed(header("X-Twilio-Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")), 403},
		{"a signature with its padding cut", inbound.changed(func(p *posted) {
			p.header.Set("X-Twilio-Signature", strings.TrimRight(p.header.Get("X-Twilio-Signature"), "="))
		}), 403},
		{"signed with another token", inbound.signedAs("deadbeefdeadbeefdeadbeefdeadbeef", public+InboundPath, in), 403},
		{"signed with an empty token", inbound.signedAs("", public+InboundPath, in), 403},
		{"signed with the account's name", inbound.signedAs(accountSID, public+InboundPath, in), 403},

		// Addresses: only the configured one counts.
		{"signed for http", inbound.signedAs(token, "http://survey.hospital.example"+InboundPath, in), 403},
		{"signed for another port", inbound.signedAs(token, "https://survey.hospital.example:8443"+InboundPath, in), 403},
		{"signed for another host, which the request names", inbound.signedAs(token, "https://evil.example"+InboundPath, in).changed(func(p *posted) {
			p.host = "evil.example"
			p.header.Set("X-Forwarded-Host", "evil.example")
			p.header.Set("X-Forwarded-Proto", "https")
		}), 403},
		{"signed for the other webhook", inbound.signedAs(token, public+StatusPath, in), 403},
		{"signed for another text's report", status.changed(func(p *posted) {
			p.target = StatusPath + "?message=" + surveys.NewFactID(noon, [10]byte{9}).String()
		}), 403},
		{"our id taken away", status.changed(func(p *posted) { p.target = StatusPath }), 403},
		{"our id added", genuine(StatusPath, report).changed(func(p *posted) { p.target = statusTarget }), 403},
		{"our id twice", genuine(statusTarget+"&message="+textID.String(), report), 403},
		{"something behind our id", genuine(statusTarget+"&a=b", report), 403},
		{"our id in capitals", genuine(StatusPath+"?message="+strings.ToUpper(textID.String()), report), 403},
		{"an id that is none", genuine(StatusPath+"?message=1", report), 403},
		{"a query on a text", genuine(InboundPath+"?a=b", in), 403},

		// Bodies.
		{"a word changed", inbound.changed(func(p *posted) { p.body = encode(with(in, "Body", "1")) }), 403},
		{"another sender", inbound.changed(func(p *posted) { p.body = encode(with(in, "From", "+8613900139000")) }), 403},
		{"a parameter added", inbound.changed(func(p *posted) { p.body += "&OptOutType=STOP" }), 403},
		{"a parameter missing", inbound.changed(func(p *posted) { p.body = encode(without(in, "FromCountry")) }), 403},
		{"a parameter duplicated, the signed value first", inbound.changed(func(p *posted) { p.body += "&Body=1" }), 403},
		{"a parameter duplicated, the signed value last", inbound.changed(func(p *posted) { p.body = "Body=1&" + p.body }), 403},
		{"a parameter duplicated under another spelling", inbound.changed(func(p *posted) { p.body += "&%42ody=1" }), 403},
		{"a parameter duplicated with the same value", inbound.changed(func(p *posted) { p.body += "&AccountSid=" + accountSID }), 403},
		{"two values swapped", inbound.changed(func(p *posted) { p.body = encode(with(in, "From", hospital, "To", patient)) }), 403},
		{"the line between name and value moved", inbound.changed(func(p *posted) {
			p.body = encode(with(without(in, "Body"), "Body"+in["Body"], ""))
		}), 403},
		{"broken percent signs", inbound.changed(func(p *posted) { p.body += "&x=%zz" }), 403},
		{"semicolons for ampersands", inbound.changed(func(p *posted) { p.body = strings.ReplaceAll(p.body, "&", ";") }), 403},
		{"nothing", inbound.changed(func(p *posted) { p.body = "" }), 403},
		{"another account, rightly signed", genuine(InboundPath, with(in, "AccountSid", "AC"+strings.Repeat("0", 32))), 403},
		{"no account, rightly signed", genuine(InboundPath, without(in, "AccountSid")), 403},
		{"no message, rightly signed", genuine(InboundPath, without(without(without(in, "MessageSid"), "SmsSid"), "SmsMessageSid")), 403},
		{"a message id that is none", genuine(InboundPath, with(in, "MessageSid", "SM1")), 403},
		{"no body, rightly signed", genuine(InboundPath, without(in, "Body")), 403},
		{"a report without status", genuine(StatusPath, without(without(report, "MessageStatus"), "SmsStatus")), 403},
		{"300 parameters", inbound.changed(func(p *posted) { p.body += strings.Repeat("&a=", 300) }), 403},

		// Kinds.
		{"JSON with its hash signed", posted{
			method: "POST", target: InboundPath + "?bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", body: "{}",
			header: http.Header{
				"Content-Type":       {"application/json"},
				"X-Twilio-Signature": {sign(token, public+InboundPath+"?bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", nil)},
			},
		}, 403},
		{"a form beside the signed hash of nothing", posted{
			method: "POST", target: InboundPath + "?bodySHA256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", body: encode(in),
			header: http.Header{
				"Content-Type":       {"application/x-www-form-urlencoded"},
				"X-Twilio-Signature": {sign(token, public+InboundPath+"?bodySHA256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", nil)},
			},
		}, 403},
		{"another content type", inbound.changed(header("Content-Type", "text/plain")), 403},
		{"no content type", inbound.changed(func(p *posted) { p.header.Del("Content-Type") }), 403},
		{"a compressed body", inbound.changed(header("Content-Encoding", "gzip")), 403},
		{"GET", inbound.changed(func(p *posted) { p.method = "GET" }), 405},
		{"PUT", inbound.changed(func(p *posted) { p.method = "PUT" }), 405},
		{"10 MiB", genuine(InboundPath, with(in, "Body", strings.Repeat("x", 10<<20))), 413},
		{"10 MiB without a length", genuine(InboundPath, with(in, "Body", strings.Repeat("x", 10<<20))).changed(func(p *posted) { p.length = -1 }), 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log, store := &journal{}, &receiver{}
			c := newCarrier(t, func(o *Options) {
				o.PreviousAuthToken, o.Receiver, o.Logger = oldToken, store, log.logger()
			})
			w := c.serveTest(t, tt.post)
			if w.Code != tt.want {
				t.Errorf("status %d, want %d: %s", w.Code, tt.want, log)
			}
			if stored := store.calls; (stored == 1) != (tt.want == 200) {
				t.Errorf("%d rows reached the store after status %d", stored, w.Code)
			}
			if tt.want == 200 && w.Body.String() != emptyReply {
				t.Errorf("answered %q, want an empty reply", w.Body)
			}
			if tt.want == 403 && w.Body.String() != "forbidden\n" {
				t.Errorf("a refusal says %q, want nothing about why", w.Body)
			}
			checkClean(t, "the answer", w.Body.String())
			checkClean(t, "the log", log.String())
		})
	}
}

// Without a previous token its signatures are worth nothing, and no signature
// of an empty one slips in.
func TestNoPreviousToken(t *testing.T) {
	in := inboundParams()
	for _, key := range []string{oldToken, ""} {
		if w := newCarrier(t, nil).serveTest(t, genuine(InboundPath, in).signedAs(key, public+InboundPath, in)); w.Code != 403 {
			t.Errorf("signed with %q: status %d, want 403", key, w.Code)
		}
	}
}

func TestPublicURL(t *testing.T) {
	in := inboundParams()
	for _, tt := range []struct {
		name, public, signed string
		want                 int
	}{
		{"a slash at the end", "https://h.example/", "https://h.example", 200},
		{"a path", "https://h.example/qf", "https://h.example/qf", 200},
		{"the path left out", "https://h.example/qf", "https://h.example", 403},
		{"a port", "https://h.example:8443", "https://h.example:8443", 200},
		{"another port", "https://h.example:8443", "https://h.example:8444", 403},
		{"plain http", "http://h.example", "http://h.example", 200},
		{"capitals as configured", "https://H.example", "https://H.example", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCarrier(t, func(o *Options) { o.PublicURL = tt.public })
			if w := c.serveTest(t, genuine(InboundPath, in).signedAs(token, tt.signed+InboundPath, in)); w.Code != tt.want {
				t.Errorf("status %d, want %d", w.Code, tt.want)
			}
		})
	}
}

// The announced length is enough to refuse: nothing is read.
func TestLongBodiesAreNotRead(t *testing.T) {
	c := newCarrier(t, nil)
	p := genuine(InboundPath, inboundParams())
	r := httptest.NewRequest("POST", p.target, unreadable{t})
	r.Header, r.ContentLength = p.header, maxBody+1
	w := httptest.NewRecorder()
	c.InboundHandler().ServeHTTP(w, r)
	if w.Code != 413 {
		t.Errorf("status %d, want 413", w.Code)
	}
}

type unreadable struct{ tb testing.TB }

func (u unreadable) Read([]byte) (int, error) {
	u.tb.Error("the body was read")
	return 0, io.EOF
}

func TestInbound(t *testing.T) {
	plain := texting.Inbound{
		Carrier: "twilio", ProviderID: messageSID, From: texting.NumberOf(patient), To: texting.NumberOf(hospital),
		Body: "５分，谢谢 小时候的秘密", ReceivedAt: noon,
	}
	said := func(body, handled string) *texting.Inbound {
		in := plain
		in.Body, in.Handled = surveys.Secret(body), handled
		return &in
	}
	for _, tt := range []struct {
		name   string
		params map[string]string
		optOut OptOut
		want   *texting.Inbound // nil: acknowledged and not kept
	}{
		{"a reply", inboundParams(), "", &plain},
		{"with its media alone", with(inboundParams(), "Body", "", "NumMedia", "1"), "", said("", "")},
		{"to a short code", with(inboundParams(), "To", "12345"), "", func() *texting.Inbound { in := plain; in.To = texting.Number{}; return &in }()},
		{"bytes that are no UTF-8", with(inboundParams(), "Body", "5\xff分"), "", said("5\uFFFD分", "")},
		{"advanced STOP in Chinese", with(inboundParams(), "Body", "退订", "OptOutType", "STOP"), OptOutAdvanced, said("退订", "stop")},
		{"advanced START", with(inboundParams(), "Body", "恢复", "OptOutType", "START"), OptOutAdvanced, said("恢复", "start")},
		{"advanced HELP", with(inboundParams(), "Body", "帮助", "OptOutType", "HELP"), OptOutAdvanced, said("帮助", "help")},
		{"an advanced kind nobody knows", with(inboundParams(), "Body", "x", "OptOutType", "DANCE"), OptOutAdvanced, said("x", "")},
		{"a standard word, left to us by Advanced", with(inboundParams(), "Body", "STOP"), OptOutAdvanced, said("STOP", "")},
		{"a standard word", with(inboundParams(), "Body", " Stop\n"), "", said(" Stop\n", "stop")},
		{"standard START", with(inboundParams(), "Body", "unstop"), OptOutStandard, said("unstop", "start")},
		{"standard HELP", with(inboundParams(), "Body", "INFO"), OptOutStandard, said("INFO", "help")},
		{"a word Twilio does not know", with(inboundParams(), "Body", "退订"), OptOutStandard, said("退订", "")},
		{"a standard word in a sentence", with(inboundParams(), "Body", "please stop"), OptOutStandard, said("please stop", "")},
		{"yes is an answer", with(inboundParams(), "Body", "YES"), OptOutStandard, said("YES", "")},
		{"a standard word that is ours", with(inboundParams(), "Body", "STOP"), OptOutOurs, said("STOP", "")},
		{"from a short code", with(inboundParams(), "From", "10086"), "", nil},
		{"from a name", with(inboundParams(), "From", "BANK"), "", nil},
		{"from another channel", with(inboundParams(), "From", "whatsapp:"+patient), "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := &receiver{}
			c := newCarrier(t, func(o *Options) { o.Receiver, o.OptOut = store, tt.optOut })
			if w := c.serveTest(t, genuine(InboundPath, tt.params)); w.Code != 200 {
				t.Fatalf("status %d", w.Code)
			}
			var want []texting.Inbound
			if tt.want != nil {
				want = append(want, *tt.want)
			}
			if diff := cmp.Diff(want, store.texts()); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatuses(t *testing.T) {
	report := func(status texting.Status, code string) *texting.StatusReport {
		return &texting.StatusReport{Carrier: "twilio", ProviderID: messageSID, Message: textID, Status: status, Code: code, At: noon}
	}
	for _, tt := range []struct {
		said, code string
		want       *texting.StatusReport
	}{
		{"accepted", "", report(texting.StatusQueued, "")},
		{"scheduled", "", report(texting.StatusQueued, "")},
		{"queued", "", report(texting.StatusQueued, "")},
		{"sending", "", report(texting.StatusQueued, "")},
		{"sent", "", report(texting.StatusSent, "")},
		{"partially_delivered", "", report(texting.StatusSent, "")},
		{"delivered", "", report(texting.StatusDelivered, "")},
		{"delivered", "0", report(texting.StatusDelivered, "")},
		{"read", "", report(texting.StatusDelivered, "")},
		{"undelivered", "30003", report(texting.StatusUndelivered, "30003")},
		{"undelivered", "29997", report(texting.StatusUndelivered, "29997")},
		{"undelivered", "+86 call me", report(texting.StatusUndelivered, "")},
		{"failed", "21610", report(texting.StatusRefused, "21610")},
		{"canceled", "", report(texting.StatusRefused, "")},
		{"pondering", "", nil},
	} {
		t.Run(tt.said+" "+tt.code, func(t *testing.T) {
			store := &receiver{}
			c := newCarrier(t, func(o *Options) { o.Receiver = store })
			params := with(statusParams(), "MessageStatus", tt.said, "ErrorCode", tt.code)
			if w := c.serveTest(t, genuine(StatusPath+"?message="+textID.String(), params)); w.Code != 200 {
				t.Fatalf("status %d", w.Code)
			}
			var want []texting.StatusReport
			if tt.want != nil {
				want = append(want, *tt.want)
			}
			if diff := cmp.Diff(want, store.statuses()); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

// What is played again is the same text to the store, and is acknowledged.
func TestReplays(t *testing.T) {
	store := &receiver{}
	c := newCarrier(t, func(o *Options) { o.Receiver = store })
	for range 3 {
		if w := c.serveTest(t, genuine(InboundPath, inboundParams())); w.Code != 200 {
			t.Errorf("status %d, want 200", w.Code)
		}
		if w := c.serveTest(t, genuine(StatusPath, statusParams())); w.Code != 200 {
			t.Errorf("status %d, want 200", w.Code)
		}
	}
	if got := len(store.texts()); got != 1 {
		t.Errorf("%d texts are kept, want 1", got)
	}
	if got := len(store.statuses()); got != 3 {
		t.Errorf("%d reports are kept, want every one of 3", got)
	}
}

func TestStoreDown(t *testing.T) {
	log := &journal{}
	store := &receiver{err: errors.New("disk is full")}
	c := newCarrier(t, func(o *Options) { o.Receiver, o.Logger = store, log.logger() })
	for _, p := range []posted{genuine(InboundPath, inboundParams()), genuine(StatusPath, statusParams())} {
		w := c.serveTest(t, p)
		if w.Code != 503 || strings.Contains(w.Body.String(), "disk") {
			t.Errorf("%s: status %d %q, want 503 and nothing about why", p.target, w.Code, w.Body)
		}
	}
	if !strings.Contains(log.String(), "disk is full") {
		t.Error("the log does not say why")
	}
	store.err = nil
	if w := c.serveTest(t, genuine(InboundPath, inboundParams())); w.Code != 200 || len(store.texts()) != 1 {
		t.Errorf("sent again: status %d, %d kept, want it kept", w.Code, len(store.texts()))
	}
}

// Whoever knocks a thousand times must not fill the log.
func TestRefusalsDoNotFillTheLog(t *testing.T) {
	log := &journal{}
	c := newCarrier(t, func(o *Options) { o.Logger = log.logger() })
	forged := genuine(InboundPath, inboundParams()).changed(func(p *posted) { p.header.Set("X-Twilio-Signature", "AAAA") })
	for range 1000 {
		c.serveTest(t, forged)
	}
	if got := strings.Count(log.String(), "\n"); got != 1 {
		t.Errorf("%d lines for 1,000 forgeries, want 1", got)
	}
}
