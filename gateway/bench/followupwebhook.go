package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// hooksAtOnce is how many webhooks wait for their answer at a time.
	hooksAtOnce = 50

	twilioAccount = "AC0123456789abcdef0123456789abcdef"
	twilioToken   = "c0ffee00c0ffee00c0ffee00c0ffee00"
	hookAddress   = "https://bench.example/sms/twilio/inbound"
)

// webhookScene is Twilio bringing patients' texts. Each is signed, and in the
// store before it is answered; what it says is worked on meanwhile.
func webhookScene() scene {
	return scene{
		figures: []figure{{
			name: "webhook", what: "signed Twilio webhooks/s, committed, 50 in flight", beside: "a net/http handler that reads the body", target: 0.18, atLeast: true,
		}},
		run: runWebhooks,
	}
}

func runWebhooks(ctx context.Context, b *bench, record func(string, sample)) error {
	s, err := b.newTextingSite(ctx, fmt.Sprintf("public_url: https://bench.example\ncarriers: {default: twilio, twilio: {account_sid: %s, from: \"+15005550006\"}}\n", twilioAccount))
	if s != nil {
		defer s.close()
	}
	if err != nil {
		return err
	}
	s.env = append(s.env, "QINGFENG_TWILIO_AUTH_TOKEN="+twilioToken)
	if _, err := s.start(ctx, b); err != nil {
		return err
	}
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer bare.Close()
	for range b.rounds {
		if err := s.workedOn(ctx); err != nil {
			return err
		}
		raw, err := webhooks(ctx, bare.URL+"/sms/twilio/inbound", b.length(2*time.Second))
		if err != nil {
			return err
		}
		ours, err := webhooks(ctx, s.url()+"/sms/twilio/inbound", b.length(4*time.Second))
		if err != nil {
			return fmt.Errorf("%w\n%s", err, s.gateway.out)
		}
		record("webhook", sample{ours, raw})
	}
	return nil
}

// workedOn waits until every text that came was worked on.
func (s *site) workedOn(ctx context.Context) error {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.dir, "data", "qingfeng.db")+"?mode=ro&_busy_timeout=10000")
	if err != nil {
		return err
	}
	defer db.Close()
	for began := time.Now(); ; {
		var left int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM inbounds WHERE done_at = 0").Scan(&left); err != nil {
			return fmt.Errorf("count texts that wait: %w", err)
		}
		if left == 0 {
			return nil
		}
		if time.Since(began) > startTimeout {
			return fmt.Errorf("%d texts wait to be worked on after %s", left, startTimeout)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// webhooks sends texts of as many patients, each after the answer to the one
// before, and gives how many a second were answered with 200.
func webhooks(ctx context.Context, address string, length time.Duration) (perSecond float64, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: hooksAtOnce, DisableCompression: true}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	var total atomic.Int64
	began := time.Now()
	err = inParallel(hooksAtOnce, func(i int) error {
		for n := 0; time.Since(began) < length && ctx.Err() == nil; n++ {
			if err := webhook(ctx, client, address, i*100_000+n); err != nil {
				return err
			}
			total.Add(1)
		}
		return ctx.Err()
	})
	return float64(total.Load()) / time.Since(began).Seconds(), err
}

func webhook(ctx context.Context, client *http.Client, address string, n int) error {
	id := newID()
	form := map[string]string{
		"AccountSid": twilioAccount, "MessageSid": "SM" + hex.EncodeToString(id[:]), "From": fmt.Sprintf("+1202%07d", n), "To": "+15005550006",
		"Body": "５分，谢谢护士们", "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received", "ApiVersion": "2010-04-01", "FromCountry": "US",
	}
	mac, values := hmac.New(sha1.New, []byte(twilioToken)), url.Values{}
	_, _ = io.WriteString(mac, hookAddress)
	for _, name := range slices.Sorted(maps.Keys(form)) {
		_, _ = io.WriteString(mac, name+form[name])
		values.Set(name, form[name])
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(values.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("send a webhook: %w", err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return fmt.Errorf("read the answer to a webhook: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("a webhook was answered %s", response.Status)
	}
	return nil
}
