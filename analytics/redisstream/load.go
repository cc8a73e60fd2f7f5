package redisstream

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

// LoadCounts reads a node's counts of the days from..to (zero: no bound), with
// the state they belong to, as they were at one moment.
func LoadCounts(ctx context.Context, client redis.UniversalClient, node string, from, to surveys.Day) (State, *analytics.Counts, error) {
	k := keysOf(node)
	names, err := client.SMembers(ctx, k.days).Result()
	if err != nil {
		return State{}, nil, fmt.Errorf("list counts: %w", lostIfServerSays(err))
	}
	for {
		s, c, missed, err := loadHashes(ctx, client, k, names, from, to)
		if err != nil || len(missed) == 0 {
			return s, c, err
		}
		names = missed // a new day began between the two looks
	}
}

// loadHashes reads the named hashes in one transaction. missed is the list of
// all names if there were others by then.
func loadHashes(ctx context.Context, client redis.UniversalClient, k keys, names []string, from, to surveys.Day) (State, *analytics.Counts, []string, error) {
	pipe := client.TxPipeline()
	state, all := pipe.HGetAll(ctx, k.state), pipe.SMembers(ctx, k.days)
	known := map[string]*redis.MapStringStringCmd{}
	for _, name := range names {
		known[name] = nil
		if day, ok := parseName(name); ok && (from == 0 || day >= from) && (to == 0 || day <= to) {
			known[name] = pipe.HGetAll(ctx, k.hash(name))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return State{}, nil, nil, fmt.Errorf("load counts: %w", lostIfServerSays(err))
	}
	for _, name := range all.Val() {
		if _, ok := known[name]; !ok {
			return State{}, nil, all.Val(), nil
		}
	}
	s, err := parseState(state.Val())
	if err != nil {
		return State{}, nil, nil, err
	}
	counts := analytics.NewCounts()
	for name, hash := range known {
		if hash == nil {
			continue
		}
		day, _ := parseName(name)
		if err := addHash(counts, day, hash.Val()); err != nil {
			return State{}, nil, nil, err
		}
	}
	return s, counts, nil, nil
}

func addHash(counts *analytics.Counts, day surveys.Day, hash map[string]string) error {
	for text, number := range hash {
		cell, err := analytics.ParseCell(text)
		if err != nil {
			return fmt.Errorf("load counts of %s: %w: %w", day, ErrLost, err)
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return fmt.Errorf("load counts of %s: %w: a count is not a number", day, ErrLost)
		}
		counts.Add(day, cell, n)
	}
	return nil
}

// loadArrivals reads the newest ratings that are still in the stream.
func loadArrivals(ctx context.Context, client redis.UniversalClient, node string) ([]analytics.Arrival, error) {
	messages, err := client.XRevRangeN(ctx, keysOf(node).stream, "+", "-", 8*recentArrivals).Result()
	if err != nil {
		return nil, fmt.Errorf("load arrivals: %w", lostIfServerSays(err))
	}
	var arrivals []analytics.Arrival
	for _, en := range entriesOf(messages) {
		e, err := DecodeEvent(en.body)
		if err == nil && e.Kind == surveys.EventRatingRecorded && len(arrivals) < recentArrivals {
			arrivals = append(arrivals, arrivalOf(&e).arrival())
		}
	}
	return arrivals, nil
}
