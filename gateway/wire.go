package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	kioskui "qingfeng/kiosk-ui"

	"qingfeng/analytics/redisstream"
	"qingfeng/gateway/internal/auth"
	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/hl7"
	"qingfeng/gateway/internal/httpapi"
	"qingfeng/gateway/internal/intake"
	"qingfeng/gateway/internal/invite"
	"qingfeng/gateway/internal/live"
	"qingfeng/gateway/internal/outbox"
	texts "qingfeng/gateway/internal/texting"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// system is everything that runs, in the order it was opened.
type system struct {
	cfg     *config.Config
	log     *slog.Logger
	url     string
	metrics *prometheus.Registry
	store   *sqlstore.Store
	auth    *auth.Service
	relay   *outbox.Supervisor
	scores  *redisstream.Scores
	tablets *live.Tablets
	boards  *live.Boards
	seats   *live.Seats // of tablets and boards together
	clock   demoClock   // of the follow-up
	fleet   *fleet
	texts   *texts.Service
	planner *invite.Planner
	intake  *intake.Intake
	hl7     *hl7.Server // nil: no HL7 messages are taken
	handler http.Handler

	paused     atomic.Bool // invitations, from the desk
	hl7Down    atomic.Bool
	hl7Last    moment // when a message last came
	hl7Address string // where hl7 listens

	// oneTimePassword is the first administrator's, at the first start only.
	oneTimePassword string
	// trial says what of this set-up is for trial alone; "" for none of it.
	trial string

	closers []closer // in the order of opening; closed in reverse
}

type closer struct {
	what  string
	close func(ctx context.Context) error
}

func (s *system) onClose(what string, fn func(ctx context.Context) error) {
	s.closers = append(s.closers, closer{what, fn})
}

// close ends everything in the reverse order of its opening: screens first, so
// that the last acknowledgements leave, the store last.
func (s *system) close(ctx context.Context) error {
	var failed error
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i].close(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("close %s: %w", s.closers[i].what, err))
		}
	}
	s.closers = nil
	return failed
}

// open opens everything for the settings; url is where people reach it. On an
// error what was opened is closed again.
func open(ctx context.Context, cfg *config.Config, url string, log *slog.Logger) (*system, error) {
	s := &system{cfg: cfg, log: log, url: url, metrics: prometheus.NewRegistry(), seats: live.NewSeats(live.Limits{Sockets: cfg.Limits.Sockets})}
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	redisstream.LogTo(log)
	for _, step := range []struct {
		what string
		open func(ctx context.Context) error
	}{
		{"store", s.openStore},
		{"scores", s.openScores},
		{"accounts", s.openAccounts},
		{"tablets", s.openTablets},
		{"boards", s.openBoards},
		{"follow-up", s.openFollowup},
		{"intake", s.openIntake},
		{"http", s.openHTTP},
	} {
		if err := step.open(ctx); err != nil {
			stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
			defer cancel()
			return nil, errors.Join(fmt.Errorf("start %s: %w", step.what, err), s.close(stopping))
		}
	}
	return s, nil
}

func (s *system) openStore(ctx context.Context) error {
	store, err := openStore(ctx, s.cfg)
	if err != nil {
		return err
	}
	s.store = store
	s.onClose("store", func(context.Context) error { return store.Close() })
	for _, q := range s.cfg.QuestionnaireOf() {
		if err := store.PublishQuestionnaire(ctx, q); err != nil {
			return fmt.Errorf("publish questionnaire %s revision %d: %w", q.ID, q.Revision, err)
		}
	}
	for _, f := range s.cfg.Forms() {
		if err := store.PublishForm(ctx, f); err != nil {
			return fmt.Errorf("publish form %s revision %d: %w", f.ID, f.Revision, err)
		}
	}
	if today := surveys.DayOf(time.Now(), s.cfg.Location()); !s.cfg.Workdays().Covers(today) {
		s.log.Warn("the calendar has no holidays for this year; only weekends are free until calendar.yaml is extended", "year", int(today)/10000)
	}
	return nil
}

