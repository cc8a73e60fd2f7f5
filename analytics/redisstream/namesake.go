package redisstream

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// Namesakes lists the nodes other than node whose counts are of the same store:
// what is left after the node's name was changed. They would be counted twice.
func Namesakes(ctx context.Context, client redis.UniversalClient, node, store string) ([]string, error) {
	if store == "" {
		return nil, nil
	}
	nodes, err := client.SMembers(ctx, nodesKey).Result()
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", lostIfServerSays(err))
	}
	slices.Sort(nodes)
	var same []string
	for _, other := range nodes {
		if other == node {
			continue
		}
		of, err := client.HGet(ctx, keysOf(other).state, stateStore).Result()
		if err != nil && !errors.Is(err, redis.Nil) && !errors.Is(lostIfServerSays(err), ErrLost) {
			return nil, fmt.Errorf("read the state of node %s: %w", other, err)
		}
		if err == nil && of == store {
			same = append(same, other)
		}
	}
	return same, nil
}

// dropNamesakes removes everything Redis holds for them.
func dropNamesakes(ctx context.Context, client redis.UniversalClient, node, store string) error {
	same, err := Namesakes(ctx, client, node, store)
	if err != nil && !errors.Is(err, ErrLost) {
		return err
	}
	for _, other := range same {
		k := keysOf(other)
		if err := clearStaged(ctx, client, k); err != nil {
			return err
		}
		days, err := client.SMembers(ctx, k.days).Result()
		if err != nil && !errors.Is(lostIfServerSays(err), ErrLost) {
			return fmt.Errorf("list counts of node %s: %w", other, err)
		}
		all := []string{k.state, k.stream, k.days, k.dead}
		for _, name := range days {
			all = append(all, k.hash(name))
		}
		if err := client.Unlink(ctx, all...).Err(); err != nil {
			return fmt.Errorf("drop node %s: %w", other, err)
		}
		if err := client.SRem(ctx, nodesKey, other).Err(); err != nil {
			return fmt.Errorf("forget node %s: %w", other, err)
		}
	}
	return nil
}
