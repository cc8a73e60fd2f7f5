package texting_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goccy/go-yaml"

	"qingfeng/configs"
	"qingfeng/gateway/internal/invite"
	desk "qingfeng/gateway/internal/texting"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
	"qingfeng/surveys/texting"
)

// sample reads one of the files the program comes with.
func sample[T any](tb testing.TB, name string) *T {
	tb.Helper()
	text, err := configs.Files.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	out := new(T)
	if err := yaml.UnmarshalWithOptions(text, out, yaml.Strict()); err != nil {
		tb.Fatal(err)
	}
	return out
}

// world is a hospital whose clock is the bubble's, moved to storetest.Noon.
type world struct {
	t       *testing.T
	path    string
	began   time.Time
	store   *sqlstore.Store
	carrier *phones
	opt     desk.Options
	service *desk.Service
	planner *invite.Planner
	log     *bytes.Buffer
	logMu   sync.Mutex
	offset  atomic.Int64 // how far the demo clock was moved
	end     func()
}

// Write implements io.Writer for the log.
func (w *world) Write(p []byte) (int, error) {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	return w.log.Write(p)
}

func (w *world) now() time.Time {
	return storetest.Noon().Add(time.Since(w.began) + time.Duration(w.offset.Load()))
}

// openStore opens the store with the world's clock and the short form.
func (w *world) openStore() *sqlstore.Store {
	s, err := sqlstore.Open(context.Background(), w.storeOptions())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.PublishForm(context.Background(), sample[followup.Form](w.t, "forms/discharge-short.yaml")); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) storeOptions() sqlstore.Options {
	o := storetest.Options(w.path)
	o.Now = w.now
	return o
}

