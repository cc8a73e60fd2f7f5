package redisstream

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

// ScoresOptions are the settings of Scores. Organisation and Zone are needed.
type ScoresOptions struct {
	Organisation *surveys.Organisation
	Zone         *time.Location
	Now          func() time.Time // tells the day; nil: time.Now
	// Lagging, if set, says that events are stored which the counts have not
	// reached in time; see outbox.Status.Behind. It must not block.
	Lagging func() bool
	// Check is how often Redis is asked whether a message was missed. 0: 1 s.
	Check time.Duration
	// Patience is how long Redis may be out of reach before boards are told
	// that they are behind. 0: 2 s.
	Patience time.Duration
	// Days is how many days before today are held. 0: 60: a board of 30 days
	// for a department's head needs the month its first day is in from the first
	// on, see analytics.BuildBoard.
	Days   int
	Logger *slog.Logger // nil: silent
}

// Scores is a copy in memory of all nodes' counts, merged, for the boards. It
// follows what the workers publish. Without Redis it goes on serving what it
// has and says that it is behind. Its methods are safe for concurrent use.
type Scores struct {
	client redis.UniversalClient
	opt    ScoresOptions
	self   string // tells the positions of this process from those of others

	mu       sync.RWMutex
	nodes    map[string]*nodeScores
	merged   *analytics.Counts
	arrivals []analytics.Arrival // newest first
	asOf     time.Time
	reloads  int64
	behind   bool
	heardAt  time.Time // last time Redis answered
	notify   []chan<- struct{}
	// parsed remembers cells by their text: every message names the same few
	// hundred again.
	parsed map[string]analytics.Cell
}

// maxParsed bounds parsed; a hospital's boards know some thousands of cells.
const maxParsed = 1 << 15

// nodeScores is one node's part.
type nodeScores struct {
	epoch     string
	store     string
	rebuiltAt time.Time
	watermark int64
	counts    *analytics.Counts
	late      int // checks in a row that found the watermark behind
}

// NewScores makes an empty copy; Run fills and follows it. Until it has been
// filled it is behind.
func NewScores(client redis.UniversalClient, opt ScoresOptions) *Scores {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Lagging == nil {
		opt.Lagging = func() bool { return false }
	}
	if opt.Check <= 0 {
		opt.Check = time.Second
	}
	if opt.Patience <= 0 {
		opt.Patience = 2 * time.Second
	}
	if opt.Days <= 0 {
		opt.Days = 60
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	random := make([]byte, 6)
	_, _ = rand.Read(random) // never fails
	return &Scores{
		client: client, opt: opt, self: hex.EncodeToString(random), behind: true,
		nodes: map[string]*nodeScores{}, merged: analytics.NewCounts(), parsed: map[string]analytics.Cell{},
	}
}

// Board builds a board from the counts as they stand, and says where that is.
// Both belong together.
func (s *Scores) Board(opt analytics.BoardOptions) (analytics.BoardView, analytics.Position) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return analytics.BuildBoard(s.opt.Organisation, s.merged, opt), s.position()
}

// Position says where the counts stand.
func (s *Scores) Position() analytics.Position {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.position()
}

func (s *Scores) position() analytics.Position {
	p := analytics.Position{Epoch: fmt.Sprintf("%s-%d", s.self, s.reloads), AsOf: s.asOf, Behind: s.behind}
	for _, n := range s.nodes {
		p.Offset += n.watermark
	}
	return p
}

// Arrivals lists the last ratings that came in, newest first, at most 12.
func (s *Scores) Arrivals() []analytics.Arrival {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.arrivals)
}

// SelfTests lists the devices whose self-test of that day was counted, and
// whether it saw the 非常不满意 key working.
func (s *Scores) SelfTests(day surveys.Day) map[string]bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.merged.SelfTests(day)
}

// Notify has a signal sent to ch after every change, unless one is waiting
// there already. ch should have a buffer of one.
func (s *Scores) Notify(ch chan<- struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify = append(s.notify, ch)
}

