package live

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/gorilla/websocket"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

// Period is the time a board covers, ending today.
type Period string

// Periods a board can be asked for.
const (
	PeriodToday Period = "today"
	Period7     Period = "7d"
	Period30    Period = "30d"
)

// days gives how many days the period has.
func (p Period) days() (int, bool) {
	switch p {
	case PeriodToday:
		return 1, true
	case Period7:
		return 7, true
	case Period30:
		return 30, true
	}
	return 0, false
}

// maxArrivals is how many arrivals a board keeps.
const maxArrivals = 12

// viewKey tells views apart. department is empty for the office.
type viewKey struct {
	period     Period
	audience   analytics.Audience
	department surveys.DepartmentID
}

// view is what all boards with one key see. It exists while somebody watches.
type view struct {
	key      viewKey
	watchers map[*boardSession]struct{}
	content  content
	snapshot *websocket.PreparedMessage // of content; nil: not made yet
}

// content is a view's state, each part as it stands on the wire.
type content struct {
	position  analytics.Position
	asOf      wireTime
	hour      int // of the hospital's day, with day
	day       surveys.Day
	hospital  []byte
	units     []encodedUnit
	arrivals  []analytics.Arrival // newest first
	callbacks []byte              // nil for a department's head
	devices   []byte
}

type encodedUnit struct {
	id   string
	json []byte
}

type wireArrival struct {
	At         wireTime             `json:"at"`
	Department surveys.DepartmentID `json:"department"`
	Place      surveys.PlaceID      `json:"place"`
	Grade      surveys.Grade        `json:"grade"`
	Series     surveys.Series       `json:"series"`
	Mode       surveys.Mode         `json:"mode,omitempty"`
}

type snapshotFrame struct {
	Type        string             `json:"type"`
	Epoch       string             `json:"epoch"`
	Offset      int64              `json:"offset"`
	Period      Period             `json:"period"`
	AsOf        wireTime           `json:"as_of"`
	Behind      bool               `json:"behind"`
	Audience    analytics.Audience `json:"audience"`
	Zone        string             `json:"zone"`        // of the hospital's clock
	MinAnswers  int                `json:"min_answers"` // from how many a score is shown
	Hospital    json.RawMessage    `json:"hospital"`
	Departments []json.RawMessage  `json:"departments"`
	Arrivals    []wireArrival      `json:"arrivals"`
	Callbacks   json.RawMessage    `json:"callbacks,omitempty"`
	Devices     json.RawMessage    `json:"devices"`
}

type deltaFrame struct {
	Type        string            `json:"type"`
	Epoch       string            `json:"epoch"`
	Offset      int64             `json:"offset"`
	Previous    int64             `json:"previous"`
	AsOf        wireTime          `json:"as_of"`
	Behind      bool              `json:"behind"`
	Hospital    json.RawMessage   `json:"hospital,omitempty"`
	Departments []json.RawMessage `json:"departments,omitempty"`
	Arrivals    []wireArrival     `json:"arrivals,omitempty"`
	Callbacks   json.RawMessage   `json:"callbacks,omitempty"`
	Devices     json.RawMessage   `json:"devices,omitempty"`
}

// runViews sends deltas: the first change after a pause waits for the end of
// the running window, and what else changes until then goes with it.
func (b *Boards) runViews(ctx context.Context) {
	clock := time.NewTicker(clockTick)
	defer clock.Stop()
	window := time.NewTimer(0)
	defer window.Stop()
	for {
		turned := false
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		case <-clock.C:
			turned = true
		}
		if !b.watched() {
			continue
		}
		if turned && !b.turned() {
			continue
		}
		now := time.Now()
		window.Reset(now.Truncate(b.opt.Coalesce).Add(b.opt.Coalesce).Sub(now))
		select {
		case <-ctx.Done():
			return
		case <-window.C:
		}
		select {
		case <-b.wake:
		default:
		}
		b.refresh()
	}
}

