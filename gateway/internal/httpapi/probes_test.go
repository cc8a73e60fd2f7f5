package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

// sickStore is a store that is ill in one way.
type sickStore struct {
	Store
	failing bool
	ping    error
}

func (s sickStore) Stats() sqlstore.Stats {
	st := s.Store.Stats()
	st.Failing = st.Failing || s.failing
	return st
}

func (s sickStore) Ping(ctx context.Context) error { return errors.Join(s.ping, s.Store.Ping(ctx)) }

func TestReady(t *testing.T) {
	for _, tt := range []struct {
		name   string
		sick   sickStore
		behind bool
		status int
		want   string
	}{
		{"well", sickStore{}, false, 200, `"status":"ready"`},
		{"Redis away", sickStore{}, true, 200, `"status":"degraded"`},
		{"disk full", sickStore{failing: true}, false, 503, `"status":"unready"`},
		{"store gone", sickStore{ping: errors.New("open /var/lib/qingfeng.db: input/output error")}, true, 503, `"status":"unready"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { tt.sick.Store = o.Store; o.Store = tt.sick })
			w.scores = Projection{Behind: tt.behind, Lag: 12, AsOf: w.now()}
			r := w.anybody().get("/readyz").want(tt.status).without("/var/lib", "input/output")
			if !strings.HasPrefix(r.Body.String(), "{"+tt.want) || !strings.Contains(r.Body.String(), `"lag":12`) {
				t.Errorf("answer %s, want %s", r.Body, tt.want)
			}
			w.anybody().get("/healthz").want(http.StatusOK)
		})
	}
}

func TestWhoMayScrape(t *testing.T) {
	for _, tt := range []struct {
		name, token, remote string
		header              [2]string
		want                bool
	}{
		{"loopback", "", "127.0.0.1:9", [2]string{}, true},
		{"loopback by name", "", "127.0.0.1:9", [2]string{"Host", "localhost:8080"}, true},
		{"loopback by IPv6 address", "", "[::1]:9", [2]string{"Host", "[::1]:8080"}, true},
		{"a name that points at loopback", "", "127.0.0.1:9", [2]string{"Host", "evil.example:8080"}, false},
		{"no name", "", "127.0.0.1:9", [2]string{"Host", ""}, false},
		{"IPv6 loopback", "", "[::1]:9", [2]string{}, true},
		{"from elsewhere", "", "10.0.0.9:9", [2]string{}, false},
		{"a proxy on the same machine", "", "127.0.0.1:9", [2]string{"X-Forwarded-For", "10.0.0.9"}, false},
		{"the token", "s3cret", "10.0.0.9:9", [2]string{"Authorization", "Bearer s3cret"}, true},
		{"another token", "s3cret", "10.0.0.9:9", [2]string{"Authorization", "Bearer s3cre"}, false},
		{"no token, loopback", "s3cret", "127.0.0.1:9", [2]string{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.MetricsToken = tt.token })
			c := w.anybody()
			c.remote = tt.remote
			switch tt.header[0] {
			case "Host":
				c.host = tt.header[1]
			case "":
			default:
				c.header.Set(tt.header[0], tt.header[1])
			}
			r := c.get("/metrics")
			if got := r.Code == http.StatusOK; got != tt.want {
				t.Errorf("status %d, want let in %v", r.Code, tt.want)
			}
			if !tt.want {
				r.without("qingfeng_")
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter, err := NewFactCounter(registry)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) { o.Registry = registry })
	w.scores = Projection{Behind: true, Lag: 7, Rebuilds: 2}
	submit := counter.Submit(w.store.Submit)
	rating := storetest.Rating(1, w.now(), surveys.VeryDissatisfied)
	for range 2 {
		done := make(chan surveys.Outcome, 1)
		submit(rating, func(o surveys.Outcome, _ error) { done <- o })
		<-done
	}
	admin := w.person("admin", "", "all")
	admin.post("/api/v1/enrolments/approve", approval(w.enrol(w.anybody()).Code)).want(http.StatusCreated)
	w.anybody().do("BREW", "/api/v1/session", nil)
	w.anybody().get("/nothing-here?phone=" + plantedPhone)
	scrape := w.anybody()
	scrape.remote = "127.0.0.1:9"
	body := scrape.get("/metrics").want(http.StatusOK).without(plantedPhone, "nothing-here", "admin", "settlement-1", "BREW", "192.0.2").Body.String()
	for _, line := range []string{
		`qingfeng_facts_total{kind="rating",outcome="stored"} 1`,
		`qingfeng_facts_total{kind="rating",outcome="duplicate"} 1`,
		`qingfeng_projection_lag_events 7`, `qingfeng_projection_behind 1`, `qingfeng_projection_rebuilds_total 2`,
		`qingfeng_devices_faulty 0`, `qingfeng_store_failing 0`, `qingfeng_tablets_connected 0`, `qingfeng_boards_connected 0`,
		`qingfeng_http_requests_total{method="POST",route="POST /api/v1/enrolments/approve",status="201"} 1`,
		`qingfeng_http_requests_total{method="GET",route="static",status="404"} 1`,
		`qingfeng_http_requests_total{method="other",`,
	} {
		if !strings.Contains(body, line) {
			t.Errorf("the metrics lack %s:\n%s", line, body)
		}
	}
}
