package aliyun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

const (
	keyID, keySecret = "LTAI5tExampleExample", "exampleSecretExampleSecret0000"
	token            = "pushTokenpushTokenpushTokenpushToken"
	zhang            = "+8613800138000"
)

// noon is a Thursday in Beijing, still Wednesday in New York.
var noon = time.Date(2026, 3, 5, 4, 0, 0, 0, time.UTC)

func options(endpoint string) Options {
	return Options{
		Endpoint: endpoint, AccessKeyID: keyID, AccessKeySecret: keySecret, SignName: "清风医院", Replies: true, PushToken: token,
		Templates: map[texting.Purpose]map[string]string{
			texting.PurposeInvite: {"zh": "SMS_100000001", "en": "SMS_100000002"}, texting.PurposeThanks: {"zh": "SMS_100000003"},
		},
		Now: func() time.Time { return noon }, Logger: slog.New(slog.DiscardHandler),
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

func invite() texting.Message {
	return texting.Message{
		ID: surveys.NewFactID(noon, [10]byte{1}), To: texting.NumberOf(zhang), Country: "CN", Purpose: texting.PurposeInvite, Language: "zh",
		Body:      "【清风医院】张三，请为心内科打分",
		Variables: []texting.Variable{{Name: "ward", Value: "心内科 (3*)"}, {Name: "name", Value: "张三"}}, ValidFor: time.Hour,
	}
}

// service answers every request with a status and body, and checks the signature.
func service(t *testing.T, status int, body string, see func(*http.Request)) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verify(t, r.Method, r.URL.String(), r.Host, r.Header, keyID, keySecret)
		if see != nil {
			see(r)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestSendSaysWhatTheServiceWants(t *testing.T) {
	got := map[string]string{}
	server := service(t, 200, `{"Code":"OK","Message":"OK","BizId":"900619746936498440^0","RequestId":"F655A8D5"}`, func(r *http.Request) {
		for name, values := range r.URL.Query() {
			got[name] = strings.Join(values, "|")
		}
		for _, name := range []string{"X-Acs-Action", "X-Acs-Version", "X-Acs-Date"} {
			got[name] = r.Header.Get(name)
		}
	})
	o := options(server.URL)
	o.Extension = "88"
	sent, err := newCarrier(t, o).Send(t.Context(), invite())
	if err != nil || sent != (texting.Sent{ProviderID: "900619746936498440^0", Status: texting.StatusQueued}) {
		t.Errorf("Send = %+v, %v", sent, err)
	}
	want := map[string]string{
		"PhoneNumbers": "13800138000", "SignName": "清风医院", "TemplateCode": "SMS_100000001", "TemplateParam": `{"name":"张三","ward":"心内科 (3*)"}`,
		"OutId": invite().ID.String(), "SmsUpExtendCode": "88",
		"X-Acs-Action": "SendSms", "X-Acs-Version": "2017-05-25", "X-Acs-Date": "2026-03-05T04:00:00Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestNumbersAndTemplates(t *testing.T) {
	var number, template string
	server := service(t, 200, `{"Code":"OK","BizId":"1"}`, func(r *http.Request) {
		number, template = r.URL.Query().Get("PhoneNumbers"), r.URL.Query().Get("TemplateCode")
	})
	c := newCarrier(t, options(server.URL))
	for _, tt := range []struct {
		to, language     string
		purpose          texting.Purpose
		number, template string
	}{
		{zhang, "en", texting.PurposeInvite, "13800138000", "SMS_100000002"},
		{"+85291234567", "zh", texting.PurposeInvite, "85291234567", "SMS_100000001"},
		{"+447700900123", "fr", texting.PurposeThanks, "447700900123", "SMS_100000003"},
	} {
		m := invite()
		m.To, m.Language, m.Purpose = texting.NumberOf(tt.to), tt.language, tt.purpose
		if _, err := c.Send(t.Context(), m); err != nil || number != tt.number || template != tt.template {
			t.Errorf("sent to %s with %s (%v), want %s with %s", number, template, err, tt.number, tt.template)
		}
	}
	m := invite()
	m.Purpose = texting.PurposeWhich
	var e *texting.SendError
	if _, err := c.Send(t.Context(), m); !errors.As(err, &e) || e.Class != texting.ClassHalt || e.Code != "no_template" {
		t.Errorf("a purpose without a template gives %v, want halt", err)
	}
}

func TestErrorsOfTheService(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		class  texting.Class
		code   string
	}{
		{"frequency", 200, `{"Code":"isv.BUSINESS_LIMIT_CONTROL","Message":"触发号码13800138000天级流控"}`, texting.ClassLater, "isv.BUSINESS_LIMIT_CONTROL"},
		{"number", 200, `{"Code":"isv.MOBILE_NUMBER_ILLEGAL","Message":"13800138000"}`, texting.ClassFinal, "isv.MOBILE_NUMBER_ILLEGAL"},
		{"variable says too much", 200, `{"Code":"isv.BLACK_KEY_CONTROL_LIMIT"}`, texting.ClassFinal, "isv.BLACK_KEY_CONTROL_LIMIT"},
		{"opted out with the carrier", 200, `{"Code":"isv.CUSTOMER_REFUSED"}`, texting.ClassSuppress, "isv.CUSTOMER_REFUSED"},
		{"no money", 200, `{"Code":"isv.AMOUNT_NOT_ENOUGH"}`, texting.ClassHalt, "isv.AMOUNT_NOT_ENOUGH"},
		{"template", 200, `{"Code":"isv.SMS_TEMPLATE_ILLEGAL"}`, texting.ClassHalt, "isv.SMS_TEMPLATE_ILLEGAL"},
		{"signature", 200, `{"Code":"isv.SMS_SIGNATURE_ILLEGAL"}`, texting.ClassHalt, "isv.SMS_SIGNATURE_ILLEGAL"},
		{"wrong key", 404, `{"Code":"InvalidAccessKeyId.NotFound","HostId":"x"}`, texting.ClassHalt, "InvalidAccessKeyId.NotFound"},
		{"throttled", 400, `{"Code":"Throttling.User"}`, texting.ClassLater, "Throttling.User"},
		{"throttled otherwise", 400, `{"Code":"Throttling.NewKind"}`, texting.ClassLater, "Throttling.NewKind"},
		{"429", 429, `slow down`, texting.ClassLater, ""},
		{"500 after accepting", 500, `{"Code":"InternalError"}`, texting.ClassAmbiguous, "InternalError"},
		{"500 of a proxy", 502, `<html>`, texting.ClassAmbiguous, ""},
		{"system error", 200, `{"Code":"isp.SYSTEM_ERROR"}`, texting.ClassAmbiguous, "isp.SYSTEM_ERROR"},
		{"a yes that is not understood", 200, `{"Co`, texting.ClassAmbiguous, ""},
		{"an empty yes", 200, ``, texting.ClassAmbiguous, ""},
		{"unknown no", 200, `{"Code":"isv.NEW_RULE"}`, texting.ClassFinal, "isv.NEW_RULE"},
		{"unknown 403", 403, `{"Code":"New.Forbidden"}`, texting.ClassHalt, "New.Forbidden"},
		{"redirected", 302, ``, texting.ClassAmbiguous, ""},
		{"a code that is a number", 400, `{"Code":"13800138000"}`, texting.ClassFinal, ""},
		{"a code that quotes a number", 400, `{"Code":"LIMIT:13800138000"}`, texting.ClassFinal, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := service(t, tt.status, tt.body, nil)
			_, err := newCarrier(t, options(server.URL)).Send(t.Context(), invite())
			var e *texting.SendError
			if !errors.As(err, &e) || e.Class != tt.class || e.Code != tt.code {
				t.Fatalf("Send = %v, want %s %s", err, tt.class, tt.code)
			}
			if e.Operator.ZH == "" || e.Operator.EN == "" {
				t.Error("the error tells nobody what to do")
			}
			noSecrets(t, err)
		})
	}
	for code, v := range verdicts {
		if v.zh == "" || v.en == "" || readCode(code) != code {
			t.Errorf("code %s: cannot come through or says nothing", code)
		}
	}
}

// noSecrets fails when an error says something personal or secret.
func noSecrets(t *testing.T, err error) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	for _, secret := range []string{"13800138000", "张三", "心内科", keySecret, keyID, "PhoneNumbers", "127.0.0.1/?"} {
		if strings.Contains(text, secret) {
			t.Errorf("the error has %q in it: %s", secret, err)
		}
	}
}

// stubborn is a server on the level of connections: it hands each to serve.
func stubborn(t *testing.T, serve func(net.Conn)) (address string, connections *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections = &atomic.Int32{}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return "http://" + l.Addr().String(), connections
}

func readRequest(conn net.Conn) {
	var got strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(got.String(), "\r\n\r\n") {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		got.Write(buf[:n])
	}
}

func TestAnswersThatNeverCome(t *testing.T) {
	reset := func(conn net.Conn) {
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		class texting.Class
	}{
		{"timeout after accepting", func(c net.Conn) { readRequest(c); <-end }, texting.ClassAmbiguous},
		{"reset after accepting", func(c net.Conn) { readRequest(c); reset(c) }, texting.ClassAmbiguous},
		{"closed after accepting", readRequest, texting.ClassAmbiguous},
		{"half an answer", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Code\":")
		}, texting.ClassAmbiguous},
		{"an answer without end", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			for {
				if _, err := c.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, texting.ClassAmbiguous},
		{"not HTTP", func(c net.Conn) { readRequest(c); io.WriteString(c, "SSH-2.0-OpenSSH\r\n\r\n") }, texting.ClassAmbiguous},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, connections := stubborn(t, tt.serve)
			o := options(address)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := newCarrier(t, o).Send(ctx, invite())
			var e *texting.SendError
			if !errors.As(err, &e) || e.Class != tt.class {
				t.Fatalf("Send = %v, want %s", err, tt.class)
			}
			noSecrets(t, err)
			if n := connections.Load(); n != 1 {
				t.Errorf("%d connections, want 1: nothing written is written again", n)
			}
		})
	}
}

