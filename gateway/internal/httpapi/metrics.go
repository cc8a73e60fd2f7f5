package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qingfeng/gateway/internal/live"
	"qingfeng/surveys"
)

// metrics are what /metrics shows. No label names a person, a device, a place
// or an address.
type metrics struct {
	requests *prometheus.CounterVec
}

func newMetrics(s *Server) (*metrics, error) {
	m := &metrics{requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "qingfeng_http_requests_total", Help: "HTTP requests by route, method and status.",
	}, []string{"route", "method", "status"})}
	for _, c := range []prometheus.Collector{m.requests, &gatewayCollector{s: s}} {
		if err := s.o.Registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) request(route, method string, status int) {
	m.requests.WithLabelValues(route, methodLabel(method), strconv.Itoa(status)).Inc()
}

// methodLabel keeps made-up methods from making series and log lines.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// scrapeTimeout bounds the reading of devices for one scrape.
const scrapeTimeout = 2 * time.Second

// gatewayCollector reads the gateway's figures when it is asked.
type gatewayCollector struct{ s *Server }

type figure struct {
	name, help string
	kind       prometheus.ValueType
}

func figures() []figure {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	return []figure{
		{"qingfeng_store_commits_total", "Commits of the store's writer.", counter},
		{"qingfeng_store_facts_total", "Facts handed to the store's writer.", counter},
		{"qingfeng_store_queue_length", "Facts waiting for the store's writer.", gauge},
		{"qingfeng_store_failing", "1 while the store cannot write.", gauge},
		{"qingfeng_store_commits_failed_total", "Commits that failed.", counter},
		{"qingfeng_store_wal_bytes", "Size of the write-ahead log at the last look.", gauge},
		{"qingfeng_tablets_connected", "Open sockets of tablets.", gauge},
		{"qingfeng_boards_connected", "Open sockets of boards.", gauge},
		{"qingfeng_devices_faulty", "Devices in use that are shown as faulty.", gauge},
		{"qingfeng_projection_lag_events", "Events of the outbox the scores do not contain yet.", gauge},
		{"qingfeng_projection_behind", "1 while the boards say as of.", gauge},
		{"qingfeng_projection_rebuilds_total", "Times the scores were made anew from the store.", counter},
	}
}

func (f figure) desc() *prometheus.Desc { return prometheus.NewDesc(f.name, f.help, nil, nil) }

// Describe implements prometheus.Collector.
func (g *gatewayCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range figures() {
		ch <- f.desc()
	}
}

// Collect implements prometheus.Collector.
func (g *gatewayCollector) Collect(ch chan<- prometheus.Metric) {
	o := &g.s.o
	store, projection, online := o.Store.Stats(), o.Projection(), g.s.online()
	values := map[string]float64{
		"qingfeng_store_commits_total":        float64(store.Commits),
		"qingfeng_store_facts_total":          float64(store.Facts),
		"qingfeng_store_queue_length":         float64(store.Queue),
		"qingfeng_store_failing":              oneIf(store.Failing),
		"qingfeng_store_commits_failed_total": float64(store.Failed),
		"qingfeng_store_wal_bytes":            float64(store.WALBytes),
		"qingfeng_tablets_connected":          float64(o.Tablets.Sockets()),
		"qingfeng_boards_connected":           float64(o.Boards.Sockets()),
		"qingfeng_projection_lag_events":      float64(projection.Lag),
		"qingfeng_projection_behind":          oneIf(projection.Behind),
		"qingfeng_projection_rebuilds_total":  float64(projection.Rebuilds),
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	if devices, err := o.Store.Devices(ctx); err == nil { // no figure rather than a wrong one
		values["qingfeng_devices_faulty"] = float64(g.s.faulty(devices, online))
	}
	for _, f := range figures() {
		if v, ok := values[f.name]; ok {
			ch <- prometheus.MustNewConstMetric(f.desc(), f.kind, v)
		}
	}
}

func (s *Server) faulty(devices []surveys.Device, online map[surveys.DeviceID]live.OnlineState) int {
	n, now := 0, s.o.Now()
	for _, d := range devices {
		if len(s.deviceOf(d, now, online).Faults) > 0 {
			n++
		}
	}
	return n
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// FactCounter counts facts by kind and outcome. Make one with NewFactCounter
// and hand Submit to what submits facts.
type FactCounter struct{ facts *prometheus.CounterVec }

// NewFactCounter registers the counter.
func NewFactCounter(registry prometheus.Registerer) (*FactCounter, error) {
	c := &FactCounter{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "qingfeng_facts_total", Help: "Facts by kind and outcome.",
	}, []string{"kind", "outcome"})}
	if err := registry.Register(c.facts); err != nil {
		return nil, fmt.Errorf("register fact counter: %w", err)
	}
	return c, nil
}

// Submit wraps a store's Submit so that each outcome is counted once.
func (c *FactCounter) Submit(next func(surveys.Fact, func(surveys.Outcome, error))) func(surveys.Fact, func(surveys.Outcome, error)) {
	return func(f surveys.Fact, done func(surveys.Outcome, error)) {
		kind := factKind(f)
		next(f, func(o surveys.Outcome, err error) {
			c.facts.WithLabelValues(kind, string(o)).Inc()
			done(o, err)
		})
	}
}

func factKind(f surveys.Fact) string {
	switch f.(type) {
	case *surveys.Rating:
		return "rating"
	case *surveys.RatingDetail:
		return "rating_detail"
	case *surveys.PromptShown:
		return "prompt_shown"
	case *surveys.SelfTest:
		return "self_test"
	}
	return "other"
}
