package httpapi

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
)

// defaultHeadAnswers is FollowupOptions.MinAnswers when it is 0.
const defaultHeadAnswers = 10

// dispositionRow is a row of the table. A department's head gets no costs.
type dispositionRow struct {
	Department   surveys.DepartmentID               `json:"department,omitempty"`
	Year         int                                `json:"year,omitempty"`
	Week         int                                `json:"week,omitempty"`
	Mode         surveys.Mode                       `json:"mode"`
	Invitations  int64                              `json:"invitations"`
	Offered      int64                              `json:"offered"`
	Answered     int64                              `json:"answered"`
	ResponseRate *float64                           `json:"response_rate"` // null: nobody was asked
	States       map[followup.InvitationState]int64 `json:"states"`
	Cost         *surveys.Fen                       `json:"cost_fen,omitempty"`
}

// dispositionQuery is what a request chooses.
type dispositionQuery struct {
	by     followup.Grouping
	filter sqlstore.DispositionFilter
	// head: the account is limited to its department.
	head bool
}

func (s *Server) dispositionQuery(c *call) (q dispositionQuery, err error) {
	query := c.r.URL.Query()
	q.head = !c.who.Everywhere(auth.FollowupView)
	q.by = followup.ByMode
	if by := followup.Grouping(query.Get("by")); by != "" {
		q.by = by
	}
	allowed := []followup.Grouping{followup.ByMode, followup.ByDepartment, followup.ByWeek}
	if q.head {
		allowed = allowed[:2] // see wholePieces: a week's figure would tell the pieces apart
	}
	if !slices.Contains(allowed, q.by) {
		return q, invalid("by", "没有这种分组", "must be mode, department or week (a department's head: mode or department)")
	}
	if q.head {
		q.filter.Departments = s.ownDepartments(c)
		return q, nil
	}
	if q.filter.From, err = queryDay(query.Get("from"), "from"); err != nil {
		return q, err
	}
	if q.filter.To, err = queryDay(query.Get("to"), "to"); err != nil {
		return q, err
	}
	if id := surveys.DepartmentID(query.Get("department")); id != "" {
		if _, ok := s.o.Organisation.Department(id); !ok {
			return q, invalid("department", "没有这个科室", "there is no such department")
		}
		q.filter.Departments = []surveys.DepartmentID{id}
	}
	return q, nil
}

// queryDay reads yyyy-mm-dd; empty is no day.
func queryDay(text, field string) (surveys.Day, error) {
	if text == "" {
		return 0, nil
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, invalid(field, "须为 yyyy-mm-dd", "must be a day as yyyy-mm-dd")
	}
	return surveys.DayOf(at, time.UTC), nil
}

// dispositions gives the rows a request may see. held is how many units a
// department's head is not shown for want of answers.
func (s *Server) dispositions(c *call, q dispositionQuery) (rows []followup.DispositionRow, held int, err error) {
	f, err := s.theFollowup()
	if err != nil {
		return nil, 0, err
	}
	if q.head && len(q.filter.Departments) == 0 { // none is not every one
		return nil, 0, nil
	}
	found, err := f.Store.Dispositions(c.ctx(), q.filter)
	if err != nil {
		return nil, 0, err
	}
	cells := make([]followup.DispositionCell, len(found))
	for i, d := range found {
		cells[i] = followup.DispositionCell(d)
	}
	if q.head {
		least := f.MinAnswers
		if least <= 0 {
			least = defaultHeadAnswers
		}
		cells, held = wholePieces(cells, int64(least))
	}
	return followup.RollUp(cells, q.by), held, nil
}

// wholePieces leaves what a department's head may see: of each unit and mode
// the weeks, oldest first, joined to pieces of at least least answers. What is
// left over at the end waits for the next. Every figure is then a sum of such
// pieces, so none can be worked out by taking one figure from another. A survey
// that stopped for a clue counts as broken off: that there is a clue is not the
// department's to know. held counts the units and modes of which nothing is
// left though somebody was asked.
func wholePieces(cells []followup.DispositionCell, least int64) (shown []followup.DispositionCell, held int) {
	type unit struct {
		department surveys.DepartmentID
		mode       surveys.Mode
	}
	units := map[unit][]followup.DispositionCell{}
	for _, c := range cells {
		c.Cost = 0
		if c.State == followup.InvitationStopped {
			c.State = followup.InvitationBreakOff
		}
		key := unit{c.Department, c.Mode}
		units[key] = append(units[key], c)
	}
	week := func(c followup.DispositionCell) int { return c.Year*100 + c.Week }
	for _, of := range units {
		slices.SortStableFunc(of, func(a, b followup.DispositionCell) int { return week(a) - week(b) })
		whole, answered, offered := 0, int64(0), int64(0)
		for i, c := range of {
			answered += c.Answered
			offered += c.Offered
			if last := i == len(of)-1 || week(of[i+1]) != week(c); last && answered >= least {
				whole, answered = i+1, 0
			}
		}
		if whole == 0 && offered > 0 {
			held++
		}
		shown = append(shown, of[:whole]...)
	}
	return shown, held
}

