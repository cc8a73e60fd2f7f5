package live

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

// Scores gives the counts as they stand.
type Scores interface {
	// Board builds a board and says which state of the counts it shows.
	Board(opt analytics.BoardOptions) (analytics.BoardView, analytics.Position)
	// Arrivals gives the ratings that came in last, newest first.
	Arrivals() []analytics.Arrival
	// Notify signals ch, without waiting for it, on every change.
	Notify(ch chan<- struct{})
	// Position says how far the counts are.
	Position() analytics.Position
}

// Viewer is a signed-in person who opened a board.
type Viewer struct {
	ID         string // what Drop names
	Audience   analytics.Audience
	Department surveys.DepartmentID // for a department's head
	Until      time.Time            // zero: until dropped
	// MayWatch reports whether the person still may: it is asked when the board
	// opens and at every ping. Nil: always.
	MayWatch func(ctx context.Context) (bool, error)
}

// Tickets turns a ticket, once, into who it was given to.
type Tickets interface {
	Redeem(ticket string) (Viewer, bool)
}

// BoardOptions say what boards are served with.
type BoardOptions struct {
	DoorOptions
	Store   DeviceStore
	Scores  Scores
	Tickets Tickets
	// Callbacks gives today's call-backs without names, numbers or comments.
	Callbacks func(ctx context.Context) (Callbacks, error)
	// Devices gives every device in use with its faults.
	Devices func(ctx context.Context) ([]BoardDevice, error)
	// Coalesce is the window over which changes are merged (100 ms).
	Coalesce time.Duration
	// MinAnswers and BatchStep go to every board; see analytics.BoardOptions.
	MinAnswers, BatchStep int
}

const (
	defaultCoalesce = 100 * time.Millisecond
	// clockTick is how often a watched board is looked at though nothing was
	// counted: the hour and the day turn, the counts fall behind.
	clockTick = time.Second
	// listsTick is how often the lists are read again though nobody said they
	// changed: a self-test falls due by the clock alone.
	listsTick = 30 * time.Second
	// listsPause is the least time between two readings of the lists.
	listsPause = time.Second
	listsBound = 5 * time.Second // one reading
)

// Boards serves wall boards and signed-in officers. It is safe for concurrent
// use.
type Boards struct {
	opt      BoardOptions
	door     *door
	devices  *devices
	hospital wireHospital

	wake    chan struct{} // capacity 1: the scores or the lists changed
	touched chan struct{} // capacity 1: the lists should be read again
	stale   atomic.Bool   // the lists were touched while nobody watched
	closing atomic.Bool
	loops   sync.WaitGroup

	mu      sync.Mutex
	views   map[viewKey]*view
	viewers map[string]map[*boardSession]struct{}
	lists   lists
}

// NewBoards starts the service; Close ends it.
func NewBoards(opt BoardOptions) (*Boards, error) {
	opt.DoorOptions = opt.DoorOptions.orDefaults()
	if opt.Coalesce <= 0 {
		opt.Coalesce = defaultCoalesce
	}
	if opt.MinAnswers <= 0 {
		opt.MinAnswers = analytics.DefaultMinAnswers
	}
	d, err := newDoor(opt.DoorOptions)
	if err != nil {
		return nil, fmt.Errorf("prepare boards: %w", err)
	}
	b := &Boards{
		opt: opt, door: d, devices: newDevices(d, opt.Store), hospital: hospitalOf(&opt.DoorOptions),
		wake: make(chan struct{}, 1), touched: make(chan struct{}, 1),
		views: map[viewKey]*view{}, viewers: map[string]map[*boardSession]struct{}{},
	}
	b.stale.Store(true)
	opt.Scores.Notify(b.wake)
	for _, loop := range []func(context.Context){b.devices.keep, b.runViews, b.runLists} {
		b.loops.Go(func() { loop(d.ctx) })
	}
	return b, nil
}

// ServeHTTP upgrades GET /ws/board.
func (b *Boards) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.door.open(w, r, b.greet)
}

// Touch says that call-backs or devices changed.
func (b *Boards) Touch() { signal(b.touched) }

// Disconnect sends a wall board away to come back at once, so that its next
// welcome carries what an administrator has changed.
func (b *Boards) Disconnect(id surveys.DeviceID) { b.devices.disconnect(id) }

// RevokeDevice closes a wall board's session at once with 4403.
func (b *Boards) RevokeDevice(id surveys.DeviceID) { b.devices.revoke(id) }

// Drop closes every board of a viewer who signed out, with 4401.
func (b *Boards) Drop(viewer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.viewers[viewer] {
		s.socket.close(CloseNotEnrolled)
	}
}

// Online gives the wall boards that are connected.
func (b *Boards) Online() map[surveys.DeviceID]OnlineState { return b.devices.online() }

// Notify signals ch, without waiting for it, when a wall board comes or goes.
func (b *Boards) Notify(ch chan<- struct{}) { b.devices.notify(ch) }

// Sockets is how many sockets are open, for metrics.
func (b *Boards) Sockets() int { return b.door.hub.sockets() }

