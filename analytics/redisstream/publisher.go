package redisstream

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"qingfeng/surveys"
)

// MaxBatch is how many entries are published or counted in one call: enough to
// be fast, few enough that Redis answers others in between.
const MaxBatch = 1000

// Publisher adds a node's events to its stream, in order, each once. An event's
// id in the stream is its sequence, so that Redis itself refuses a repeat. It
// is not safe for concurrent use.
type Publisher struct {
	client redis.UniversalClient
	keys   keys
	script *redis.Script
	last   int64 // last sequence in the stream; -1: ask
}

// NewPublisher makes a publisher. The client must be one of Open: a client that
// repeats commands by itself is refused.
func NewPublisher(client redis.UniversalClient, node string) (*Publisher, error) {
	if c, ok := client.(*redis.Client); ok && c.Options().MaxRetries > 0 {
		return nil, fmt.Errorf("make publisher: the Redis client repeats commands by itself")
	}
	return &Publisher{client: client, keys: keysOf(node), script: redis.NewScript(publishLua), last: -1}, nil
}

// Last is the sequence of the last event in the stream. It asks Redis at first
// and after anything went wrong. A missing stream is ErrLost.
func (p *Publisher) Last(ctx context.Context) (int64, error) {
	if p.last >= 0 {
		return p.last, nil
	}
	last, err := lastPublished(ctx, p.client, p.keys)
	if err != nil {
		return 0, err
	}
	if last < 0 {
		return 0, fmt.Errorf("find the stream: %w: it is gone", ErrLost)
	}
	p.last = last
	return last, nil
}

// Publish adds events, which must follow each other without gaps, and skips
// those the stream has. The first must not leave a gap behind the stream's
// last (ErrGap). After an error some may have been added and some not, also
// when Redis did not answer; the next call finds out and goes on from there.
func (p *Publisher) Publish(ctx context.Context, events []surveys.SequencedEvent) error {
	for len(events) > 0 {
		last, err := p.Last(ctx)
		if err != nil {
			return err
		}
		if events[0].Sequence > last+1 {
			return fmt.Errorf("publish %d after %d: %w", events[0].Sequence, last, ErrGap)
		}
		events = events[min(int64(len(events)), last+1-events[0].Sequence):]
		batch := events[:min(len(events), MaxBatch)]
		if err := p.add(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (p *Publisher) add(ctx context.Context, batch []surveys.SequencedEvent) error {
	if len(batch) == 0 {
		return nil
	}
	args := make([]any, 0, 2*len(batch))
	for i := range batch {
		if batch[i].Sequence != batch[0].Sequence+int64(i) {
			return fmt.Errorf("publish %d after %d: %w", batch[i].Sequence, batch[i-1].Sequence, ErrGap)
		}
		args = append(args, entryID(batch[i].Sequence), EncodeEvent(&batch[i].Event))
	}
	// Until Redis has said otherwise nobody knows what the stream holds.
	p.last = -1
	reply, err := p.script.Run(ctx, p.client, []string{p.keys.stream}, args...).Slice()
	if err != nil {
		return fmt.Errorf("publish events: %w", lostIfServerSays(err))
	}
	if len(reply) < 2 {
		p.last = batch[len(batch)-1].Sequence
		return nil
	}
	refusal, _ := reply[1].(string)
	refusal = strings.TrimPrefix(refusal, "-")
	switch {
	case strings.Contains(refusal, "equal or smaller"):
		return nil // it is in the stream already; the next look at Last says how far
	case refusal == "MISSING":
		return fmt.Errorf("publish events: %w: the stream is gone", ErrLost)
	}
	return fmt.Errorf("publish events: %w", lostIfServerSays(serverError(refusal)))
}

// serverError is an error text a script caught.
type serverError string

func (e serverError) Error() string { return string(e) }

// RedisError marks it as the server's own.
func (serverError) RedisError() {}

var _ redis.Error = serverError("")

// Forget drops what the publisher knows of the stream, after somebody else has
// changed it; the next call asks Redis.
func (p *Publisher) Forget() { p.last = -1 }
