package generic

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

const (
	zhang  = "+8613800138000"
	secret = "webhookSecretWebhookSecret"
)

var noon = time.Date(2026, 3, 5, 4, 0, 0, 0, time.UTC)

func invite() texting.Message {
	return texting.Message{
		ID: surveys.NewFactID(noon, [10]byte{1}), To: texting.NumberOf(zhang), Country: "CN", Purpose: texting.PurposeInvite, Language: "zh",
		Body: "【清风医院】张三，回复{id}1至5 & more", ValidFor: 90 * time.Minute,
	}
}

func kannelOptions(address string) Options {
	return Options{
		Preset: "kannel", Inbound: true, SignatureRequired: true, Request: Request{URL: address + "/cgi-bin/sendsms"},
		Username: "qingfeng", Password: "kannelPassword", Secret: secret, PublicURL: "https://q.example",
		Now: func() time.Time { return noon }, Logger: slog.New(slog.DiscardHandler),
	}
}

func jsonOptions(address string) Options {
	return Options{
		Name: "bridge",
		Request: Request{
			Method: "POST", URL: address + "/messages?v=2", Format: "json",
			Fields:  map[string]string{"dest": "{to_digits}", "content": "{text_unsigned}", "ref": "{id}"},
			Headers: map[string]string{"Authorization": "Bearer {password}"},
		},
		Accepted: Accepted{Pointer: "/result/code", Value: "0", IDPointer: "/result/ids/0"},
		Refusals: []Refusal{{Pattern: "blacklist", Class: texting.ClassSuppress, Code: "blacklisted"}, {Status: 200, Pattern: `"code":\s*7`, Class: texting.ClassTwice}},
		Password: "kannelPassword", Now: func() time.Time { return noon }, Logger: slog.New(slog.DiscardHandler),
	}
}

func newCarrier(t *testing.T, o Options) *Carrier {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// noSecrets fails when an error says something personal or secret.
func noSecrets(t *testing.T, err error) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for _, word := range []string{"13800138000", "张三", "kannelPassword", secret, "sendsms"} {
		if strings.Contains(text, word) {
			t.Errorf("the error has %q in it: %s", word, err)
		}
	}
}

