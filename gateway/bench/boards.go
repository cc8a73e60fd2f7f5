package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"qingfeng/analytics"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

// coalesce is the boards' window W: the settings' default.
const coalesce = 100 * time.Millisecond

const tapsPerSecond = 1000

// boardScene is a hospital at work many times over: taps in an open loop, from
// tablets in turn, and walls full of boards.
//
// A tap is found on a board by counting: the answers of its place that a frame
// shows only grow, in the order in which the place's taps came in, so the
// place's k-th tap is on the board with the first frame that shows k more
// answers there than at the beginning. Every tap counts once for every board.
func boardScene() scene {
	return scene{
		figures: []figure{
			{name: "board-p50", what: "tap to board p50, 1,000/s from 2,000 tablets, 200 boards, W = 100 ms", beside: "W/2 + 5 ms", unit: seconds, target: 1},
			{name: "board-p99", what: "tap to board p99, the same", beside: "W + 15 ms", unit: seconds, target: 1},
		},
		run: runBoards,
	}
}

func runBoards(ctx context.Context, b *bench, record func(string, sample)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s, err := b.newSite(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	tabletIDs, boardIDs, err := s.enrol(ctx, b.count(2000, 500), b.count(200, 50))
	if err != nil {
		return err
	}
	if _, err := s.start(ctx, b); err != nil {
		return err
	}
	tablets, err := s.connect(ctx, tabletIDs)
	if err != nil {
		return err
	}
	if _, err := closedLoop(ctx, tablets[:100], time.Second/2); err != nil { // so that every place has answers
		return err
	}
	walls, err := s.hang(ctx, boardIDs)
	if err != nil {
		return err
	}
	for range b.rounds {
		if err := s.settle(ctx); err != nil {
			return err
		}
		if err := walls.still(ctx); err != nil {
			return err
		}
		if err := walls.begin(); err != nil {
			return err
		}
		taps := openLoop(ctx, tablets, b.length(6*time.Second))
		if err := s.settle(ctx); err != nil {
			return err
		}
		if err := walls.still(ctx); err != nil {
			return err
		}
		p50, p99, err := walls.judge(taps)
		if err != nil {
			return err
		}
		record("board-p50", sample{p50.Seconds(), (coalesce/2 + 5*time.Millisecond).Seconds()})
		record("board-p99", sample{p99.Seconds(), (coalesce + 15*time.Millisecond).Seconds()})
	}
	fmt.Fprintf(b.log, "  a frame has %d bytes\n", walls.frameBytes())
	return nil
}

// openLoop taps at a steady pace whatever becomes of the taps, and gives the
// moments of each place's taps.
func openLoop(ctx context.Context, tablets []*tabletclient.Tablet, length time.Duration) map[surveys.PlaceID][]time.Time {
	taps := map[surveys.PlaceID][]time.Time{}
	pace := time.NewTicker(time.Second / tapsPerSecond)
	defer pace.Stop()
	began := time.Now()
	for n := 0; ; {
		elapsed := time.Since(began)
		if elapsed > length || ctx.Err() != nil {
			return taps
		}
		for due := int(elapsed.Seconds() * tapsPerSecond); n < due; n++ {
			t := tablets[n%len(tablets)]
			place := t.Welcome().Place.ID
			taps[place] = append(taps[place], time.Now())
			t.Queue(someRating())
		}
		<-pace.C
	}
}

// sight is when a board got a frame.
type sight struct {
	offset int64
	at     time.Time
}

// walls are boards that note when they got what.
type walls struct {
	mu     sync.Mutex
	sights [][]sight // of each board
	frames []frame   // the first board's, whole
	totals map[surveys.PlaceID]int64
	last   time.Time
}

type frame struct {
	offset int64
	data   []byte
}

// hang connects the boards and waits for their first snapshots.
func (s *site) hang(ctx context.Context, identities []tabletclient.Identity) (*walls, error) {
	w := &walls{sights: make([][]sight, len(identities)), totals: map[surveys.PlaceID]int64{}}
	err := inCrowd(len(identities), func(i int) error {
		board := tabletclient.NewBoard(tabletclient.BoardOptions{
			Server: tabletclient.Server{URL: s.url(), BufferBytes: 16 << 10}, Identity: &identities[i], Headless: true,
			OnFrame: func(h tabletclient.Head, data []byte) { w.see(i, h, data) },
		})
		go func() { _ = board.Run(ctx) }()
		return board.Wait(ctx, func(*tabletclient.BoardState, tabletclient.Counts) bool { return true })
	})
	if err != nil {
		return nil, fmt.Errorf("connect boards: %w", err)
	}
	return w, nil
}

func (w *walls) see(board int, h tabletclient.Head, data []byte) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = now
	w.sights[board] = append(w.sights[board], sight{h.Offset, now})
	if board == 0 {
		w.frames = append(w.frames, frame{h.Offset, append([]byte(nil), data...)})
	}
}

// still waits until no board has got a frame for a few windows.
func (w *walls) still(ctx context.Context) error {
	for {
		w.mu.Lock()
		quiet := time.Since(w.last) > 8*coalesce
		w.mu.Unlock()
		if quiet {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(coalesce):
		}
	}
}

// begin takes in what the boards show and forgets what they got so far.
func (w *walls) begin() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.frames {
		if err := w.takeIn(f); err != nil {
			return err
		}
	}
	w.frames = nil
	for i := range w.sights {
		w.sights[i] = nil
	}
	return nil
}

// takeIn notes the answers of the places a frame shows.
func (w *walls) takeIn(f frame) error {
	var shown struct {
		Departments []analytics.Unit `json:"departments"`
	}
	if err := json.Unmarshal(f.data, &shown); err != nil {
		return fmt.Errorf("read a board's frame: %w", err)
	}
	for _, d := range shown.Departments {
		for _, p := range d.Places {
			w.totals[surveys.PlaceID(p.ID)] = p.Figure.Answered + p.Unasked.Answered
		}
	}
	return nil
}

// judge finds every tap on every board and gives the quantiles of how long it
// took.
func (w *walls) judge(taps map[surveys.PlaceID][]time.Time) (p50, p99 time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	base := maps.Clone(w.totals)
	shown := map[surveys.PlaceID]int{} // how many of a place's taps are on the boards
	var fresh [][]time.Time            // the taps a frame is the first to show
	var offsets []int64
	for _, f := range w.frames {
		if err := w.takeIn(f); err != nil {
			return 0, 0, err
		}
		var first []time.Time
		for place, total := range w.totals {
			n := min(int(total-base[place]), len(taps[place]))
			first = append(first, taps[place][shown[place]:max(n, shown[place])]...)
			shown[place] = max(n, shown[place])
		}
		fresh, offsets = append(fresh, first), append(offsets, f.offset)
	}
	for place, all := range taps {
		if shown[place] != len(all) {
			return 0, 0, fmt.Errorf("%d of %d taps at %s came to the boards", shown[place], len(all), place)
		}
	}
	var latency latencies
	for _, sights := range w.sights {
		next := 0
		for _, s := range sights {
			for ; next < len(offsets) && offsets[next] <= s.offset; next++ {
				for _, tap := range fresh[next] {
					latency.all = append(latency.all, s.at.Sub(tap))
				}
			}
		}
	}
	return latency.quantile(0.5), latency.quantile(0.99), nil
}

// frameBytes is the median size of a frame in the last round.
func (w *walls) frameBytes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var sizes []int
	for _, f := range w.frames {
		sizes = append(sizes, len(f.data))
	}
	slices.Sort(sizes)
	if len(sizes) == 0 {
		return 0
	}
	return sizes[len(sizes)/2]
}
