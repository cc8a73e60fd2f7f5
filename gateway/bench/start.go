package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"qingfeng/gateway/internal/config"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

// startScene is a gateway that comes back: to a store without an answer, and to
// one with years of them. The bare program opens the same files.
func startScene() scene {
	return scene{
		figures: []figure{
			{name: "start-empty", what: "start to first 200, no answers", beside: "bare binary with SQLite and Redis", unit: seconds, target: 4},
			{name: "start-many", what: "start to first 200, 10 million answers", beside: "bare binary with the same SQLite and Redis", unit: seconds, target: 6},
		},
		run: runStarts,
	}
}

func runStarts(ctx context.Context, b *bench, record func(string, sample)) error {
	empty, err := b.newSite(ctx)
	if err != nil {
		return err
	}
	defer empty.close()
	many, err := b.manyAnswers(ctx)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		name string
		site *site
	}{{"start-empty", empty}, {"start-many", many}} {
		took, err := one.site.start(ctx, b) // makes accounts and counts: once in a store's life
		if err != nil {
			return err
		}
		if err := one.site.settle(ctx); err != nil {
			return err
		}
		one.site.stop()
		fmt.Fprintf(b.log, "  the first start of all took %s\n", took.Round(time.Millisecond))
		for range b.rounds {
			bare, _, raw, err := b.startBare(ctx, nil, "-store", filepath.Join(one.site.dir, "data", "qingfeng.db"), "-redis", one.site.redis.url())
			if err != nil {
				return err
			}
			bare.stop(os.Interrupt)
			ours, err := one.site.start(ctx, b)
			if err != nil {
				return err
			}
			one.site.stop()
			record(one.name, sample{ours.Seconds(), raw.Seconds()})
		}
	}
	return nil
}

// manyAnswers gives the site with a year of answers; the first to ask waits
// until they are written.
func (b *bench) manyAnswers(ctx context.Context) (*site, error) {
	if b.many != nil {
		return b.many, nil
	}
	s, err := b.newSite(ctx)
	if err != nil {
		return nil, err
	}
	began, answers := time.Now(), b.count(10_000_000, 1_000_000)
	var opt storetest.BulkOptions
	err = s.withStore(ctx, func(cfg *config.Config, store *sqlstore.Store) error {
		for _, q := range cfg.QuestionnaireOf() {
			if err := store.PublishQuestionnaire(ctx, q); err != nil {
				return err
			}
		}
		opt = storetest.BulkOptions{
			Answers: answers, Days: 365, Until: surveys.DayOf(time.Now(), cfg.Location()).AddDays(-1), Zone: cfg.Location(),
			Places: cfg.Organisation().Places, Questionnaire: cfg.QuestionnaireOf()[surveys.DeviceWindowTablet],
		}
		return nil
	})
	if err == nil {
		err = storetest.Bulk(ctx, filepath.Join(s.dir, "data", "qingfeng.db"), opt)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("write %d answers: %w", answers, err)
	}
	fmt.Fprintf(b.log, "  %s answers written in %s\n", thousands(float64(answers)), time.Since(began).Round(time.Second))
	b.many = s
	return s, nil
}