func TestKannelsRequest(t *testing.T) {
	var got url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query()
		if r.Method != http.MethodGet || r.URL.Path != "/cgi-bin/sendsms" || r.ContentLength != 0 {
			t.Errorf("asked %s %s with %d bytes", r.Method, r.URL.Path, r.ContentLength)
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "0: Accepted for delivery")
	}))
	defer server.Close()
	sent, err := newCarrier(t, kannelOptions(server.URL)).Send(t.Context(), invite())
	id := invite().ID.String()
	if err != nil || sent != (texting.Sent{ProviderID: id, Status: texting.StatusQueued}) {
		t.Errorf("Send = %+v, %v", sent, err)
	}
	want := url.Values{
		"username": {"qingfeng"}, "password": {"kannelPassword"}, "to": {zhang}, "text": {"【清风医院】张三，回复{id}1至5 & more"}, "charset": {"UTF-8"},
		"coding": {"2"}, "validity": {"90"}, "dlr-mask": {"31"}, "dlr-url": {"https://q.example/sms/generic/" + secret + "/report?id=" + id + "&status=%d&code=%A"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	plain := invite()
	plain.Body = "[Clean Breeze] Reply 1 to 5"
	if _, err := newCarrier(t, kannelOptions(server.URL)).Send(t.Context(), plain); err != nil || got.Get("coding") != "0" {
		t.Errorf("an ASCII text goes as coding %s (%v), want 0", got.Get("coding"), err)
	}
}

func TestFormsAndObjects(t *testing.T) {
	var body, kind, query, key string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		body, kind, query, key = string(raw), r.Header.Get("Content-Type"), r.URL.RawQuery, r.Header.Get("Authorization")
		io.WriteString(w, `{"result":{"code":0,"ids":[90061974693649844012]}}`)
	}))
	defer server.Close()
	o := jsonOptions(server.URL)
	id := invite().ID.String()
	sent, err := newCarrier(t, o).Send(t.Context(), invite())
	if err != nil || sent.ProviderID != "90061974693649844012" {
		t.Errorf("Send = %+v, %v", sent, err)
	}
	if want := `{"content":"张三，回复{id}1至5 \u0026 more","dest":"8613800138000","ref":"` + id + `"}`; body != want || kind != "application/json" || query != "v=2" || key != "Bearer kannelPassword" {
		t.Errorf("sent %s as %s to ?%s with %s, want %s", body, kind, query, key, want)
	}
	o.Request.Format = "form"
	if _, err := newCarrier(t, o).Send(t.Context(), invite()); err != nil {
		t.Fatal(err)
	}
	form, err := url.ParseQuery(body)
	if err != nil || form.Get("content") != "张三，回复{id}1至5 & more" || kind != "application/x-www-form-urlencoded" {
		t.Errorf("sent %s as %s", body, kind)
	}
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options func(string) Options
		status  int
		body    string
		class   texting.Class // empty: taken
		code    string
	}{
		{"kannel queues", kannelOptions, 202, "3: Queued for later delivery", "", ""},
		{"kannel has no room", kannelOptions, 503, "Temporal failure, try again later.", texting.ClassLater, "temporal_failure"},
		{"kannel knows nobody", kannelOptions, 403, "Authorization failed for sendsms", texting.ClassHalt, "http_403"},
		{"kannel misses something", kannelOptions, 400, "Missing receiver and/or sender number, rejected", texting.ClassFinal, "http_400"},
		{"a 202 that is no Kannel's", kannelOptions, 202, "OK 13800138000", texting.ClassAmbiguous, "http_202"},
		{"a proxy's 503", kannelOptions, 503, "<html>", texting.ClassAmbiguous, "http_503"},
		{"500 after accepting", kannelOptions, 500, "oops", texting.ClassAmbiguous, "http_500"},
		{"429", kannelOptions, 429, "", texting.ClassLater, "http_429"},
		{"redirected", kannelOptions, 302, "", texting.ClassHalt, "http_302"},
		{"listed, any status", jsonOptions, 422, `{"error":"in blacklist"}`, texting.ClassSuppress, "blacklisted"},
		{"listed, this status", jsonOptions, 200, `{"result":{"code": 7}}`, texting.ClassTwice, ""},
		{"another code", jsonOptions, 200, `{"result":{"code":8}}`, texting.ClassAmbiguous, "http_200"},
		{"not JSON", jsonOptions, 200, `ok`, texting.ClassAmbiguous, "http_200"},
		{"no id", jsonOptions, 200, `{"result":{"code":"0"}}`, "", ""},
		{"no money", jsonOptions, 402, ``, texting.ClassHalt, "http_402"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			}))
			defer server.Close()
			sent, err := newCarrier(t, tt.options(server.URL)).Send(t.Context(), invite())
			if tt.class == "" {
				if err != nil || sent.ProviderID != invite().ID.String() {
					t.Errorf("Send = %+v, %v, want taken with our id", sent, err)
				}
				return
			}
			var e *texting.SendError
			if !errors.As(err, &e) || e.Class != tt.class || e.Code != tt.code || e.RetryAfter != 7*time.Second || e.Operator.ZH == "" || e.Operator.EN == "" {
				t.Fatalf("Send = %v, want %s %s", err, tt.class, tt.code)
			}
			noSecrets(t, err)
		})
	}
}

// stubborn is a server on the level of connections.
func stubborn(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return "http://" + l.Addr().String()
}

func TestAnswersThatNeverCome(t *testing.T) {
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	for _, tt := range []struct {
		name  string
		after func(net.Conn) // once the request was read
	}{
		{"timeout after accepting", func(net.Conn) { <-end }},
		{"reset after accepting", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }},
		{"closed after accepting", func(net.Conn) {}},
		{"half an answer", func(c net.Conn) { io.WriteString(c, "HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n0: Acc") }},
	} {
		for name, options := range map[string]func(string) Options{"GET": kannelOptions, "POST": jsonOptions} {
			t.Run(name+" "+tt.name, func(t *testing.T) {
				var requests atomic.Int32
				address := stubborn(t, func(conn net.Conn) {
					defer conn.Close()
					if r, err := http.ReadRequest(bufio.NewReader(conn)); err != nil || r.Body.Close() != nil {
						return
					}
					requests.Add(1)
					tt.after(conn)
				})
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				_, err := newCarrier(t, options(address)).Send(ctx, invite())
				var e *texting.SendError
				if !errors.As(err, &e) || e.Class != texting.ClassAmbiguous || requests.Load() != 1 {
					t.Errorf("Send = %v after %d requests, want ambiguous after 1", err, requests.Load())
				}
				noSecrets(t, err)
			})
		}
	}
}

