package live

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"qingfeng/surveys"
)

// DeviceStore is what every socket of an enrolled device needs of the store.
type DeviceStore interface {
	FindDevice(ctx context.Context, id surveys.DeviceID) (surveys.Device, error)
	MarkSharedKey(ctx context.Context, id surveys.DeviceID, at time.Time) error
	TouchDevices(ctx context.Context, seen map[surveys.DeviceID]time.Time) error
	// Devices gives every device, those that were revoked too.
	Devices(ctx context.Context) ([]surveys.Device, error)
}

// Store is what tablets need of the store.
type Store interface {
	DeviceStore
	// Submit hands a fact over without blocking; done runs once, after the
	// commit, and may run before Submit returns.
	Submit(f surveys.Fact, done func(surveys.Outcome, error))
	// FindOpenPrompt gives the newest prompt of a window that is neither
	// expired nor rated.
	FindOpenPrompt(ctx context.Context, window surveys.PlaceID, now time.Time) (surveys.Prompt, error)
}

// SetAside is a frame that names its fact but can never be accepted. Its fields
// are those of the store's own record, so that one converts into the other.
type SetAside struct {
	ID     surveys.FactID
	Device surveys.DeviceID
	Kind   string // the frame's type
	Reason string // why, in words that carry nothing personal
	Body   []byte // the frame as it came
	At     time.Time
}

// Settings are sent to every tablet in its welcome.
type Settings struct {
	IdleResetSeconds int      `json:"idle_reset_seconds"`
	ThanksSeconds    int      `json:"thanks_seconds"`
	PromptSeconds    int      `json:"prompt_seconds"`
	Languages        []string `json:"languages"`
}

// Limits bound what screens may ask of the server. A zero field takes its
// default.
type Limits struct {
	// Sockets is how many screens may be connected at once (10,000); beyond it
	// the upgrade is answered 503.
	Sockets int
	// Strangers is how many sockets, beside those, may not yet have said who
	// they are (a tenth of Sockets, at least 64); beyond it the address that
	// has most of them makes room, or the upgrade is answered 503.
	Strangers int
	// PendingPerAddress is how many strangers one address may have (256, at
	// most half of Strangers); beyond it the upgrade is answered 429. IPv6
	// addresses count by their /64 here and below.
	PendingPerAddress int
	// ArrivalsPerSecond (400) and ArrivalBurst (4,000) bound the sockets that
	// one address opens, each of which may cost the check of a signature: a
	// whole hospital may come back at once from one proxy. Beyond them the
	// upgrade is answered 429.
	ArrivalsPerSecond float64
	ArrivalBurst      float64
	// FactsPerSecond (200) and FactBurst (400) bound the facts of one device;
	// beyond them it is told to retry.
	FactsPerSecond float64
	FactBurst      float64
	// SetAsidesPerSecond (1) and SetAsideBurst (30) bound, among those, what a
	// device may send that is no fact and is kept for a person.
	SetAsidesPerSecond float64
	SetAsideBurst      float64
}

func (l Limits) orDefaults() Limits {
	if l.Sockets == 0 {
		l.Sockets = 10_000
	}
	if l.Strangers == 0 {
		l.Strangers = max(minStrangers, l.Sockets/10)
	}
	if l.PendingPerAddress == 0 {
		l.PendingPerAddress = min(256, l.Strangers/2)
	}
	if l.ArrivalsPerSecond == 0 {
		l.ArrivalsPerSecond = 400
	}
	if l.ArrivalBurst == 0 {
		l.ArrivalBurst = 4000
	}
	if l.FactsPerSecond == 0 {
		l.FactsPerSecond = 200
	}
	if l.FactBurst == 0 {
		l.FactBurst = 400
	}
	if l.SetAsidesPerSecond == 0 {
		l.SetAsidesPerSecond = 1
	}
	if l.SetAsideBurst == 0 {
		l.SetAsideBurst = 30
	}
	return l
}

