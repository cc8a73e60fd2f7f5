package httpapi

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qingfeng/gateway/internal/auth"
	"qingfeng/gateway/internal/live"
	"qingfeng/surveys"
	"qingfeng/surveys/registers"
	"qingfeng/surveys/sqlstore"
)

// Store is what the endpoints need of the store beside what auth needs.
type Store interface {
	PromptStore
	DeviceStore
	DeskStore
	SurveyStore
	Ping(ctx context.Context) error
	Stats() sqlstore.Stats
}

// PromptStore keeps transactions and the prompts that ask about them.
type PromptStore interface {
	CreatePrompt(ctx context.Context, p surveys.Prompt) (got surveys.Prompt, created bool, err error)
	FindOpenPrompt(ctx context.Context, window surveys.PlaceID, now time.Time) (surveys.Prompt, error)
	WindowDay(ctx context.Context, window surveys.PlaceID, day surveys.Day) (offered, answered int64, err error)
}

// DeviceStore keeps devices and those that wait to become one.
type DeviceStore interface {
	CreateEnrolment(ctx context.Context, e sqlstore.Enrolment) error
	FindEnrolment(ctx context.Context, id surveys.FactID) (sqlstore.Enrolment, error)
	ApproveEnrolment(ctx context.Context, codeHash [32]byte, now time.Time, d surveys.Device, by sqlstore.Actor) (surveys.Device, error)
	CountWaitingEnrolments(ctx context.Context, now time.Time) (int64, error)
	Devices(ctx context.Context) ([]surveys.Device, error)
	FindDevice(ctx context.Context, id surveys.DeviceID) (surveys.Device, error)
	UpdateDevice(ctx context.Context, d surveys.Device, by sqlstore.Actor) error
	RevokeDevice(ctx context.Context, id surveys.DeviceID, at time.Time, by sqlstore.Actor) error
	ClearSharedKey(ctx context.Context, id surveys.DeviceID, by sqlstore.Actor) error
}

// DeskStore keeps what the desk works on.
type DeskStore interface {
	Accounts(ctx context.Context) ([]sqlstore.Account, error)
	CreateToken(ctx context.Context, t sqlstore.Token, by sqlstore.Actor) (sqlstore.Token, error)
	FindToken(ctx context.Context, hash [32]byte) (sqlstore.Token, error)
	Tokens(ctx context.Context) ([]sqlstore.Token, error)
	TouchToken(ctx context.Context, id int64, at time.Time) error
	RevokeToken(ctx context.Context, id int64, by sqlstore.Actor) error
	AuditEntries(ctx context.Context, before int64, limit int) ([]sqlstore.AuditEntry, error)
	Callbacks(ctx context.Context, f sqlstore.CallbackFilter) ([]sqlstore.Callback, error)
	FindCallback(ctx context.Context, id registers.CallbackID) (sqlstore.Callback, error)
	RevealPhone(ctx context.Context, id registers.CallbackID, by sqlstore.Actor) (surveys.Secret, error)
	CloseCallback(ctx context.Context, id registers.CallbackID, outcome registers.CallbackOutcome, note surveys.Secret, done bool, by sqlstore.Actor) (sqlstore.Callback, error)
	Questionnaires(ctx context.Context) ([]sqlstore.PublishedQuestionnaire, error)
	SetAsides(ctx context.Context, open bool) ([]sqlstore.SetAsideEntry, error)
	OpenSetAside(ctx context.Context, number int64, by sqlstore.Actor) ([]byte, error)
	ResolveSetAside(ctx context.Context, id int64, note string, by sqlstore.Actor) error
}

// Tablets are the tablets' sockets.
type Tablets interface {
	http.Handler // GET /ws/device
	// Prompt shows a prompt on its window's tablets and says on how many.
	Prompt(p surveys.Prompt) int
	Connected(window surveys.PlaceID) int
	Revoke(id surveys.DeviceID)
	// Disconnect has a device that is online come back for a new welcome: its
	// place or name has changed.
	Disconnect(id surveys.DeviceID)
	Online() map[surveys.DeviceID]live.OnlineState
	Sockets() int
}

// Boards are the boards' sockets.
type Boards interface {
	http.Handler // GET /ws/board
	RevokeDevice(id surveys.DeviceID)
	// Disconnect has a wall board come back for a new welcome.
	Disconnect(id surveys.DeviceID)
	// Touch says that call-backs or devices have changed.
	Touch()
	Online() map[surveys.DeviceID]live.OnlineState
	Sockets() int
}

