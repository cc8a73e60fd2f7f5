package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys"
	"qingfeng/surveys/registers"
	"qingfeng/surveys/sqlstore"
)

const (
	// maxLabel bounds a token's label and maxNote a note, in characters.
	maxLabel = 80
	maxNote  = registers.MaxNote
	// maxCallbacks is how many call-backs one answer holds.
	maxCallbacks = 500
)

type tokenBody struct {
	ID         int64             `json:"id"`
	Label      string            `json:"label"`
	Scope      string            `json:"scope"` // "windows" or "intake"
	Windows    []surveys.PlaceID `json:"windows"`
	CreatedAt  wireTime          `json:"created_at"`
	RevokedAt  wireTime          `json:"revoked_at,omitzero"`
	LastUsedAt wireTime          `json:"last_used_at,omitzero"`
}

// GET /api/v1/tokens: never the token itself, nor its hash.
func (s *Server) listTokens(c *call) error {
	tokens, err := s.o.Store.Tokens(c.ctx())
	if err != nil {
		return err
	}
	bodies := make([]tokenBody, len(tokens))
	for i, t := range tokens {
		scope, windows := tokenScope(t)
		bodies[i] = tokenBody{t.ID, t.Label, scope, windows, wireTime(t.CreatedAt), wireTime(t.RevokedAt), wireTime(t.LastUsedAt)}
	}
	return c.json(http.StatusOK, map[string]any{"tokens": bodies})
}

// tokenScope says what a token is for; windows are empty where it is for every
// window, or for none.
func tokenScope(t sqlstore.Token) (scope string, windows []surveys.PlaceID) {
	if slices.Contains(t.Windows, IntakeScope) {
		return "intake", []surveys.PlaceID{}
	}
	return "windows", list(t.Windows)
}