// turned reports whether time alone changed what some view shows.
func (b *Boards) turned() bool {
	position := b.opt.Scores.Position()
	day, hour := b.dayAndHour()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, v := range b.views {
		c := &v.content
		if c.day != day || c.hour != hour || c.position.Epoch != position.Epoch || c.position.Behind != position.Behind {
			return true
		}
	}
	return false
}

func (b *Boards) dayAndHour() (surveys.Day, int) {
	now := b.opt.Now()
	return surveys.DayOf(now, b.opt.Zone), now.In(b.opt.Zone).Hour()
}

// refresh brings every view up to date and sends what changed.
func (b *Boards) refresh() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, v := range b.views {
		next := b.build(v.key)
		frame := b.advance(v, &next)
		if frame == nil {
			continue
		}
		shared, err := websocket.NewPreparedMessage(websocket.TextMessage, frame)
		if err != nil {
			b.door.log.Error("a board's frame could not be prepared", "error", err)
			continue
		}
		for s := range v.watchers {
			s.socket.send(outFrame{shared: shared})
		}
	}
}

// subscribe makes s watch a period and sends it a snapshot. It runs on the
// board's own reader and may read the lists first.
func (b *Boards) subscribe(s *boardSession, period Period) {
	if b.stale.Load() {
		b.readLists(b.door.ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leaveLocked(s)
	key := viewKey{period: period, audience: s.viewer.Audience}
	if key.audience != analytics.AudienceOffice {
		key.audience, key.department = analytics.AudienceDepartment, s.viewer.Department
	}
	v := b.views[key]
	if v == nil {
		v = &view{key: key, watchers: map[*boardSession]struct{}{}, content: b.build(key)}
		b.views[key] = v
	}
	if v.snapshot == nil {
		shared, err := websocket.NewPreparedMessage(websocket.TextMessage, b.snapshot(&v.content, key))
		if err != nil {
			b.door.log.Error("a board's snapshot could not be prepared", "error", err)
			return
		}
		v.snapshot = shared
	}
	s.view = v
	v.watchers[s] = struct{}{}
	s.socket.send(outFrame{shared: v.snapshot})
}

func (b *Boards) leaveLocked(s *boardSession) {
	if s.view == nil {
		return
	}
	if delete(s.view.watchers, s); len(s.view.watchers) == 0 {
		delete(b.views, s.view.key)
	}
	s.view = nil
}

// covers reports whether an audience sees what belongs to id: the office, under
// "", everything, a department's head the own department and what lies below.
// The walk is bounded by the number of units, should the tree ever hold a ring.
func (b *Boards) covers(department, id surveys.DepartmentID) bool {
	if department == "" {
		return true
	}
	for range len(b.opt.Organisation.Departments) + 1 {
		if id == department {
			return true
		}
		unit, ok := b.opt.Organisation.Department(id)
		if !ok || unit.Parent == "" {
			return false
		}
		id = unit.Parent
	}
	return false
}

// below lists what lies below a department; nothing for the office.
func (b *Boards) below(department surveys.DepartmentID) []surveys.DepartmentID {
	if department == "" {
		return nil
	}
	var below []surveys.DepartmentID
	for i := range b.opt.Organisation.Departments {
		if id := b.opt.Organisation.Departments[i].ID; id != department && b.covers(department, id) {
			below = append(below, id)
		}
	}
	return below
}

// build makes a view's content of the counts and lists as they stand.
func (b *Boards) build(key viewKey) content {
	day, hour := b.dayAndHour()
	days, _ := key.period.days()
	board, position := b.opt.Scores.Board(analytics.BoardOptions{
		From: day.AddDays(1 - days), To: day, Today: day, Hour: hour,
		Audience: key.audience, Department: key.department, Departments: b.below(key.department),
		MinAnswers: b.opt.MinAnswers, BatchStep: b.opt.BatchStep,
	})
	c := content{
		position: position, asOf: wireTime(position.AsOf), day: day, hour: hour,
		hospital: encode(board.Hospital), devices: b.encodedDevices(key.department),
	}
	if position.AsOf.IsZero() {
		c.asOf = wireTime(b.opt.Now())
	}
	for i := range board.Departments {
		if d := &board.Departments[i]; b.covers(key.department, surveys.DepartmentID(d.ID)) {
			c.units = append(c.units, encodedUnit{d.ID, encode(d)})
		}
	}
	if key.audience == analytics.AudienceOffice {
		c.arrivals = b.opt.Scores.Arrivals()
		c.callbacks = b.lists.callbacks
		if c.callbacks == nil {
			c.callbacks = encodeCallbacks(Callbacks{})
		}
	}
	return c
}

// advance makes next the view's content and gives the frame that takes a board
// there, or nil when nothing a board shows has changed. It is a snapshot where
// a delta cannot say it: another epoch, or other departments.
func (b *Boards) advance(v *view, next *content) []byte {
	old := &v.content
	if next.position.Epoch != old.position.Epoch || next.position.Offset < old.position.Offset || !slices.EqualFunc(next.units, old.units, func(a, b encodedUnit) bool { return a.id == b.id }) {
		v.content, v.snapshot = *next, nil
		return b.snapshot(next, v.key)
	}
	d := deltaFrame{
		Type: typeDelta, Epoch: next.position.Epoch, Offset: next.position.Offset, Previous: old.position.Offset,
		AsOf: next.asOf, Behind: next.position.Behind, Arrivals: wireArrivals(newArrivals(next.arrivals, old.arrivals)),
		Hospital: changed(next.hospital, old.hospital), Callbacks: changed(next.callbacks, old.callbacks), Devices: changed(next.devices, old.devices),
	}
	for i := range next.units {
		if u := changed(next.units[i].json, old.units[i].json); u != nil {
			d.Departments = append(d.Departments, u)
		}
	}
	old.day, old.hour = next.day, next.hour
	if d.Hospital == nil && d.Departments == nil && len(d.Arrivals) == 0 && d.Callbacks == nil && d.Devices == nil && d.Behind == old.position.Behind {
		return nil // the boards' offset stays, so the next delta names it
	}
	v.content, v.snapshot = *next, nil
	return encode(d)
}

func changed(next, old []byte) json.RawMessage {
	if bytes.Equal(next, old) {
		return nil
	}
	return next
}

// newArrivals gives what stands in next before old begins.
func newArrivals(next, old []analytics.Arrival) []analytics.Arrival {
	same := func(a, b analytics.Arrival) bool {
		at := a.At.Equal(b.At)
		a.At, b.At = time.Time{}, time.Time{}
		return at && a == b
	}
	for n := range next {
		rest := next[n:]
		if len(rest) <= len(old) && slices.EqualFunc(rest, old[:len(rest)], same) {
			return next[:n]
		}
	}
	return next
}

func wireArrivals(arrivals []analytics.Arrival) []wireArrival {
	arrivals = arrivals[:min(len(arrivals), maxArrivals)]
	out := make([]wireArrival, len(arrivals))
	for i, a := range arrivals {
		out[i] = wireArrival{wireTime(a.At), a.Department, a.Place, a.Grade, a.Series, a.Mode}
	}
	return out
}

func (b *Boards) snapshot(c *content, key viewKey) []byte {
	f := snapshotFrame{
		Type: typeSnapshot, Epoch: c.position.Epoch, Offset: c.position.Offset, Period: key.period,
		AsOf: c.asOf, Behind: c.position.Behind, Audience: key.audience, Zone: b.opt.Zone.String(), MinAnswers: b.opt.MinAnswers,
		Hospital: c.hospital, Departments: make([]json.RawMessage, len(c.units)),
		Arrivals: wireArrivals(c.arrivals), Callbacks: c.callbacks, Devices: c.devices,
	}
	for i := range c.units {
		f.Departments[i] = c.units[i].json
	}
	return encode(f)
}
