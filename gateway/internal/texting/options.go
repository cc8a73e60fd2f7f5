package texting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

// Carrier takes texts to phones. Send fails with a *texting.SendError; any
// other error is taken for an ambiguous one.
type Carrier interface {
	Name() string
	Capabilities(c texting.Country) texting.Capabilities
	Send(ctx context.Context, m texting.Message) (texting.Sent, error)
}

// Finder is a carrier that can tell whether it took a text whose answer never
// came. found is false only for a text that it did not take.
type Finder interface {
	Find(ctx context.Context, m texting.Message, since time.Time) (s texting.Sent, found bool, err error)
}

// Classifier is a carrier that can tell what a code in its reports means. A
// report of ClassSuppress silences the number.
type Classifier interface {
	ClassOf(code string) texting.Class
}

// Outbox is the store's queue of texts on their way out.
type Outbox interface {
	RecoverTexts(ctx context.Context) (int64, error)
	TakeTexts(ctx context.Context, t sqlstore.Take) (sqlstore.Taken, error)
	RecordSent(ctx context.Context, t sqlstore.SentText) error
	RecordSendFailed(ctx context.Context, f sqlstore.SendFailure) (sqlstore.TextState, error)
	AmbiguousTexts(ctx context.Context, handedBefore time.Time, limit int) ([]sqlstore.AmbiguousText, error)
	ReleaseText(ctx context.Context, id surveys.FactID) error
	GiveUpText(ctx context.Context, id surveys.FactID, at time.Time) error
	RecordStatus(ctx context.Context, r texting.StatusReport) (sqlstore.StatusApplied, error)
	SuppressNumberOf(ctx context.Context, text surveys.FactID, carrier, code string, at time.Time) error
	TextsQueued() <-chan struct{}
	TextCounts(ctx context.Context, now time.Time) (sqlstore.TextCounts, error)
	Spent(ctx context.Context, day surveys.Day) ([]sqlstore.Spend, error)
}

// Talks is the store's side of what patients write, and of surveys that wait
// for them.
type Talks interface {
	RecordInbound(ctx context.Context, in texting.Inbound) (sqlstore.InboundID, bool, error)
	PendingInbounds(ctx context.Context, limit int) ([]sqlstore.InboundID, error)
	SetInboundAside(ctx context.Context, id sqlstore.InboundID) error
	Converse(ctx context.Context, id sqlstore.InboundID, fn func(*sqlstore.Exchange) (*sqlstore.Reply, error)) error
	FindForm(ctx context.Context, v surveys.VersionID) (*followup.Form, error)
	FindVisit(ctx context.Context, id followup.VisitID) (followup.Visit, error)
	FindInvitation(ctx context.Context, id followup.InvitationID) (sqlstore.Conversation, error)
	EndInvitations(ctx context.Context, now time.Time, limit int) (int, error)
	RemindersDue(ctx context.Context, sentFrom, sentBefore time.Time, limit int) ([]sqlstore.Reminder, error)
	QueueReminder(ctx context.Context, id followup.InvitationID, t sqlstore.NewText) (bool, error)
}

// Store is what a *sqlstore.Store does for this package.
type Store interface {
	Outbox
	Talks
}

var _ Store = (*sqlstore.Store)(nil)

