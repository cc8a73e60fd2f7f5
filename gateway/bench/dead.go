package main

import (
	"context"
	"fmt"
	"time"

	"qingfeng/gateway/internal/tabletclient"
)

// wantedCatchUp is how many events a second the counts must take in once Redis
// is back.
const wantedCatchUp = 50_000

// deadScene is a hundred tablets whose Redis ends under them and comes back
// with what it had, beside a gateway whose Redis was never there. The events of
// the time between are in the store's outbox alone.
func deadScene() scene {
	return scene{
		figures: []figure{
			{name: "redis-dead", what: "Redis dies under load: acked ratings/s, 100 tablets", beside: "the same load where there never was a Redis", target: 0.9, atLeast: true},
			{name: "catch-up", what: "Redis comes back: events counted/s until none is left", beside: "50,000/s", target: 1, atLeast: true},
		},
		run: runDead,
	}
}

func runDead(ctx context.Context, b *bench, record func(string, sample)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var sites [2]*site // ours, and the one without
	var tablets [2][]*tabletclient.Tablet
	for i := range sites {
		s, err := b.newSite(ctx)
		if err != nil {
			return err
		}
		defer s.close()
		sites[i] = s
		identities, _, err := s.enrol(ctx, 100, 0)
		if err != nil {
			return err
		}
		if i == 1 {
			s.redis.kill()
		}
		if _, err := s.start(ctx, b); err != nil {
			return err
		}
		if tablets[i], err = s.connect(ctx, identities); err != nil {
			return err
		}
		if _, err := closedLoop(ctx, tablets[i], b.length(time.Second)); err != nil {
			return err
		}
	}
	length := b.length(4 * time.Second)
	for range b.rounds {
		raw, err := closedLoop(ctx, tablets[1], length)
		if err != nil {
			return err
		}
		if err := sites[0].settle(ctx); err != nil {
			return err
		}
		dying := make(chan struct{})
		time.AfterFunc(100*time.Millisecond, func() {
			sites[0].redis.shutdown(ctx)
			close(dying)
		})
		ours, err := closedLoop(ctx, tablets[0], length)
		<-dying
		if err != nil {
			return err
		}
		record("redis-dead", sample{ours.perSecond, raw.perSecond})
		rate, err := sites[0].catchUp(ctx, b)
		if err != nil {
			return err
		}
		record("catch-up", sample{rate, wantedCatchUp})
	}
	return nil
}

// catchUp starts Redis again and gives the rate at which the counts follow,
// from their first step on. How long that first step takes to come is the pause
// between two looks for Redis, at most two seconds.
func (s *site) catchUp(ctx context.Context, b *bench) (perSecond float64, err error) {
	last, err := s.lastSequence(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.redis.start(ctx); err != nil {
		return 0, err
	}
	back := time.Now()
	at, err := s.redis.watermark(ctx)
	if err != nil {
		return 0, err
	}
	first, began := at, back
	for until := back.Add(startTimeout); at < last; {
		if time.Now().After(until) {
			return 0, fmt.Errorf("the counts stand at %d of %d events", at, last)
		}
		time.Sleep(time.Millisecond)
		if at, err = s.redis.watermark(ctx); err != nil {
			return 0, err
		}
		if at == first {
			began = time.Now()
		}
	}
	took := time.Since(began)
	fmt.Fprintf(b.log, "  %d events behind; the first step after %s, the last %s later\n", last-first, began.Sub(back).Round(time.Millisecond), took.Round(time.Millisecond))
	return float64(last-first) / took.Seconds(), nil
}
