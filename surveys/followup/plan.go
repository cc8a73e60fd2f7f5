package followup

import (
	"hash/fnv"
	"slices"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// day24 is a day of a window that is counted from a moment.
const day24 = 24 * time.Hour

// GuardianAge is the age in years from which a patient is texted; below it only
// the guardian is. The store picks the number by it: Visit.HasPhone says
// whether there is one.
const GuardianAge = 14

// aheadTolerance is how far ahead of our clock a discharge may lie: the
// sender's clock is off, or the discharge was entered before it happened.
const aheadTolerance = day24

// Rules say who is invited, and when. Get the defaults from DefaultRules.
type Rules struct {
	// Form is what is asked, by its version.
	Form surveys.VersionID
	// Delay is from the discharge to the first text: 48 h.
	Delay time.Duration
	// Window is from the discharge to the last moment a first text may leave,
	// and, without a second mode, an answer counts: 42 days.
	Window time.Duration
	// SecondMode says that another mode, such as a call, follows the texts.
	// Answers then count for SecondWindow, 49 days.
	SecondMode   bool
	SecondWindow time.Duration
	// ReminderFrom and ReminderTo are the days after the first text on which
	// the one reminder may leave: 3 to 5. ReminderTo 0: no reminder.
	ReminderFrom, ReminderTo int
	Hours                    Hours
	// CoolDown is how long a patient is left alone after an invitation,
	// whichever visit it was for.
	CoolDown time.Duration
	// SamplingPercent of the visits are invited, 0 to 100. Seed varies which;
	// the same visit and seed always fall the same way, and a higher percentage
	// adds visits without dropping one.
	SamplingPercent int
	Seed            string
	// Countries whose numbers are texted.
	Countries []texting.Country
	// Capabilities are the carrier's towards a country; the mode follows from
	// them. Nil: nothing is known, and the mode is the code, which needs least.
	Capabilities func(texting.Country) texting.Capabilities
}

// DefaultRules are the rules of a follow-up by text as they stand without a
// setting. The caller adds Form, Hours.Zone, Hours.Calendar and Capabilities.
func DefaultRules() Rules {
	return Rules{
		Delay: 48 * time.Hour, Window: 42 * day24, SecondWindow: 49 * day24,
		ReminderFrom: 3, ReminderTo: 5,
		Hours:    Hours{From: 9 * time.Hour, To: 20 * time.Hour, Zone: time.UTC},
		CoolDown: 90 * day24, SamplingPercent: 100,
		Countries: []texting.Country{"CN"},
	}
}

// Candidate is a visit with what else the store knows of its patient and number.
type Candidate struct {
	Visit Visit
	// LastInvitedAt is when the patient was last invited, for any visit; zero:
	// never.
	LastInvitedAt time.Time
	// OptedOut says that the number has told the hospital to stop, Suppressed
	// that a carrier has said to send it nothing.
	OptedOut, Suppressed bool
	// ReadmittedAt is a later admission; zero: none.
	ReadmittedAt time.Time
	// Invitation is the state of the visit's own invitation; empty: none.
	Invitation InvitationState
}

// Decision is what becomes of a candidate. Reason is empty for who is invited;
// the rest is set only then.
type Decision struct {
	Reason Reason
	Form   surveys.VersionID
	Mode   surveys.Mode
	// DueAt is the allowed hour at which the first text leaves; ClosesAt is
	// until when answers count.
	DueAt, ClosesAt time.Time
}

// Invited reports whether the candidate is asked.
func (d Decision) Invited() bool { return d.Reason == "" }

// Decide says whether a visit is asked about, when and how, or why not. It may
// be called as soon as the discharge is known: DueAt is never before now, and
// whatever happens to the visit until then withdraws the invitation. A visit
// whose department is unknown is invited like any other.
func Decide(c Candidate, r Rules, now time.Time) Decision {
	if reason := r.refuse(c, now); reason != "" {
		return Decision{Reason: reason}
	}
	due := r.dueAt(c, now)
	switch {
	case due.IsZero() || !due.Before(c.Visit.DischargedAt.Add(r.Window)):
		return Decision{Reason: ReasonTooLate}
	case !c.LastInvitedAt.IsZero() && due.Before(c.LastInvitedAt.Add(r.CoolDown)):
		return Decision{Reason: ReasonCoolDown}
	case !Sampled(c.Visit.ID, r.Seed, r.SamplingPercent):
		return Decision{Reason: ReasonNotSampled}
	}
	var caps texting.Capabilities
	if r.Capabilities != nil {
		caps = r.Capabilities(c.Visit.Country)
	}
	window := r.Window
	if r.SecondMode {
		window = r.SecondWindow
	}
	return Decision{Form: r.Form, Mode: caps.Mode(), DueAt: due, ClosesAt: c.Visit.DischargedAt.Add(window)}
}

// refuse gives the first reason that does not depend on the hour.
func (r Rules) refuse(c Candidate, now time.Time) Reason {
	v := &c.Visit
	switch {
	case v.State == VisitCancelled:
		return ReasonCancelled
	case v.Deceased || v.Disposition == DispositionDeceased:
		return ReasonDeceased
	case v.State != VisitDischarged || v.DischargedAt.IsZero():
		return ReasonNotDischarged
	case !v.Inpatient:
		return ReasonOutpatient
	case v.Disposition == DispositionTransferred:
		return ReasonTransferred
	case !c.ReadmittedAt.IsZero():
		return ReasonReadmitted
	case v.DischargedAt.After(now.Add(aheadTolerance)):
		return ReasonAhead
	case c.Invitation != "" && c.Invitation != InvitationWithdrawn:
		return ReasonInvited
	case c.OptedOut:
		return ReasonOptedOut
	case c.Suppressed:
		return ReasonSuppressed
	case !v.HasPhone && r.minor(c):
		return ReasonNoGuardian
	case !v.HasPhone:
		return ReasonNoNumber
	case !slices.Contains(r.Countries, v.Country):
		return ReasonCountry
	}
	return ""
}

// minor reports whether the patient is under GuardianAge at the discharge. A
// patient of unknown age is taken for an adult: the sender knows of a guardian
// only where there is one.
func (r Rules) minor(c Candidate) bool {
	if c.Visit.Born == 0 {
		return false
	}
	return surveys.DayOf(c.Visit.DischargedAt, r.Hours.Zone) < c.Visit.Born+GuardianAge*10000
}

func (r Rules) dueAt(c Candidate, now time.Time) time.Time {
	at := c.Visit.DischargedAt.Add(r.Delay)
	if at.Before(now) {
		at = now
	}
	return r.Hours.NextHour(at)
}

// ReminderAt gives when the one reminder of an invitation leaves; false when it
// gets none: it was answered, reminded, ended or never delivered, or no allowed
// hour lies in the days of the reminder before the window closes.
func (r Rules) ReminderAt(i *Invitation) (time.Time, bool) {
	asked := i.State == InvitationSent || i.State == InvitationDelivered
	if r.ReminderTo == 0 || !asked || i.SentAt.IsZero() || !i.RemindedAt.IsZero() || !i.AnsweredAt.IsZero() || !i.EndedAt.IsZero() {
		return time.Time{}, false
	}
	sent := surveys.DayOf(i.SentAt, r.Hours.Zone)
	at := r.Hours.NextHour(r.Hours.at(sent.AddDays(r.ReminderFrom), clockOf(i.SentAt, r.Hours.Zone)))
	if at.IsZero() || surveys.DayOf(at, r.Hours.Zone) > sent.AddDays(r.ReminderTo) || !at.Before(i.ClosesAt) {
		return time.Time{}, false
	}
	return at, true
}

// clockOf is the time of day of t as an offset from midnight, in whole minutes.
func clockOf(t time.Time, zone *time.Location) time.Duration {
	h, m, _ := t.In(zone).Clock()
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
}

// Sampled reports whether a visit falls into the sample: percent in a hundred
// do, the same ones every time for a seed.
func Sampled(visit VisitID, seed string, percent int) bool {
	h := fnv.New64a()
	_, _ = h.Write([]byte(seed))
	x := h.Sum64() ^ uint64(visit)
	// The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): visits are
	// numbered in a row, and must not fall in a row.
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return x%100 < uint64(max(percent, 0))
}
