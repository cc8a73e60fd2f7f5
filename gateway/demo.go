package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

type demoCommand struct {
	Tablets int           `help:"How many window tablets." default:"10"`
	Pause   time.Duration `help:"Mean time between two patients at one window." default:"10s"`
	Seed    uint64        `help:"Seed of the patients; 0 draws one." default:"0"`
}

// Run starts a gateway on a store of its own that is thrown away at the end,
// enrols tablets through the real interfaces and lets simulated patients use
// them.
func (c demoCommand) Run(ctx context.Context, line *commands, w world) error {
	calmCollector(w)
	directory, err := os.MkdirTemp("", "qingfeng-demo-")
	if err != nil {
		return fmt.Errorf("make demo directory: %w", err)
	}
	defer os.RemoveAll(directory)
	outer := w.getenv
	w.getenv = func(name string) string {
		switch name {
		case "QINGFENG_DATA_DIR":
			return directory
		case "QINGFENG_STORE":
			return ""
		}
		return outer(name)
	}
	cfg, err := loadConfig(line, w)
	if err != nil {
		return err
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	var demo sync.WaitGroup
	err = serve(running, cfg, w, func(url string, s *system) error {
		desk := newDeskClient(url)
		demo.Go(func() {
			if err := c.play(running, desk, s, w); err != nil && !errors.Is(err, context.Canceled) {
				fmt.Fprintln(w.stderr, "gateway: demo:", err)
				stop()
			}
		})
		return nil
	})
	stop()
	demo.Wait()
	return err
}

// play signs in, announces the demo, enrols the tablets and keeps patients
// coming until ctx ends.
func (c demoCommand) play(ctx context.Context, desk *deskClient, s *system, w world) error {
	password, err := desk.signInFirst(ctx, s.oneTimePassword)
	if err != nil {
		return err
	}
	cfg := s.cfg
	if err := announce(w, cfg, desk.url, s.hl7Address, password, "演示数据，退出即弃 · demo data, thrown away at the end"); err != nil {
		return err
	}
	token, err := desk.createToken(ctx, "demo")
	if err != nil {
		return err
	}
	windows := windowsOf(cfg.Organisation(), c.Tablets)
	fmt.Fprintf(w.stdout, "  %d tablets · seed %d\n", len(windows), c.Seed)
	var running sync.WaitGroup
	defer running.Wait()
	for i, window := range windows {
		identity, err := desk.enrolTablet(ctx, window)
		if err != nil {
			return err
		}
		random := rand.New(rand.NewPCG(c.Seed, uint64(i)))
		counter := &demoWindow{
			place: window, desk: desk, token: token, random: random, pause: c.Pause,
			staff: staffOf(cfg.Organisation(), window.Department), manner: mannerOf(random),
			questionnaire: cfg.QuestionnaireOf()[surveys.DeviceWindowTablet], prompts: make(chan *tabletclient.Prompt, 1),
		}
		running.Go(func() { counter.run(ctx, tabletclient.Server{URL: desk.url}, identity) })
	}
	return nil
}

func windowsOf(org *surveys.Organisation, most int) []surveys.Place {
	var windows []surveys.Place
	for _, p := range org.Places {
		if p.Kind == surveys.PlaceWindow && len(windows) < most {
			windows = append(windows, p)
		}
	}
	return windows
}

func staffOf(org *surveys.Organisation, department surveys.DepartmentID) []surveys.StaffID {
	var ids []surveys.StaffID
	for _, s := range org.Staff {
		if s.Department == department {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// demoWindow is one counter with its tablet, its clerk and its patients.
type demoWindow struct {
	place         surveys.Place
	desk          *deskClient
	token         string
	random        *rand.Rand
	pause         time.Duration
	staff         []surveys.StaffID
	manner        manner
	questionnaire *surveys.Questionnaire
	prompts       chan *tabletclient.Prompt
	served        int
}

func (d *demoWindow) run(ctx context.Context, server tabletclient.Server, identity tabletclient.Identity) {
	tested := make(chan struct{}, 1)
	tablet := tabletclient.New(tabletclient.Options{
		Server: server, Identity: identity,
		OnPrompt: func(p *tabletclient.Prompt) {
			select {
			case d.prompts <- p:
			default: // the patient before is still there
			}
		},
		OnSelfTestDue: func() {
			select {
			case tested <- struct{}{}:
			default:
			}
		},
	})
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { _ = tablet.Run(ctx) })
	running.Go(func() { d.serve(ctx) })
	for {
		select {
		case <-ctx.Done():
			return
		case <-tested:
			_, _ = tablet.SelfTest(ctx, true)
		case p := <-d.prompts:
			d.answer(ctx, tablet, p)
		}
	}
}

// serve finishes a transaction now and then, as the window's system would
// report it.
func (d *demoWindow) serve(ctx context.Context) {
	for rest(ctx, time.Duration(d.random.ExpFloat64()*float64(d.pause))+500*time.Millisecond) {
		d.served++
		body := map[string]string{"transaction": fmt.Sprintf("demo-%s-%d", d.place.ID, d.served), "kind": string(d.place.WindowKind)}
		if len(d.staff) > 0 {
			body["staff"] = string(d.staff[d.served/20%len(d.staff)])
		}
		_ = d.desk.reportTransaction(ctx, d.token, d.place.ID, body) // the next one will do
	}
}

// answer lets a patient look at the faces and, mostly, touch one.
func (d *demoWindow) answer(ctx context.Context, tablet *tabletclient.Tablet, p *tabletclient.Prompt) {
	random := rand.New(rand.NewPCG(uint64(p.ExpiresAt.UnixNano()), uint64(len(d.place.ID))))
	if _, err := tablet.Shown(ctx, p.ID); err != nil || random.Float64() > d.manner.answers {
		return
	}
	dwell := 1500*time.Millisecond + time.Duration(random.ExpFloat64()*float64(1500*time.Millisecond))
	if !rest(ctx, dwell) {
		return
	}
	grade := d.manner.grade(random)
	ack, err := tablet.Rate(ctx, tabletclient.Rating{Grade: grade, Prompt: p.ID, Dwell: dwell})
	if err != nil || ack.Outcome != surveys.OutcomeStored {
		return
	}
	if detail, ok := d.why(random, grade); ok && rest(ctx, 2*time.Second) {
		detail.Rating = ack.ID
		_, _ = tablet.AddDetail(ctx, detail)
	}
}

// why is what a patient adds after the tap: most who are unhappy touch a
// reason, some ask to be called.
func (d *demoWindow) why(random *rand.Rand, grade surveys.Grade) (tabletclient.Detail, bool) {
	if random.Float64() > 0.7 {
		return tabletclient.Detail{}, false
	}
	for _, item := range d.questionnaire.Items {
		if item.Kind != surveys.ItemTags || item.When == nil || !item.When.Holds(grade) {
			continue
		}
		detail := tabletclient.Detail{Tags: []string{item.Options[random.IntN(len(item.Options))].ID}}
		if grade.Low() && random.Float64() < 0.4 {
			detail.Comment = "等的时间太长，窗口没有人解释。"
			detail.Phone = fmt.Sprintf("1390000%04d", random.IntN(10_000))
		}
		return detail, true
	}
	return tabletclient.Detail{}, false
}

// manner is how patients of one window rate.
type manner struct {
	answers float64    // share of prompts that are answered
	grades  [5]float64 // cumulative, worst to best
}

// mannerOf draws a window's manner: most windows are good, a few are not.
func mannerOf(random *rand.Rand) manner {
	bad := 0.02 + 0.06*random.ExpFloat64()
	bad = min(bad, 0.35)
	shares := [5]float64{bad * 0.4, bad * 0.6, 0.07, 0.28, 0}
	m := manner{answers: 0.45 + 0.35*random.Float64()}
	sum := 0.0
	for i, share := range shares {
		sum += share
		m.grades[i] = sum
	}
	m.grades[4] = 1
	return m
}

func (m manner) grade(random *rand.Rand) surveys.Grade {
	x := random.Float64()
	for i, upTo := range m.grades {
		if x < upTo {
			return surveys.Grade(i + 1)
		}
	}
	return surveys.VerySatisfied
}

// rest waits, and reports false when ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// lastingPassword is drawn anew for each demo.
func lastingPassword() string {
	words := strings.Fields("breeze bamboo lotus river bridge morning pine lantern")
	rand.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	return fmt.Sprintf("%s-%d", strings.Join(words[:4], "-"), 1000+rand.IntN(9000))
}
