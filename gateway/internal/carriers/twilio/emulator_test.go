//go:build emulator

// These tests need Node and the packages of kiosk-ui:
//
//	go test -tags emulator ./gateway/internal/carriers/twilio

package twilio

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// alone is set in a test that runs in a network of its own.
const alone = "QINGFENG_TEST_ALONE"

// inOwnNetwork runs the test again where there is no network but the loopback,
// so that the emulator reaches nobody. It reports false where the system does
// not permit that, and inside.
func inOwnNetwork(t *testing.T) bool {
	const up = "ip link set lo up"
	if os.Getenv(alone) != "" || exec.Command("unshare", "--map-root-user", "--net", "sh", "-c", up).Run() != nil {
		return false
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	again := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--net", "sh", "-c", up+` && exec "$0" "$@"`,
		self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
	again.Env = append(os.Environ(), alone+"=1")
	out, err := again.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("in a network of its own: %v\n%s", err, out)
	}
	return true
}

// emulator is a running Twilio.
type emulator struct {
	tb  testing.TB
	url string
}

func startEmulator(tb testing.TB, seed any) *emulator {
	tb.Helper()
	module, err := filepath.Abs("../../../../kiosk-ui/node_modules/emulate/dist/api.js")
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(module); err != nil {
		tb.Fatalf("%v: install the packages of kiosk-ui (make ui)", err)
	}
	text, err := json.Marshal(seed)
	if err != nil {
		tb.Fatal(err)
	}
	// The emulator cannot tell which port it was given, so it is given one.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	node := exec.CommandContext(tb.Context(), "node", "testdata/emulator.mjs", module, strconv.Itoa(port), string(text))
	stop, err := node.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	node.Stderr = os.Stderr
	if err := node.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = stop.Close()
		_ = node.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		tb.Fatalf("the emulator says %q (%v), want ready", line, err)
	}
	return &emulator{tb, "http://127.0.0.1:" + strconv.Itoa(port)}
}

// simulate has something happen on the emulator's side; it returns when the
// webhook has been answered.
func (e *emulator) simulate(what string, params url.Values) {
	e.tb.Helper()
	r, err := http.NewRequestWithContext(e.tb.Context(), "POST", e.url+"/_twilio/simulate/"+what, strings.NewReader(params.Encode()))
	if err != nil {
		e.tb.Fatal(err)
	}
	r.SetBasicAuth(accountSID, token)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		e.tb.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode > 299 {
		e.tb.Fatalf("simulate %s: %s %s", what, answer.Status, body)
	}
}

// TestEmulator goes all the way over real HTTP: send, the reports of it, one
// of them before the send has returned, a text whose answer was lost, and the
// patient's reply.
func TestEmulator(t *testing.T) {
	if inOwnNetwork(t) {
		return
	}
	var hooks atomic.Pointer[http.ServeMux]
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hooks.Load().ServeHTTP(w, r) }))
	defer gateway.Close()
	twilio := startEmulator(t, map[string]any{
		"account":       map[string]any{"sid": accountSID, "auth_token": token},
		"phone_numbers": []any{map[string]any{"phone_number": hospital, "sms_url": gateway.URL + InboundPath + retries}},
	})
	store := &receiver{}
	install := func(change func(*Options)) *Carrier {
		c := newCarrier(t, func(o *Options) {
			o.BaseURL, o.PublicURL, o.Receiver, o.Now = twilio.url, gateway.URL, store, time.Now
			if change != nil {
				change(o)
			}
		})
		mux := http.NewServeMux()
		mux.Handle(InboundPath, c.InboundHandler())
		mux.Handle(StatusPath, c.StatusHandler())
		hooks.Store(mux)
		return c
	}
	c := install(nil)

	since := time.Now()
	sent, err := c.Send(t.Context(), message())
	if err != nil {
		t.Fatal(err)
	}
	if sent.Status != texting.StatusQueued || !isMessageSID(sent.ProviderID) {
		t.Errorf("sent: %+v, want a queued message", sent)
	}
	checkReports(t, store, sent.ProviderID, texting.StatusQueued)

	found, ok, err := c.Find(t.Context(), message(), since)
	if err != nil || !ok || found.ProviderID != sent.ProviderID {
		t.Errorf("Find = %+v, %v, %v, want %s", found, ok, err, sent.ProviderID)
	}
	other := message()
	other.Body = "【清风医院】另一条短信"
	if _, ok, err := c.Find(t.Context(), other, since); err != nil || ok {
		t.Errorf("a text that was never sent: %v, %v, want it not found", ok, err)
	}

	for _, status := range []string{"sent", "undelivered", "delivered"} {
		twilio.simulate("message-status", url.Values{"MessageSid": {sent.ProviderID}, "Status": {status}})
	}
	checkReports(t, store, sent.ProviderID, texting.StatusQueued, texting.StatusSent, texting.StatusUndelivered, texting.StatusDelivered)

	reply := url.Values{"From": {patient}, "To": {hospital}, "Body": {"５分，谢谢 & +1 😀"}}
	twilio.simulate("inbound-message", reply)
	texts := store.texts()
	if len(texts) != 1 || string(texts[0].Body) != reply.Get("Body") || texts[0].From.E164() != patient || texts[0].To.E164() != hospital {
		t.Fatalf("%d texts came in, want the patient's own", len(texts))
	}

	// The token was changed: the old one still signs for a while, and then not.
	const newToken = "0badc0de0badc0de0badc0de0badc0de"
	changed := install(func(o *Options) { o.AuthToken, o.PreviousAuthToken = newToken, token })
	twilio.simulate("inbound-message", reply)
	if got := len(store.texts()); got != 2 {
		t.Errorf("with the previous token: %d texts, want 2", got)
	}
	none, err := changed.Send(t.Context(), message())
	checkSent(t, none, err, texting.Sent{}, texting.ClassHalt, "20003")
	install(func(o *Options) { o.AuthToken = newToken })
	twilio.simulate("inbound-message", reply)
	if got := len(store.texts()); got != 2 {
		t.Errorf("with a token that is not ours any more: %d texts, want 2 still", got)
	}
}

// checkReports compares what the store was told, in order.
func checkReports(tb testing.TB, store *receiver, id string, want ...texting.Status) {
	tb.Helper()
	var got []texting.Status
	for _, r := range store.statuses() {
		got = append(got, r.Status)
		if r.ProviderID != id || r.Message != textID || r.Message == (surveys.FactID{}) {
			tb.Errorf("a report of %s on %s, want our %s on %s", r.Message, r.ProviderID, textID, id)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("reports (-want +got):\n%s", diff)
	}
}
