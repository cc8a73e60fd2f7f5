package redisstream

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

// Recount is what the SQL store says a node's counts are.
type Recount struct {
	Counts    *analytics.Counts
	Store     string      // random name of the store; empty: not known
	Watermark int64       // last sequence in Counts
	Mark      string      // of the event at Watermark; empty: not known
	Today     surveys.Day // hours before yesterday are left out
	At        time.Time
}

// cellsPerCall and cellsPerTrip bound one HSET and one pipeline of them.
const (
	cellsPerCall = 250
	cellsPerTrip = 10_000
)

// errVanished says that another Replace of the same node came between.
var errVanished = errors.New("what was staged is gone: somebody else is rebuilding this node")

// Replace puts a recount in the place of everything Redis holds for a node and
// gives the new epoch. The counts are staged beside the old ones first and
// change places in one script, so a crash half way leaves the old ones, or
// none, but never a part. The node's stream begins anew behind the watermark.
// What other nodes hold of the same store, under a name it had before, is
// removed.
func Replace(ctx context.Context, client redis.UniversalClient, node string, r Recount) (epoch string, err error) {
	k := keysOf(node)
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails
	epoch = hex.EncodeToString(random)
	if err := clearStaged(ctx, client, k); err != nil {
		return "", err
	}
	names, err := stage(ctx, client, k, epoch, r)
	if err != nil {
		return "", err
	}
	if err := dropNamesakes(ctx, client, node, r.Store); err != nil {
		return "", err
	}
	if err := swap(ctx, client, k, node, epoch, names, r); err != nil {
		return "", err
	}
	if err := client.SAdd(ctx, nodesKey, node).Err(); err != nil {
		return "", fmt.Errorf("note the node's name: %w", err)
	}
	return epoch, nil
}

// clearStaged drops what an earlier Replace left when it was cut off.
func clearStaged(ctx context.Context, client redis.UniversalClient, k keys) error {
	left, err := client.SMembers(ctx, k.staging).Result()
	if err != nil && !errors.Is(lostIfServerSays(err), ErrLost) {
		return fmt.Errorf("look for staged counts: %w", err)
	}
	for chunk := range slices.Chunk(append(left, k.staging), cellsPerCall) {
		if err := client.Unlink(ctx, chunk...).Err(); err != nil {
			return fmt.Errorf("drop staged counts: %w", err)
		}
	}
	return nil
}

// stage writes the hashes beside the old ones and gives their names.
func stage(ctx context.Context, client redis.UniversalClient, k keys, epoch string, r Recount) ([]string, error) {
	pipe, waiting := client.Pipeline(), 0
	names := map[string]bool{}
	flush := func() error {
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("stage counts: %w", err)
		}
		pipe, waiting = client.Pipeline(), 0
		return nil
	}
	for _, day := range r.Counts.Days() {
		fields := map[string][]any{}
		for cell, n := range r.Counts.Cells(day) {
			if name := hashName(day, cell, r.Today); name != "" {
				fields[name] = append(fields[name], cell.String(), n)
			}
		}
		for name, all := range fields {
			if !names[name] {
				names[name] = true
				pipe.SAdd(ctx, k.staging, k.staged(epoch, name))
			}
			for part := range slices.Chunk(all, 2*cellsPerCall) {
				pipe.HSet(ctx, k.staged(epoch, name), part...)
				if waiting += len(part) / 2; waiting >= cellsPerTrip {
					if err := flush(); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(names)), flush()
}

func swap(ctx context.Context, client redis.UniversalClient, k keys, node, epoch string, names []string, r Recount) error {
	old, err := client.SMembers(ctx, k.days).Result()
	if err != nil && !errors.Is(lostIfServerSays(err), ErrLost) {
		return fmt.Errorf("list old counts: %w", err)
	}
	at := r.At.UnixMilli()
	message, err := json.Marshal(applied{Node: node, Epoch: epoch, First: r.Watermark, Last: r.Watermark, AppliedAt: at, Rebuilt: true})
	if err != nil {
		return fmt.Errorf("encode applied message: %w", err)
	}
	touched := []string{k.state, k.stream, k.days, k.staging}
	args := []any{epoch, r.Watermark, at, r.Mark, group, k.channel, message, r.Store, len(names)}
	for _, name := range names {
		touched = append(touched, k.staged(epoch, name))
		args = append(args, name)
	}
	for _, name := range names {
		touched = append(touched, k.hash(name))
	}
	for _, name := range old {
		touched = append(touched, k.hash(name))
	}
	v, err := judge(ctx, client, redis.NewScript(replaceLua), touched, args)
	if err != nil {
		return fmt.Errorf("swap counts: %w", err)
	}
	if v.code != "ok" {
		return fmt.Errorf("swap counts: %w", errVanished)
	}
	return nil
}

// DropOldHours deletes the hour counts of days before yesterday.
func DropOldHours(ctx context.Context, client redis.UniversalClient, node string, today surveys.Day) error {
	k := keysOf(node)
	names, err := client.SMembers(ctx, k.days).Result()
	if err != nil {
		return fmt.Errorf("list counts: %w", lostIfServerSays(err))
	}
	for _, name := range names {
		if day, ok := parseName(name); !ok || name != hoursName(day) || day >= hoursKept(today) {
			continue
		}
		if _, err := client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.Del(ctx, k.hash(name))
			pipe.SRem(ctx, k.days, name)
			return nil
		}); err != nil {
			return fmt.Errorf("drop old hours: %w", lostIfServerSays(err))
		}
	}
	return nil
}
