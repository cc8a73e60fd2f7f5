package sqlstore

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/registers"
)

// Errors callers tell apart with errors.Is.
var (
	ErrNotFound            = errors.New("not found")
	ErrExists              = errors.New("exists already")
	ErrFrozen              = errors.New("revision is published with other content")
	ErrTransactionConflict = errors.New("transaction number is known with another body")
	ErrNoStore             = errors.New("there is no store yet; start the gateway once")
	ErrOlderSchema         = errors.New("store was written by an older version of this program; start the gateway once with this version")
	ErrNewerSchema         = errors.New("database was written by a newer version of this program")
	ErrForeignDatabase     = errors.New("file is a database of another program")
	ErrWrongKey            = errors.New("phone key is not the one this database was made with")
	ErrBusy                = errors.New("store has too much waiting")
	ErrClosed              = errors.New("store is closed")
	ErrUnavailable         = errors.New("store cannot write")
	ErrInUse               = errors.New("database is in use by another process")
	ErrNoVisitNumber       = errors.New("visit has no number")
	ErrNoPatientNumber     = errors.New("patient has no number")
	ErrEnded               = errors.New("survey has ended")
	ErrTooManyTries        = errors.New("too many wrong codes")
)

// DefaultQueueLimit bounds what waits for the writer. At 25,000 facts a second
// it is a third of a second of work, less than a device waits before retrying.
const DefaultQueueLimit = 8192

// Options say where the store is and by which clock and calendar it works.
type Options struct {
	Path string
	// Existing opens only a store that is there and has this program's schema:
	// for what runs beside a gateway, which alone makes stores and migrates
	// them. Otherwise Open fails with ErrNoStore or ErrOlderSchema.
	Existing bool
	// Zone is the hospital's; it decides the business day.
	Zone *time.Location
	// PhoneKey, 32 bytes, seals phone numbers and set-aside bodies and makes
	// the staff references. It is kept outside the database and its backups.
	PhoneKey []byte
	// Calendar gives call-backs their due day.
	Calendar registers.Calendar
	// CallbackWorkdays is how many working days a call-back may stay open; 0
	// means registers.CallbackWorkdays.
	CallbackWorkdays int
	// Place looks a place up in the organisation, for the department and mode
	// of prompts and self-tests; (*surveys.Organisation).Place fits. What it
	// says is frozen into each row. Nil knows no place.
	Place func(surveys.PlaceID) (surveys.Place, bool)
	// ExpiryGrace is how long after its prompt expired a rating still answers
	// it without FlagAfterExpiry.
	ExpiryGrace time.Duration
	// QueueLimit bounds what waits for the writer; 0 means DefaultQueueLimit.
	QueueLimit int
	Now        func() time.Time // nil: time.Now
	Logger     *slog.Logger     // nil: discards
}

func (o *Options) check() error {
	switch {
	case o.Path == "":
		return errors.New("store path is empty")
	case o.Zone == nil:
		return errors.New("store has no time zone")
	case len(o.PhoneKey) != 32:
		return fmt.Errorf("phone key has %d bytes, want 32", len(o.PhoneKey))
	case o.Calendar == nil:
		return errors.New("store has no calendar")
	}
	if o.Place == nil {
		o.Place = func(surveys.PlaceID) (surveys.Place, bool) { return surveys.Place{}, false }
	}
	if o.CallbackWorkdays == 0 {
		o.CallbackWorkdays = registers.CallbackWorkdays
	}
	if o.QueueLimit == 0 {
		o.QueueLimit = DefaultQueueLimit
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// milliseconds is how moments are stored; the zero time is 0.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// factTime is when a fact of the follow-up counts: when it happened by the
// follow-up's clock, but never after the server's own. With simulated phones an
// officer moves that clock on by days, and the answers of such a demonstration
// belong on today's board: a count in a day that has not come is on none. What
// is due, closes and is spent keeps the follow-up's clock.
func (t *tx) factTime(at time.Time) time.Time {
	if now := t.now(); at.After(now) {
		return now
	}
	return at
}

func dayAndHour(t time.Time, zone *time.Location) (surveys.Day, int) {
	local := t.In(zone)
	y, m, d := local.Date()
	return surveys.Day(y*10000 + int(m)*100 + d), local.Hour()
}