func TestNothingWasWritten(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	l.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	never := roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")}
	})
	for _, tt := range []struct {
		name     string
		ctx      context.Context
		endpoint string
		carry    http.RoundTripper
	}{
		{"nobody listens", t.Context(), closed, nil},
		{"ended before it began", ended, closed, nil},
		{"no route", t.Context(), closed, never},
	} {
		o := options(tt.endpoint)
		o.Transport = tt.carry
		_, err := newCarrier(t, o).Send(tt.ctx, invite())
		var e *texting.SendError
		if !errors.As(err, &e) || e.Class != texting.ClassLater {
			t.Errorf("%s: Send = %v, want later", tt.name, err)
		}
		noSecrets(t, err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestFind(t *testing.T) {
	id := invite().ID.String()
	row := func(out string, status int) string {
		return fmt.Sprintf(`{"OutId":%q,"SendStatus":%d,"PhoneNum":"13800138000"}`, out, status)
	}
	full := strings.TrimSuffix(strings.Repeat(row("another", 3)+",", pageSize), ",")
	for _, tt := range []struct {
		name  string
		rows  map[string]string // by date and page
		since time.Duration
		found bool
		want  texting.Status
		asked []string
	}{
		{"today", map[string]string{"20260305/1": row("another", 3) + "," + row(id, 1)}, time.Minute, true, texting.StatusSent, []string{"20260305/1"}},
		{"delivered", map[string]string{"20260305/1": row(id, 3)}, time.Minute, true, texting.StatusDelivered, []string{"20260305/1"}},
		{"failed", map[string]string{"20260305/1": row(id, 2)}, time.Minute, true, texting.StatusUndelivered, []string{"20260305/1"}},
		{"yesterday by Beijing's day", map[string]string{"20260304/1": row(id, 3)}, 13 * time.Hour, true, texting.StatusDelivered, []string{"20260304/1"}},
		{"on the second page", map[string]string{"20260305/1": full, "20260305/2": row(id, 3)}, time.Minute, true, texting.StatusDelivered, []string{"20260305/1", "20260305/2"}},
		{"nowhere", nil, 13 * time.Hour, false, "", []string{"20260304/1", "20260305/1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				verify(t, r.Method, r.URL.String(), r.Host, r.Header, keyID, keySecret)
				q := r.URL.Query()
				page := q.Get("SendDate") + "/" + q.Get("CurrentPage")
				asked = append(asked, page)
				if q.Get("PhoneNumber") != "13800138000" || q.Get("PageSize") != "50" || r.Header.Get("X-Acs-Action") != "QuerySendDetails" {
					t.Errorf("asked %v", q)
				}
				fmt.Fprintf(w, `{"Code":"OK","TotalCount":"3","SmsSendDetailDTOs":{"SmsSendDetailDTO":[%s]}}`, tt.rows[page])
			}))
			defer server.Close()
			sent, found, err := newCarrier(t, options(server.URL)).Find(t.Context(), invite(), noon.Add(-tt.since))
			if err != nil || found != tt.found || sent.Status != tt.want {
				t.Errorf("Find = %+v, %v, %v; want %v %s", sent, found, err, tt.found, tt.want)
			}
			if diff := cmp.Diff(tt.asked, asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
	for _, body := range []string{`{"Code":"isv.AMOUNT_NOT_ENOUGH"}`, `no`} { // an error is not "not found"
		server := service(t, 200, body, nil)
		if _, _, err := newCarrier(t, options(server.URL)).Find(t.Context(), invite(), noon); err == nil {
			t.Errorf("Find with %s gives no error", body)
		} else {
			noSecrets(t, err)
		}
	}
}

func TestCheckNamesEveryKey(t *testing.T) {
	if err := options("").Check(); err != nil {
		t.Errorf("good settings: %v", err)
	}
	bad := Options{
		Endpoint: "https://dysmsapi.aliyuncs.com/?a=b", SignName: "【清风医院】", Extension: "8a", TimeoutSeconds: 600, Replies: true, PushNetworks: []string{"everywhere"},
		Templates: map[texting.Purpose]map[string]string{"invite": {"zh": "100"}}, PreviousPushToken: "short",
	}
	_, err := New(bad)
	if err == nil {
		t.Fatal("wrong settings are taken")
	}
	for _, key := range []string{"access key", "endpoint", "sign_name", "templates.invite.zh", "extension", "timeout_seconds", "previous push token", "replies", "push_networks[0]"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%q does not name %s", err, key)
		}
	}
	if strings.Contains(err.Error(), "short\"") {
		t.Error("the error quotes a token")
	}
	c := newCarrier(t, options(""))
	if got := c.Capabilities("CN"); got.Mode() != surveys.ModeReply || !got.TemplateRequired || !got.SignatureRequired {
		t.Errorf("capabilities in China %+v", got)
	}
	if got := c.Capabilities("GB"); got.Mode() != surveys.ModeCode {
		t.Errorf("capabilities abroad %+v", got)
	}
}
