package invite

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

// Store is what a *sqlstore.Store does for the planner.
type Store interface {
	Candidates(ctx context.Context, w sqlstore.CandidateWindow, yield func(*sqlstore.Candidate) error) error
	QueueInvitations(ctx context.Context, list []sqlstore.NewInvitation) ([]sqlstore.QueueOutcome, error)
}

var _ Store = (*sqlstore.Store)(nil)

// Options are a planner's settings. Those above the first empty line are
// needed.
type Options struct {
	Store     Store
	Rules     followup.Rules // with Capabilities: what the carrier of a country can do
	Form      *followup.Form // that of Rules.Form, published in the store
	Templates *texting.Templates
	Hotline   string
	// PublicURL is the address patients' phones reach the gateway at.
	PublicURL string
	// Place looks a ward up, whose name the text says. Nil knows none.
	Place func(surveys.PlaceID) (surveys.Place, bool)
	// Price is what a segment costs, in fen, to a country; nil: nothing.
	Price func(texting.Country) surveys.Fen
	// Language is what people of a country's numbers are written to in; nil:
	// Chinese in China, English elsewhere.
	Language func(texting.Country) string
	// Enabled says whether anybody is invited; nil: always. A dry run runs
	// either way.
	Enabled func() bool
	// Every is how often the planner looks; 0: 1 min. A round that took long is
	// followed by a pause of five times that.
	Every    time.Duration
	Now      func() time.Time // nil: time.Now
	Registry prometheus.Registerer
	Logger   *slog.Logger
}

// chinese are the countries whose people are written to in Chinese.
var chinese = []texting.Country{"CN", "HK", "MO", "TW"}

func (o *Options) check() error {
	address, err := url.Parse(o.PublicURL)
	switch {
	case o.Store == nil || o.Form == nil || o.Templates == nil:
		return errors.New("planner needs a store, a form and templates")
	case o.Form.Version() != o.Rules.Form:
		return errors.New("the form is not the one the rules name")
	case o.Rules.Hours.Zone == nil:
		return errors.New("planner needs the hospital's zone")
	case o.Hotline == "":
		return errors.New("planner needs a hotline to name")
	case err != nil || address.Host == "":
		return errors.New("planner needs the public address")
	}
	o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	if o.Place == nil {
		o.Place = func(surveys.PlaceID) (surveys.Place, bool) { return surveys.Place{}, false }
	}
	if o.Price == nil {
		o.Price = func(texting.Country) surveys.Fen { return 0 }
	}
	if o.Language == nil {
		o.Language = func(c texting.Country) string {
			if slices.Contains(chinese, c) {
				return "zh"
			}
			return "en"
		}
	}
	if o.Enabled == nil {
		o.Enabled = func() bool { return true }
	}
	if o.Every <= 0 {
		o.Every = time.Minute
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
	return nil
}
