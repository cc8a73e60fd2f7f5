package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"qingfeng/gateway/internal/config"
	"qingfeng/surveys/sqlstore"
)

const (
	// carrierTakes is how long the stand-in for a carrier takes to answer.
	carrierTakes = 50 * time.Millisecond
	// handedAtOnce is how many texts wait for its answer at a time, on both sides:
	// eight hundred a second at most.
	handedAtOnce = 40
	// pace is the limit of texts a second that must be kept.
	pace = 100
)

// dispatchScene is a queue of first texts and a carrier that takes its time.
func dispatchScene() scene {
	return scene{
		figures: []figure{
			{name: "dispatch", what: "texts/s handed to a carrier answering in 50 ms, 40 at a time, durable outbox", beside: "the bare loop without a store", target: 0.25, atLeast: true},
			{name: "paced", what: "limit of 100 texts/s: how far off it the rate is, plus 1", beside: "the limit", unit: share, target: 1.02},
		},
		run: runDispatch,
	}
}

// standIn is a carrier that takes every text after a while and notes when each
// came.
type standIn struct {
	*httptest.Server
	mu   sync.Mutex
	came []time.Time
	ids  map[string]int
}

func newStandIn() *standIn {
	c := &standIn{ids: map[string]int{}}
	c.Server = httptest.NewServer(c)
	return c
}

// ServeHTTP implements http.Handler.
func (c *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("id")
	c.mu.Lock()
	c.came = append(c.came, time.Now())
	c.ids[id]++
	c.mu.Unlock()
	select {
	case <-time.After(carrierTakes):
	case <-r.Context().Done():
	}
	_, _ = io.WriteString(w, "ok")
}

// all waits until n texts have come and gives the rate from the first to the
// last of them. Each must have come once.
func (c *standIn) all(ctx context.Context, n int) (perSecond float64, err error) {
	for until := time.Now().Add(2 * startTimeout); ; {
		c.mu.Lock()
		came, different := slices.Clone(c.came), len(c.ids)
		c.mu.Unlock()
		if len(came) >= n {
			if len(came) > n || different != n {
				return 0, fmt.Errorf("%d texts came, %d of them different, want %d", len(came), different, n)
			}
			return float64(n-1) / came[n-1].Sub(came[0]).Seconds(), nil
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return 0, fmt.Errorf("%d of %d texts have come", len(came), n)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (c *standIn) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.came, c.ids = nil, map[string]int{}
}

// bareLoop hands n texts over as ours does, with nothing but a client.
func (c *standIn) bareLoop(ctx context.Context, n int) (perSecond float64, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: handedAtOnce}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	err = inParallel(handedAtOnce, func(int) error {
		for next.Add(1) <= int64(n) {
			form := url.Values{"to": {"+8619900000001"}, "text": {strings.Repeat("请", 60)}, "id": {newID().String()}}
			response, err := client.PostForm(c.URL, form)
			if err != nil {
				return fmt.Errorf("hand a text over: %w", err)
			}
			_, err = io.Copy(io.Discard, response.Body)
			if err != nil || response.Body.Close() != nil {
				return fmt.Errorf("read the carrier's answer: %w", err)
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return 0, err
	}
	defer c.forget()
	return c.all(ctx, n)
}

func runDispatch(ctx context.Context, b *bench, record func(string, sample)) error {
	carrier := newStandIn()
	defer carrier.Close()
	for _, one := range []struct {
		name       string
		limit, all int
	}{{"dispatch", 1000, b.count(3000, 1500)}, {"paced", pace, b.count(10*pace, 5*pace)}} {
		s, err := b.newTextingSite(ctx, fmt.Sprintf(
			`carriers: {default: generic, texts_per_second: %d, in_flight: %d, generic: {inbound: false, request: {url: %q, fields: [{name: to, value: "{to}"}, {name: text, value: "{text}"}, {name: id, value: "{id}"}]}}}
`, one.limit, handedAtOnce, carrier.URL))
		if s != nil {
			defer s.close()
		}
		if err != nil {
			return err
		}
		if _, err := s.start(ctx, b); err != nil {
			return err
		}
		for round := range b.rounds {
			raw := float64(pace)
			if one.name == "dispatch" {
				if raw, err = carrier.bareLoop(ctx, one.all); err != nil {
					return err
				}
			}
			if err := s.queue(ctx, round*one.all, one.all); err != nil {
				return err
			}
			ours, err := carrier.all(ctx, one.all)
			if err != nil {
				return fmt.Errorf("%w\n%s", err, s.gateway.out)
			}
			carrier.forget()
			if one.name == "paced" {
				fmt.Fprintf(b.log, "  paced: %.2f texts/s\n", ours)
				ours, raw = 1+math.Abs(ours/raw-1), 1
			}
			record(one.name, sample{ours, raw})
		}
		s.stop()
	}
	return nil
}

// queue puts n texts into the queue of a gateway that runs, all due at the same
// moment a little later.
func (s *site) queue(ctx context.Context, first, n int) error {
	return s.withStore(ctx, func(cfg *config.Config, store *sqlstore.Store) error {
		visits, err := discharged(ctx, store, first, n)
		if err != nil {
			return err
		}
		return invited(ctx, cfg, store, visits, time.Now().Add(2*time.Second))
	})
}
