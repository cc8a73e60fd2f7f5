package live_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"qingfeng/analytics"
	"qingfeng/gateway/internal/live"
	"qingfeng/surveys"
)

// fakeScores are counts a test sets by hand.
type fakeScores struct {
	mu       sync.Mutex
	position analytics.Position
	answered map[surveys.DepartmentID]int64
	order    []surveys.DepartmentID
	arrivals []analytics.Arrival
	watch    []chan<- struct{}
	built    int
	asked    []analytics.BoardOptions
	counts   *analytics.Counts // when set, boards are built from them
	org      *surveys.Organisation
}

func newFakeScores() *fakeScores {
	return &fakeScores{
		position: analytics.Position{Epoch: "e1", Offset: 100, AsOf: noon},
		org:      sampleHospital(),
		answered: map[surveys.DepartmentID]int64{"finance": 12, "cardiology": 3},
		order:    []surveys.DepartmentID{"finance", "cardiology"},
	}
}

// change alters the counts and tells the boards.
func (f *fakeScores) change(alter func()) {
	f.mu.Lock()
	alter()
	watch := slices.Clone(f.watch)
	f.mu.Unlock()
	for _, ch := range watch {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// rate counts n ratings at a department.
func (f *fakeScores) rate(department surveys.DepartmentID, n int64) {
	f.change(func() {
		f.answered[department] += n
		f.position.Offset += n
		f.arrivals = append([]analytics.Arrival{{At: noon, Department: department, Place: "settlement-2", Grade: 5, Series: surveys.SeriesAsked, Mode: surveys.ModeWindow}}, f.arrivals...)
		f.arrivals = f.arrivals[:min(len(f.arrivals), 12)]
	})
}

func (f *fakeScores) Notify(ch chan<- struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watch = append(f.watch, ch)
}

// heard reports whether whoever is notified has taken every signal.
func (f *fakeScores) heard() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !slices.ContainsFunc(f.watch, func(ch chan<- struct{}) bool { return len(ch) > 0 })
}

func (f *fakeScores) Position() analytics.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.position
}

func (f *fakeScores) Arrivals() []analytics.Arrival {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.arrivals)
}

func (f *fakeScores) Board(opt analytics.BoardOptions) (analytics.BoardView, analytics.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.built++
	f.asked = append(f.asked, opt)
	if f.counts != nil {
		return analytics.BuildBoard(f.org, f.counts, opt), f.position
	}
	unit := func(id, kind string, n int64) analytics.Unit {
		return analytics.Unit{
			ID: id, Kind: kind, Name: text("某科", "A unit"), Figure: analytics.Figure{Offered: n, Answered: n, Withheld: analytics.WithheldNotEnough},
			Modes: []analytics.ModeFigure{}, Unasked: analytics.Figure{Withheld: analytics.WithheldNoData}, Hours: []analytics.HourFigure{},
		}
	}
	var view analytics.BoardView
	var total int64
	for _, id := range f.order {
		total += f.answered[id]
		view.Departments = append(view.Departments, unit(string(id), "department", f.answered[id]))
	}
	view.Hospital = unit("hospital", "hospital", total)
	return view, f.position
}

// fakeTickets are good once.
type fakeTickets struct {
	mu    sync.Mutex
	valid map[string]live.Viewer
	// redeemed runs when a ticket was taken.
	redeemed func()
}

func (f *fakeTickets) give(ticket string, v live.Viewer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.valid == nil {
		f.valid = map[string]live.Viewer{}
	}
	f.valid[ticket] = v
}

func (f *fakeTickets) Redeem(ticket string) (live.Viewer, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.valid[ticket]
	delete(f.valid, ticket)
	if f.redeemed != nil {
		f.redeemed()
	}
	return v, ok
}

// fakeLists are the call-backs and devices of a board.
type fakeLists struct {
	mu   sync.Mutex
	open int64
	list []live.Callback // beside those that open makes
	dev  []live.BoardDevice
	err  error
}

func (f *fakeLists) change(alter func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	alter()
}

func (f *fakeLists) callbacks(context.Context) (live.Callbacks, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := live.Callbacks{Open: f.open, List: slices.Clone(f.list)}
	for range f.open {
		c.List = append(c.List, live.Callback{
			ID: factID(7).String(), At: noon.Add(-time.Minute), Department: "finance", Place: "settlement-2", Grade: 1, Tags: []surveys.Option{{ID: "queue", Text: text("排队太久", "Long wait")}}, Phone: true, State: "open",
		})
	}
	return c, f.err
}

func (f *fakeLists) devices(context.Context) ([]live.BoardDevice, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.dev), f.err
}
