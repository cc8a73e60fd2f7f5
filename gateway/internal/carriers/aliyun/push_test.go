package aliyun

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
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

func push(h http.Handler, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.RemoteAddr = "203.0.113.7:4000"
	h.ServeHTTP(w, r)
	return w
}

const done = `{"code":0,"msg":"成功"}`

func TestReports(t *testing.T) {
	to := &inbox{}
	h := newCarrier(t, options("")).Handler(to, nil)
	id := invite().ID
	w := push(h, PushPrefix+token+"/report", fmt.Sprintf(`[
		{"phone_number":"13800138000","send_time":"2026-03-05 11:59:00","report_time":"2026-03-05 11:59:30","success":true,"err_code":"DELIVERED","err_msg":"用户接收成功","sms_size":"1","biz_id":"123^0","out_id":%q},
		{"phone_number":"13800138000","report_time":"2026-03-05 11:58:00","success":"false","err_code":"MOBILE_NOT_ON_SERVICE","biz_id":124,"out_id":"67890"},
		{"success":true},
		{"success":"perhaps","biz_id":"125"},
		"nonsense",
		{"report_time":"2027-01-01 00:00:00","success":false,"err_code":"13800138000","biz_id":"126"}]`, id))
	if w.Code != http.StatusOK || w.Body.String() != done {
		t.Fatalf("answered %d %s, want 200 %s", w.Code, w.Body, done)
	}
	want := []texting.StatusReport{
		{Carrier: Name, ProviderID: "123^0", Message: id, Status: texting.StatusDelivered, At: time.Date(2026, 3, 5, 3, 59, 30, 0, time.UTC)},
		{Carrier: Name, ProviderID: "124", Status: texting.StatusUndelivered, Code: "MOBILE_NOT_ON_SERVICE", At: time.Date(2026, 3, 5, 3, 58, 0, 0, time.UTC)},
		{Carrier: Name, ProviderID: "126", Status: texting.StatusUndelivered, At: noon},
	}
	if diff := cmp.Diff(want, to.reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

const oneReply = `[{"phone_number":"13800138000","send_time":"2026-03-05 11:59:00","content":"５分，谢谢","sign_name":"清风医院","dest_code":"88","sequence_id":1234567890}]`

func TestReplies(t *testing.T) {
	to := &inbox{}
	h := newCarrier(t, options("")).Handler(to, nil)
	for range 2 {
		if w := push(h, PushPrefix+token+"/up", oneReply); w.Code != http.StatusOK || w.Body.String() != done {
			t.Fatalf("answered %d %s", w.Code, w.Body)
		}
	}
	first, again := to.inbounds[0], to.inbounds[1]
	if first.From.E164() != zhang || string(first.Body) != "５分，谢谢" || first.Carrier != Name || !first.ReceivedAt.Equal(time.Date(2026, 3, 5, 3, 59, 0, 0, time.UTC)) {
		t.Errorf("reply %+v is another one", first)
	}
	if first.ProviderID != again.ProviderID || strings.Contains(first.ProviderID, "138") && strings.Contains(first.ProviderID, "13800138000") {
		t.Errorf("ids %s and %s, want one that names nobody", first.ProviderID, again.ProviderID)
	}
	// Whatever differs makes another reply.
	for _, change := range [][2]string{{`"88"`, `"89"`}, {"1234567890", `"1234567891"`}, {"13800138000", "13800138001"}, {"11:59:00", "11:59:01"}} {
		push(h, PushPrefix+token+"/up", strings.Replace(oneReply, change[0], change[1], 1))
		if last := to.inbounds[len(to.inbounds)-1]; last.ProviderID == first.ProviderID {
			t.Errorf("%s in place of %s is the same reply", change[1], change[0])
		}
	}
	// The same number written as a text is the same number.
	push(h, PushPrefix+token+"/up", strings.Replace(oneReply, "1234567890", `"1234567890"`, 1))
	if last := to.inbounds[len(to.inbounds)-1]; last.ProviderID != first.ProviderID {
		t.Error("a sequence number as text makes another reply")
	}
}

func TestPushesThatAreRefused(t *testing.T) {
	far := func(*http.Request) netip.Addr { return netip.MustParseAddr("198.51.100.1") }
	near := func(*http.Request) netip.Addr { return netip.MustParseAddr("::ffff:203.0.113.7") }
	fenced := func(o *Options) { o.PushNetworks = []string{"203.0.113.0/24", "192.0.2.1"} }
	long := `[{"content":"` + strings.Repeat("x", 10<<20) + `"}]`
	for _, tt := range []struct {
		name    string
		change  func(*Options)
		path    string
		body    string
		address func(*http.Request) netip.Addr
		status  int
		stored  int
	}{
		{"good", nil, PushPrefix + token + "/up", oneReply, nil, 200, 1},
		{"previous token", func(o *Options) { o.PreviousPushToken = token + "Old" }, PushPrefix + token + "Old/up", oneReply, nil, 200, 1},
		{"wrong token", nil, PushPrefix + token[1:] + "x/up", oneReply, nil, 404, 0},
		{"no token set", func(o *Options) { o.PushToken, o.Replies = "", false }, PushPrefix + "x/up", oneReply, nil, 404, 0},
		{"longer token", nil, PushPrefix + token + "x/up", oneReply, nil, 404, 0},
		{"inside the networks", fenced, PushPrefix + token + "/up", oneReply, near, 200, 1},
		{"outside the networks", fenced, PushPrefix + token + "/up", oneReply, far, 404, 0},
		{"networks and no address", fenced, PushPrefix + token + "/up", oneReply, nil, 404, 0},
		{"10 MiB", nil, PushPrefix + token + "/up", long, nil, 413, 0},
		{"not an array", nil, PushPrefix + token + "/up", `{"phone_number":"13800138000"}`, nil, 400, 0},
		{"null", nil, PushPrefix + token + "/up", `null`, nil, 400, 0},
		{"not UTF-8", nil, PushPrefix + token + "/up", "[\"\xff\"]", nil, 400, 0},
		{"nothing", nil, PushPrefix + token + "/up", "", nil, 400, 0},
		{"no replies in it", nil, PushPrefix + token + "/up", "[]", nil, 200, 0},
		{"from nobody", nil, PushPrefix + token + "/up", `[{"phone_number":"anonymous","content":"5"}]`, nil, 200, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := &inbox{}
			o := options("")
			if tt.change != nil {
				tt.change(&o)
			}
			w := push(newCarrier(t, o).Handler(to, tt.address), tt.path, tt.body)
			if w.Code != tt.status || len(to.inbounds) != tt.stored {
				t.Errorf("answered %d with %d stored, want %d with %d", w.Code, len(to.inbounds), tt.status, tt.stored)
			}
			if w.Code != 200 && strings.Contains(w.Body.String(), "成功") || strings.Contains(w.Body.String(), "138") {
				t.Errorf("the answer says too much: %s", w.Body)
			}
		})
	}
}

func TestAPushIsSentAgainWhenTheStoreIsDown(t *testing.T) {
	to := &inbox{down: true}
	var log bytes.Buffer
	o := options("")
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	h := newCarrier(t, o).Handler(to, nil)
	for _, path := range []string{"/up", "/report"} {
		body := oneReply
		if path == "/report" {
			body = `[{"phone_number":"13800138000","success":true,"biz_id":"1"}]`
		}
		w := push(h, PushPrefix+token+path, body)
		var answer struct{ Code int }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusServiceUnavailable || answer.Code == 0 {
			t.Errorf("%s is answered %d %s, want 503 and no 成功", path, w.Code, w.Body)
		}
	}
	for _, secret := range []string{"13800138000", "谢谢", token} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q in it", secret)
		}
	}
}

func FuzzPush(f *testing.F) {
	f.Add(oneReply)
	f.Add(`[{"success":true,"biz_id":"1","out_id":"0199c0de-0000-7000-8000-000000000001","report_time":"2026-03-05 11:59:00"}]`)
	f.Add(`[[],{},null,1,"",{"sequence_id":{}},{"phone_number":"+"}]`)
	f.Fuzz(func(t *testing.T, body string) {
		items, err := readPush([]byte(body))
		if err != nil {
			return
		}
		for _, raw := range items {
			if r, ok := readReport(raw, noon); ok {
				if r.ProviderID == "" && r.Message == (surveys.FactID{}) || !r.Status.Final() || r.At.IsZero() || r.At.After(noon.Add(maxAhead)) {
					t.Errorf("report %+v of %s", r, raw)
				}
			}
			if in, ok := readReply(raw, noon); ok {
				e164 := in.From.E164()
				if e164[0] != '+' || len(e164) < 8 || len(e164) > 16 || len(in.ProviderID) != 35 || len([]rune(string(in.Body))) > maxContent {
					t.Errorf("a reply of %s has the wrong form", raw)
				}
			}
		}
	})
}
