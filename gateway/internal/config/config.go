package config

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
	"qingfeng/surveys/workdays"
)

// Config is every setting, with what the settings name already read and
// checked. Get one from Load. The exported fields are the keys of the settings
// file; configs/qingfeng.example.yaml says what each is for.
type Config struct {
	Listen         Listen             `yaml:"listen"`
	PublicURL      string             `yaml:"public_url"`      // "": made from Listen
	AllowedOrigins []string           `yaml:"allowed_origins"` // beside the own one
	TrustedProxies []string           `yaml:"trusted_proxies"` // addresses and networks
	DataDir        string             `yaml:"data_dir"`
	Store          string             `yaml:"store"` // "": see StorePath
	Redis          string             `yaml:"redis"` // "embedded" or a URL; see RedisTarget
	Node           string             `yaml:"node"`
	Zone           string             `yaml:"zone"`           // see Location
	Hospital       string             `yaml:"hospital"`       // "": the sample hospital
	Roles          string             `yaml:"roles"`          // "": the built-in roles
	Calendar       string             `yaml:"calendar"`       // "": the built-in calendar
	NineRules      string             `yaml:"nine_rules"`     // "": the built-in text
	Messages       string             `yaml:"messages"`       // "": the built-in texts
	Questionnaires QuestionnaireFiles `yaml:"questionnaires"` // "": the built-in ones
	Tablet         Tablet             `yaml:"tablet"`
	Gaming         Gaming             `yaml:"gaming"`
	Accounts       Accounts           `yaml:"accounts"`
	Enrolment      Enrolment          `yaml:"enrolment"`
	Board          Board              `yaml:"board"`
	Callbacks      Callbacks          `yaml:"callbacks"`
	Followup       Followup           `yaml:"followup"`
	Intake         Intake             `yaml:"intake"`
	Carriers       Carriers           `yaml:"carriers"`
	Limits         Limits             `yaml:"limits"`
	Log            Log                `yaml:"log"`
	Metrics        Metrics            `yaml:"metrics"`

	// loaded is what the settings name, read and checked.
	loaded loaded
}

// Listen says where the gateway answers. Plain HTTP is for loopback alone.
type Listen struct {
	Address string `yaml:"http"`
	TLS     TLS    `yaml:"tls"`
}

// TLS names the server's certificate and key, PEM files; both or neither.
type TLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// Enabled reports whether the gateway serves HTTPS itself.
func (t TLS) Enabled() bool { return t.Certificate != "" && t.Key != "" }

// QuestionnaireFiles names the questionnaire of each kind of tablet.
type QuestionnaireFiles struct {
	Window  string `yaml:"window"`
	Bedside string `yaml:"bedside"`
	Lobby   string `yaml:"lobby"`
}

// Tablet is how the tablet's screen behaves.
type Tablet struct {
	IdleResetSeconds int `yaml:"idle_reset_seconds"`
	ThanksSeconds    int `yaml:"thanks_seconds"`
	PromptSeconds    int `yaml:"prompt_seconds"`
}

// IdleReset is how long an untouched screen keeps an unfinished answer.
func (t Tablet) IdleReset() time.Duration { return seconds(t.IdleResetSeconds) }

// Thanks is how long the thank-you stands.
func (t Tablet) Thanks() time.Duration { return seconds(t.ThanksSeconds) }

// PromptLife is how long a prompt may be answered.
func (t Tablet) PromptLife() time.Duration { return seconds(t.PromptSeconds) }

// Gaming is surveys.GamingRules as the settings write it; see GamingRules.
type Gaming struct {
	MinDwellMS         int    `yaml:"min_dwell_ms"`
	BurstCount         int    `yaml:"burst_count"`
	BurstSeconds       int    `yaml:"burst_seconds"`
	OpenFrom           string `yaml:"open_from"` // "07:00"
	OpenTo             string `yaml:"open_to"`   // "21:00"
	ExpiryGraceSeconds int    `yaml:"expiry_grace_seconds"`
}

