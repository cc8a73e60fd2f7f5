package redisstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"qingfeng/surveys"
)

// WorkerOptions are a worker's settings. Node, Epoch and Zone are needed.
type WorkerOptions struct {
	Node  string
	Epoch string // of the counts it adds to; another in Redis is ErrLost
	Zone  *time.Location
	Now   func() time.Time // nil: time.Now
	// Consumer is the name in the group; a second one takes over what the
	// first left behind. Empty: "worker".
	Consumer string
	// Block is how long one read waits for entries, and so how long Run needs
	// to notice that it shall end. 0: 250 ms.
	Block time.Duration
	// RetryDelay lies between deliveries of an entry that cannot be read. 0: 100 ms.
	RetryDelay time.Duration
	// MaxDeliveries is after how many of them it goes to the dead letters. 0: 5.
	MaxDeliveries int64
	// KeepEntries is how many counted entries stay in the stream: the newest
	// arrivals of a board that starts come from them. 0: 1,000.
	KeepEntries int64
	// OnApplied, if set, hears of every step of the watermark. It must not block.
	OnApplied func(watermark int64)
	// OnDead, if set, hears of every entry given up on. It must not block.
	OnDead func(sequence int64)
	Logger *slog.Logger // nil: silent
}

func (o *WorkerOptions) setDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Consumer == "" {
		o.Consumer = "worker"
	}
	if o.Block <= 0 {
		o.Block = 250 * time.Millisecond
	}
	if o.RetryDelay <= 0 {
		o.RetryDelay = 100 * time.Millisecond
	}
	if o.MaxDeliveries <= 0 {
		o.MaxDeliveries = 5
	}
	if o.KeepEntries <= 0 {
		o.KeepEntries = MaxBatch
	}
	if o.OnApplied == nil {
		o.OnApplied = func(int64) {}
	}
	if o.OnDead == nil {
		o.OnDead = func(int64) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Worker reads a node's stream in order and adds it to the counts, each entry
// once: the counts and the watermark change in one script, and the script
// refuses what the watermark has passed.
type Worker struct {
	client    redis.UniversalClient
	keys      keys
	opt       WorkerOptions
	apply     *redis.Script
	dead      *redis.Script
	watermark int64
	trimmed   int64 // watermark at the last trim
}

// NewWorker makes a worker; Run does the work.
func NewWorker(client redis.UniversalClient, opt WorkerOptions) *Worker {
	opt.setDefaults()
	return &Worker{
		client: client, keys: keysOf(opt.Node), opt: opt,
		apply: redis.NewScript(applyLua), dead: redis.NewScript(deadLua),
	}
}

// entry is one entry of the stream in the worker's hands.
type entry struct {
	id       string
	sequence int64  // 0: the id is not one of ours
	body     string // empty in the mark Replace leaves, which the watermark has passed
}

// Run works until ctx ends (returning its error) or Redis fails. An error for
// which NeedsRebuild holds can only be helped by Replace.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.look(ctx); err != nil {
		return err
	}
	entries, err := w.claim(ctx)
	if err != nil {
		return err
	}
	for {
		if err := w.work(ctx, entries); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if entries, err = w.read(ctx); err != nil {
			return err
		}
	}
}

// look reads where the counts stand.
func (w *Worker) look(ctx context.Context) error {
	fields, err := w.client.HGetAll(ctx, w.keys.state).Result()
	if err != nil {
		return fmt.Errorf("read state: %w", lostIfServerSays(err))
	}
	state, err := parseState(fields)
	if err != nil {
		return err
	}
	if state.Epoch != w.opt.Epoch {
		return fmt.Errorf("read state: %w: another epoch", ErrLost)
	}
	w.watermark = state.Watermark
	w.opt.OnApplied(w.watermark)
	return nil
}

