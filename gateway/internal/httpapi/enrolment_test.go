package httpapi

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/auth"
	"qingfeng/gateway/internal/live"
	"qingfeng/surveys"
)

func publicKey(tb testing.TB) string {
	tb.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes())
}

type enrolment struct {
	ID      string    `json:"enrolment_id"`
	Secret  string    `json:"secret"`
	Code    string    `json:"code"`
	Expires time.Time `json:"expires_at"`
}

func (w *world) enrol(c *client) enrolment {
	w.tb.Helper()
	return decodeReply[enrolment](c.post("/api/v1/enrolments", map[string]string{"public_key": publicKey(w.tb), "kind": "window_tablet"}).want(http.StatusCreated))
}

func (e enrolment) poll(w *world, secret string) *reply {
	w.tb.Helper()
	c := w.anybody()
	c.header.Set("Authorization", "Bearer "+secret)
	return c.get("/api/v1/enrolments/" + e.ID)
}

func approval(code string) map[string]any {
	return map[string]any{"code": code, "kind": "window_tablet", "place": "settlement-1", "name": "结算一号平板", "mirrored": true}
}

type deviceRead struct {
	ID, Kind, Name, Place, Bed string
	Mirrored, Online           bool
	Faults                     []string
	Queued                     int
	EnrolledAt                 *time.Time `json:"enrolled_at"`
	RevokedAt                  *time.Time `json:"revoked_at"`
	LastSeenAt                 *time.Time `json:"last_seen_at"`
	LastTestAt                 *time.Time `json:"last_test_at"`
}

func TestEnrol(t *testing.T) {
	w := newWorld(t)
	admin := w.person("admin", "", "all")
	e := w.enrol(w.anybody())
	if _, err := auth.ParseCode(e.Code); err != nil || len(e.Code) != 8 {
		t.Errorf("code %q", e.Code)
	}
	if left := e.Expires.Sub(w.now()); left <= 9*time.Minute || left > 10*time.Minute {
		t.Errorf("the code lives %v, want 10 min", left)
	}
	if got, want := e.poll(w, e.Secret).want(http.StatusOK).Body.String(), `{"state":"waiting"}`+"\n"; got != want {
		t.Errorf("waiting: %s, want %s", got, want)
	}
	shown := e.Code[:4] + "-" + strings.ToLower(e.Code[4:])
	r := admin.post("/api/v1/enrolments/approve", approval(shown)).want(http.StatusCreated)
	r.without("public_key", "secret", e.Code)
	d := decodeReply[deviceRead](r)
	want := deviceRead{ID: d.ID, Kind: "window_tablet", Name: "结算一号平板", Place: "settlement-1", Mirrored: true, Faults: []string{}, EnrolledAt: d.EnrolledAt}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("device (-want +got):\n%s", diff)
	}
	if got, want := e.poll(w, e.Secret).want(http.StatusOK).Body.String(), `{"state":"approved","device_id":"`+d.ID+`"}`+"\n"; got != want {
		t.Errorf("approved: %s, want %s", got, want)
	}
	if !slices.Contains(w.boards.did, "touch") {
		t.Error("the boards were not told")
	}
	w.audited("device.enrol")

	expired := w.enrol(w.anybody())
	w.pass(10 * time.Minute)
	admin.get("/api/v1/session").want(http.StatusOK)
	if got, want := expired.poll(w, expired.Secret).want(http.StatusOK).Body.String(), `{"state":"expired"}`+"\n"; got != want {
		t.Errorf("expired: %s, want %s", got, want)
	}
	answers := map[string]bool{}
	for _, code := range []string{"22222222", e.Code, expired.Code, "no code", ""} { // wrong, used, expired, nonsense
		r := admin.post("/api/v1/enrolments/approve", approval(code))
		r.problem(http.StatusNotFound, "no_such_code")
		answers[r.Body.String()] = true
	}
	if len(answers) != 1 {
		t.Errorf("wrong, used and expired codes get different answers: %v", answers)
	}
}

