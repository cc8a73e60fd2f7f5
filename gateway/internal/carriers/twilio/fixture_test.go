package twilio

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

const (
	accountSID = "AC0123456789abcdef0123456789abcdef"
	serviceSID = "MGfedcba9876543210fedcba9876543210"
	messageSID = "SM00112233445566778899aabbccddeeff"
	token      = "c0ffee00c0ffee00c0ffee00c0ffee00"
	oldToken   = "beef1111beef1111beef1111beef1111"
	patient    = "+8613800138000"
	hospital   = "+15005550006"
	words      = "【清风医院】住院评价请回复1到5，编号 k7Qm2"
)

var (
	textID = surveys.NewFactID(time.UnixMilli(1_790_000_000_000), [10]byte{1, 2, 3})
	noon   = time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC)
)

// receiver is a store that keeps each text once and every report.
type receiver struct {
	mu      sync.Mutex
	inbound map[string]texting.Inbound
	calls   int
	reports []texting.StatusReport
	err     error
}

func (r *receiver) RecordInbound(_ context.Context, in texting.Inbound) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.err != nil {
		return r.err
	}
	if r.inbound == nil {
		r.inbound = map[string]texting.Inbound{}
	}
	if _, repeated := r.inbound[in.ProviderID]; !repeated {
		r.inbound[in.ProviderID] = in
	}
	return nil
}

func (r *receiver) RecordStatus(_ context.Context, s texting.StatusReport) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.err == nil {
		r.reports = append(r.reports, s)
	}
	return r.err
}

func (r *receiver) statuses() []texting.StatusReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.reports)
}

func (r *receiver) texts() []texting.Inbound {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.inbound))
}

// options are valid ones; change alters them, nil leaves them.
func options(change func(*Options)) Options {
	opt := Options{
		AccountSID: accountSID, AuthToken: token, From: hospital, PublicURL: "https://survey.hospital.example",
		Receiver: &receiver{}, Now: func() time.Time { return noon },
	}
	if change != nil {
		change(&opt)
	}
	return opt
}

func newCarrier(tb testing.TB, change func(*Options)) *Carrier {
	tb.Helper()
	c, err := New(options(change))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.transport.CloseIdleConnections)
	return c
}

func message() texting.Message {
	return texting.Message{
		ID: textID, To: texting.NumberOf(patient), Country: "US", Purpose: texting.PurposeInvite, Language: "zh",
		Body: words, ValidFor: 3 * time.Hour,
	}
}

// sign is Twilio's signature as its documentation tells it, apart from the
// library under test.
func sign(key, address string, params map[string]string) string {
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(address))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		mac.Write([]byte(name + params[name]))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// checkClean fails if personal text or a token stands in what others read.
func checkClean(tb testing.TB, where, text string) {
	tb.Helper()
	for _, secret := range []string{patient, patient[1:], "13800138000", words, "k7Qm2", token, oldToken, "小时候的秘密"} {
		if strings.Contains(text, secret) {
			tb.Errorf("%s contains %q: %s", where, secret, text)
		}
	}
}

// journal is a log to look into.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
