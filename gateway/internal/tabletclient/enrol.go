package tabletclient

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"qingfeng/surveys"
)

// Identity is an enrolled device: its id and its key.
type Identity struct {
	Device surveys.DeviceID
	Key    *ecdsa.PrivateKey
}

// NewKey makes a device's key.
func NewKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make device key: %w", err)
	}
	return key, nil
}

// PublicPoint gives the public half as the server keeps it: 65 bytes.
func PublicPoint(key *ecdsa.PrivateKey) ([]byte, error) {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	return point, nil
}

// sign gives r‖s, 64 bytes, over text.
func sign(key *ecdsa.PrivateKey, text string) (string, error) {
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign challenge: %w", err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return base64.RawURLEncoding.EncodeToString(sig[:]), nil
}

// Errors of Enrolment.Wait.
var ErrEnrolmentExpired = errors.New("the pairing code expired before an administrator approved it")

// Enrolment is a pairing code that waits for an administrator.
type Enrolment struct {
	Code      string
	ExpiresAt time.Time

	server Server
	client *http.Client
	key    *ecdsa.PrivateKey
	id     string
	secret string
}

// pollEvery is how often Wait asks whether the code was approved.
const pollEvery = 500 * time.Millisecond

// Enrol asks for a pairing code. Show Code to an administrator, then Wait.
func Enrol(ctx context.Context, server Server, kind surveys.DeviceKind) (*Enrolment, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	point, err := PublicPoint(key)
	if err != nil {
		return nil, err
	}
	e := &Enrolment{server: server, key: key, client: &http.Client{
		Timeout: handshakeTimeout, Transport: &http.Transport{TLSClientConfig: server.TLS},
	}}
	body, err := json.Marshal(map[string]string{
		"public_key": base64.RawURLEncoding.EncodeToString(point), "kind": string(kind),
	})
	if err != nil {
		return nil, fmt.Errorf("encode enrolment: %w", err)
	}
	var answer struct {
		EnrolmentID string    `json:"enrolment_id"`
		Secret      string    `json:"secret"`
		Code        string    `json:"code"`
		ExpiresAt   time.Time `json:"expires_at"`
	}
	if err := e.call(ctx, http.MethodPost, "/api/v1/enrolments", bytes.NewReader(body), http.StatusCreated, &answer); err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	e.Code, e.ExpiresAt, e.id, e.secret = answer.Code, answer.ExpiresAt, answer.EnrolmentID, answer.Secret
	return e, nil
}

// Wait asks until the code was approved, expired, or ctx ends.
func (e *Enrolment) Wait(ctx context.Context) (Identity, error) {
	defer e.client.CloseIdleConnections()
	for {
		var answer struct {
			State    string           `json:"state"`
			DeviceID surveys.DeviceID `json:"device_id"`
		}
		if err := e.call(ctx, http.MethodGet, "/api/v1/enrolments/"+e.id, nil, http.StatusOK, &answer); err != nil {
			return Identity{}, fmt.Errorf("ask for approval: %w", err)
		}
		switch answer.State {
		case "approved":
			return Identity{Device: answer.DeviceID, Key: e.key}, nil
		case "expired":
			return Identity{}, ErrEnrolmentExpired
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return Identity{}, fmt.Errorf("wait for approval: %w", err)
		}
	}
}

// maxAnswer bounds an answer over HTTP, in bytes.
const maxAnswer = 64 << 10

func (e *Enrolment) call(ctx context.Context, method, path string, body io.Reader, want int, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, e.server.URL+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Origin", e.server.origin())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if e.secret != "" {
		req.Header.Set("Authorization", "Bearer "+e.secret)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("the server answered %s: %s", resp.Status, data)
	}
	return json.Unmarshal(data, out)
}

type helloFrame struct {
	Type       string           `json:"type"`
	DeviceID   surveys.DeviceID `json:"device_id"`
	Signature  string           `json:"signature"`
	ClientTime string           `json:"client_time"`
	Instance   string           `json:"instance"`
	Language   string           `json:"language"`
	Queued     int              `json:"queued"`
	QueueOK    bool             `json:"queue_ok"`
	UIVersion  string           `json:"ui_version"`
}

// timeLayout is how times stand on the wire.
const timeLayout = "2006-01-02T15:04:05.000Z"

// hello answers the server's challenge.
func hello(ws *websocket.Conn, server Server, identity Identity, h helloFrame) error {
	var challenge struct {
		Type  string `json:"type"`
		Nonce string `json:"nonce"`
	}
	if err := readJSON(ws, &challenge); err != nil {
		return fmt.Errorf("read challenge: %w", err)
	}
	if challenge.Type != "challenge" {
		return fmt.Errorf("the server began with %q, want a challenge", challenge.Type)
	}
	signature, err := sign(identity.Key, "qingfeng device v1\n"+server.origin()+"\n"+identity.Device.String()+"\n"+challenge.Nonce)
	if err != nil {
		return err
	}
	h.Type, h.DeviceID, h.Signature = "hello", identity.Device, signature
	if err := ws.WriteJSON(h); err != nil {
		return fmt.Errorf("send hello: %w", err)
	}
	return nil
}

// newInstance names a page load.
func newInstance(now time.Time) string { return newID(now).String() }

func newID(now time.Time) surveys.FactID {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return surveys.NewFactID(now, random)
}
