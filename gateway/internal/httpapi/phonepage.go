package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
)

// SurveyStore keeps what the phone page asks and is told.
type SurveyStore interface {
	FindInvitationByToken(ctx context.Context, hash [32]byte) (sqlstore.Conversation, error)
	FindForm(ctx context.Context, v surveys.VersionID) (*followup.Form, error)
	FindVisit(ctx context.Context, id followup.VisitID) (followup.Visit, error)
	RecordResponse(ctx context.Context, r sqlstore.ResponseSave) (surveys.Outcome, error)
	ExchangeCode(ctx context.Context, try sqlstore.CodeTry) (followup.InvitationID, error)
}

var _ SurveyStore = (*sqlstore.Store)(nil)

const (
	// surveyTokenBytes is the length of a survey's token: 128 bits, 22 signs of
	// an address that has to fit a text message.
	surveyTokenBytes = 16
	// shortestCode and longestCode are the digits of a code typed by hand.
	shortestCode, longestCode = 6, 8
	// deviceCodes is how many wrong codes one device may type in an hour,
	// wherever it asks from. The store counts those of an address.
	deviceCodes = 10
	codeHour    = time.Hour
	// surveySaves is how many saves of one survey are taken in an hour: a
	// questionnaire of 60 questions, answered and corrected many times over.
	surveySaves = 500
)

// NewSurveyToken makes the token of a survey's address /s/{token} and the hash
// the store keeps of it.
func NewSurveyToken() (text string, hash [32]byte) {
	b := make([]byte, surveyTokenBytes)
	rand.Read(b) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	text = base64.RawURLEncoding.EncodeToString(b)
	return text, HashSurveyToken(text)
}

// HashSurveyToken gives the SHA-256 of a token's text, which is what the store
// knows a survey by.
func HashSurveyToken(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// phonePages is what the phone pages need beside the store.
type phonePages struct {
	codes    *auth.Tries[surveys.FactID] // wrong codes, by device
	saves    *auth.Tries[[32]byte]       // saves, by the token's hash
	receipts *receipts
	hasher   *auth.Hasher
}

func newPhonePages(o Options) *phonePages {
	return &phonePages{
		codes: auth.NewTries[surveys.FactID](deviceCodes, codeHour, codeHour), saves: auth.NewTries[[32]byte](surveySaves, codeHour, codeHour),
		receipts: newReceipts(), hasher: o.ReceiptHasher,
	}
}

// survey is a survey found by its token.
type survey struct {
	sqlstore.Conversation
	hash [32]byte
	form *followup.Form
	over bool // ended, or its window has closed
}

// findSurvey finds the survey of the request's token. Text that is no token is
// looked up too: every wrong one costs and answers the same.
func (s *Server) findSurvey(c *call) (survey, error) {
	text, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return survey{}, badToken()
	}
	v := survey{hash: HashSurveyToken(text)}
	var err error
	v.Conversation, err = s.o.Store.FindInvitationByToken(c.ctx(), v.hash)
	if errors.Is(err, sqlstore.ErrNotFound) {
		return survey{}, badToken()
	}
	if err != nil {
		return survey{}, err
	}
	v.over = !v.Invitation.EndedAt.IsZero() || !s.o.SurveyNow().Before(v.Invitation.ClosesAt)
	v.form, err = s.o.Store.FindForm(c.ctx(), v.Invitation.Form)
	return v, err
}

// surveyAnswer is a survey on the wire: nothing in it names the patient.
type surveyAnswer struct {
	Hospital     surveys.Text    `json:"hospital"`
	Hotline      string          `json:"hotline,omitempty"`
	ClueHotline  string          `json:"clue_hotline,omitempty"`
	Department   surveys.Text    `json:"department,omitzero"`
	Place        surveys.Text    `json:"place,omitzero"`
	DischargedOn string          `json:"discharged_on,omitempty"` // 2026-11-16, in the hospital's zone
	Language     string          `json:"language"`
	ClosesAt     wireTime        `json:"closes_at"`
	Form         surveyForm      `json:"form"`
	Answers      []pageAnswerOut `json:"answers"`
}

type surveyForm struct {
	Version    surveys.VersionID    `json:"version"`
	Title      surveys.Text         `json:"title"`
	Dimensions []followup.Dimension `json:"dimensions,omitempty"`
	Questions  []surveyQuestion     `json:"questions"`
}

// surveyQuestion leaves out how a question is scored.
type surveyQuestion struct {
	ID        surveys.ItemID        `json:"id"`
	Kind      followup.QuestionKind `json:"kind"`
	Dimension string                `json:"dimension,omitempty"`
	Text      surveys.Text          `json:"text"`
	Choices   []followup.Choice     `json:"choices,omitempty"`
	Overall   bool                  `json:"overall,omitempty"`
	Optional  bool                  `json:"optional,omitempty"`
	MaxLength int                   `json:"max_length,omitempty"`
}

// pageAnswerOut is an answer the page has given. A final one cannot be changed.
type pageAnswerOut struct {
	Question surveys.ItemID `json:"question"`
	Value    int            `json:"value"`
	Text     string         `json:"text,omitempty"`
	Final    bool           `json:"final,omitempty"`
}

// GET /api/v1/survey: a wrong token, one that was used and one that is too late
// get the same answer.
func (s *Server) showSurvey(c *call) error {
	v, err := s.findSurvey(c)
	if err != nil {
		return err
	}
	if v.over {
		return badToken()
	}
	i := &v.Invitation
	answer := surveyAnswer{
		Hospital: s.o.Organisation.Name, Hotline: s.o.Hotline, ClueHotline: s.o.ClueHotline,
		Language: i.Language, ClosesAt: wireTime(i.ClosesAt), Form: formOnPage(v.form), Answers: []pageAnswerOut{},
	}
	if d, ok := s.o.Organisation.Department(i.Department); ok {
		answer.Department = d.Name
	}
	if p, ok := s.o.Organisation.Place(i.Place); ok {
		answer.Place = p.Name
	}
	visit, err := s.o.Store.FindVisit(c.ctx(), i.Visit)
	if err != nil && !errors.Is(err, sqlstore.ErrNotFound) {
		return err
	}
	if !visit.DischargedAt.IsZero() {
		answer.DischargedOn = visit.DischargedAt.In(s.o.Zone).Format(time.DateOnly)
	}
	for _, a := range v.Answers {
		q, _ := v.form.Question(a.Question)
		answer.Answers = append(answer.Answers, pageAnswerOut{a.Question, a.Value, string(a.Text), q.Overall})
	}
	return c.json(http.StatusOK, answer)
}

func formOnPage(f *followup.Form) surveyForm {
	out := surveyForm{Version: f.Version(), Title: f.Title, Dimensions: f.Dimensions}
	for _, q := range f.Questions {
		out.Questions = append(out.Questions, surveyQuestion{q.ID, q.Kind, q.Dimension, q.Text, q.Choices, q.Overall, q.Optional, q.MaxLength})
	}
	return out
}

// GET /api/v1/survey/contact: whom to phone, told to everybody alike, so that
// a page without a survey can say it.
func (s *Server) showSurveyContact(c *call) error {
	return c.json(http.StatusOK, struct {
		Hospital    surveys.Text `json:"hospital"`
		Hotline     string       `json:"hotline,omitempty"`
		ClueHotline string       `json:"clue_hotline,omitempty"`
	}{s.o.Organisation.Name, s.o.Hotline, s.o.ClueHotline})
}

// POST /api/v1/survey/code: a code that was typed becomes the token to go on
// with. One that is wrong, used or too late gets the same answer.
func (s *Server) exchangeCode(c *call) error {
	var body struct {
		Code string `json:"code"`
		// Device is a number the browser drew for itself. Leaving it out gains
		// nothing: the address is counted in any case.
		Device string `json:"device"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	code, ok := parseSurveyCode(body.Code)
	if !ok {
		return invalid("code", "须为 6 至 8 位数字", "must be 6 to 8 digits")
	}
	now := s.o.SurveyNow()
	device, err := surveys.ParseFactID(body.Device)
	if err != nil && body.Device != "" {
		return invalid("device", "须为 UUIDv7", "must be a UUIDv7")
	}
	if body.Device != "" {
		if wait, ok := s.pages.codes.Begin(device, c.now); !ok {
			return tooManyCodes(wait)
		}
	}
	token, hash := NewSurveyToken()
	_, err = s.o.Store.ExchangeCode(c.ctx(), sqlstore.CodeTry{Code: surveys.Secret(code), Source: codeSource(c.address), TokenHash: hash, At: now})
	switch {
	case errors.Is(err, sqlstore.ErrTooManyTries):
		return tooManyCodes(now.Truncate(codeHour).Add(codeHour).Sub(now))
	case errors.Is(err, sqlstore.ErrNotFound):
		return refuse(http.StatusNotFound, "no_such_code", "验证码不正确或已失效", "the code is wrong, used or expired")
	}
	s.pages.codes.Undo(device) // the code was right, or the store could not say
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		Token string `json:"token"`
	}{token})
}

func tooManyCodes(wait time.Duration) *problem {
	return refuse(http.StatusTooManyRequests, "too_many_tries", "验证码错误次数过多，请稍后再试", "too many wrong codes").after(wait)
}

// parseSurveyCode reads a code as a person types it: full-width digits, and
// spaces or hyphens between groups.
func parseSurveyCode(text string) (string, bool) {
	if len(text) > 64 {
		return "", false
	}
	var b strings.Builder
	for _, r := range norm.NFKC.String(text) {
		switch {
		case r == ' ' || r == '-':
		case '0' <= r && r <= '9':
			b.WriteRune(r)
		default:
			return "", false
		}
	}
	return b.String(), shortestCode <= b.Len() && b.Len() <= longestCode
}

// codeSource is whom wrong codes are counted against: the address, of IPv6 the
// /64 one subscriber is given.
func codeSource(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
