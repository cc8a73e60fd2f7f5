package followup_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
	"qingfeng/surveys/workdays"
)

var shanghai = time.FixedZone("UTC+8", 8*3600)

// at reads a time in the hospital's zone.
func at(tb testing.TB, text string) time.Time {
	tb.Helper()
	if text == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", text, shanghai)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// holidays are the National Day of 2026, with a make-up Saturday behind it.
func holidays() *workdays.Calendar {
	c := &workdays.Calendar{Holidays: map[surveys.Day]string{}, MakeUp: map[surveys.Day]bool{20261010: true}, Years: map[int]bool{2026: true}}
	for d := surveys.Day(20261001); d <= 20261007; d = d.AddDays(1) {
		c.Holidays[d] = "国庆节"
	}
	return c
}

func rules() followup.Rules {
	r := followup.DefaultRules()
	r.Form = "0123456789abcdef"
	r.Hours.Zone, r.Hours.Calendar = shanghai, holidays()
	r.Capabilities = func(c texting.Country) texting.Capabilities {
		return texting.Capabilities{Inbound: c == "CN", URL: c == "GB"}
	}
	return r
}

func TestNextHour(t *testing.T) {
	h := rules().Hours
	for _, tt := range []struct{ name, from, want string }{
		{"before the opening", "2026-11-19 00:00", "2026-11-19 09:00"},
		{"a minute before", "2026-11-19 08:59", "2026-11-19 09:00"},
		{"at the opening", "2026-11-19 09:00", "2026-11-19 09:00"},
		{"at noon", "2026-11-19 12:34", "2026-11-19 12:34"},
		{"the last minute", "2026-11-19 19:59", "2026-11-19 19:59"},
		{"at the end", "2026-11-19 20:00", "2026-11-20 09:00"},
		{"Friday night: a weekend is no holiday", "2026-11-20 21:00", "2026-11-21 09:00"},
		{"Sunday", "2026-11-22 10:00", "2026-11-22 10:00"},
		{"the eve of National Day", "2026-09-30 20:30", "2026-10-08 09:00"},
		{"in the middle of National Day", "2026-10-03 12:00", "2026-10-08 09:00"},
		{"a make-up Saturday", "2026-10-10 10:00", "2026-10-10 10:00"},
	} {
		if got, want := h.NextHour(at(t, tt.from)), at(t, tt.want); !got.Equal(want) {
			t.Errorf("%s: from %s the next hour is %s, want %s", tt.name, tt.from, got.In(shanghai), want)
		}
		if got, want := h.Allowed(at(t, tt.from)), tt.from == tt.want; got != want {
			t.Errorf("%s: %s is allowed: %v, want %v", tt.name, tt.from, got, want)
		}
	}
}

func TestNextHourInEveryZone(t *testing.T) {
	moment := time.Date(2026, 11, 19, 16, 30, 0, 0, time.UTC) // half past midnight in Shanghai
	h := rules().Hours
	if got, want := h.NextHour(moment), at(t, "2026-11-20 09:00"); !got.Equal(want) {
		t.Errorf("the hours are not those of the zone: %s, want %s", got, want)
	}
	// Berlin's clocks go from 02:00 to 03:00 on 29 March 2026.
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	h = followup.Hours{From: 9 * time.Hour, To: 20 * time.Hour, Zone: berlin}
	got := h.NextHour(time.Date(2026, 3, 28, 23, 0, 0, 0, berlin))
	if want := time.Date(2026, 3, 29, 9, 0, 0, 0, berlin); !got.Equal(want) {
		t.Errorf("on the day the clocks change the hour is %s, want %s", got, want)
	}
}

func TestNextHourWhenEveryDayIsOff(t *testing.T) {
	h := rules().Hours
	h.Calendar = &workdays.Calendar{Holidays: map[surveys.Day]string{}}
	for d, n := surveys.Day(20261101), 0; n < 800; d, n = d.AddDays(1), n+1 {
		h.Calendar.Holidays[d] = "假"
	}
	if got := h.NextHour(at(t, "2026-11-19 10:00")); !got.IsZero() {
		t.Errorf("the next hour is %s, want none", got)
	}
}

// home is a candidate without a fault: discharged on Tuesday at ten.
func home(tb testing.TB) followup.Candidate {
	return followup.Candidate{Visit: followup.Visit{
		ID: 7, Patient: 3, State: followup.VisitDischarged, Department: "cardiology", Place: "cardiology-ward", Inpatient: true,
		DischargedAt: at(tb, "2026-11-17 10:00"), Disposition: followup.DispositionHome, Born: 19600229, Country: "CN", HasPhone: true,
	}}
}

func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		name string
		now  string
		with func(c *followup.Candidate, r *followup.Rules)
		want followup.Decision
	}{
		{"at the discharge", "2026-11-17 10:05", nil, invited(t, "2026-11-19 10:00", "2026-12-29 10:00")},
		{"48 h after it", "2026-11-19 10:00", nil, invited(t, "2026-11-19 10:00", "2026-12-29 10:00")},
		{"when it comes late", "2026-11-25 22:00", nil, invited(t, "2026-11-26 09:00", "2026-12-29 10:00")},
		{"in the last hour of the window", "2026-12-29 09:59", nil, invited(t, "2026-12-29 09:59", "2026-12-29 10:00")},
		{"at its end", "2026-12-29 10:00", nil, refused(followup.ReasonTooLate)},
		{"the window ends at night", "2026-12-28 20:30", func(c *followup.Candidate, _ *followup.Rules) {
			c.Visit.DischargedAt = at(t, "2026-11-17 08:30")
		}, refused(followup.ReasonTooLate)},
		{"a second mode follows", "2026-11-19 10:00", func(_ *followup.Candidate, r *followup.Rules) { r.SecondMode = true },
			invited(t, "2026-11-19 10:00", "2027-01-05 10:00")},
		{"a second mode lengthens no first text", "2026-12-29 10:00", func(_ *followup.Candidate, r *followup.Rules) { r.SecondMode = true },
			refused(followup.ReasonTooLate)},
		{"discharged at night", "2026-11-17 23:30", func(c *followup.Candidate, _ *followup.Rules) {
			c.Visit.DischargedAt = at(t, "2026-11-17 23:10")
		}, invited(t, "2026-11-20 09:00", "2026-12-29 23:10")},
		{"over National Day", "2026-09-29 10:00", func(c *followup.Candidate, _ *followup.Rules) {
			c.Visit.DischargedAt = at(t, "2026-09-29 09:30")
		}, invited(t, "2026-10-08 09:00", "2026-11-10 09:30")},
		{"unknown department and ward", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) {
			c.Visit.Department, c.Visit.Place = "", ""
		}, invited(t, "2026-11-19 10:00", "2026-12-29 10:00")},
		{"unknown disposition and age", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) {
			c.Visit.Disposition, c.Visit.Born = followup.DispositionUnknown, 0
		}, invited(t, "2026-11-19 10:00", "2026-12-29 10:00")},
		{"by link", "2026-11-17 10:05", func(c *followup.Candidate, r *followup.Rules) {
			c.Visit.Country = "GB"
			r.Countries = append(r.Countries, "GB")
		}, withMode(invited(t, "2026-11-19 10:00", "2026-12-29 10:00"), surveys.ModeLink)},
		{"by code where nothing else can be done", "2026-11-17 10:05", func(_ *followup.Candidate, r *followup.Rules) { r.Capabilities = nil },
			withMode(invited(t, "2026-11-19 10:00", "2026-12-29 10:00"), surveys.ModeCode)},
		{"withdrawn before: discharged anew", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) {
			c.Invitation = followup.InvitationWithdrawn
		}, invited(t, "2026-11-19 10:00", "2026-12-29 10:00")},
		{"the cool-down is just over", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) {
			c.LastInvitedAt = at(t, "2026-08-21 10:00")
		}, invited(t, "2026-11-19 10:00", "2026-12-29 10:00")},
		{"the cool-down is not over", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) {
			c.LastInvitedAt = at(t, "2026-08-21 10:01")
		}, refused(followup.ReasonCoolDown)},
		{"admitted still", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) {
			c.Visit.State, c.Visit.DischargedAt = followup.VisitAdmitted, time.Time{}
		}, refused(followup.ReasonNotDischarged)},
		{"cancelled", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) { c.Visit.State = followup.VisitCancelled }, refused(followup.ReasonCancelled)},
		{"outpatient", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) { c.Visit.Inpatient = false }, refused(followup.ReasonOutpatient)},
		{"died in the hospital", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) {
			c.Visit.Disposition = followup.DispositionDeceased
		}, refused(followup.ReasonDeceased)},
		{"died since", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) { c.Visit.Deceased = true }, refused(followup.ReasonDeceased)},
		{"transferred", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) {
			c.Visit.Disposition = followup.DispositionTransferred
		}, refused(followup.ReasonTransferred)},
		{"readmitted", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) { c.ReadmittedAt = at(t, "2026-11-18 10:00") }, refused(followup.ReasonReadmitted)},
		{"a discharge of next week", "2026-11-10 10:00", nil, refused(followup.ReasonAhead)},
		{"asked already", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) { c.Invitation = followup.InvitationUnanswered }, refused(followup.ReasonInvited)},
		{"opted out", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) { c.OptedOut = true }, refused(followup.ReasonOptedOut)},
		{"suppressed", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) { c.Suppressed = true }, refused(followup.ReasonSuppressed)},
		{"no number", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) { c.Visit.HasPhone = false }, refused(followup.ReasonNoNumber)},
		{"under 14 by a day, no guardian", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) {
			c.Visit.HasPhone, c.Visit.Born = false, 20121118
		}, refused(followup.ReasonNoGuardian)},
		{"14 on the day, no number", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) {
			c.Visit.HasPhone, c.Visit.Born = false, 20121117
		}, refused(followup.ReasonNoNumber)},
		{"a guardian's number", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) { c.Visit.Born = 20250101 },
			invited(t, "2026-11-19 10:00", "2026-12-29 10:00")},
		{"another country", "2026-11-17 10:05", func(c *followup.Candidate, _ *followup.Rules) { c.Visit.Country = "GB" }, refused(followup.ReasonCountry)},
		{"nobody is sampled", "2026-11-17 10:05", func(_ *followup.Candidate, r *followup.Rules) { r.SamplingPercent = 0 }, refused(followup.ReasonNotSampled)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, r := home(t), rules()
			if tt.with != nil {
				tt.with(&c, &r)
			}
			if diff := cmp.Diff(tt.want, followup.Decide(c, r, at(t, tt.now))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func refused(reason followup.Reason) followup.Decision { return followup.Decision{Reason: reason} }

func invited(tb testing.TB, due, closes string) followup.Decision {
	return followup.Decision{Form: "0123456789abcdef", Mode: surveys.ModeReply, DueAt: at(tb, due), ClosesAt: at(tb, closes)}
}

func withMode(d followup.Decision, m surveys.Mode) followup.Decision {
	d.Mode = m
	return d
}

func TestEveryReasonHasWords(t *testing.T) {
	seen := map[surveys.Text]followup.Reason{}
	for _, r := range followup.Reasons() {
		words := r.Text()
		if strings.TrimSpace(words.ZH) == "" || strings.TrimSpace(words.EN) == "" {
			t.Errorf("%s has no words", r)
		}
		if other, twice := seen[words]; twice {
			t.Errorf("%s and %s read the same", r, other)
		}
		seen[words] = r
	}
	for _, s := range followup.InvitationStates() {
		if words := s.Text(); words.ZH == "" || words.EN == "" {
			t.Errorf("%s has no words", s)
		}
	}
}

func TestReminder(t *testing.T) {
	for _, tt := range []struct {
		name, sent, want string
		with             func(i *followup.Invitation)
	}{
		{"on the third day, at the same time", "2026-11-19 10:30", "2026-11-22 10:30", nil},
		{"after the last minute of a day", "2026-11-19 19:59", "2026-11-22 19:59", nil},
		{"on the first day after the holiday", "2026-10-03 10:00", "2026-10-08 09:00", nil},
		{"not on the sixth day", "2026-10-02 10:00", "", nil},
		{"not when the holiday is longer", "2026-10-01 10:00", "", nil},
		{"not once answered", "2026-11-19 10:30", "", func(i *followup.Invitation) { i.AnsweredAt = i.SentAt }},
		{"not twice", "2026-11-19 10:30", "", func(i *followup.Invitation) { i.RemindedAt = i.SentAt }},
		{"not once ended", "2026-11-19 10:30", "", func(i *followup.Invitation) { i.EndedAt = i.SentAt }},
		{"not when the first did not arrive", "2026-11-19 10:30", "", func(i *followup.Invitation) { i.State = followup.InvitationUndelivered }},
		{"not before the first", "", "", nil},
		{"when the first arrived", "2026-11-19 10:30", "2026-11-22 10:30", func(i *followup.Invitation) { i.State = followup.InvitationDelivered }},
		{"not past the window", "2026-11-19 10:30", "", func(i *followup.Invitation) { i.ClosesAt = i.SentAt.AddDate(0, 0, 3) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := followup.Invitation{State: followup.InvitationSent, SentAt: at(t, tt.sent), ClosesAt: at(t, "2026-12-29 10:00")}
			if tt.with != nil {
				tt.with(&i)
			}
			got, ok := rules().ReminderAt(&i)
			if want := at(t, tt.want); ok != (tt.want != "") || !got.Equal(want) {
				t.Errorf("the reminder leaves at %s, %v, want %s", got.In(shanghai), ok, tt.want)
			}
		})
	}
	r := rules()
	r.ReminderTo = 0
	if _, ok := r.ReminderAt(&followup.Invitation{State: followup.InvitationSent, SentAt: at(t, "2026-11-19 10:30"), ClosesAt: at(t, "2026-12-29 10:00")}); ok {
		t.Error("there is a reminder although the rules have none")
	}
}

func TestSampling(t *testing.T) {
	const visits = 20_000
	for _, percent := range []int{0, 1, 10, 50, 99, 100} {
		taken := 0
		for v := followup.VisitID(1); v <= visits; v++ {
			in := followup.Sampled(v, "2026-Q4", percent)
			if in {
				taken++
			}
			if in != followup.Sampled(v, "2026-Q4", percent) {
				t.Fatalf("visit %d falls one way and the other", v)
			}
			if in && !followup.Sampled(v, "2026-Q4", percent+1) {
				t.Fatalf("visit %d is in the sample of %d %% and not in that of %d %%", v, percent, percent+1)
			}
		}
		// Six standard deviations of a fair draw.
		p := float64(percent) / 100
		if off := float64(taken) - visits*p; off*off > 36*visits*p*(1-p) {
			t.Errorf("%d of %d visits are sampled, want %d %%", taken, visits, percent)
		}
	}
	same := 0
	for v := followup.VisitID(1); v <= visits; v++ {
		if followup.Sampled(v, "a", 50) == followup.Sampled(v, "b", 50) {
			same++
		}
	}
	if same < visits*45/100 || same > visits*55/100 {
		t.Errorf("two seeds agree on %d of %d visits, want about half", same, visits)
	}
}

func TestDryRun(t *testing.T) {
	r := rules()
	run := followup.NewDryRun(r.Hours, 2)
	cost := followup.Cost{LeastSegments: 1, MostSegments: 6, Least: 5, Most: 30}
	for v := followup.VisitID(1); v <= 10; v++ {
		c := home(t)
		c.Visit.ID = v
		c.OptedOut = v > 7
		if v == 1 {
			c.Visit.Department, c.Visit.DischargedAt = "", at(t, "2026-11-18 10:00")
		}
		run.Add(&c, followup.Decide(c, r, at(t, "2026-11-18 10:05")), cost)
	}
	plan := func(n int64) followup.Plan {
		return followup.Plan{Visits: n, LeastSegments: n, MostSegments: 6 * n, Least: surveys.Fen(5 * n), Most: surveys.Fen(30 * n)}
	}
	one, six := plan(1), plan(6)
	if diff := cmp.Diff(plan(7), run.Invited); diff != "" || run.Looked != 10 {
		t.Errorf("looked at %d; %s", run.Looked, diff)
	}
	if diff := cmp.Diff(map[surveys.DepartmentID]*followup.Plan{"": &one, "cardiology": &six}, run.ByDepartment); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[surveys.Day]*followup.Plan{20261119: &six, 20261120: &one}, run.ByDay); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[followup.Reason]int64{followup.ReasonOptedOut: 3}, run.Refused); diff != "" {
		t.Error(diff)
	}
	if got := [2]int{len(run.Samples[""]), len(run.Samples[followup.ReasonOptedOut])}; got != [2]int{2, 2} {
		t.Errorf("%v samples are kept, want 2 of each", got)
	}
}

// TestDryRunStaysSmall adds candidates past the first few: none may leave
// anything behind.
func TestDryRunStaysSmall(t *testing.T) {
	r := rules()
	run := followup.NewDryRun(r.Hours, 5)
	c, now := home(t), at(t, "2026-11-18 10:05")
	add := func() {
		c.Visit.ID++
		c.OptedOut = c.Visit.ID%3 == 0
		run.Add(&c, followup.Decide(c, r, now), followup.Cost{LeastSegments: 1, Least: 5})
	}
	for range 100 {
		add()
	}
	if got := testing.AllocsPerRun(1000, func() { run.Add(&c, followup.Decision{Reason: followup.ReasonCountry}, followup.Cost{}) }); got != 0 {
		t.Errorf("adding allocates %v times, want 0", got)
	}
	for range 10_000 {
		add()
	}
	kept := 0
	for _, list := range run.Samples {
		kept += len(list)
	}
	if kept > 15 || len(run.ByDay) > 1 || run.Looked != 11_101 {
		t.Errorf("%d samples and %d days of %d candidates are kept", kept, len(run.ByDay), run.Looked)
	}
}
