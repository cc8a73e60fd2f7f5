package intake

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// Store is where a change ends up, in one transaction and on disk before it
// returns. It may be given the same change again.
type Store interface {
	ApplyVisitChange(ctx context.Context, c followup.VisitChange, at Placement) (Applied, error)
}

// Placement is what was made of a change's codes and numbers. Zero fields say
// nothing.
type Placement struct {
	Department surveys.DepartmentID
	Place      surveys.PlaceID
	Bed        surveys.BedID
	// UnknownPlace is the sender's code of a ward that maps nowhere: the store
	// counts it for the desk. The visit is taken all the same.
	UnknownPlace string
	// Phone and Guardian can be texted: valid mobile numbers, with their
	// countries. Which of them is follows from the age at discharge.
	Phone           texting.Number
	Country         texting.Country
	Guardian        texting.Number
	GuardianCountry texting.Country
}

// Outcome is what a change did in the store.
type Outcome string

// Outcomes of a change.
const (
	OutcomeRecorded Outcome = "recorded" // something is known that was not
	OutcomeRepeated Outcome = "repeated" // all of it was known
	OutcomeStale    Outcome = "stale"    // what is new in it is older than what is known
)

// Applied is the store's word on a change.
type Applied struct {
	Outcome Outcome
	Created bool // a visit nobody had told of before
}

// Result is what became of a change.
type Result struct {
	Applied
	// UnknownWard says that the ward maps nowhere.
	UnknownWard bool
	// Unreachable says that the change names no number that may be texted.
	Unreachable bool
}

// Refusal says why something can never be taken, without quoting it.
type Refusal struct{ Reason surveys.Text }

// Error implements error.
func (r *Refusal) Error() string { return "refused: " + r.Reason.EN }

// Refused is the reason for whoever sent it, or for the desk.
func (r *Refusal) Refused() surveys.Text { return r.Reason }

// Refuse makes a Refusal.
func Refuse(reason surveys.Text) error { return &Refusal{reason} }

func refuse(zh, en string) error { return &Refusal{surveys.Text{ZH: zh, EN: en}} }

// Bounds of a change, in bytes of UTF-8 for identifiers and characters for the
// rest. The store's columns have none.
const (
	maxIdentifier = 64
	maxName       = 100
	maxPhones     = 200
	maxCode       = 64
	minorAge      = 14 // under it only a guardian is texted, in years
)

// Options are an intake's settings. All but Authorities are needed.
type Options struct {
	Store   Store
	Mapping *Mapping
	// Region is the country of numbers written without a country code.
	Region texting.Country
	// Zone is the hospital's, for dates and times without an offset.
	Zone *time.Location
	// Authorities are the systems or types of the patient's number among several
	// in a FHIR Patient, the preferred first. With them a Patient that has none
	// is refused.
	Authorities []string
}

// Intake is the use case that every source feeds. It may be used by several
// goroutines at once.
type Intake struct {
	opt     Options
	maxRows int // MaxRows, and less in a test
}

// New makes an intake.
func New(opt Options) (*Intake, error) {
	if opt.Store == nil || opt.Mapping == nil || opt.Region == "" || opt.Zone == nil {
		return nil, errors.New("make intake: store, mapping, region and zone are needed")
	}
	return &Intake{opt: opt, maxRows: MaxRows}, nil
}

// Apply takes one change in. It returns nil once the change is on disk, a
// *Refusal for one that can never be taken, and any other error when trying
// again may help.
func (in *Intake) Apply(ctx context.Context, c followup.VisitChange) (Result, error) {
	if err := check(&c); err != nil {
		return Result{}, err
	}
	at := in.opt.Mapping.Locate(&c)
	at.Phone, at.Country = Mobile(c.Phone, in.opt.Region)
	at.Guardian, at.GuardianCountry = Mobile(c.Guardian, in.opt.Region)
	applied, err := in.opt.Store.ApplyVisitChange(ctx, c, at)
	if err != nil {
		return Result{}, fmt.Errorf("take visit change in: %w", err)
	}
	return Result{Applied: applied, UnknownWard: at.UnknownPlace != "", Unreachable: in.unreachable(&c, &at)}, nil
}

// check refuses what no store could use, and cuts what is only too long.
func check(c *followup.VisitChange) error {
	switch {
	case c.Kind == "" || c.Source == "":
		return refuse("来源或类型缺失", "no source or kind")
	case c.Patient == "" && c.Visit == "":
		return refuse("没有患者号和就诊号", "neither patient nor visit number")
	case len(c.Patient) > maxIdentifier || len(c.Prior) > maxIdentifier || len(c.Visit) > maxIdentifier:
		return refuse("患者号或就诊号超过 64 字节", "a patient or visit number is longer than 64 bytes")
	case !utf8.ValidString(string(c.Patient + c.Prior + c.Visit)):
		return refuse("患者号或就诊号不是有效文本", "a patient or visit number is not valid text")
	case c.Kind == followup.ChangeMerged && (c.Prior == "" || c.Patient == "" || c.Prior == c.Patient):
		return refuse("合并需要两个不同的患者号", "a merge needs two different patient numbers")
	case c.At.IsZero():
		return refuse("没有时间", "no time")
	case !c.AdmittedAt.IsZero() && !c.DischargedAt.IsZero() && c.DischargedAt.Before(c.AdmittedAt):
		return refuse("出院时间早于入院时间", "discharged before admitted")
	}
	c.Name, c.Phone, c.Guardian = cutSecret(c.Name, maxName), cutSecret(c.Phone, maxPhones), cutSecret(c.Guardian, maxPhones)
	for _, code := range []*string{&c.Ward, &c.Room, &c.Bed, &c.Service, &c.Attending} {
		*code = cut(*code, maxCode)
	}
	return nil
}

// unreachable reports whether a text could not reach the patient of this change.
func (in *Intake) unreachable(c *followup.VisitChange, at *Placement) bool {
	day := surveys.DayOf(c.At, in.opt.Zone)
	if !c.DischargedAt.IsZero() {
		day = surveys.DayOf(c.DischargedAt, in.opt.Zone)
	}
	if c.Born != 0 && int(day)-int(c.Born) < minorAge*10_000 { // both are yyyymmdd
		return at.Guardian.IsZero()
	}
	return at.Phone.IsZero()
}

// cut gives the first n characters of a text, in valid UTF-8.
func cut(text string, n int) string {
	count := 0
	for i, r := range text {
		if count == n || r == utf8.RuneError {
			return text[:i]
		}
		count++
	}
	return text
}

func cutSecret(text surveys.Secret, n int) surveys.Secret {
	return surveys.Secret(cut(string(text), n))
}
