package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"qingfeng/surveys"
)

// TabletOptions say what tablets are served with.
type TabletOptions struct {
	DoorOptions
	Store Store
	// SetAside keeps a frame that can never be accepted, for a person. It must
	// be on disk when it returns nil, and may see the same frame again.
	SetAside func(ctx context.Context, s SetAside) error
	// KnownVersion reports whether a questionnaire version was ever published.
	// It is asked for versions other than the device's current one. Nil leaves
	// the question to the store's own outcome.
	KnownVersion func(ctx context.Context, v surveys.VersionID) (bool, error)
	// Busy is the error with which the store says that too much waits.
	Busy           error
	Questionnaires map[surveys.DeviceKind]*surveys.Questionnaire
	Rules          surveys.GamingRules
}

// Tablets serves the tablets of windows, beds and lobbies. It is safe for
// concurrent use.
type Tablets struct {
	opt      TabletOptions
	door     *door
	devices  *devices
	hospital wireHospital
	papers   map[surveys.DeviceKind]*wireQuestionnaire
	places   map[surveys.PlaceID]*surveys.Place

	// unsettled counts facts handed to the store and not yet answered, and one
	// for the server being open.
	unsettled atomic.Int64
	closing   atomic.Bool
	settled   chan struct{}

	mu      sync.Mutex
	windows map[surveys.PlaceID]*window
}

// NewTablets starts the service; Close ends it.
func NewTablets(opt TabletOptions) (*Tablets, error) {
	opt.DoorOptions = opt.DoorOptions.orDefaults()
	d, err := newDoor(opt.DoorOptions)
	if err != nil {
		return nil, fmt.Errorf("prepare tablets: %w", err)
	}
	t := &Tablets{
		opt: opt, door: d, devices: newDevices(d, opt.Store),
		hospital: hospitalOf(&opt.DoorOptions),
		papers:   map[surveys.DeviceKind]*wireQuestionnaire{},
		places:   map[surveys.PlaceID]*surveys.Place{},
		settled:  make(chan struct{}),
		windows:  map[surveys.PlaceID]*window{},
	}
	t.unsettled.Store(1)
	for kind, q := range opt.Questionnaires {
		t.papers[kind] = &wireQuestionnaire{Version: q.Version(), Title: q.Title, Items: q.Items}
	}
	for i := range opt.Organisation.Places {
		place := &opt.Organisation.Places[i]
		t.places[place.ID] = place
	}
	go t.devices.keep(d.ctx)
	return t, nil
}

func hospitalOf(opt *DoorOptions) wireHospital {
	h := wireHospital{Name: opt.Organisation.Name, ReportingPhones: opt.Organisation.ReportingPhones, NineRules: opt.NineRules, Zone: opt.Zone.String()}
	if h.ReportingPhones == nil {
		h.ReportingPhones = []surveys.Phone{}
	}
	if h.NineRules == nil {
		h.NineRules = []surveys.Text{}
	}
	return h
}

// ServeHTTP upgrades GET /ws/device.
func (t *Tablets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if t.closing.Load() {
		refuse(w, http.StatusServiceUnavailable, "closing")
		return
	}
	t.door.open(w, r, t.greet)
}

// greet answers a hello with a welcome.
func (t *Tablets) greet(v *visitor, first *inFrame) (owner, int) {
	g, code := t.devices.hello(v, first)
	if code != 0 {
		return nil, code
	}
	if _, tablet := g.device.Kind.PlaceKind(); !tablet {
		return nil, CloseBadFrame
	}
	s := &session{
		tablets: t, socket: v.socket, id: g.device.ID, offset: g.offset,
		selfTests: selfTests{over: t.opt.timing.selfTestOver},
	}
	s.place = t.places[g.device.Place]
	if paper := t.papers[g.device.Kind]; paper != nil {
		s.version = paper.Version
	}
	today := surveys.DayOf(g.now, t.opt.Zone)
	s.selfTests.connected(&g.device, today, t.opt.Zone)
	prompt := t.storedPrompt(&g)
	code = t.devices.admit(v, &g, func(k *known) {
		s.known = k
		t.join(s, &g, prompt)
	})
	if code != 0 {
		return nil, code
	}
	return s, 0
}

// storedPrompt finds the prompt a window tablet should show at once. A store
// that cannot say costs the patient a prompt, not the tablet its connection.
func (t *Tablets) storedPrompt(g *greeting) *surveys.Prompt {
	if g.device.Kind != surveys.DeviceWindowTablet {
		return nil
	}
	p, err := t.opt.Store.FindOpenPrompt(t.door.ctx, g.device.Place, g.now)
	if err == nil {
		return &p
	}
	if !errors.Is(err, t.opt.NotFound) {
		t.log().ErrorContext(t.door.ctx, "a tablet connects without its window's prompt: the store cannot be read", "window", g.device.Place, "error", err)
	}
	return nil
}