// Projection is where the scores stand behind the store.
type Projection struct {
	AsOf     time.Time // when the scores last held everything there was
	Behind   bool      // Redis is away or being filled again
	Lag      int64     // events of the outbox not yet counted
	Rebuilds int64     // how often the scores were made anew
}

// Options of New. Every field without "default" or "nil" must be set.
type Options struct {
	Store          Store
	Auth           *auth.Service
	Organisation   *surveys.Organisation
	Questionnaires map[surveys.DeviceKind]*surveys.Questionnaire
	Calendar       registers.Calendar
	Tablets        Tablets
	Boards         Boards
	Projection     func() Projection
	// Screens are the built user interface's files (kioskui.Screens()).
	Screens  fs.FS
	Registry *prometheus.Registry
	Zone     *time.Location
	Now      func() time.Time
	Logger   *slog.Logger

	PublicURL      string         // the address people use; "": none is configured
	Origins        []string       // of the gateway's pages; see live.SameOrigin. Nil: PublicURL alone
	TrustedProxies []netip.Prefix // whose X-Forwarded-* is believed
	MetricsToken   string         // "": /metrics answers loopback alone

	PromptLife     time.Duration // how long a prompt may be answered (60 s)
	CodeLife       time.Duration // how long an enrolment code lives (10 min)
	WaitingLimit   int           // enrolments that may wait at once (50)
	WrongCodes     int           // wrong codes of one account before it is stopped (10)
	WrongCodePause time.Duration // in which they are counted, and for how long it is stopped (10 min)
	// RequestsPerSecond (50) and RequestBurst (200) bound the API requests of
	// one address.
	RequestsPerSecond, RequestBurst int
	// WindowRequestsPerSecond (200; at least RequestsPerSecond) bounds what the
	// holder of one window token may report, wherever it asks from, and
	// windowBurst times as many at once.
	WindowRequestsPerSecond int
	RequestTimeout          time.Duration // how long an API request may take (15 s)

	// Hotline and ClueHotline are the phones a phone page names; "": none.
	Hotline, ClueHotline string
	// SurveyNow is the clock of surveys after discharge, which a demonstration
	// moves on; nil: Now.
	SurveyNow func() time.Time
	// ReceiptHasher hashes the receipt codes of clues; nil: auth.NewHasher.
	ReceiptHasher *auth.Hasher

	// Mounted are handlers of others by their pattern, such as /sms/generic/.
	Mounted map[string]http.Handler
	// Phones: there are simulated phones, and /phone shows them.
	Phones bool

	Followup *FollowupOptions // nil: no follow-up after discharge
	Intake   *IntakeOptions   // nil: no visits come in
}

const (
	// signInBurst sign-ins at once from one address, then one more every
	// signInInterval: an office behind one address signs in together in the
	// morning, a guesser gets 12 a minute.
	signInBurst    = 20
	signInInterval = 5 * time.Second
	// enrolmentBurst screens can ask at once from one address, then one more
	// every enrolmentInterval.
	enrolmentBurst    = 20
	enrolmentInterval = 10 * time.Second
	// windowBurst seconds' worth of transactions may come at once: a system that
	// was cut off for a moment reports what it held back.
	windowBurst = 2
)

func (o Options) withDefaults() Options {
	orDefault(&o.PromptLife, 60*time.Second)
	orDefault(&o.CodeLife, 10*time.Minute)
	orDefault(&o.WaitingLimit, 50)
	orDefault(&o.WrongCodes, 10)
	orDefault(&o.WrongCodePause, 10*time.Minute)
	orDefault(&o.RequestsPerSecond, 50)
	orDefault(&o.RequestBurst, 200)
	orDefault(&o.WindowRequestsPerSecond, 200)
	o.WindowRequestsPerSecond = max(o.WindowRequestsPerSecond, o.RequestsPerSecond)
	orDefault(&o.RequestTimeout, 15*time.Second)
	if o.SurveyNow == nil {
		o.SurveyNow = o.Now
	}
	if o.ReceiptHasher == nil {
		o.ReceiptHasher = auth.NewHasher()
	}
	return o
}

func orDefault[T int | time.Duration](v *T, fallback T) {
	if *v <= 0 {
		*v = fallback
	}
}