// read waits for new entries.
func (w *Worker) read(ctx context.Context) ([]entry, error) {
	streams, err := w.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: group, Consumer: w.opt.Consumer, Streams: []string{w.keys.stream, ">"},
		Count: MaxBatch, Block: w.opt.Block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read stream: %w", lostIfServerSays(err))
	}
	var entries []entry
	for _, s := range streams {
		entries = append(entries, entriesOf(s.Messages)...)
	}
	return entries, nil
}

// claim takes over everything that was delivered and not acknowledged, to
// whomever: what another consumer stalled on is counted here, and when it wakes
// the script refuses it.
func (w *Worker) claim(ctx context.Context) ([]entry, error) {
	var entries []entry
	start := "0-0"
	for {
		messages, next, err := w.client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: w.keys.stream, Group: group, Consumer: w.opt.Consumer, Start: start, Count: MaxBatch,
		}).Result()
		if err != nil {
			return nil, fmt.Errorf("claim entries: %w", lostIfServerSays(err))
		}
		entries = append(entries, entriesOf(messages)...)
		if next == "0-0" || next == "" {
			return entries, nil
		}
		start = next
	}
}

func entriesOf(messages []redis.XMessage) []entry {
	entries := make([]entry, 0, len(messages))
	for _, m := range messages {
		en := entry{id: m.ID, sequence: sequenceOf(m.ID)}
		en.body, _ = m.Values[fieldEvent].(string)
		entries = append(entries, en)
	}
	return entries
}

// work counts entries in order of their sequence; all of them are counted,
// given up on, or known to be counted when it returns without error.
func (w *Worker) work(ctx context.Context, entries []entry) error {
	claimed := false
	for {
		slices.SortFunc(entries, func(a, b entry) int { return int(a.sequence - b.sequence) })
		var err error
		if entries, err = w.skip(ctx, entries); err != nil || len(entries) == 0 {
			return err
		}
		if entries[0].sequence > w.watermark+1 {
			if claimed {
				return fmt.Errorf("count %d after %d: %w", entries[0].sequence, w.watermark, ErrGap)
			}
			// Somebody else was given what lies between, or has counted it.
			claimed = true
			if err := w.look(ctx); err != nil {
				return err
			}
			if entries, err = w.claim(ctx); err != nil {
				return err
			}
			continue
		}
		claimed = false
		if err := w.advance(ctx, entries); err != nil {
			return err
		}
	}
}

// skip acknowledges the entries the watermark has passed, and those that are
// none of ours.
func (w *Worker) skip(ctx context.Context, entries []entry) ([]entry, error) {
	n := 0
	var ids []string
	for n < len(entries) && entries[n].sequence <= w.watermark {
		ids = append(ids, entries[n].id)
		n++
	}
	return entries[n:], w.ack(ctx, ids)
}

// advance counts what can be counted at once from the start of entries, or
// deals with the first if it cannot be read.
func (w *Worker) advance(ctx context.Context, entries []entry) error {
	b := newBatch(surveys.DayOf(w.opt.Now(), w.opt.Zone))
	var body string
	for i := range entries {
		en := &entries[i]
		if en.sequence != w.watermark+1+int64(i) || i == MaxBatch {
			break
		}
		event, err := DecodeEvent(en.body)
		if err != nil && i == 0 {
			return w.retry(ctx, en, err)
		}
		if err != nil {
			break
		}
		b.add(en, &event)
		body = en.body
	}
	b.mark = Mark([]byte(body))
	return w.count(ctx, b)
}

// count applies a batch and acknowledges it.
func (w *Worker) count(ctx context.Context, b *batch) error {
	now := w.opt.Now()
	message, err := b.message(w.opt.Node, w.opt.Epoch, now)
	if err != nil {
		return err
	}
	names := []string{w.keys.state, w.keys.days}
	args := []any{w.opt.Epoch, b.first, b.last, now.UnixMilli(), b.mark, w.keys.channel, message}
	text := make([]byte, 0, 128)
	for name, cells := range b.hashes {
		names = append(names, w.keys.hash(name))
		args = append(args, name, len(cells))
		for c, n := range cells {
			text = c.AppendText(text[:0])
			args = append(args, string(text), n)
		}
	}
	v, err := judge(ctx, w.client, w.apply, names, args)
	if err != nil {
		return fmt.Errorf("apply counts: %w", err)
	}
	if err := w.heed(v, b.last); err != nil || v.code != "ok" {
		return err
	}
	if err := w.ack(ctx, b.ids); err != nil {
		return err
	}
	if err := w.trim(ctx); err != nil {
		return err
	}
	w.opt.OnApplied(w.watermark)
	return nil
}