// join puts a session among its window's tablets and sends its welcome. Both
// under the window's lock: a prompt made meanwhile follows the welcome.
func (t *Tablets) join(s *session, g *greeting, stored *surveys.Prompt) {
	welcome := welcomeFrame{
		Type: typeWelcome, ServerTime: wireTime(t.opt.Now()), Device: deviceOf(&g.device),
		Hospital: t.hospital, Place: t.placeOf(s), Questionnaire: t.papers[g.device.Kind],
		Settings: t.opt.Settings, SelfTestDue: s.selfTests.due(surveys.DayOf(g.now, t.opt.Zone)),
	}
	if g.device.Kind == surveys.DeviceWindowTablet && s.place != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		w := t.windowLocked(s.place.ID)
		if stored != nil && w.wants(stored) {
			w.open = stored
		}
		if p := w.current(t.opt.Now()); p != nil {
			welcome.Prompt = t.promptOf(p)
		}
		w.tablets = append(w.tablets, s)
	}
	s.socket.send(outFrame{data: encode(welcome)})
}

func deviceOf(d *surveys.Device) wireDevice {
	return wireDevice{ID: d.ID, Kind: d.Kind, Name: d.Name, Bed: d.Bed, Mirrored: d.Mirrored}
}

func (t *Tablets) placeOf(s *session) *wirePlace {
	if s.place == nil {
		return nil
	}
	p := &wirePlace{ID: s.place.ID, Kind: s.place.Kind, Name: s.place.Name, WindowKind: s.place.WindowKind}
	p.Department.ID = s.place.Department
	if d, ok := t.opt.Organisation.Department(s.place.Department); ok {
		p.Department.Name = d.Name
	}
	return p
}

// Revoke closes a device's session at once with 4403 and refuses it from now
// on. Call it after the store knows.
func (t *Tablets) Revoke(id surveys.DeviceID) { t.devices.revoke(id) }

// Disconnect sends a device's session away to come back at once, so that its
// next welcome carries what an administrator has changed: its place or name.
func (t *Tablets) Disconnect(id surveys.DeviceID) { t.devices.disconnect(id) }

// Online gives the tablets that are connected.
func (t *Tablets) Online() map[surveys.DeviceID]OnlineState { return t.devices.online() }

// Notify signals ch, without waiting for it, whenever a device comes or goes,
// turns faulty or passes its self-test.
func (t *Tablets) Notify(ch chan<- struct{}) { t.devices.notify(ch) }

// Sockets is how many sockets are open, for metrics.
func (t *Tablets) Sockets() int { return t.door.hub.sockets() }

// Close takes nothing new in, waits until every fact that was handed to the
// store is answered and its ack has left, and closes all sockets with 1001. An
// error says that ctx ended first and the rest was cut off.
func (t *Tablets) Close(ctx context.Context) error {
	if t.closing.Swap(true) {
		return nil
	}
	t.settle()
	var late error
	select {
	case <-t.settled:
	case <-ctx.Done():
		late = ctx.Err()
	}
	if err := errors.Join(late, t.door.close(ctx)); err != nil {
		return fmt.Errorf("close tablets: %w", err)
	}
	return nil
}

// begin counts a fact in; false: the server is closing.
func (t *Tablets) begin() bool {
	for !t.closing.Load() {
		n := t.unsettled.Load()
		if n <= 0 {
			return false
		}
		if t.unsettled.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// settle counts a fact out.
func (t *Tablets) settle() {
	if t.unsettled.Add(-1) == 0 {
		close(t.settled)
	}
}

func (t *Tablets) log() *slog.Logger { return t.door.log }

var _ http.Handler = (*Tablets)(nil)

// window is a window's tablets and the prompt they show.
type window struct {
	tablets []*session
	open    *surveys.Prompt
}

func (t *Tablets) windowLocked(id surveys.PlaceID) *window {
	w := t.windows[id]
	if w == nil {
		w = &window{}
		t.windows[id] = w
	}
	return w
}

// wants reports whether p is newer than what the window shows.
func (w *window) wants(p *surveys.Prompt) bool {
	return w.open == nil || w.open.ID != p.ID && p.CreatedAt.After(w.open.CreatedAt)
}

// current gives the prompt that is open at now, and drops one that has expired.
func (w *window) current(now time.Time) *surveys.Prompt {
	if w.open != nil && w.open.State(now) != surveys.PromptWaiting && w.open.State(now) != surveys.PromptOffered {
		w.open = nil
	}
	return w.open
}
