package httpapi

import (
	"context"
	"io"
	"net/http"
	"time"

	"qingfeng/gateway/internal/hl7"
	"qingfeng/gateway/internal/intake"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

// FollowupOptions are what the desk shows and moves of the survey by text after
// discharge. Its clock is Options.SurveyNow. Every field without "nil" or "0"
// must be set.
type FollowupOptions struct {
	Store    FollowupStore
	Campaign Campaign    // nil: nothing can be planned or paused
	Texting  Texting     // nil: no carrier
	Clock    DemoClock   // nil: no demonstration; only where every carrier is simulated
	Budget   surveys.Fen // of a business day; 0: none
	// MinAnswers is from how many answers a department's head is shown a figure
	// (10).
	MinAnswers int
}

// FollowupStore keeps the follow-up's invitations, texts and numbers.
type FollowupStore interface {
	FollowupDay(ctx context.Context, day surveys.Day) ([]sqlstore.FollowupDay, error)
	Dispositions(ctx context.Context, f sqlstore.DispositionFilter) ([]sqlstore.Disposition, error)
	Spent(ctx context.Context, day surveys.Day) ([]sqlstore.Spend, error)
	TextCounts(ctx context.Context, now time.Time) (sqlstore.TextCounts, error)
	UnlinkedReplies(ctx context.Context, before sqlstore.InboundID, limit int) ([]sqlstore.UnlinkedReply, error)
	OpenUnlinkedReply(ctx context.Context, id sqlstore.InboundID, by sqlstore.Actor) (surveys.Secret, error)
	OptOuts(ctx context.Context, standing bool, limit int) ([]sqlstore.OptOutEntry, error)
	UndoOptOut(ctx context.Context, id int64, by sqlstore.Actor) error
	Suppressions(ctx context.Context, limit int) ([]sqlstore.Suppression, error)
	LiftSuppression(ctx context.Context, id int64, by sqlstore.Actor) error
	auditLog
}

// Campaign plans the invitations.
type Campaign interface {
	// DryRun says what planning would do now. It changes nothing.
	DryRun(ctx context.Context) (*followup.DryRun, error)
	Running() bool
	// SetRunning starts or pauses the follow-up, on disk before it returns. The
	// desk has audited it by then.
	SetRunning(ctx context.Context, running bool) error
}

// Texting hands texts to carriers.
type Texting interface {
	// Carriers lists them in the order of the settings.
	Carriers() []CarrierStatus
	// Resume lets a halted carrier go on; sqlstore.ErrNotFound when there is no
	// such one. The desk has audited it by then.
	Resume(ctx context.Context, carrier string) error
}

// CarrierStatus is how a carrier stands.
type CarrierStatus struct {
	Name      string
	Simulated bool
	Countries []texting.Country // sent through it
	HaltedAt  time.Time         // zero: it takes texts
	// Code is the carrier's own of what halted it, Operator what hospital IT does.
	Code       string
	Operator   surveys.Text
	LastSentAt time.Time // zero: none since the start
}

// DemoClock is the follow-up's clock, which a demonstration moves on.
type DemoClock interface {
	Offset() time.Duration
	// SetOffset moves the clock, on disk and audited before it returns.
	SetOffset(ctx context.Context, d time.Duration, by sqlstore.Actor) error
}

// IntakeOptions are how visits come in. Every field without "nil" must be set.
type IntakeOptions struct {
	Store  IntakeStore
	Import Importer
	HL7    func() HL7Status // nil: no listener is set up
}

// IntakeStore keeps what was not taken.
type IntakeStore interface {
	KeepRejected(ctx context.Context, r sqlstore.Rejected) error
	RejectedMessages(ctx context.Context, open bool) ([]sqlstore.RejectedEntry, error)
	CountRejected(ctx context.Context) (int64, error)
	OpenRejected(ctx context.Context, id int64, by sqlstore.Actor) ([]byte, error)
	ResolveRejected(ctx context.Context, id int64, note string, by sqlstore.Actor) error
	UnknownPlaces(ctx context.Context) ([]sqlstore.UnknownPlace, error)
	ForgetUnknownPlace(ctx context.Context, source, code string, by sqlstore.Actor) error
	auditLog
}

// Importer takes visits in.
type Importer interface {
	ImportCSV(ctx context.Context, file io.Reader) (intake.Report, error)
	ApplyFHIR(ctx context.Context, body io.Reader) ([]intake.Result, error)
}

// HL7Status is how the listener for HL7 messages stands.
type HL7Status struct {
	Address       string
	Listening     bool
	Counts        hl7.Counts
	LastMessageAt time.Time // zero: none since the start
}

var (
	_ FollowupStore = (*sqlstore.Store)(nil)
	_ IntakeStore   = (*sqlstore.Store)(nil)
	_ Importer      = (*intake.Intake)(nil)
)

// absent answers for a section this gateway does not have.
func absent() *problem {
	return refuse(http.StatusNotFound, "not_found", "本系统未启用此功能", "this gateway has no such part")
}

// sections lists the optional parts this gateway has, for the desk's rail.
func (s *Server) sections() []string {
	there := []string{}
	if s.o.Followup != nil {
		there = append(there, "followup")
	}
	if s.o.Intake != nil {
		there = append(there, "intake")
	}
	return there
}
