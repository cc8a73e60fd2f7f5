package redisstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// State is what Redis says of a node's counts.
type State struct {
	Epoch       string // empty: there are none
	Store       string // StoreID of the store they are of; empty: not known
	Watermark   int64  // last sequence counted
	Mark        string // of the event at Watermark; empty: not known
	AppliedAt   time.Time
	RebuiltAt   time.Time
	DeadLetters int64 // entries given up on since the last Replace
	// StreamLast is the last sequence published; -1: there is no stream.
	StreamLast int64
}

// ReadState reads a node's state. A state that is there and makes no sense is
// ErrLost.
func ReadState(ctx context.Context, client redis.UniversalClient, node string) (State, error) {
	k := keysOf(node)
	fields, err := client.HGetAll(ctx, k.state).Result()
	if err != nil {
		return State{}, fmt.Errorf("read state: %w", lostIfServerSays(err))
	}
	s, err := parseState(fields)
	if err != nil {
		return State{}, err
	}
	if s.StreamLast, err = lastPublished(ctx, client, k); err != nil {
		return State{}, err
	}
	return s, nil
}

func parseState(fields map[string]string) (State, error) {
	s := State{Epoch: fields[stateEpoch], Store: fields[stateStore], Mark: fields[stateMark]}
	if s.Epoch == "" {
		return s, nil
	}
	for _, f := range []struct {
		name string
		into func(n int64)
	}{
		{stateWatermark, func(n int64) { s.Watermark = n }},
		{stateAppliedAt, func(n int64) { s.AppliedAt = time.UnixMilli(n) }},
		{stateRebuiltAt, func(n int64) { s.RebuiltAt = time.UnixMilli(n) }},
		{stateDead, func(n int64) { s.DeadLetters = n }},
	} {
		n, err := strconv.ParseInt(fields[f.name], 10, 64)
		if err != nil || n < 0 {
			return State{}, fmt.Errorf("read state: %w: %s is not a number", ErrLost, f.name)
		}
		f.into(n)
	}
	return s, nil
}

// lastPublished is the sequence of the stream's last id; -1 when there is no
// stream.
func lastPublished(ctx context.Context, client redis.UniversalClient, k keys) (int64, error) {
	info, err := client.XInfoStream(ctx, k.stream).Result()
	var fromServer redis.Error
	switch {
	case errors.As(err, &fromServer) && strings.Contains(fromServer.Error(), "no such key"):
		return -1, nil
	case err != nil:
		return 0, fmt.Errorf("read the stream's last id: %w", lostIfServerSays(err))
	case info.LastGeneratedID == "": // miniredis: a new stream
		return 0, nil
	}
	text, _, _ := strings.Cut(info.LastGeneratedID, "-")
	last, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the stream's last id: %w: it is not a number", ErrLost)
	}
	return last, nil
}