// POST /api/v1/tokens
func (s *Server) createToken(c *call) error {
	var body struct {
		Label   string            `json:"label"`
		Scope   string            `json:"scope"`
		Windows []surveys.PlaceID `json:"windows"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	label := strings.TrimSpace(body.Label)
	if label == "" || utf8.RuneCountInString(label) > maxLabel || strings.ContainsFunc(label, unicode.IsControl) {
		return invalid("label", "不能为空，最多 80 个字", "must not be empty, at most 80 characters")
	}
	windows := slices.Clone(body.Windows)
	slices.Sort(windows)
	windows = slices.Compact(windows)
	for _, id := range windows {
		if place, ok := s.o.Organisation.Place(id); !ok || place.Kind != surveys.PlaceWindow {
			return invalid("windows", "有不存在的窗口", "names a window there is not")
		}
	}
	switch {
	case body.Scope != "" && body.Scope != "windows" && body.Scope != "intake":
		return invalid("scope", "须为 windows 或 intake", "must be windows or intake")
	case body.Scope == "intake" && len(windows) > 0:
		return invalid("windows", "接入令牌不指定窗口", "a token for sending visits is for no window")
	case body.Scope == "intake":
		windows = []surveys.PlaceID{IntakeScope}
	}
	text, hash := auth.NewSecret()
	token, err := s.o.Store.CreateToken(c.ctx(), sqlstore.Token{Label: label, Windows: windows, Hash: hash, CreatedAt: c.now}, c.who.Actor())
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, map[string]any{"id": token.ID, "token": text})
}

// POST /api/v1/tokens/{id}/revoke
func (s *Server) revokeToken(c *call) error {
	id, err := pathNumber(c, "id")
	if err != nil {
		return err
	}
	if err := s.o.Store.RevokeToken(c.ctx(), id, c.who.Actor()); err != nil {
		return err
	}
	return c.nothing()
}

type callbackBody struct {
	ID              registers.CallbackID      `json:"id"`
	RatingID        surveys.FactID            `json:"rating_id"`
	At              wireTime                  `json:"at"`
	DueOn           string                    `json:"due_on"`
	WorkdaysLeft    int                       `json:"workdays_left"`
	Department      surveys.DepartmentID      `json:"department"`
	Place           surveys.PlaceID           `json:"place"`
	TransactionKind surveys.WindowKind        `json:"transaction_kind,omitempty"`
	Staff           *staffBody                `json:"staff,omitempty"`
	Grade           surveys.Grade             `json:"grade"`
	Tags            []surveys.Option          `json:"tags"`
	Comment         string                    `json:"comment,omitempty"`
	HasPhone        bool                      `json:"has_phone"`
	State           registers.CallbackState   `json:"state"`
	Outcome         registers.CallbackOutcome `json:"outcome,omitempty"`
	Note            string                    `json:"note,omitempty"`
	ClosedAt        wireTime                  `json:"closed_at,omitzero"`
	// Mode is how a survey after discharge was answered; absent: on a tablet.
	// Then rating_id is the invitation's, and grade is 0 when none was given.
	Mode surveys.Mode `json:"mode,omitempty"`
	Wish bool         `json:"wish,omitempty"` // the patient asked to be called
}

// staffBody is the member of staff a transaction was reported with. One the
// configuration no longer has keeps the number and has no name.
type staffBody struct {
	Number surveys.StaffID `json:"number"`
	Name   surveys.Text    `json:"name,omitzero"`
}

func (s *Server) staffOf(id surveys.StaffID) *staffBody {
	if id == "" {
		return nil
	}
	member, _ := s.o.Organisation.FindStaff(id)
	return &staffBody{id, member.Name}
}

func (s *Server) callbackOf(b sqlstore.Callback, today surveys.Day) callbackBody {
	return callbackBody{
		ID: b.ID, RatingID: b.Rating, At: wireTime(b.At), DueOn: b.DueOn.String(),
		WorkdaysLeft: b.WorkdaysLeft(today, s.o.Calendar), Department: b.Department, Place: b.Place,
		TransactionKind: b.Kind, Staff: s.staffOf(b.Staff), Grade: b.Grade,
		Tags: list(b.Tags), Comment: string(b.Comment), HasPhone: b.HasPhone, State: b.State, Outcome: b.Outcome, Note: string(b.Note),
		ClosedAt: wireTime(b.ClosedAt), Mode: b.Mode, Wish: b.Wish,
	}
}

// GET /api/v1/callbacks?state=open|done&after=&limit=: open are all that are
// not done, the one due first at the head; of the done the one closed last.
// next is given when there may be more.
func (s *Server) listCallbacks(c *call) error {
	filter, err := callbackFilter(c.r.URL.Query())
	if err != nil {
		return err
	}
	answer := struct {
		Callbacks []callbackBody       `json:"callbacks"`
		Next      registers.CallbackID `json:"next,omitzero"`
	}{Callbacks: []callbackBody{}}
	if !c.who.Everywhere(auth.CallbacksWork) {
		if filter.Departments = s.ownDepartments(c); len(filter.Departments) == 0 { // none is not every one
			return c.json(http.StatusOK, answer)
		}
	}
	found, err := s.o.Store.Callbacks(c.ctx(), filter)
	if err != nil {
		return err
	}
	today := surveys.DayOf(c.now, s.o.Zone)
	for _, b := range found {
		answer.Callbacks = append(answer.Callbacks, s.callbackOf(b, today))
	}
	if len(found) == filter.Limit {
		answer.Next = found[len(found)-1].ID
	}
	return c.json(http.StatusOK, answer)
}

func callbackFilter(query url.Values) (sqlstore.CallbackFilter, error) {
	filter := sqlstore.CallbackFilter{Limit: maxCallbacks}
	switch query.Get("state") {
	case "", "open":
		filter.State = registers.CallbackOpen
	case "done":
		filter.State = registers.CallbackDone
	default:
		return filter, invalid("state", "须为 open 或 done", "must be open or done")
	}
	if text := query.Get("after"); text != "" {
		after, err := strconv.ParseInt(text, 10, 64)
		if err != nil || after < 1 {
			return filter, invalid("after", "须为上一页的 next", "must be next of the page before")
		}
		filter.After = registers.CallbackID(after)
	}
	if text := query.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > maxCallbacks {
			return filter, invalid("limit", "须为 1 至 500", "must be 1 to 500")
		}
		filter.Limit = limit
	}
	return filter, nil
}

// callback finds the call-back the address names, inside what the account sees.
func (s *Server) callback(c *call) (sqlstore.Callback, error) {
	id, err := pathNumber(c, "id")
	if err != nil {
		return sqlstore.Callback{}, err
	}
	b, err := s.o.Store.FindCallback(c.ctx(), registers.CallbackID(id))
	if err != nil {
		return b, err
	}
	if !s.sees(c, auth.CallbacksWork, b.Department) {
		return sqlstore.Callback{}, notFound()
	}
	return b, nil
}

// POST /api/v1/callbacks/{id}/reveal-phone: the store audits it with the
// reading, so that there is no reading without an entry.
func (s *Server) revealPhone(c *call) error {
	b, err := s.callback(c)
	if err != nil {
		return err
	}
	if !b.HasPhone {
		return refuse(http.StatusNotFound, "no_number", "患者没有留下电话", "the patient left no number")
	}
	phone, err := s.o.Store.RevealPhone(c.ctx(), b.ID, c.who.Actor())
	if err != nil {
		return err
	}
	s.o.Boards.Touch()
	return c.json(http.StatusOK, map[string]any{"phone": string(phone)})
}

// POST /api/v1/callbacks/{id}/outcome
func (s *Server) recordCallback(c *call) error {
	b, err := s.callback(c)
	if err != nil {
		return err
	}
	var body struct {
		Outcome registers.CallbackOutcome `json:"outcome"`
		Note    string                    `json:"note"`
		Close   bool                      `json:"close"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	if !body.Outcome.Valid() {
		return invalid("outcome", "没有这种结果", "must be reached, no_answer, declined or no_number")
	}
	if err := checkNote(body.Note); err != nil {
		return err
	}
	b, err = s.o.Store.CloseCallback(c.ctx(), b.ID, body.Outcome, surveys.Secret(body.Note), body.Close, c.who.Actor())
	if errors.Is(err, registers.ErrCallbackDone) {
		return refuse(http.StatusConflict, "callback_done", "该回访已办结", "the call-back is closed already")
	}
	if err != nil {
		return err
	}
	s.o.Boards.Touch()
	return c.json(http.StatusOK, s.callbackOf(b, surveys.DayOf(c.now, s.o.Zone)))
}

func checkNote(note string) error {
	if utf8.RuneCountInString(note) > maxNote {
		return invalid("note", "最多 2000 个字", "must be at most 2000 characters")
	}
	return nil
}

type setAsideBody struct {
	ID         int64            `json:"id"`
	FactID     surveys.FactID   `json:"fact_id"`
	Device     surveys.DeviceID `json:"device"`
	Kind       string           `json:"kind"`
	Reason     string           `json:"reason"`
	At         wireTime         `json:"at"`
	ResolvedAt wireTime         `json:"resolved_at,omitzero"`
	ResolvedBy string           `json:"resolved_by,omitempty"`
	Note       string           `json:"note,omitempty"`
}

// GET /api/v1/set-aside?state=open|resolved: what was set aside and why, never
// the body, which may name a patient.
func (s *Server) listSetAsides(c *call) error {
	open := true
	switch c.r.URL.Query().Get("state") {
	case "", "open":
	case "resolved":
		open = false
	default:
		return invalid("state", "须为 open 或 resolved", "must be open or resolved")
	}
	found, err := s.o.Store.SetAsides(c.ctx(), open)
	if err != nil {
		return err
	}
	bodies := make([]setAsideBody, len(found))
	for i, a := range found {
		bodies[i] = setAsideOf(a)
	}
	return c.json(http.StatusOK, map[string]any{"set_aside": bodies})
}

// POST /api/v1/set-aside/{id}/reveal: what the device sent, as text. The store
// audits it with the reading, so that there is no reading without an entry.
func (s *Server) revealSetAside(c *call) error {
	id, err := pathNumber(c, "id")
	if err != nil {
		return err
	}
	body, err := s.o.Store.OpenSetAside(c.ctx(), id, c.who.Actor())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]any{"body": string(body)})
}

// POST /api/v1/set-aside/{id}/resolve
func (s *Server) resolveSetAside(c *call) error {
	id, err := pathNumber(c, "id")
	if err != nil {
		return err
	}
	var body struct {
		Note string `json:"note"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	if strings.TrimSpace(body.Note) == "" {
		return invalid("note", "请写明处理结果", "must say what was done")
	}
	if err := checkNote(body.Note); err != nil {
		return err
	}
	if err := s.o.Store.ResolveSetAside(c.ctx(), id, body.Note, c.who.Actor()); err != nil {
		return err
	}
	return c.nothing()
}

func queryNumber(c *call, name string, fallback, most int64) (int64, error) {
	text := c.r.URL.Query().Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, invalid(name, "数值超出范围", "must be a number from 1 to "+strconv.FormatInt(most, 10))
	}
	return n, nil
}

func setAsideOf(a sqlstore.SetAsideEntry) setAsideBody {
	return setAsideBody{
		ID: a.Number, FactID: a.ID, Device: a.Device, Kind: a.Kind, Reason: a.Reason, At: wireTime(a.At),
		ResolvedAt: wireTime(a.ResolvedAt), ResolvedBy: a.ResolvedBy, Note: a.Note,
	}
}