// newWorld makes a world inside a synctest bubble. change changes the settings.
func newWorld(t *testing.T, change ...func(*desk.Options)) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "qingfeng.db"), began: time.Now(), carrier: newPhones(), log: &bytes.Buffer{}}
	w.carrier.now = w.now
	w.store = w.openStore()
	rules := followup.DefaultRules()
	rules.Hours.Zone = storetest.Zone()
	form := sample[followup.Form](t, "forms/discharge-short.yaml")
	rules.Form, rules.Capabilities = form.Version(), w.carrier.Capabilities
	w.opt = desk.Options{
		Carriers: []desk.Carrier{w.carrier}, Routes: []sqlstore.Route{{Country: "CN", Carrier: "phones", PerSegment: 5}}, Rules: rules,
		Templates: sample[texting.Templates](t, "messages.yaml"), Hotline: "000-5550-1001", ClueHotline: "000-5550-2002",
		Place: storetest.Organisation().Place, InFlight: 8, TextsPerSecond: 100, Poll: 2 * time.Second, Now: w.now,
		Logger: slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&w.opt)
	}
	w.start()
	t.Cleanup(func() {
		w.stop()
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// start runs a service and a planner over the world's store.
func (w *world) start() {
	w.t.Helper()
	opt := w.opt
	if over, ok := opt.Store.(interface{ over(desk.Store) }); ok {
		over.over(w.store)
	} else {
		opt.Store = w.store
	}
	var err error
	if w.service, err = desk.New(opt); err != nil {
		w.t.Fatal(err)
	}
	w.carrier.report(w.service)
	w.planner, err = invite.New(invite.Options{
		Store: w.store, Rules: w.opt.Rules, Form: sample[followup.Form](w.t, "forms/discharge-short.yaml"), Templates: w.opt.Templates,
		Hotline: w.opt.Hotline, PublicURL: "https://pj.example.cn", Place: w.opt.Place, Now: w.now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.service.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	w.end = func() { cancel(); running.Wait() }
}

// stop ends the service and waits for it.
func (w *world) stop() {
	if w.end != nil {
		w.end()
		w.end = nil
	}
}

// step is how far pass moves the clock at a time.
const step = 3 * time.Hour

// pass lets time pass, and everything that is due happen. Long times pass by
// the demo clock, which is moved.
func (w *world) pass(d time.Duration) {
	for ; d > time.Hour; d -= min(d, step) {
		w.offset.Add(int64(min(d, step)))
		w.service.Wake()
		time.Sleep(3 * time.Second)
		synctest.Wait()
	}
	time.Sleep(d)
	synctest.Wait()
}

// discharge sends a patient home now and plans the survey.
func (w *world) discharge(patient, phone string) followup.VisitID {
	w.t.Helper()
	v := storetest.Apply(w.t, w.store, storetest.Discharge(followup.PatientNumber(patient), w.now()), storetest.Ward(phone)).Visit
	if _, err := w.planner.Plan(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	return v.ID
}

// types types a text on a phone and waits for what follows.
func (w *world) types(phone, text string) {
	w.t.Helper()
	w.carrier.n++
	err := w.service.RecordInbound(context.Background(), texting.Inbound{
		Carrier: "phones", ProviderID: fmt.Sprint("in-", w.carrier.n), From: texting.NumberOf(phone), To: texting.NumberOf("+8610690000"),
		Body: surveys.Secret(text), ReceivedAt: w.now(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.pass(5 * time.Second)
}

// events are what left the store, by kind.
func (w *world) events(kind surveys.EventKind) (out []surveys.Event) {
	w.t.Helper()
	list, err := w.store.EventsAfter(context.Background(), 0, 1_000_000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list {
		if e.Event.Kind == kind {
			out = append(out, e.Event)
		}
	}
	return out
}

// verify holds the store to its own recount.
func (w *world) verify() {
	w.t.Helper()
	report, err := w.store.Verify(context.Background())
	if err != nil || !report.OK() {
		w.t.Errorf("the store's recount: %+v %v", report, err)
	}
}

// phones is a carrier in memory, and the phones behind it.
type phones struct {
	now func() time.Time

	mu       sync.Mutex
	n        int
	receiver *desk.Service
	caps     texting.Capabilities
	got      map[string][]string // what each phone shows, in order
	took     map[surveys.FactID]int
	sends    []sending
	// fault decides what becomes of the n-th send; nil: all are taken. taken says
	// whether the phone gets it before the error is told.
	fault func(n int, m texting.Message) (taken bool, err error)
	// every has only every so many-th text reported.
	every int
	// early has the report come before the send returns.
	early  bool
	status texting.Status // reported of every text; empty: none
	code   string
}

type sending struct {
	at      time.Time
	purpose texting.Purpose
	valid   time.Duration
}

func newPhones() *phones {
	return &phones{
		caps: texting.Capabilities{Inbound: true, SignatureRequired: true}, got: map[string][]string{}, took: map[surveys.FactID]int{},
		status: texting.StatusDelivered,
	}
}

func (p *phones) Name() string                                      { return "phones" }
func (p *phones) Capabilities(texting.Country) texting.Capabilities { return p.caps }

func (p *phones) report(r *desk.Service) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.receiver = r
}

func (p *phones) setFault(f func(n int, m texting.Message) (bool, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// ClassOf knows one code.
func (p *phones) ClassOf(code string) texting.Class {
	if code == "21610" {
		return texting.ClassSuppress
	}
	return texting.ClassFinal
}

// Send takes 50 ms.
func (p *phones) Send(ctx context.Context, m texting.Message) (texting.Sent, error) {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
		return texting.Sent{}, ctx.Err()
	}
	p.mu.Lock()
	n := len(p.sends)
	p.sends = append(p.sends, sending{p.now(), m.Purpose, m.ValidFor})
	taken, err := true, error(nil)
	if p.fault != nil {
		taken, err = p.fault(n, m)
	}
	r, status, code := p.receiver, p.status, p.code
	id := fmt.Sprint("P-", n)
	if taken {
		p.got[m.To.E164()] = append(p.got[m.To.E164()], string(m.Body))
		p.took[m.ID]++
	}
	p.mu.Unlock()
	if taken && err == nil && status != "" && n%max(p.every, 1) == 0 {
		tell := func() {
			_ = r.RecordStatus(context.Background(), texting.StatusReport{Carrier: "phones", ProviderID: id, Message: m.ID, Status: status, Code: code, At: p.now()})
		}
		if p.early {
			tell()
		} else {
			go tell()
		}
	}
	if err != nil {
		return texting.Sent{}, err
	}
	return texting.Sent{ProviderID: id, Status: texting.StatusQueued}, nil
}

// shows gives what a phone shows.
func (p *phones) shows(phone string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got[phone])
}

// sent gives every send so far.
func (p *phones) sent() []sending {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sends)
}

// reached is how many phones show something.
func (p *phones) reached() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.got)
}

// last is the last text a phone shows.
func (p *phones) last(phone string) string {
	list := p.shows(phone)
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// finding is a carrier that can tell what it took.
type finding struct{ *phones }

// Find implements desk.Finder.
func (f finding) Find(_ context.Context, m texting.Message, _ time.Time) (texting.Sent, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return texting.Sent{ProviderID: "F-" + m.ID.String(), Status: texting.StatusSent}, f.took[m.ID] > 0, nil
}

func refusal(class texting.Class, after time.Duration) error {
	return &texting.SendError{Class: class, Code: "c-" + string(class), RetryAfter: after, Operator: surveys.Text{ZH: "请查看", EN: "look at it"}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantText(t *testing.T, got, part string) {
	t.Helper()
	if !strings.Contains(got, part) {
		t.Errorf("the phone shows %q, want %q in it", got, part)
	}
}

// bubble runs a test on a clock of its own.
func bubble(t *testing.T, fn func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, fn)
}