// heed follows a script's verdict: last is the watermark if it did its work.
func (w *Worker) heed(v verdict, last int64) error {
	switch v.code {
	case "ok":
		w.watermark = last
	case "stale", "gap":
		w.watermark = v.watermark
	default:
		return fmt.Errorf("apply counts: %w: another epoch", ErrLost)
	}
	return nil
}

func (w *Worker) ack(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := w.client.XAck(ctx, w.keys.stream, group, ids...).Err(); err != nil {
		return fmt.Errorf("acknowledge entries: %w", lostIfServerSays(err))
	}
	return nil
}

// trim drops entries well behind the watermark. The watermark's own entry
// always stays, so that the stream never forgets its last id.
func (w *Worker) trim(ctx context.Context) error {
	if w.watermark-w.trimmed < w.opt.KeepEntries {
		return nil
	}
	w.trimmed = w.watermark
	least := w.watermark - w.opt.KeepEntries
	if least < 1 {
		return nil
	}
	if err := w.client.XTrimMinID(ctx, w.keys.stream, entryID(least)).Err(); err != nil {
		return fmt.Errorf("trim stream: %w", lostIfServerSays(err))
	}
	return nil
}

// retry gives an unreadable entry another delivery, and after the last gives
// up on it: it goes to the dead letters and the watermark steps past it.
func (w *Worker) retry(ctx context.Context, en *entry, reason error) error {
	for {
		pending, err := w.client.XPendingExt(ctx, &redis.XPendingExtArgs{
			Stream: w.keys.stream, Group: group, Start: en.id, End: en.id, Count: 1,
		}).Result()
		if err != nil {
			return fmt.Errorf("look up deliveries: %w", lostIfServerSays(err))
		}
		if len(pending) == 0 || pending[0].RetryCount >= w.opt.MaxDeliveries {
			return w.giveUp(ctx, en, reason)
		}
		if err := wait(ctx, w.opt.RetryDelay); err != nil {
			return err
		}
		messages, err := w.client.XClaim(ctx, &redis.XClaimArgs{
			Stream: w.keys.stream, Group: group, Consumer: w.opt.Consumer, Messages: []string{en.id},
		}).Result()
		if err != nil {
			return fmt.Errorf("deliver entry again: %w", lostIfServerSays(err))
		}
		if len(messages) == 0 {
			return w.giveUp(ctx, en, reason)
		}
	}
}

func (w *Worker) giveUp(ctx context.Context, en *entry, reason error) error {
	now := w.opt.Now()
	b := newBatch(0) // nothing is added to it
	b.first, b.last = en.sequence, en.sequence
	message, err := b.message(w.opt.Node, w.opt.Epoch, now)
	if err != nil {
		return err
	}
	why := strings.ToValidUTF8(reason.Error(), "?")
	v, err := judge(ctx, w.client, w.dead, []string{w.keys.state, w.keys.stream, w.keys.dead}, []any{
		w.opt.Epoch, en.sequence, en.id, now.UnixMilli(), Mark([]byte(en.body)), w.keys.channel, message, group, why, en.body,
	})
	if err != nil {
		return fmt.Errorf("set entry aside: %w", err)
	}
	if v.code == "ok" {
		w.opt.Logger.Error("an event could not be counted and went to the dead letters; the counts are made anew by themselves, the letter stays",
			"node", w.opt.Node, "sequence", en.sequence, "reason", why)
		w.opt.OnDead(en.sequence)
	}
	if err := w.heed(v, en.sequence); err != nil {
		return err
	}
	w.opt.OnApplied(w.watermark)
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
