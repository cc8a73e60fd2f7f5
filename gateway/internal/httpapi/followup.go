package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

const (
	// recentDays is how far back the response rate on top of the desk looks: a
	// patient has weeks to answer, so a day's own rate says nothing yet.
	recentDays = 28
	// maxDemoStep and maxDemoOffset bound how far the demonstration's clock is
	// moved at once and in all, in hours.
	maxDemoStep   = 31 * 24
	maxDemoOffset = 366 * 24
)

type followupBody struct {
	// Audience is "office", or "department" for an account that is limited to
	// one: then nothing else is here.
	Audience string `json:"audience"`
	*officeBody
}

type officeBody struct {
	Now      wireTime      `json:"now"` // of the follow-up's clock
	Campaign *campaignBody `json:"campaign,omitempty"`
	Demo     *demoBody     `json:"demo,omitempty"`
	Carriers []carrierBody `json:"carriers"`
	Queue    queueBody     `json:"queue"`
	Today    dayBody       `json:"today"`
	Recent   recentBody    `json:"recent"`
}

type campaignBody struct {
	Running bool `json:"running"`
}

type demoBody struct {
	OffsetHours float64 `json:"offset_hours"`
}

type carrierBody struct {
	Name       string            `json:"name"`
	Simulated  bool              `json:"simulated"`
	Countries  []texting.Country `json:"countries"`
	HaltedAt   wireTime          `json:"halted_at,omitzero"`
	Code       string            `json:"code,omitempty"`
	Operator   surveys.Text      `json:"operator,omitzero"`
	LastSentAt wireTime          `json:"last_sent_at,omitzero"`
}

type queueBody struct {
	Waiting int64 `json:"waiting"`
	Due     int64 `json:"due"`
	Handing int64 `json:"handing"`
	Unknown int64 `json:"unknown"`
}

type dayBody struct {
	Day    string      `json:"day"`
	Modes  []modeBody  `json:"modes"`
	Spent  []spendBody `json:"spent"`
	Cost   surveys.Fen `json:"cost_fen"`
	Budget surveys.Fen `json:"budget_fen,omitempty"`
}

type modeBody struct {
	Mode      surveys.Mode `json:"mode"`
	Invited   int64        `json:"invited"`
	Sent      int64        `json:"sent"`
	Delivered int64        `json:"delivered"`
	Answered  int64        `json:"answered"`
	OptedOut  int64        `json:"opted_out"`
}

type spendBody struct {
	Carrier  string      `json:"carrier"`
	Texts    int64       `json:"texts"`
	Segments int64       `json:"segments"`
	Cost     surveys.Fen `json:"cost_fen"`
}

// recentBody is the response rate of the weeks behind, and what all texts cost.
type recentBody struct {
	From      string      `json:"from"`
	Modes     []rateBody  `json:"modes"`
	TotalCost surveys.Fen `json:"total_cost_fen"`
}

type rateBody struct {
	Mode         surveys.Mode `json:"mode"`
	Offered      int64        `json:"offered"`
	Answered     int64        `json:"answered"`
	ResponseRate *float64     `json:"response_rate"` // null: nobody was asked
}

// theFollowup gives the follow-up, or says that this gateway has none.
func (s *Server) theFollowup() (*FollowupOptions, error) {
	if s.o.Followup == nil {
		return nil, absent()
	}
	return s.o.Followup, nil
}

// GET /api/v1/followup
func (s *Server) showFollowup(c *call) error {
	f, err := s.theFollowup()
	if err != nil {
		return err
	}
	if !c.who.Everywhere(auth.FollowupView) {
		return c.json(http.StatusOK, followupBody{Audience: "department"})
	}
	office, err := s.officeView(c, f)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, followupBody{"office", office})
}

func (s *Server) officeView(c *call, f *FollowupOptions) (*officeBody, error) {
	now := s.o.SurveyNow()
	b := &officeBody{Now: wireTime(now), Carriers: carriersOf(f)}
	if f.Campaign != nil {
		b.Campaign = &campaignBody{f.Campaign.Running()}
	}
	if demoAllowed(f) {
		b.Demo = &demoBody{f.Clock.Offset().Hours()}
	}
	counts, err := f.Store.TextCounts(c.ctx(), now)
	if err != nil {
		return nil, err
	}
	b.Queue = queueBody{counts.Waiting, counts.Due, counts.Handing, counts.Unknown}
	today := surveys.DayOf(now, s.o.Zone)
	if b.Today, err = s.followupDay(c, f, today); err != nil {
		return nil, err
	}
	b.Recent, err = s.followupRecently(c, f, today)
	return b, err
}

func (s *Server) followupDay(c *call, f *FollowupOptions, today surveys.Day) (dayBody, error) {
	b := dayBody{Day: today.String(), Modes: []modeBody{}, Spent: []spendBody{}, Budget: f.Budget}
	modes, err := f.Store.FollowupDay(c.ctx(), today)
	if err != nil {
		return b, err
	}
	for _, m := range modes {
		b.Modes = append(b.Modes, modeBody(m))
	}
	spent, err := f.Store.Spent(c.ctx(), today)
	if err != nil {
		return b, err
	}
	for _, p := range spent {
		b.Spent = append(b.Spent, spendBody(p))
		b.Cost += p.Cost
	}
	return b, nil
}

