package live_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"qingfeng/gateway/internal/live"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

func TestHelloThatIsNotTrueIsSentAway(t *testing.T) {
	s := start(t)
	good := s.enrol(1, surveys.DeviceWindowTablet, "settlement-2")
	other := s.enrol(2, surveys.DeviceWindowTablet, "settlement-2")
	board := s.enrol(3, surveys.DeviceWallBoard, "")
	revoked := s.enrol(4, surveys.DeviceWindowTablet, "settlement-2")
	shared := s.enrol(5, surveys.DeviceWindowTablet, "settlement-2")
	s.store.change(func() {
		d := s.store.devices[revoked.Device]
		d.RevokedAt = noon
		s.store.devices[revoked.Device] = d
		d = s.store.devices[shared.Device]
		d.SharedKeyAt = noon
		s.store.devices[shared.Device] = d
	})
	unknown := tabletclient.Identity{Device: deviceID(99), Key: good.Key}

	tests := []struct {
		name  string
		id    tabletclient.Identity
		spoil func(sc *screen, h map[string]any)
		want  int
	}{
		{"unknown device", unknown, nil, live.CloseNotEnrolled},
		{"another device's key", tabletclient.Identity{Device: good.Device, Key: other.Key}, nil, live.CloseNotEnrolled},
		{"revoked", revoked, nil, live.CloseRevoked},
		{"shared key", shared, nil, live.CloseSharedKey},
		{"wall board", board, nil, live.CloseBadFrame},
		{"signed for another origin", good, func(sc *screen, h map[string]any) {
			h["signature"] = sc.sign(good.Key, "https://elsewhere.example", good.Device.String())
		}, live.CloseNotEnrolled},
		{"old nonce", good, func(sc *screen, h map[string]any) {
			sc.nonce = "AAAA"
			h["signature"] = sc.sign(good.Key, sc.own, good.Device.String())
		}, live.CloseNotEnrolled},
		{"short signature", good, func(_ *screen, h map[string]any) { h["signature"] = "AAAA" }, live.CloseNotEnrolled},
		{"no instance", good, func(_ *screen, h map[string]any) { delete(h, "instance") }, live.CloseBadFrame},
		{"no clock", good, func(_ *screen, h map[string]any) { h["client_time"] = "yesterday" }, live.CloseBadFrame},
		{"another frame first", good, func(_ *screen, h map[string]any) { h["type"] = "rating" }, live.CloseBadFrame},
		{"wrong type of field", good, func(_ *screen, h map[string]any) { h["queued"] = "none" }, live.CloseBadFrame},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := s.open("/ws/device")
			h := sc.hello(tt.id, "page-1")
			if tt.spoil != nil {
				tt.spoil(sc, h)
			}
			sc.sendJSON(h)
			code, before := sc.closed()
			if code != tt.want || len(before) != 0 {
				t.Errorf("closed with %d after %q, want %d after nothing", code, before, tt.want)
			}
		})
	}
}

func TestTrueHelloIsWelcome(t *testing.T) {
	s := start(t)
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	sc.send(`{"type":"status","queued":3,"queue_ok":false}`)
	eventually(t, "the status is known", func() bool {
		state, on := s.tablets.Online()[deviceID(1)]
		return on && state.Queued == 3 && !state.QueueOK
	})
}

func TestFirstFrameThatIsNoFrame(t *testing.T) {
	s := start(t)
	for _, frame := range []string{"", "hello", "[]", `{"type":"hello"`, `{"type":"hello","type":"hello"}`, "\xff{}"} {
		sc := s.open("/ws/device")
		sc.send(frame)
		if code, _ := sc.closed(); code != live.CloseBadFrame {
			t.Errorf("%q: closed with %d, want %d", frame, code, live.CloseBadFrame)
		}
	}
	sc := s.open("/ws/device")
	if err := sc.ws.WriteMessage(websocket.BinaryMessage, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if code, _ := sc.closed(); code != live.CloseBadFrame {
		t.Errorf("a binary frame closed with %d, want %d", code, live.CloseBadFrame)
	}
}

func TestSilentVisitorIsClosed(t *testing.T) {
	s := start(t, withTimes(live.Times{Hello: 20 * time.Millisecond}))
	sc := s.open("/ws/device")
	if _, _, err := sc.ws.ReadMessage(); err == nil {
		t.Error("a session that never said hello got a frame, want it closed")
	}
	eventually(t, "the socket is gone", func() bool { return s.tablets.Sockets() == 0 })
}

func TestStoreThatCannotBeReadSendsAwayForAWhile(t *testing.T) {
	s := start(t)
	id := s.enrol(1, surveys.DeviceWindowTablet, "settlement-2")
	s.store.change(func() { s.store.broken = errBusy })
	sc := s.open("/ws/device")
	sc.sendJSON(sc.hello(id, "page-1"))
	if code, _ := sc.closed(); code != live.CloseTooMany {
		t.Errorf("closed with %d, want %d: the device must come back, not forget its key", code, live.CloseTooMany)
	}
}

func TestUpgradeIsRefused(t *testing.T) {
	s := start(t, withLimits(live.Limits{Sockets: 3, PendingPerAddress: 2}))
	url := "ws" + s.http.URL[len("http"):] + "/ws/device"
	status := func(origin string) int {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		ws, resp, err := websocket.DefaultDialer.Dial(url, header)
		if err == nil {
			t.Cleanup(func() { _ = ws.Close() })
			return http.StatusSwitchingProtocols
		}
		if resp == nil {
			t.Fatalf("dial: %v", err)
		}
		return resp.StatusCode
	}
	steps := []struct {
		name, origin string
		want         int
	}{
		{"no origin", "", http.StatusForbidden},
		{"another origin", "https://evil.example", http.StatusForbidden},
		{"same host, other scheme", "https" + s.http.URL[len("http"):], http.StatusForbidden},
		{"listed origin", "https://qingfeng.hospital.example", http.StatusSwitchingProtocols},
		{"own origin", s.http.URL, http.StatusSwitchingProtocols},
		{"third pending of one address", s.http.URL, http.StatusTooManyRequests},
	}
	for _, step := range steps {
		if got := status(step.origin); got != step.want {
			t.Errorf("%s: %d, want %d", step.name, got, step.want)
		}
	}

	full := start(t, withLimits(live.Limits{Sockets: 1}))
	full.window(1)
	resp, err := http.Get(full.http.URL + "/ws/device")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("beyond the sockets' cap: %d, want 503", resp.StatusCode)
	}
}

// TestSilentSocketsKeepNobodyOut opens as many sockets as an address may, and
// more screens connect than are left of the seats if those counted.
func TestSilentSocketsKeepNobodyOut(t *testing.T) {
	s := start(t, withLimits(live.Limits{Sockets: 4, Strangers: 16, PendingPerAddress: 8}), func(t *live.TabletOptions, _ *live.BoardOptions) {
		t.ClientAddress = func(r *http.Request) string {
			if r.Header.Get("Origin") == "https://qingfeng.hospital.example" {
				return "192.0.2.66"
			}
			return "192.0.2.1"
		}
	})
	url := "ws" + s.http.URL[len("http"):] + "/ws/device"
	for range 8 {
		ws, _, err := websocket.DefaultDialer.Dial(url, http.Header{"Origin": {"https://qingfeng.hospital.example"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ws.Close() })
	}
	for n := range 4 {
		s.window(n)
	}
}