// net/http sends a GET again by itself when a kept connection breaks before the
// answer; a text would be sent twice.
func TestATextIsNotSentAgainOnAKeptConnection(t *testing.T) {
	for name, options := range map[string]func(string) Options{"GET": kannelOptions, "POST": jsonOptions} {
		var requests atomic.Int32
		address := stubborn(t, func(conn net.Conn) {
			defer conn.Close()
			in := bufio.NewReader(conn)
			for first := true; ; first = false {
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				io.Copy(io.Discard, r.Body)
				if requests.Add(1) > 1 && !first {
					return // read, and hung up
				}
				if requests.Load() == 1 {
					io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 33\r\n\r\n0: {\"result\":{\"code\":0}}         ")
					continue
				}
				return
			}
		})
		c := newCarrier(t, options(address))
		c.Send(t.Context(), invite()) //nolint:errcheck // it warms the connection
		_, err := c.Send(t.Context(), invite())
		var e *texting.SendError
		if !errors.As(err, &e) || e.Class != texting.ClassAmbiguous || requests.Load() != 2 {
			t.Errorf("%s: the second text ends with %v after %d requests, want ambiguous after 2", name, err, requests.Load())
		}
	}
}

func TestNothingWasWritten(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = newCarrier(t, kannelOptions("http://"+l.Addr().String())).Send(t.Context(), invite())
	var e *texting.SendError
	if !errors.As(err, &e) || e.Class != texting.ClassLater {
		t.Errorf("Send = %v, want later", err)
	}
	noSecrets(t, err)
}

func TestCheckNamesEveryKey(t *testing.T) {
	for name, o := range map[string]Options{"kannel": kannelOptions("http://kannel:13013"), "json": jsonOptions("http://bridge")} {
		if err := o.Check(); err != nil {
			t.Errorf("%s: good settings: %v", name, err)
		}
	}
	bad := Options{
		Name: "Bad Name", Preset: "smpp", CountryCode: "+86", Inbound: true, Secret: "short",
		Request:  Request{Method: "PUT", URL: "http://user:secretword@host/{to}", Format: "xml", TimeoutSeconds: 99, Fields: map[string]string{"a": "{nothing}{username}{report_url}"}},
		Accepted: Accepted{Pattern: "(", IDPattern: "x", Pointer: "a"}, Refusals: []Refusal{{Class: "never", Pattern: "("}},
		Webhook: Webhook{Format: "xml", SecretHeader: "a", SecretField: "b", Report: Report{Status: "s", Statuses: map[string]texting.Status{"1": "gone"}}},
	}
	_, err := New(bad)
	if err == nil {
		t.Fatal("wrong settings are taken")
	}
	for _, key := range []string{
		"name:", "preset:", "country_code:", "request.method:", "request.url:", "request.format:", "request.timeout_seconds:", "there is no {nothing}", "no username",
		"public address", "request.fields: must hold", "accepted.pattern:", "accepted.id_pattern:", "accepted.pointer:", "refusals[0].class", "refusals[0].pattern", "webhook.format:",
		"webhook.secret_header:", "the secret", "webhook.report: needs", "webhook.report.statuses.1", "webhook.reply:",
	} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("no word of %s in %v", key, err)
		}
	}
	if strings.Contains(err.Error(), "secretword") || strings.Contains(err.Error(), "\"short\"") {
		t.Error("the error quotes a secret")
	}
}

func TestSettingsAreReadFromYAML(t *testing.T) {
	var o Options
	err := yaml.UnmarshalWithOptions([]byte(`
preset: kannel
inbound: true
request:
  url: http://127.0.0.1:13013/cgi-bin/sendsms
refusals:
  - {status: 400, pattern: blacklist, class: suppress, code: blacklisted}
webhook: {secret_field: key}
`), &o, yaml.Strict())
	o.Username, o.Password, o.Secret, o.PublicURL = "u", "p", secret, "https://q.example"
	if err != nil || o.Check() != nil || o.Refusals[0].Class != texting.ClassSuppress {
		t.Errorf("settings %+v: %v, %v", o, err, o.Check())
	}
	if c := newCarrier(t, o); !c.Capabilities("CN").Inbound || c.Name() != "generic" || c.o.Webhook.SecretField != "key" {
		t.Errorf("the preset loses what was set: %+v", c.o.Webhook)
	}
}

func TestPointers(t *testing.T) {
	const raw = `{"a":{"b/c":["x",12345678901234567890,true,null,{}]},"~":"tilde"}`
	for _, tt := range []struct{ pointer, want string }{
		{"/a/b~1c/0", "x"}, {"/a/b~1c/1", "12345678901234567890"}, {"/a/b~1c/2", "true"}, {"/~0", "tilde"},
		{"/a/b~1c/3", ""}, {"/a/b~1c/4", ""}, {"/a/b~1c/9", ""}, {"/a/b~1c/-1", ""}, {"/nothing", ""}, {"", ""},
	} {
		if got, ok := pointAt([]byte(raw), tt.pointer); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s points at %q, %v, want %q", tt.pointer, got, ok, tt.want)
		}
	}
}