// GET /api/v1/followup/dispositions?by=mode|department|week&from=&to=&department=
func (s *Server) listDispositions(c *call) error {
	q, err := s.dispositionQuery(c)
	if err != nil {
		return err
	}
	rows, held, err := s.dispositions(c, q)
	if err != nil {
		return err
	}
	answer := struct {
		By   followup.Grouping `json:"by"`
		Rows []dispositionRow  `json:"rows"`
		Held int               `json:"held,omitempty"`
	}{q.by, make([]dispositionRow, len(rows)), held}
	for i, r := range rows {
		answer.Rows[i] = dispositionRow{
			Department: r.Department, Year: r.Year, Week: r.Week, Mode: r.Mode, Invitations: r.Invitations, Offered: r.Offered,
			Answered: r.Answered, ResponseRate: rateOf(&r), States: r.States,
		}
		if !q.head {
			answer.Rows[i].Cost = &r.Cost
		}
	}
	return c.json(http.StatusOK, answer)
}

// GET /api/v1/followup/dispositions.csv: the same rows for a spreadsheet, with
// a byte order mark, without which it reads Chinese wrongly.
func (s *Server) downloadDispositions(c *call) error {
	q, err := s.dispositionQuery(c)
	if err != nil {
		return err
	}
	language := c.r.URL.Query().Get("language")
	if language == "" {
		language = "zh"
	}
	if language != "zh" && language != "en" {
		return invalid("language", "须为 zh 或 en", "must be zh or en")
	}
	rows, _, err := s.dispositions(c, q)
	if err != nil {
		return err
	}
	table := followup.DispositionTable(rows, q.by, language, func(id surveys.DepartmentID) string {
		unit, ok := s.o.Organisation.Department(id)
		switch {
		case !ok:
			return string(id)
		case language == "en":
			return unit.Name.EN
		}
		return unit.Name.ZH
	})
	if q.head { // the last column is the cost
		for i := range table {
			table[i] = table[i][:len(table[i])-1]
		}
	}
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	if err := w.WriteAll(table); err != nil {
		return fmt.Errorf("write dispositions: %w", err)
	}
	day := strings.ReplaceAll(surveys.DayOf(s.o.SurveyNow(), s.o.Zone).String(), "-", "")
	c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	c.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="followup-%s-%s.csv"`, q.by, day))
	c.w.WriteHeader(http.StatusOK)
	c.w.Write(b.Bytes()) //nolint:errcheck // the client is gone; there is nobody to tell
	return nil
}

type sampleBody struct {
	Visit      followup.VisitID     `json:"visit"`
	Department surveys.DepartmentID `json:"department,omitempty"`
	Mode       surveys.Mode         `json:"mode,omitempty"`
	DueAt      wireTime             `json:"due_at,omitzero"`
}

type refusedBody struct {
	Reason  followup.Reason `json:"reason"`
	Text    surveys.Text    `json:"text"`
	Visits  int64           `json:"visits"`
	Samples []sampleBody    `json:"samples"`
}

// POST /api/v1/followup/dry-run: one at a time, since each reads every visit.
func (s *Server) dryRunFollowup(c *call) error {
	f, err := s.theFollowup()
	if err != nil {
		return err
	}
	if f.Campaign == nil {
		return absent()
	}
	if !s.dry.TryLock() {
		return busy()
	}
	defer s.dry.Unlock()
	run, err := f.Campaign.DryRun(c.ctx())
	if err != nil {
		return err
	}
	refused := []refusedBody{}
	for _, reason := range followup.Reasons() {
		if n := run.Refused[reason]; n > 0 {
			refused = append(refused, refusedBody{reason, reason.Text(), n, samplesOf(run.Samples[reason])})
		}
	}
	return c.json(http.StatusOK, map[string]any{
		"at": wireTime(s.o.SurveyNow()), "looked": run.Looked, "invited": run.Invited, "by_mode": run.ByMode, "by_department": run.ByDepartment,
		"by_day": daysOf(run.ByDay), "invited_samples": samplesOf(run.Samples[""]), "refused": refused, "budget_fen": f.Budget,
	})
}

func samplesOf(of []followup.Sample) []sampleBody {
	bodies := []sampleBody{}
	for _, x := range of {
		b := sampleBody{Visit: x.Visit, Department: x.Department}
		if x.Decision.Invited() {
			b.Mode, b.DueAt = x.Decision.Mode, wireTime(x.Decision.DueAt)
		}
		bodies = append(bodies, b)
	}
	return bodies
}

type planDay struct {
	Day string `json:"day"`
	*followup.Plan
}

func daysOf(by map[surveys.Day]*followup.Plan) []planDay {
	days := []planDay{}
	for day, plan := range by {
		days = append(days, planDay{day.String(), plan})
	}
	slices.SortFunc(days, func(a, b planDay) int { return strings.Compare(a.Day, b.Day) })
	return days
}
