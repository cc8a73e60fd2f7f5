package live_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"qingfeng/gateway/internal/tabletclient"
)

// screen is a bare websocket that a test speaks the protocol on by hand.
type screen struct {
	t     testing.TB
	ws    *websocket.Conn
	nonce string
	own   string // its origin
}

// open connects and reads the challenge.
func (s *site) open(path string) *screen {
	s.t.Helper()
	sc := s.dial(path)
	var challenge struct{ Type, Nonce string }
	sc.into(sc.expect("challenge"), &challenge)
	sc.nonce = challenge.Nonce
	return sc
}

func (s *site) dial(path string) *screen {
	s.t.Helper()
	ws, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+path, http.Header{"Origin": {s.http.URL}})
	if err != nil {
		status := 0
		if resp != nil {
			status = resp.StatusCode
		}
		s.t.Fatalf("dial %s: %v (status %d)", path, err, status)
	}
	s.t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	return &screen{t: s.t, ws: ws, own: s.http.URL}
}

func (sc *screen) into(data []byte, out any) {
	sc.t.Helper()
	if err := json.Unmarshal(data, out); err != nil {
		sc.t.Fatalf("read %s: %v", data, err)
	}
}

// expect reads the next frame, which must be of a type.
//
// Heartbeats come whenever they come, and are passed over unless waited for.
func (sc *screen) expect(kind string) []byte {
	sc.t.Helper()
	_, data, err := sc.ws.ReadMessage()
	if err != nil {
		sc.t.Fatalf("waiting for %s: %v", kind, err)
	}
	var head struct{ Type string }
	sc.into(data, &head)
	if head.Type == "heartbeat" && kind != "heartbeat" {
		return sc.expect(kind)
	}
	if head.Type != kind {
		sc.t.Fatalf("got %s, want a frame of type %s", data, kind)
	}
	return data
}

func (sc *screen) send(frame string) {
	sc.t.Helper()
	if err := sc.ws.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		sc.t.Fatalf("send: %v", err)
	}
}

func (sc *screen) sendJSON(frame any) {
	sc.t.Helper()
	if err := sc.ws.WriteJSON(frame); err != nil {
		sc.t.Fatalf("send: %v", err)
	}
}

// closed reads on until the server closes, and gives the code and what came
// before.
func (sc *screen) closed() (code int, before []string) {
	sc.t.Helper()
	for {
		_, data, err := sc.ws.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code, before
		}
		if err != nil {
			sc.t.Fatalf("waiting for a close frame: %v", err)
		}
		before = append(before, string(data))
	}
}

// hello is a true hello of a device, to be spoilt by a test.
func (sc *screen) hello(id tabletclient.Identity, instance string) map[string]any {
	return map[string]any{
		"type": "hello", "device_id": id.Device.String(), "signature": sc.sign(id.Key, sc.own, id.Device.String()),
		"client_time": "2026-11-21T02:42:07.120Z", "instance": instance,
		"language": "zh", "queued": 0, "queue_ok": true, "ui_version": "test",
	}
}

func (sc *screen) sign(key *ecdsa.PrivateKey, origin, device string) string {
	sc.t.Helper()
	sum := sha256.Sum256([]byte("qingfeng device v1\n" + origin + "\n" + device + "\n" + sc.nonce))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		sc.t.Fatal(err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return base64.RawURLEncoding.EncodeToString(sig[:])
}

// welcomed connects a device by hand, up to its welcome.
func (s *site) welcomed(path string, id tabletclient.Identity, instance string) *screen {
	s.t.Helper()
	sc := s.open(path)
	sc.sendJSON(sc.hello(id, instance))
	sc.expect("welcome")
	return sc
}