// timing holds the protocol's times; tests shorten them.
type timing struct {
	hello        time.Duration // a session that has not said hello is closed
	ping         time.Duration // between two pings of one socket
	silence      time.Duration // a silent socket is dropped
	probe        time.Duration // an old session has this long to answer
	write        time.Duration // one write to a socket
	closing      time.Duration // from deciding to close until the socket is gone
	touch        time.Duration // between two TouchDevices
	selfTestOver time.Duration // self-tests of a new day are spread over this
	setAside     time.Duration // bound on keeping a malformed frame
	remember     time.Duration // a device away this long is forgotten in memory
}

func defaultTiming() timing {
	return timing{
		hello:        10 * time.Second,
		ping:         25 * time.Second,
		silence:      60 * time.Second,
		probe:        2 * time.Second,
		write:        10 * time.Second,
		closing:      1500 * time.Millisecond,
		touch:        time.Minute,
		selfTestOver: 5 * time.Minute,
		setAside:     5 * time.Second,
		remember:     24 * time.Hour,
	}
}

// DoorOptions are what tablets and boards have in common.
type DoorOptions struct {
	// NotFound is the error with which the store says it has no such row.
	NotFound error
	// Origins reports whether a page of this origin may open a socket. A
	// request without an origin is refused before it is asked.
	Origins func(r *http.Request, origin string) bool
	// ClientAddress gives the address that limits count by; nil: the
	// connection's own.
	ClientAddress func(r *http.Request) string
	Limits        Limits
	// Seats are shared by the services whose sockets count together; nil: the
	// service has its own, within Limits.
	Seats        *Seats
	Organisation *surveys.Organisation
	NineRules    []surveys.Text
	Settings     Settings
	Zone         *time.Location
	Now          func() time.Time
	Logger       *slog.Logger

	timing *timing // nil: the protocol's own
}

func (o DoorOptions) orDefaults() DoorOptions {
	o.Limits = o.Limits.orDefaults()
	if o.Seats == nil {
		o.Seats = NewSeats(o.Limits)
	}
	if o.ClientAddress == nil {
		o.ClientAddress = func(r *http.Request) string {
			host, _, err := net.SplitHostPort(r.RemoteAddr)
			if err != nil {
				return r.RemoteAddr
			}
			return host
		}
	}
	if o.timing == nil {
		t := defaultTiming()
		o.timing = &t
	}
	return o
}

// Origins gives the origins as browsers write them, without the scheme's own
// port, and for those on loopback its other names.
func Origins(listed ...string) []string {
	var all []string
	for _, origin := range listed {
		for scheme, port := range map[string]string{"http://": ":80", "https://": ":443"} {
			if strings.HasPrefix(origin, scheme) {
				origin = strings.TrimSuffix(origin, port)
			}
		}
		all = append(all, origin)
		u, err := url.Parse(origin)
		if err != nil || !isLoopback(u.Hostname()) {
			continue
		}
		port := strings.TrimPrefix(u.Host, strings.TrimSuffix(u.Host, ":"+u.Port()))
		for _, name := range []string{"localhost", "127.0.0.1", "[::1]"} {
			all = append(all, u.Scheme+"://"+name+port)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// SameOrigin allows the origins listed, for example
// "https://qingfeng.hospital.example", and loopback by each of its names. What
// the request calls its host counts only over TLS that ends here: there the
// browser has found it in the certificate. Over plain HTTP any name that
// somebody points at the gateway's address would do (DNS rebinding).
func SameOrigin(listed ...string) func(r *http.Request, origin string) bool {
	all := Origins(listed...)
	return func(r *http.Request, origin string) bool {
		if slices.Contains(all, origin) {
			return true
		}
		u, err := url.Parse(origin)
		return err == nil && r.TLS != nil && u.Scheme == "https" && u.Host != "" && strings.EqualFold(u.Host, r.Host)
	}
}