func TestPollingNeedsTheSecret(t *testing.T) {
	w := newWorld(t)
	e, other := w.enrol(w.anybody()), w.enrol(w.anybody())
	answers := map[string]bool{}
	nobody := enrolment{ID: "019367c5-8b1e-7d3a-9c5e-0123456789ab"}
	for _, r := range []*reply{
		e.poll(w, other.Secret), e.poll(w, ""), e.poll(w, e.Code), nobody.poll(w, e.Secret), enrolment{ID: "x"}.poll(w, e.Secret),
		enrolment{ID: "019367c5-8b1e-7d3a-9c5e-0123456789ab"}.poll(w, strings.Repeat("A", 43)), // hashes to nothing stored
	} {
		r.problem(http.StatusUnauthorized, "bad_token")
		answers[r.Body.String()] = true
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
}

func TestEnrolmentRefusals(t *testing.T) {
	w := newWorld(t)
	good := publicKey(t)
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	raw[64] ^= 1 // no longer on the curve
	for _, tt := range []struct{ name, key, kind, field string }{
		{"no key", "", "window_tablet", "public_key"},
		{"padded", good + "=", "window_tablet", "public_key"},
		{"compressed", good[:44], "window_tablet", "public_key"},
		{"off the curve", base64.RawURLEncoding.EncodeToString(raw), "window_tablet", "public_key"},
		{"unknown kind", good, "toaster", "kind"},
	} {
		p := w.anybody().post("/api/v1/enrolments", map[string]string{"public_key": tt.key, "kind": tt.kind}).problem(http.StatusUnprocessableEntity, "invalid_field")
		if p.Field != tt.field {
			t.Errorf("%s: field %q, want %q", tt.name, p.Field, tt.field)
		}
	}
}

func TestApprovalRefusals(t *testing.T) {
	w := newWorld(t)
	admin := w.person("admin", "", "all")
	e := w.enrol(w.anybody())
	for _, tt := range []struct {
		name, field string
		change      map[string]any
	}{
		{"unknown kind", "kind", map[string]any{"kind": "toaster"}},
		{"no name", "name", map[string]any{"name": " "}},
		{"endless name", "name", map[string]any{"name": strings.Repeat("长", 81)}},
		{"no place", "place", map[string]any{"place": ""}},
		{"a ward for a window tablet", "place", map[string]any{"place": "ward-3"}},
		{"unknown place", "place", map[string]any{"place": "nowhere"}},
		{"a bed at a window", "bed", map[string]any{"bed": "1"}},
		{"unknown bed", "bed", map[string]any{"kind": "bedside_tablet", "place": "ward-3", "bed": "99"}},
		{"a wall board with a place", "place", map[string]any{"kind": "wall_board"}},
	} {
		body := approval(e.Code)
		for k, v := range tt.change {
			body[k] = v
		}
		p := admin.post("/api/v1/enrolments/approve", body).problem(http.StatusUnprocessableEntity, "invalid_field")
		if p.Field != tt.field {
			t.Errorf("%s: field %q, want %q", tt.name, p.Field, tt.field)
		}
	}
	admin.post("/api/v1/enrolments/approve", approval(e.Code)).want(http.StatusCreated) // none of these used it up
}

func TestWrongCodesStopTheAccount(t *testing.T) {
	w := newWorld(t)
	admin, other := w.person("admin", "", "all"), w.person("other", "", "all")
	e := w.enrol(w.anybody())
	for range 10 {
		admin.post("/api/v1/enrolments/approve", approval(auth.NewCode())).problem(http.StatusNotFound, "no_such_code")
	}
	p := admin.post("/api/v1/enrolments/approve", approval(e.Code)).problem(http.StatusTooManyRequests, "too_many_tries")
	if p.RetryAfterSeconds < 590 || p.RetryAfterSeconds > 600 {
		t.Errorf("stopped for %d s, want 600", p.RetryAfterSeconds)
	}
	other.post("/api/v1/enrolments/approve", approval(e.Code)).want(http.StatusCreated) // another account may
	w.pass(10*time.Minute + time.Second)
	again := w.enrol(w.anybody())
	admin.post("/api/v1/enrolments/approve", approval(again.Code)).want(http.StatusCreated)
}

func TestRightCodesAreNoTries(t *testing.T) {
	w := newWorld(t)
	admin := w.person("admin", "", "all")
	for i := range 15 {
		screen := w.anybody()
		screen.remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 7, 0, byte(i)}), 1).String()
		e := w.enrol(screen)
		admin.post("/api/v1/enrolments/approve", approval(e.Code)).want(http.StatusCreated)
	}
}