// Options are a service's settings. Those above the first empty line are
// needed.
type Options struct {
	Store    Store
	Carriers []Carrier
	// Routes name the carrier of every country that may be texted. Texts to
	// other countries are not sent.
	Routes    []sqlstore.Route
	Rules     followup.Rules // the hours of surveys and the days of the reminder
	Templates *texting.Templates
	Hotline   string
	// ClueHotline is the phone that the receipt of a clue names; empty: Hotline.
	ClueHotline string
	// Place looks a ward up, whose name tells two stays apart. Nil knows none.
	Place func(surveys.PlaceID) (surveys.Place, bool)
	// Budget is what all texts of a business day may cost, answers to patients
	// included; 0: no bound.
	Budget surveys.Fen
	// Enabled says whether surveys are sent and reminded of; nil: always.
	// Answers to patients are sent all the same.
	Enabled func() bool
	// InFlight is how many texts a carrier is given at one time, TextsPerSecond
	// how many in a second; 0: 8 and 10.
	InFlight, TextsPerSecond int
	// ValidFor is how long a carrier may still deliver a text; 0: 10 h. A survey
	// is not delivered after the hours of surveys either.
	ValidFor time.Duration
	Now      func() time.Time // tells what is due; nil: time.Now
	Registry prometheus.Registerer
	Logger   *slog.Logger

	// Poll is how often the store is asked for due texts without a signal: 1 s.
	Poll time.Duration
	// SendTimeout bounds one send, and how long Run takes to end: 30 s.
	SendTimeout time.Duration
	// FirstRetry is the pause before a text is sent again that a carrier did not
	// take; it doubles up to LastRetry. 10 s and 15 min.
	FirstRetry, LastRetry time.Duration
	// HaltPause is how long a carrier is left alone that will take nothing until
	// a person has looked, before it is given one text to see: 10 min.
	HaltPause time.Duration
	// Patience is how long a lost answer waits for a report before the carrier
	// is asked, FindPatience how long a carrier that cannot tell is asked again.
	// 5 min and 1 h.
	Patience, FindPatience time.Duration
	// DoubtEvery is how often lost answers are looked at: 30 s.
	DoubtEvery time.Duration
	// Housekeeping is how often windows are closed and reminders queued: 1 min.
	Housekeeping time.Duration
	// InboundTries is how often a reply is worked on before it is set aside: 5.
	InboundTries int
	// InboundRetry is the pause after a reply could not be worked on; it doubles
	// with each try: 1 s.
	InboundRetry time.Duration
}

// ErrNoCarrier is returned for a carrier that no route names.
var ErrNoCarrier = errors.New("there is no such carrier")

func (o *Options) check() error {
	switch {
	case o.Store == nil || o.Templates == nil:
		return errors.New("texting needs a store and templates")
	case o.Rules.Hours.Zone == nil:
		return errors.New("texting needs the hospital's zone")
	case o.Hotline == "":
		return errors.New("texting needs a hotline to name")
	}
	for _, r := range o.Routes {
		if !slices.ContainsFunc(o.Carriers, func(c Carrier) bool { return c.Name() == r.Carrier }) {
			return fmt.Errorf("texts to %s go by %s: %w", r.Country, r.Carrier, ErrNoCarrier)
		}
	}
	o.defaults()
	return nil
}

func (o *Options) defaults() {
	for _, x := range []struct {
		d        *time.Duration
		standard time.Duration
	}{
		{&o.ValidFor, 10 * time.Hour}, {&o.Poll, time.Second}, {&o.SendTimeout, 30 * time.Second},
		{&o.FirstRetry, 10 * time.Second}, {&o.LastRetry, 15 * time.Minute}, {&o.HaltPause, 10 * time.Minute},
		{&o.Patience, 5 * time.Minute}, {&o.FindPatience, time.Hour}, {&o.DoubtEvery, 30 * time.Second},
		{&o.Housekeeping, time.Minute}, {&o.InboundRetry, time.Second},
	} {
		if *x.d <= 0 {
			*x.d = x.standard
		}
	}
	for _, x := range []struct {
		n        *int
		standard int
	}{{&o.InFlight, 8}, {&o.TextsPerSecond, 10}, {&o.InboundTries, 5}} {
		if *x.n <= 0 {
			*x.n = x.standard
		}
	}
	if o.ClueHotline == "" {
		o.ClueHotline = o.Hotline
	}
	if o.Place == nil {
		o.Place = func(surveys.PlaceID) (surveys.Place, bool) { return surveys.Place{}, false }
	}
	if o.Enabled == nil {
		o.Enabled = func() bool { return true }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}