// openScores starts what stands right of the store: Redis, relay, worker and
// the boards' copy. None of it is needed to take ratings, so a Redis that is
// away is no error here.
func (s *system) openScores(ctx context.Context) error {
	client, err := s.openRedis(ctx)
	if err != nil {
		return err
	}
	s.relay, err = outbox.New(outbox.Options{
		Source: s.store, Client: client, Node: s.cfg.Node, Zone: s.cfg.Location(), Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.scores = redisstream.NewScores(client, redisstream.ScoresOptions{
		Organisation: s.cfg.Organisation(), Zone: s.cfg.Location(), Logger: s.log,
		Lagging: func() bool { return s.relay.Status().Behind },
	})
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{}, 2)
	for _, run := range []func(context.Context) error{s.relay.Run, s.scores.Run} {
		go func() {
			if err := run(running); err != nil && !errors.Is(err, context.Canceled) {
				s.log.Error("scores stopped; restart the gateway", "error", err)
			}
			ended <- struct{}{}
		}()
	}
	s.onClose("scores", func(ctx context.Context) error {
		stop()
		for range 2 {
			select {
			case <-ended:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return nil
}

func (s *system) openRedis(ctx context.Context) (redis.UniversalClient, error) {
	target := s.cfg.RedisTarget()
	if target.Embedded() {
		embedded, err := redisstream.StartEmbedded(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		s.onClose("embedded redis", func(context.Context) error { embedded.Close(); return nil })
		s.trial = "试用：内置 Redis；真实使用请接 Redis 并启用 HTTPS（见 docs/operations.md） · on trial: in-process Redis"
		client, err := redisstream.Open(embedded.URL)
		if err != nil {
			return nil, err
		}
		s.onClose("redis client", func(context.Context) error { return client.Close() })
		return client, nil
	}
	client := redisClient(target)
	s.onClose("redis client", func(context.Context) error { return client.Close() })
	return client, nil
}

// redisClient gives the client of a Redis outside the process.
func redisClient(target config.RedisTarget) redis.UniversalClient {
	switch {
	case target.Sentinel != nil:
		return redisstream.NewSentinelClient(target.Sentinel)
	case target.Cluster != nil:
		return redisstream.NewClusterClient(target.Cluster)
	}
	return redisstream.NewClient(target.Single)
}

func (s *system) openAccounts(ctx context.Context) error {
	service, err := newAuth(ctx, s.cfg, s.store, func(id sqlstore.AccountID) {
		if s.boards != nil {
			s.boards.Drop(httpapi.ViewerID(id))
		}
	})
	if err != nil {
		return err
	}
	s.auth = service
	password, created, err := service.FirstAdministrator(ctx)
	if err != nil {
		return err
	}
	if created {
		s.oneTimePassword = password
	}
	return nil
}

// origins are those of the gateway's own pages: the address people open, those
// the settings allow beside it, and on this machine the one it listens on.
func (s *system) origins() []string {
	all := append([]string{s.url}, s.cfg.AllowedOrigins...)
	if host, _, err := net.SplitHostPort(s.cfg.Listen.Address); err == nil {
		if addr, err := netip.ParseAddr(host); host == "localhost" || err == nil && addr.IsLoopback() {
			scheme := "http://"
			if s.cfg.Listen.TLS.Enabled() {
				scheme = "https://"
			}
			all = append(all, scheme+s.cfg.Listen.Address)
		}
	}
	return all
}

// door is what tablets and boards have in common.
func (s *system) door() live.DoorOptions {
	return live.DoorOptions{
		NotFound: sqlstore.ErrNotFound, Origins: live.SameOrigin(s.origins()...),
		ClientAddress: func(r *http.Request) string { return httpapi.ClientAddress(r, s.cfg.Proxies()).String() },
		Limits:        live.Limits{Sockets: s.cfg.Limits.Sockets, FactsPerSecond: float64(s.cfg.Limits.FactsPerSecond), FactBurst: float64(s.cfg.Limits.FactBurst)},
		Organisation:  s.cfg.Organisation(), NineRules: s.cfg.NineRuleTexts(),
		Seats: s.seats,
		Settings: live.Settings{
			IdleResetSeconds: s.cfg.Tablet.IdleResetSeconds, ThanksSeconds: s.cfg.Tablet.ThanksSeconds,
			PromptSeconds: s.cfg.Tablet.PromptSeconds, Languages: []string{"zh", "en"},
		},
		Zone: s.cfg.Location(), Now: time.Now, Logger: s.log,
	}
}

// countedStore counts the outcome of every fact on its way.
type countedStore struct {
	*sqlstore.Store
	submit func(surveys.Fact, func(surveys.Outcome, error))
}

// Submit hands the fact on.
func (c countedStore) Submit(f surveys.Fact, done func(surveys.Outcome, error)) { c.submit(f, done) }

func (s *system) openTablets(context.Context) error {
	counter, err := httpapi.NewFactCounter(s.metrics)
	if err != nil {
		return err
	}
	tablets, err := live.NewTablets(live.TabletOptions{
		DoorOptions: s.door(), Store: countedStore{s.store, counter.Submit(s.store.Submit)}, Busy: sqlstore.ErrBusy,
		SetAside: func(ctx context.Context, a live.SetAside) error { return s.store.SetAside(ctx, sqlstore.SetAside(a)) },
		KnownVersion: func(ctx context.Context, v surveys.VersionID) (bool, error) {
			_, err := s.store.FindQuestionnaire(ctx, v)
			if errors.Is(err, sqlstore.ErrNotFound) {
				return false, nil
			}
			return err == nil, err
		},
		Questionnaires: s.cfg.QuestionnaireOf(), Rules: s.cfg.GamingRules(),
	})
	if err != nil {
		return err
	}
	s.tablets = tablets
	s.onClose("tablets", tablets.Close)
	return nil
}

func (s *system) openBoards(context.Context) error {
	boards, err := live.NewBoards(live.BoardOptions{
		DoorOptions: s.door(), Store: s.store, Scores: s.scores, Tickets: httpapi.BoardTickets{Auth: s.auth},
		Callbacks: s.todaysCallbacks, Devices: s.boardDevices,
		Coalesce: s.cfg.Board.Coalesce(), MinAnswers: s.cfg.Board.MinAnswers, BatchStep: s.cfg.Board.BatchStep,
	})
	if err != nil {
		return err
	}
	s.boards = boards
	s.onClose("boards", boards.Close)
	watching, stop := context.WithCancel(context.Background())
	changed := make(chan struct{}, 1)
	s.tablets.Notify(changed)
	boards.Notify(changed)
	s.scores.Notify(changed)
	go func() {
		for {
			select {
			case <-watching.Done():
				return
			case <-changed:
				boards.Touch()
			}
		}
	}()
	s.onClose("board watch", func(context.Context) error { stop(); return nil })
	return nil
}

// todaysCallbacks lists today's low ratings for the boards, and those of
// earlier days that are still open as counts.
func (s *system) todaysCallbacks(ctx context.Context) (live.Callbacks, error) {
	today := surveys.DayOf(time.Now(), s.cfg.Location())
	list, err := s.store.Callbacks(ctx, sqlstore.CallbackFilter{Day: today})
	if err != nil {
		return live.Callbacks{}, fmt.Errorf("list call-backs: %w", err)
	}
	var out live.Callbacks
	if out.Open, out.Overdue, out.DoneToday, err = s.store.CallbackCounts(ctx, today); err != nil {
		return live.Callbacks{}, fmt.Errorf("count call-backs: %w", err)
	}
	for i := range list {
		c := &list[i]
		out.List = append(out.List, live.Callback{
			ID: fmt.Sprint(c.ID), At: c.At, Department: c.Department, Place: c.Place, Mode: c.Mode, Grade: c.Grade,
			Tags: offered(c.Tags), Phone: c.HasPhone, State: string(c.State),
		})
	}
	return out, nil
}

// offered leaves out the tags no questionnaire offers, which have no words but
// their own: a wall shows nothing that a device made up.
func offered(tags []surveys.Option) []surveys.Option {
	return slices.DeleteFunc(slices.Clone(tags), func(o surveys.Option) bool { return o.Text.ZH == o.ID })
}

func (s *system) boardDevices(ctx context.Context) ([]live.BoardDevice, error) {
	devices, err := s.provenStore().Devices(ctx)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	online := s.tablets.Online()
	for id, state := range s.boards.Online() {
		online[id] = state
	}
	return live.BoardDevices(devices, online, time.Now(), s.cfg.Location()), nil
}

func (s *system) provenStore() provenStore {
	return provenStore{s.store, s.scores, s.cfg.Location(), time.Now}
}

func (s *system) openHTTP(context.Context) error {
	handler, err := httpapi.New(httpapi.Options{
		Store: s.provenStore(), Auth: s.auth, Organisation: s.cfg.Organisation(), Questionnaires: s.cfg.QuestionnaireOf(), Calendar: s.cfg.Workdays(),
		Tablets: s.tablets, Boards: s.boards, Projection: s.projection, Screens: kioskui.Screens(),
		Registry: s.metrics, Zone: s.cfg.Location(), Now: time.Now, Logger: s.log,
		PublicURL: s.url, Origins: s.origins(), TrustedProxies: s.cfg.Proxies(), MetricsToken: s.cfg.MetricsBearer(),
		PromptLife: s.cfg.Tablet.PromptLife(), CodeLife: s.cfg.Enrolment.CodeLife(), WaitingLimit: s.cfg.Enrolment.WaitingLimit,
		WrongCodes: s.cfg.Enrolment.WrongCodes, WrongCodePause: s.cfg.Enrolment.WrongCodePause(),
		RequestsPerSecond: s.cfg.Limits.RequestsPerSecond, RequestBurst: s.cfg.Limits.RequestBurst,
		WindowRequestsPerSecond: s.cfg.Limits.WindowRequestsPerSecond,
		Hotline:                 s.cfg.HotlineNumber(), ClueHotline: s.cfg.ClueHotlineNumber(), SurveyNow: s.clock.now,
		Followup: s.followupDesk(), Intake: s.intakeDesk(), Mounted: s.fleet.mounted, Phones: s.fleet.simulated != nil,
	})
	if err != nil {
		return err
	}
	s.handler = handler
	return nil
}

func (s *system) projection() httpapi.Projection {
	status, position := s.relay.Status(), s.scores.Position()
	return httpapi.Projection{AsOf: position.AsOf, Behind: position.Behind, Lag: status.Lag, Rebuilds: status.Rebuilds}
}