// Accounts is the policy for staff accounts.
type Accounts struct {
	Tries        int `yaml:"tries"`
	LockMinutes  int `yaml:"lock_minutes"`
	SessionHours int `yaml:"session_hours"`
	IdleMinutes  int `yaml:"idle_minutes"`
}

// Lock is how long an account stays locked after too many wrong passwords.
func (a Accounts) Lock() time.Duration { return minutes(a.LockMinutes) }

// SessionLife is the longest a session lasts, however busy it is.
func (a Accounts) SessionLife() time.Duration { return time.Duration(a.SessionHours) * time.Hour }

// SessionIdle is how long a session may rest before it ends.
func (a Accounts) SessionIdle() time.Duration { return minutes(a.IdleMinutes) }

// Enrolment bounds the pairing of new screens.
type Enrolment struct {
	CodeMinutes      int `yaml:"code_minutes"`
	WaitingLimit     int `yaml:"waiting_limit"`
	WrongCodes       int `yaml:"wrong_codes"`
	WrongCodeMinutes int `yaml:"wrong_code_minutes"`
}

// CodeLife is how long a pairing code lives.
func (e Enrolment) CodeLife() time.Duration { return minutes(e.CodeMinutes) }

// WrongCodePause is the window in which WrongCodes tries are counted, and how
// long an account that used them up has to wait.
func (e Enrolment) WrongCodePause() time.Duration { return minutes(e.WrongCodeMinutes) }

// Board is how the live boards are fed, and what they may show.
type Board struct {
	CoalesceMS int `yaml:"coalesce_ms"`
	MinAnswers int `yaml:"min_answers"`
	BatchStep  int `yaml:"batch_step"`
}

// Coalesce is the window in which changes become one delta.
func (b Board) Coalesce() time.Duration { return time.Duration(b.CoalesceMS) * time.Millisecond }

// Callbacks is the clock of call-backs, in working days.
type Callbacks struct {
	CloseWorkdays int `yaml:"close_workdays"`
}

// Limits bound what strangers can ask of the gateway.
type Limits struct {
	RequestsPerSecond int `yaml:"requests_per_second"` // per client address
	RequestBurst      int `yaml:"request_burst"`       // per client address
	// WindowRequestsPerSecond is per token of a window system, in place of the
	// limit of its address; it is never less than RequestsPerSecond.
	WindowRequestsPerSecond int `yaml:"window_requests_per_second"`
	Sockets                 int `yaml:"sockets"`          // all together
	FactsPerSecond          int `yaml:"facts_per_second"` // per device
	FactBurst               int `yaml:"fact_burst"`       // per device
}

// Log says how much is logged, and in which form.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text, json
}

// SlogLevel is Level as log/slog has it.
func (l Log) SlogLevel() slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(l.Level)) != nil {
		return slog.LevelInfo
	}
	return level
}

// Metrics says who may read /metrics.
type Metrics struct {
	Access string `yaml:"access"` // MetricsLoopback or MetricsToken
}

// Values of Metrics.Access.
const (
	MetricsLoopback = "loopback" // only from the machine itself
	MetricsToken    = "token"    // from anywhere with the bearer token
)

// loaded is what Load read beside the settings.
type loaded struct {
	zone           *time.Location
	proxies        []netip.Prefix
	peers          []netip.Prefix
	messages       *texting.Templates
	warnings       Problems
	form           *followup.Form
	forms          []*followup.Form
	organisation   *surveys.Organisation
	questionnaires map[surveys.DeviceKind]*surveys.Questionnaire
	roles          []Role
	nineRules      []surveys.Text
	calendar       *workdays.Calendar
	gaming         surveys.GamingRules
	redis          RedisTarget
	secrets        *secrets // a pointer, so that printing a Config prints no secret
}