func (s *Server) followupRecently(c *call, f *FollowupOptions, today surveys.Day) (recentBody, error) {
	from := today.AddDays(-recentDays)
	b := recentBody{From: from.String(), Modes: []rateBody{}}
	all, err := f.Store.Dispositions(c.ctx(), sqlstore.DispositionFilter{})
	if err != nil {
		return b, err
	}
	year, week := from.Start(s.o.Zone).ISOWeek()
	recent := []followup.DispositionCell{}
	for _, d := range all {
		b.TotalCost += d.Cost
		if d.Year > year || d.Year == year && d.Week >= week {
			recent = append(recent, followup.DispositionCell(d))
		}
	}
	for _, row := range followup.RollUp(recent, followup.ByMode) {
		b.Modes = append(b.Modes, rateBody{row.Mode, row.Offered, row.Answered, rateOf(&row)})
	}
	return b, nil
}

func rateOf(row *followup.DispositionRow) *float64 {
	rate, ok := row.Rate()
	if !ok {
		return nil
	}
	return &rate
}

func carriersOf(f *FollowupOptions) []carrierBody {
	bodies := []carrierBody{}
	if f.Texting == nil {
		return bodies
	}
	for _, x := range f.Texting.Carriers() {
		bodies = append(bodies, carrierBody{
			Name: x.Name, Simulated: x.Simulated, Countries: list(x.Countries), HaltedAt: wireTime(x.HaltedAt), Code: x.Code,
			Operator: x.Operator, LastSentAt: wireTime(x.LastSentAt),
		})
	}
	return bodies
}

// demoAllowed reports whether the clock may be moved: there is one to move, and
// no carrier that reaches a real phone.
func demoAllowed(f *FollowupOptions) bool {
	if f.Clock == nil || f.Texting == nil {
		return false
	}
	carriers := f.Texting.Carriers()
	return len(carriers) > 0 && !slices.ContainsFunc(carriers, func(x CarrierStatus) bool { return !x.Simulated })
}

// auditLog is where what people do is written down.
type auditLog interface {
	AppendAudit(ctx context.Context, e sqlstore.AuditEntry) error
}

// auditBefore writes down what somebody is about to do outside the store, so
// that nothing is done without an entry.
func (s *Server) auditBefore(c *call, log auditLog, action, subject, detail string) error {
	return log.AppendAudit(c.ctx(), sqlstore.AuditEntry{At: c.now, Actor: c.who.Actor(), Action: action, Subject: subject, Detail: detail})
}

// POST /api/v1/followup/switch
func (s *Server) switchFollowup(c *call) error {
	f, err := s.theFollowup()
	if err != nil {
		return err
	}
	if f.Campaign == nil {
		return absent()
	}
	var body struct {
		Running *bool `json:"running"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	if body.Running == nil {
		return invalid("running", "须为 true 或 false", "must be true or false")
	}
	if f.Campaign.Running() != *body.Running {
		action := "followup.pause"
		if *body.Running {
			action = "followup.start"
		}
		if err := s.auditBefore(c, f.Store, action, "", ""); err != nil {
			return err
		}
		if err := f.Campaign.SetRunning(c.ctx(), *body.Running); err != nil {
			return err
		}
	}
	return c.json(http.StatusOK, campaignBody{f.Campaign.Running()})
}

// POST /api/v1/followup/carriers/{carrier}/resume
func (s *Server) resumeCarrier(c *call) error {
	f, err := s.theFollowup()
	if err != nil {
		return err
	}
	name := c.r.PathValue("carrier")
	if f.Texting == nil || !slices.ContainsFunc(f.Texting.Carriers(), func(x CarrierStatus) bool { return x.Name == name }) {
		return notFound()
	}
	if err := s.auditBefore(c, f.Store, "carrier.resume", name, ""); err != nil {
		return err
	}
	if err := f.Texting.Resume(c.ctx(), name); err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]any{"carriers": carriersOf(f)})
}

// POST /api/v1/followup/demo-clock
func (s *Server) moveDemoClock(c *call) error {
	f, err := s.theFollowup()
	if err != nil {
		return err
	}
	if !demoAllowed(f) {
		return refuse(http.StatusConflict, "demo_clock_forbidden", "只有全部使用模拟短信时才能拨快演示时钟", "the demonstration's clock moves only while every carrier is simulated")
	}
	var body struct {
		Hours int `json:"hours"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	if body.Hours < 1 || body.Hours > maxDemoStep {
		return invalid("hours", "须为 1 至 744", "must be 1 to 744")
	}
	to := f.Clock.Offset() + time.Duration(body.Hours)*time.Hour
	if to > maxDemoOffset*time.Hour {
		return invalid("hours", "演示时钟最多拨快 366 天", "the clock runs at most 366 days ahead")
	}
	if err := f.Clock.SetOffset(c.ctx(), to, c.who.Actor()); err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]any{"now": wireTime(s.o.SurveyNow()), "demo": demoBody{f.Clock.Offset().Hours()}})
}