func TestEnrolmentsAreLimited(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.WaitingLimit = 25 })
	ask := func(address string) *reply {
		c := w.anybody()
		c.remote = address
		return c.post("/api/v1/enrolments", map[string]string{"public_key": publicKey(t), "kind": "window_tablet"})
	}
	for range enrolmentBurst {
		ask("192.0.2.1:1").want(http.StatusCreated)
	}
	ask("192.0.2.1:2").problem(http.StatusTooManyRequests, "too_many_requests")
	for i := range 25 - enrolmentBurst {
		ask(fmt.Sprintf("192.0.2.%d:1", 10+i)).want(http.StatusCreated)
	}
	ask("192.0.2.99:1").problem(http.StatusTooManyRequests, "too_many_waiting")
	w.pass(11 * time.Minute) // they have expired
	ask("192.0.2.99:1").want(http.StatusCreated)
}

func TestDevices(t *testing.T) {
	w := newWorld(t)
	admin, head := w.person("admin", "", "all"), w.person("head", "internal", "head")
	var ids []surveys.DeviceID
	for _, body := range []map[string]any{
		approval(""),
		{"kind": "bedside_tablet", "place": "ward-3", "bed": "2", "name": "2床"},
		{"kind": "wall_board", "name": "行风办大屏"},
	} {
		body["code"] = w.enrol(w.anybody()).Code
		d := decodeReply[deviceRead](admin.post("/api/v1/enrolments/approve", body).want(http.StatusCreated))
		id, err := surveys.ParseFactID(d.ID)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	w.enrol(w.anybody())
	w.tablets.online = map[surveys.DeviceID]live.OnlineState{ids[0]: {Queued: 3, QueueOK: false}, ids[1]: {QueueOK: true}}
	w.boards.online = map[surveys.DeviceID]live.OnlineState{ids[2]: {QueueOK: true}}
	if err := w.store.MarkSharedKey(t.Context(), ids[1], w.now()); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		Devices []deviceRead
		Waiting int
	}
	short := func(a answer) (lines []string) {
		for _, d := range a.Devices {
			lines = append(lines, fmt.Sprintf("%s %s online=%v queued=%d %v", d.Name, d.Place, d.Online, d.Queued, d.Faults))
		}
		return append(lines, fmt.Sprint("waiting ", a.Waiting))
	}
	got := decodeReply[answer](admin.get("/api/v1/devices").want(http.StatusOK).without("public_key", "null"))
	want := []string{
		"结算一号平板 settlement-1 online=true queued=3 [queue_broken]", "2床 ward-3 online=true queued=0 [shared_key]",
		"行风办大屏  online=true queued=0 []", "waiting 1",
	}
	if diff := cmp.Diff(want, short(got)); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	got = decodeReply[answer](head.get("/api/v1/devices").want(http.StatusOK))
	if diff := cmp.Diff([]string{want[1], "waiting 0"}, short(got)); diff != "" {
		t.Errorf("a head's devices (-want +got):\n%s", diff)
	}

	w.boards.did = nil
	one := "/api/v1/devices/" + ids[1].String()
	admin.post(one+"/clear-fault", nil).want(http.StatusNoContent)
	changed := decodeReply[deviceRead](admin.do(http.MethodPatch, one, map[string]any{"name": "1床", "bed": "1"}).want(http.StatusOK))
	if changed.Name != "1床" || changed.Bed != "1" || changed.Place != "ward-3" || len(changed.Faults) != 0 {
		t.Errorf("changed device: %+v", changed)
	}
	admin.do(http.MethodPatch, one, map[string]any{"bed": "99"}).problem(http.StatusUnprocessableEntity, "invalid_field")
	admin.do(http.MethodPatch, one, map[string]any{"kind": "wall_board"}).problem(http.StatusUnprocessableEntity, "invalid_field")
	admin.post(one+"/revoke", nil).want(http.StatusNoContent)
	if diff := cmp.Diff([]string{"disconnect", "revoke"}, w.tablets.did); diff != "" {
		t.Errorf("told the tablets (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"touch", "disconnect", "touch", "revoke", "touch"}, w.boards.did); diff != "" {
		t.Errorf("told the boards (-want +got):\n%s", diff)
	}
	admin.do(http.MethodPatch, one, map[string]any{"name": "x"}).problem(http.StatusConflict, "device_revoked")
	for _, wrong := range []string{"/api/v1/devices/x", "/api/v1/devices/019367c5-8b1e-7d3a-9c5e-0123456789ab"} {
		admin.post(wrong+"/revoke", nil).problem(http.StatusNotFound, "not_found")
	}
	if diff := cmp.Diff([]string{"device.revoke", "device.update", "device.clear_shared_key"}, w.auditActions(3)); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}