// Close sends every board away with 1001 and ends the service.
func (b *Boards) Close(ctx context.Context) error {
	if b.closing.Swap(true) {
		return nil
	}
	err := b.door.close(ctx)
	b.loops.Wait()
	if err != nil {
		return fmt.Errorf("close boards: %w", err)
	}
	return nil
}

var _ http.Handler = (*Boards)(nil)

func signal(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// greet takes a wall board's hello or an officer's ticket.
func (b *Boards) greet(v *visitor, first *inFrame) (owner, int) {
	s := &boardSession{boards: b, socket: v.socket}
	if first.Type == typeTicket {
		return b.greetViewer(s, first.Ticket)
	}
	g, code := b.devices.hello(v, first)
	if code != 0 {
		return nil, code
	}
	if g.device.Kind != surveys.DeviceWallBoard {
		return nil, CloseBadFrame
	}
	s.device = g.device.ID
	s.viewer = Viewer{Audience: analytics.AudienceOffice}
	code = b.devices.admit(v, &g, func(k *known) {
		s.known = k
		s.socket.send(outFrame{data: encode(welcomeFrame{
			Type: typeWelcome, ServerTime: wireTime(b.opt.Now()), Device: deviceOf(&g.device),
			Hospital: b.hospital, Settings: b.opt.Settings,
		})})
	})
	return s, code
}

// greetViewer takes an officer in. It is asked once more whether the officer may
// watch when Drop already finds the board: a session that ends between the
// ticket and that moment closes it too.
func (b *Boards) greetViewer(s *boardSession, ticket string) (owner, int) {
	viewer, ok := b.opt.Tickets.Redeem(ticket)
	if !ok {
		return nil, CloseNotEnrolled
	}
	s.viewer = viewer
	b.mu.Lock()
	if len(b.viewers[viewer.ID]) >= maxBoardsPerViewer {
		b.mu.Unlock()
		return nil, CloseTooMany
	}
	if b.viewers[viewer.ID] == nil {
		b.viewers[viewer.ID] = map[*boardSession]struct{}{}
	}
	b.viewers[viewer.ID][s] = struct{}{}
	b.mu.Unlock()
	s.check()
	return s, 0
}

// maxBoardsPerViewer is how many boards one officer may have open.
const maxBoardsPerViewer = 20

// checkBound bounds the question whether an officer still may watch.
const checkBound = 5 * time.Second

// check closes the board of an officer who may not watch any more. When nobody
// can say, it stays until the next check.
func (s *boardSession) check() {
	if s.viewer.MayWatch == nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.boards.door.ctx, checkBound)
	defer cancel()
	may, err := s.viewer.MayWatch(ctx)
	switch {
	case err != nil:
		s.boards.door.log.WarnContext(ctx, "whether an officer still may watch a board could not be checked; the next ping asks again", "error", err)
	case !may:
		s.socket.close(CloseNotEnrolled)
	}
}

// boardSession is a board's connection.
type boardSession struct {
	boards *Boards
	socket *socket
	viewer Viewer
	device surveys.DeviceID // zero for an officer
	known  *known           // nil for an officer
	asks   bucket
	view   *view // what it watches; under boards.mu

	checking atomic.Bool
}

var _ owner = (*boardSession)(nil)

// subscribesPerSecond and subscribeBurst bound how often a board may ask for a
// snapshot.
const (
	subscribesPerSecond = 2
	subscribeBurst      = 20
)

// frame implements owner.
func (s *boardSession) frame(data []byte) int {
	var f inFrame
	if err := f.decode(data); err != nil || f.Problem != "" {
		return CloseBadFrame
	}
	switch f.Type {
	case typeStatus:
		if s.known == nil || f.Queued < 0 {
			return CloseBadFrame
		}
		s.boards.devices.status(s.known, f.Queued, f.QueueOK)
		return 0
	case typeSubscribe:
	default:
		return CloseBadFrame
	}
	period := Period(f.Period)
	if _, ok := period.days(); !ok {
		return CloseBadFrame
	}
	if !s.asks.take(s.boards.opt.Now(), subscribesPerSecond, subscribeBurst) {
		return CloseTooMany
	}
	s.boards.subscribe(s, period)
	return 0
}

// visited implements owner.
func (s *boardSession) visited(now time.Time) {
	if !s.viewer.Until.IsZero() && !now.Before(s.viewer.Until) {
		s.socket.close(CloseNotEnrolled)
		return
	}
	if s.viewer.MayWatch != nil && !s.checking.Swap(true) {
		go func() {
			s.check()
			s.checking.Store(false)
		}()
	}
}

// ended implements owner.
func (s *boardSession) ended() {
	b := s.boards
	b.mu.Lock()
	b.leaveLocked(s)
	if set := b.viewers[s.viewer.ID]; set != nil {
		if delete(set, s); len(set) == 0 {
			delete(b.viewers, s.viewer.ID)
		}
	}
	b.mu.Unlock()
	if s.known != nil {
		b.devices.ended(s.device, s.socket)
	}
}