// Default gives the settings as they are without a file. What they name is not
// read: use Load("", …) for that.
func Default() *Config {
	rules := surveys.DefaultGamingRules()
	return &Config{
		Listen:         Listen{Address: "127.0.0.1:8080"},
		AllowedOrigins: []string{},
		TrustedProxies: []string{},
		DataDir:        "./data",
		Redis:          RedisEmbedded,
		Node:           "n1",
		Zone:           "Asia/Shanghai",
		Tablet:         Tablet{IdleResetSeconds: 20, ThanksSeconds: 4, PromptSeconds: 60},
		Gaming: Gaming{
			MinDwellMS:         int(rules.MinDwell.Milliseconds()),
			BurstCount:         rules.BurstCount,
			BurstSeconds:       int(rules.BurstWindow / time.Second),
			OpenFrom:           clockText(rules.OpenFrom),
			OpenTo:             clockText(rules.OpenTo),
			ExpiryGraceSeconds: int(rules.ExpiryGrace / time.Second),
		},
		Accounts:  Accounts{Tries: 5, LockMinutes: 15, SessionHours: 12, IdleMinutes: 60},
		Enrolment: Enrolment{CodeMinutes: 10, WaitingLimit: 50, WrongCodes: 10, WrongCodeMinutes: 10},
		Board:     Board{CoalesceMS: 100, MinAnswers: 10, BatchStep: 10},
		Callbacks: Callbacks{CloseWorkdays: 15},
		Followup:  defaultFollowup(),
		Intake:    defaultIntake(),
		Carriers:  defaultCarriers(),
		Limits:    Limits{RequestsPerSecond: 50, RequestBurst: 200, WindowRequestsPerSecond: 200, Sockets: 10000, FactsPerSecond: 200, FactBurst: 400},
		Log:       Log{Level: "info", Format: "text"},
		Metrics:   Metrics{Access: MetricsLoopback},
	}
}

// StorePath is the file of the SQLite store.
func (c *Config) StorePath() string {
	if c.Store != "" {
		return c.Store
	}
	return filepath.Join(c.DataDir, "qingfeng.db")
}

// Location is the hospital's zone: the business day is taken from it.
func (c *Config) Location() *time.Location { return c.loaded.zone }

// Proxies are the networks whose X-Forwarded-* headers are believed.
func (c *Config) Proxies() []netip.Prefix { return c.loaded.proxies }

// MLLPPeers are the networks that may send messages about visits; nil means
// whoever reaches the address.
func (c *Config) MLLPPeers() []netip.Prefix { return c.loaded.peers }

// Organisation is the hospital: its units, places and people.
func (c *Config) Organisation() *surveys.Organisation { return c.loaded.organisation }

// QuestionnaireOf gives the questionnaire of each kind of tablet. Wall boards
// have none.
func (c *Config) QuestionnaireOf() map[surveys.DeviceKind]*surveys.Questionnaire {
	return c.loaded.questionnaires
}

// RoleList gives the roles in the file's order.
func (c *Config) RoleList() []Role { return c.loaded.roles }

// NineRuleTexts gives the nine rules of clean practice (九项准则).
func (c *Config) NineRuleTexts() []surveys.Text { return c.loaded.nineRules }

// Workdays is the calendar of working days.
func (c *Config) Workdays() *workdays.Calendar { return c.loaded.calendar }

// GamingRules are the bounds beyond which a rating is flagged.
func (c *Config) GamingRules() surveys.GamingRules { return c.loaded.gaming }

// RedisTarget is where the streams and scores live.
func (c *Config) RedisTarget() RedisTarget { return c.loaded.redis }

// MetricsBearer is the token /metrics asks for, from QINGFENG_METRICS_TOKEN;
// empty unless Metrics.Access is MetricsToken.
func (c *Config) MetricsBearer() string {
	if c.Metrics.Access != MetricsToken {
		return ""
	}
	return c.loaded.secrets.metricsToken
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }
