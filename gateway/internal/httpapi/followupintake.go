package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"qingfeng/gateway/internal/auth"
	"qingfeng/gateway/internal/intake"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// IntakeScope stands among a token's windows when the token is one for sending
// visits instead. No place can be called so: a window's token opens no intake,
// not even one for every window, and this one opens no window.
const IntakeScope surveys.PlaceID = "intake:visits"

type intakeBody struct {
	HL7          *hl7Body `json:"hl7,omitempty"` // absent: no listener is set up
	Rejected     int64    `json:"rejected"`
	UnknownWards int      `json:"unknown_wards"`
	MaxFileBytes int64    `json:"max_file_bytes"`
	MayOpen      bool     `json:"may_open"`
}

type hl7Body struct {
	Address       string   `json:"address"`
	Listening     bool     `json:"listening"`
	Connections   int64    `json:"connections"`
	Accepted      uint64   `json:"accepted"`
	Ignored       uint64   `json:"ignored"`
	Errors        uint64   `json:"errors"`
	Rejected      uint64   `json:"rejected"`
	TurnedAway    uint64   `json:"turned_away"`
	LastMessageAt wireTime `json:"last_message_at,omitzero"`
}

func (s *Server) theIntake() (*IntakeOptions, error) {
	if s.o.Intake == nil {
		return nil, absent()
	}
	return s.o.Intake, nil
}

// GET /api/v1/intake
func (s *Server) showIntake(c *call) error {
	in, err := s.theIntake()
	if err != nil {
		return err
	}
	b := intakeBody{MaxFileBytes: intake.MaxFile, MayOpen: c.who.May(auth.IntakeOpen)}
	if b.Rejected, err = in.Store.CountRejected(c.ctx()); err != nil {
		return err
	}
	places, err := in.Store.UnknownPlaces(c.ctx())
	if err != nil {
		return err
	}
	b.UnknownWards = len(places)
	if in.HL7 != nil {
		h := in.HL7()
		b.HL7 = &hl7Body{
			Address: h.Address, Listening: h.Listening, Connections: h.Counts.Connections, Accepted: h.Counts.Accepted, Ignored: h.Counts.Ignored,
			Errors: h.Counts.Errors, Rejected: h.Counts.Rejected, TurnedAway: h.Counts.TurnedAway, LastMessageAt: wireTime(h.LastMessageAt),
		}
	}
	return c.json(http.StatusOK, b)
}

type rejectedBody struct {
	ID         int64        `json:"id"`
	Source     string       `json:"source"`
	Reason     surveys.Text `json:"reason"`
	Times      int64        `json:"times"`
	At         wireTime     `json:"at"`
	LastAt     wireTime     `json:"last_at"`
	ResolvedAt wireTime     `json:"resolved_at,omitzero"`
	ResolvedBy string       `json:"resolved_by,omitempty"`
	Note       string       `json:"note,omitempty"`
}

// reasonOf takes "Chinese / English" apart; what is not both stands for both.
func reasonOf(text string) surveys.Text {
	zh, en, ok := strings.Cut(text, " / ")
	if !ok {
		return surveys.Text{ZH: text, EN: text}
	}
	return surveys.Text{ZH: zh, EN: en}
}

// GET /api/v1/intake/rejected?state=open|resolved: never what came, which names
// a patient.
func (s *Server) listRejected(c *call) error {
	in, err := s.theIntake()
	if err != nil {
		return err
	}
	open := true
	switch c.r.URL.Query().Get("state") {
	case "", "open":
	case "resolved":
		open = false
	default:
		return invalid("state", "须为 open 或 resolved", "must be open or resolved")
	}
	found, err := in.Store.RejectedMessages(c.ctx(), open)
	if err != nil {
		return err
	}
	bodies := make([]rejectedBody, len(found))
	for i, r := range found {
		bodies[i] = rejectedBody{
			ID: r.ID, Source: r.Source, Reason: reasonOf(r.Reason), Times: r.Times, At: wireTime(r.At), LastAt: wireTime(r.LastAt),
			ResolvedAt: wireTime(r.ResolvedAt), ResolvedBy: r.ResolvedBy, Note: r.Note,
		}
	}
	return c.json(http.StatusOK, map[string]any{"rejected": bodies})
}

// POST /api/v1/intake/rejected/{id}/reveal: the store audits it with the
// reading, so that there is no reading without an entry.
func (s *Server) revealRejected(c *call) error {
	in, err := s.theIntake()
	if err != nil {
		return err
	}
	id, err := pathNumber(c, "id")
	if err != nil {
		return err
	}
	payload, err := in.Store.OpenRejected(c.ctx(), id, c.who.Actor())
	if err != nil {
		return err
	}
	text, charset := readable(payload)
	return c.json(http.StatusOK, map[string]any{"payload": text, "charset": charset})
}

// readable gives a message as text: what is neither UTF-8 nor GB18030 with a
// mark for each byte that cannot be read.
func readable(payload []byte) (text, charset string) {
	if utf8.Valid(payload) {
		return string(payload), "utf-8"
	}
	decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(payload)
	if err == nil && !bytes.ContainsRune(decoded, utf8.RuneError) {
		return string(decoded), "gb18030"
	}
	return strings.ToValidUTF8(string(payload), "\ufffd"), "unknown"
}

// POST /api/v1/intake/rejected/{id}/resolve
func (s *Server) resolveRejected(c *call) error {
	in, err := s.theIntake()
	if err != nil {
		return err
	}
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
	if err := in.Store.ResolveRejected(c.ctx(), id, body.Note, c.who.Actor()); err != nil {
		return err
	}
	return c.nothing()
}

type unknownWardBody struct {
	Source string   `json:"source"`
	Code   string   `json:"code"`
	Count  int64    `json:"count"`
	LastAt wireTime `json:"last_at"`
}

// GET /api/v1/intake/unknown-wards
func (s *Server) listUnknownWards(c *call) error {
	in, err := s.theIntake()
	if err != nil {
		return err
	}
	found, err := in.Store.UnknownPlaces(c.ctx())
	if err != nil {
		return err
	}
	bodies := make([]unknownWardBody, len(found))
	for i, p := range found {
		bodies[i] = unknownWardBody{p.Source, p.Code, p.Count, wireTime(p.LastAt)}
	}
	return c.json(http.StatusOK, map[string]any{"unknown_wards": bodies})
}

// POST /api/v1/intake/unknown-wards/forget
func (s *Server) forgetUnknownWard(c *call) error {
	in, err := s.theIntake()
	if err != nil {
		return err
	}
	var body struct {
		Source string `json:"source"`
		Code   string `json:"code"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	if err := in.Store.ForgetUnknownPlace(c.ctx(), body.Source, body.Code, c.who.Actor()); err != nil {
		return err
	}
	return c.nothing()
}

// POST /api/v1/intake/discharges: a file, from the desk.
func (s *Server) uploadDischarges(c *call) error {
	in, err := s.theIntake()
	if err != nil {
		return err
	}
	if err := s.auditBefore(c, in.Store, "intake.upload", "", ""); err != nil {
		return err
	}
	return s.importFile(c, in)
}

// POST /api/v1/discharges: the same file, from a program.
func (s *Server) receiveDischarges(c *call) error {
	in, err := s.sender(c)
	if err != nil {
		return err
	}
	return s.importFile(c, in)
}

func (s *Server) importFile(c *call, in *IntakeOptions) error {
	if kind := mediaType(c.r); kind == "multipart/form-data" || kind == "application/json" || kind == "application/x-www-form-urlencoded" {
		return refuse(http.StatusUnsupportedMediaType, "not_csv", "请直接以 text/csv 发送文件内容", "send the file itself as text/csv")
	}
	if !s.importing.TryLock() {
		return busy()
	}
	defer s.importing.Unlock()
	report, err := in.Import.ImportCSV(c.ctx(), c.r.Body)
	var refusal *intake.Refusal
	if errors.As(err, &refusal) {
		return refuse(http.StatusUnprocessableEntity, "file_refused", refusal.Reason.ZH, refusal.Reason.EN)
	}
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, report)
}

// POST /api/v1/encounters: FHIR R4. What is refused is kept aside for IT too,
// since nobody may read a program's log.
func (s *Server) receiveEncounters(c *call) error {
	in, err := s.sender(c)
	if err != nil {
		return err
	}
	if kind := mediaType(c.r); kind != "application/fhir+json" && kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "not_json", "请求头 Content-Type 必须是 application/fhir+json", "Content-Type must be application/fhir+json")
	}
	raw, err := io.ReadAll(c.r.Body)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return refuse(http.StatusBadRequest, "incomplete_body", "请求内容不完整", "the body broke off")
	}
	results, err := in.Import.ApplyFHIR(c.ctx(), bytes.NewReader(raw))
	var refusal *intake.Refusal
	if errors.As(err, &refusal) {
		r := sqlstore.Rejected{Source: intake.SourceFHIR, Reason: refusal.Reason.ZH + " / " + refusal.Reason.EN, Payload: raw, At: c.now}
		if err := in.Store.KeepRejected(c.ctx(), r); err != nil {
			return fmt.Errorf("keep refused resource: %w", err)
		}
		return refuse(http.StatusUnprocessableEntity, "resource_refused", refusal.Reason.ZH, refusal.Reason.EN)
	}
	if err != nil {
		return err
	}
	bodies := make([]changeBody, len(results))
	for i, r := range results {
		bodies[i] = changeBody{r.Outcome, r.Created, r.UnknownWard, r.Unreachable}
	}
	return c.json(http.StatusOK, map[string]any{"changes": bodies})
}

// changeBody is what became of one visit.
type changeBody struct {
	Outcome     intake.Outcome `json:"outcome"`
	Created     bool           `json:"created"`
	UnknownWard bool           `json:"unknown_ward"`
	Unreachable bool           `json:"unreachable"`
}

func mediaType(r *http.Request) string {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

// sender lets through whoever holds a token for sending visits.
func (s *Server) sender(c *call) (*IntakeOptions, error) {
	hash, ok := bearerHash(c.r)
	if !ok {
		return nil, badToken()
	}
	token, err := s.o.Store.FindToken(c.ctx(), hash)
	if errors.Is(err, sqlstore.ErrNotFound) || err == nil && (!token.RevokedAt.IsZero() || !slices.Contains(token.Windows, IntakeScope)) {
		return nil, badToken()
	}
	if err != nil {
		return nil, err
	}
	if c.now.Sub(token.LastUsedAt) >= tokenGranularity {
		if err := s.o.Store.TouchToken(c.ctx(), token.ID, c.now); err != nil {
			return nil, err
		}
	}
	return s.theIntake()
}