// signal tells everybody of a change; s.mu is held.
func (s *Scores) signal() {
	for _, ch := range s.notify {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// Run follows Redis until ctx ends, through every loss of it, and returns
// ctx's error.
func (s *Scores) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		s.opt.Logger.Warn("the boards' counts lost Redis; showing the last ones and trying again", "error", err)
		s.tellBehind()
		if wait(ctx, s.opt.Check/2) != nil {
			break
		}
	}
	return ctx.Err()
}

// follow subscribes, loads every node, and keeps up until something fails.
func (s *Scores) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	pubsub := s.client.PSubscribe(ctx, appliedPattern)
	heard, failed := make(chan string, heardQueue), make(chan error, 1)
	subscribed, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		failed <- receive(ctx, pubsub, subscribed, heard)
	}()
	defer func() {
		cancel()
		_ = pubsub.Close() // ends the receiver's read
		<-ended
	}()
	select {
	// The subscription must stand before anything is loaded, or a message
	// between the two would be missed.
	case <-subscribed:
	case err := <-failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.check(ctx, true); err != nil {
		return err
	}
	tick := time.NewTicker(s.opt.Check)
	defer tick.Stop()
	for {
		var err error
		select {
		case payload := <-heard:
			err = s.hear(ctx, payload)
		case <-tick.C:
			// What has arrived already is not missed.
			for range len(heard) {
				if err := s.hear(ctx, <-heard); err != nil {
					return err
				}
			}
			err = s.check(ctx, false)
		case err = <-failed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// heardQueue is how many messages may wait while a node is loaded; more stay in
// the socket, and Redis drops a subscriber that lets too much lie.
const heardQueue = 256

// receive passes messages on until the subscription fails. It never lets the
// client subscribe anew by itself: what was published in between would be
// missed in silence.
func receive(ctx context.Context, pubsub *redis.PubSub, subscribed chan<- struct{}, heard chan<- string) error {
	for {
		message, err := pubsub.Receive(ctx)
		if err != nil {
			return fmt.Errorf("follow applied counts: %w", err)
		}
		switch m := message.(type) {
		case *redis.Subscription:
			close(subscribed)
		case *redis.Message:
			select {
			case heard <- m.Payload:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// hear takes one message in.
func (s *Scores) hear(ctx context.Context, payload string) error {
	var m applied
	if err := json.Unmarshal([]byte(payload), &m); err != nil || m.Node == "" {
		s.opt.Logger.Warn("a message on the applied channel is not one of ours")
		return nil
	}
	if s.add(&m) {
		return nil
	}
	return s.load(ctx, m.Node)
}

// add adds a message to the counts; false: it does not follow what is here.
func (s *Scores) add(m *applied) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[m.Node]
	switch {
	case n == nil || n.epoch != m.Epoch || m.Rebuilt || m.First > n.watermark+1:
		return n != nil && n.epoch == m.Epoch && m.Rebuilt
	case m.Last <= n.watermark:
		return true // loaded already
	case m.First <= n.watermark:
		return false
	}
	from, to := s.held()
	for text, cells := range m.Days {
		day, ok := parseName("day:" + text)
		if !ok {
			return false
		}
		if day < from || day > to {
			continue
		}
		for name, k := range cells {
			cell, known := s.parsed[name]
			if !known {
				var err error
				if cell, err = analytics.ParseCell(name); err != nil {
					return false
				}
				if len(s.parsed) >= maxParsed {
					clear(s.parsed)
				}
				s.parsed[name] = cell
			}
			n.counts.Add(day, cell, k)
			s.merged.Add(day, cell, k)
		}
	}
	n.watermark, n.late = m.Last, 0
	s.heard(time.UnixMilli(m.AppliedAt))
	s.prepend(m.Arrivals)
	s.signal()
	return true
}

func (s *Scores) prepend(messages []arrivalMessage) {
	if len(messages) == 0 {
		return
	}
	fresh := make([]analytics.Arrival, 0, recentArrivals)
	for _, a := range messages {
		fresh = append(fresh, a.arrival())
	}
	fresh = append(fresh, s.arrivals...)
	s.arrivals = fresh[:min(len(fresh), recentArrivals)]
}

// heard notes that Redis has spoken, and when it last applied something; s.mu
// is held.
func (s *Scores) heard(appliedAt time.Time) {
	s.heardAt = time.Now()
	if appliedAt.After(s.asOf) {
		s.asOf = appliedAt
	}
	s.behind = len(s.nodes) == 0 || s.opt.Lagging()
}

// held is the range of days in memory. Tomorrow is in it for the midnight that
// comes between a tap and its counting.
func (s *Scores) held() (from, to surveys.Day) {
	today := surveys.DayOf(s.opt.Now(), s.opt.Zone)
	return today.AddDays(-s.opt.Days), today.AddDays(1)
}

// load reads a node anew and puts it in the place of what was here.
func (s *Scores) load(ctx context.Context, node string) error {
	from, to := s.held()
	state, counts, err := LoadCounts(ctx, s.client, node, from, to)
	if err != nil && !errors.Is(err, ErrLost) {
		return err
	}
	if err != nil || state.Epoch == "" {
		// The supervisor makes them again; until then the last ones stand.
		return nil
	}
	arrivals, err := loadArrivals(ctx, s.client, node)
	if err != nil && !errors.Is(err, ErrLost) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.superseded(node, state) {
		return nil
	}
	maps.DeleteFunc(s.nodes, func(_ string, n *nodeScores) bool {
		return n.store != "" && n.store == state.Store && n.rebuiltAt.Before(state.RebuiltAt)
	})
	s.nodes[node] = &nodeScores{
		epoch: state.Epoch, store: state.Store, rebuiltAt: state.RebuiltAt, watermark: state.Watermark, counts: counts,
	}
	s.merged = analytics.NewCounts()
	for _, n := range s.nodes {
		s.merged.Merge(n.counts)
	}
	s.reloads++
	s.mergeArrivals(arrivals)
	s.heard(state.AppliedAt)
	s.signal()
	return nil
}

// superseded reports whether the same store's counts are here, made later
// under another node's name; s.mu is held.
func (s *Scores) superseded(node string, state State) bool {
	for name, n := range s.nodes {
		if name != node && n.store != "" && n.store == state.Store && n.rebuiltAt.After(state.RebuiltAt) {
			return true
		}
	}
	return false
}

// mergeArrivals joins what the stream still has with what is here.
func (s *Scores) mergeArrivals(loaded []analytics.Arrival) {
	all := slices.Clone(s.arrivals)
	for _, a := range loaded {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b analytics.Arrival) int { return b.At.Compare(a.At) })
	s.arrivals = all[:min(len(all), recentArrivals)]
}

// check asks every node's state, and reloads those whose messages were missed;
// all of them if asked to.
func (s *Scores) check(ctx context.Context, all bool) error {
	nodes, err := s.client.SMembers(ctx, nodesKey).Result()
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	s.mu.RLock()
	nodes = slices.Compact(slices.Sorted(slices.Values(slices.Concat(nodes, slices.Collect(maps.Keys(s.nodes))))))
	s.mu.RUnlock()
	for _, node := range nodes {
		fields, err := s.client.HGetAll(ctx, keysOf(node).state).Result()
		if err != nil {
			return fmt.Errorf("read state: %w", err)
		}
		state, err := parseState(fields)
		if err != nil {
			continue // lost; the supervisor makes it again
		}
		if all || s.missed(node, state) {
			if err := s.load(ctx, node); err != nil {
				return err
			}
		}
	}
	s.tick()
	return nil
}

// missed reports whether a node has to be loaded anew. A watermark ahead of
// ours may be a message still under way, so it is believed the second time.
func (s *Scores) missed(node string, state State) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[node]
	switch {
	case state.Epoch == "" || s.superseded(node, state):
		return false
	case n == nil || n.epoch != state.Epoch || state.Watermark < n.watermark:
		return true
	case state.Watermark == n.watermark:
		n.late = 0
		return false
	}
	n.late++
	return n.late > 1
}

// tick forgets old days and notices a change of lag.
func (s *Scores) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.behind
	from, _ := s.held()
	s.merged.Drop(from)
	for _, n := range s.nodes {
		n.counts.Drop(from)
	}
	s.heard(time.Time{})
	if s.behind != was {
		s.signal()
	}
}

// tellBehind tells the boards once Redis has been out of reach too long.
func (s *Scores) tellBehind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind || time.Since(s.heardAt) < s.opt.Patience {
		return
	}
	s.behind = true
	s.signal()
}
