package texting

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qingfeng/surveys/texting"
)

// counters are what /metrics shows of texting. No label names a number, a
// person or a place.
type counters struct {
	sends, reports, inbounds, doubts *prometheus.CounterVec
}

func newCounters(s *Service) (*counters, error) {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	c := &counters{
		sends:    vec("qingfeng_text_sends_total", "Texts handed to a carrier, by purpose and what it said: sent, or the class of its refusal.", "carrier", "purpose", "result"),
		reports:  vec("qingfeng_text_reports_total", "Status reports of carriers.", "carrier", "status"),
		inbounds: vec("qingfeng_text_inbounds_total", "Texts of patients that were worked on, by outcome.", "outcome"),
		doubts:   vec("qingfeng_text_doubts_total", "Looks at texts whose answer was lost, by what came of it.", "carrier", "result"),
	}
	for _, x := range []prometheus.Collector{c.sends, c.reports, c.inbounds, c.doubts, &gauges{s: s}} {
		if err := s.opt.Registry.Register(x); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return c, nil
}

func (c *counters) send(carrier string, purpose texting.Purpose, result string) {
	c.sends.WithLabelValues(carrier, string(purpose), result).Inc()
}

// scrapeTimeout bounds the reading of the store for one scrape.
const scrapeTimeout = 2 * time.Second

var (
	textsDesc = prometheus.NewDesc("qingfeng_texts", "Texts under way: waiting (due among them), being handed over, of unknown fate.", []string{"state"}, nil)
	upDesc    = prometheus.NewDesc("qingfeng_carrier_up", "1 while the carrier takes texts, 0 while it is slowed or halted.", []string{"carrier"}, nil)
)

// gauges reads the service's figures when it is asked.
type gauges struct{ s *Service }

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- textsDesc
	ch <- upDesc
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	for _, l := range g.s.lanes {
		up := 0.0
		if l.status(0).State == StateOK {
			up = 1
		}
		ch <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, up, l.carrier.Name())
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	counts, err := g.s.opt.Store.TextCounts(ctx, g.s.opt.Now())
	if err != nil { // no figure rather than a wrong one
		return
	}
	for state, n := range map[string]int64{"waiting": counts.Waiting, "due": counts.Due, "handing": counts.Handing, "unknown": counts.Unknown} {
		ch <- prometheus.MustNewConstMetric(textsDesc, prometheus.GaugeValue, float64(n), state)
	}
}
