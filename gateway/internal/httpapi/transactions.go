package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// maxClockAhead is how far a window system's clock may run ahead of ours
// before completed_at is refused as wrong.
const maxClockAhead = 10 * time.Minute

// maxCompletedAge is how old a transaction may be: an older one's patient has
// left, and asking the next one would be wrong.
const maxCompletedAge = 24 * time.Hour

// tokenGranularity is how exactly a token's last use is kept: a busy window
// does not cost a commit each time.
const tokenGranularity = 10 * time.Minute

// transactionRequest is what a window's system says of a finished transaction.
type transactionRequest struct {
	Transaction surveys.TransactionNumber `json:"transaction"`
	Kind        surveys.WindowKind        `json:"kind"`
	Staff       surveys.StaffID           `json:"staff"`
	CompletedAt string                    `json:"completed_at"`
}

type transactionAnswer struct {
	PromptID    surveys.FactID            `json:"prompt_id"`
	Window      surveys.PlaceID           `json:"window"`
	Transaction surveys.TransactionNumber `json:"transaction"`
	State       surveys.PromptState       `json:"state"`
	Tablets     int                       `json:"tablets"`
	Duplicate   bool                      `json:"duplicate"`
	StaffKnown  *bool                     `json:"staff_known,omitempty"`
	ExpiresAt   wireTime                  `json:"expires_at"`
}

// POST /api/v1/windows/{window}/transactions
func (s *Server) reportTransaction(c *call) error {
	token, err := s.windowToken(c)
	if err != nil {
		return err
	}
	window, ok := s.window(c)
	if len(token.Windows) > 0 && !slices.Contains(token.Windows, surveys.PlaceID(c.r.PathValue("window"))) {
		return refuse(http.StatusForbidden, "other_window", "令牌不适用于该窗口", "the token is not for this window")
	}
	if !ok {
		return noSuchWindow()
	}
	var body transactionRequest
	if err := decode(c.r, &body); err != nil {
		return err
	}
	return s.ask(c, window, body)
}

func noSuchWindow() *problem {
	return refuse(http.StatusNotFound, "no_such_window", "没有这个窗口", "there is no such window")
}

// window finds the window the address names.
func (s *Server) window(c *call) (surveys.Place, bool) {
	place, ok := s.o.Organisation.Place(surveys.PlaceID(c.r.PathValue("window")))
	return place, ok && place.Kind == surveys.PlaceWindow
}

// windowToken finds the token a window's system sent. It is looked up by its
// hash, so that the time taken says nothing of other tokens.
func (s *Server) windowToken(c *call) (sqlstore.Token, error) {
	hash, ok := bearerHash(c.r)
	if !ok {
		return sqlstore.Token{}, badToken()
	}
	token, err := s.o.Store.FindToken(c.ctx(), hash)
	if errors.Is(err, sqlstore.ErrNotFound) || err == nil && !token.RevokedAt.IsZero() {
		s.windows.Forget(hash)
		return sqlstore.Token{}, badToken()
	}
	if err != nil {
		return token, err
	}
	s.windows.Know(hash)
	if c.now.Sub(token.LastUsedAt) >= tokenGranularity {
		if err := s.o.Store.TouchToken(c.ctx(), token.ID, c.now); err != nil {
			return token, err
		}
	}
	return token, nil
}

// bearerHash gives the hash of the bearer secret of a request.
func bearerHash(r *http.Request) (hash [32]byte, ok bool) {
	scheme, text, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return hash, false
	}
	return auth.HashSecret(strings.TrimSpace(text))
}

// ask stores the transaction and asks the window's tablets. The same body under
// the same number asks nobody again.
func (s *Server) ask(c *call, window surveys.Place, body transactionRequest) error {
	t, staffKnown, err := s.checkTransaction(window, body, c.now)
	if err != nil {
		return err
	}
	prompt, created, err := s.o.Store.CreatePrompt(c.ctx(), surveys.Prompt{
		ID: newID(c.now), Transaction: t, CreatedAt: c.now, ExpiresAt: c.now.Add(s.o.PromptLife),
	})
	if err != nil {
		return err
	}
	answer := transactionAnswer{
		PromptID: prompt.ID, Window: window.ID, Transaction: prompt.Transaction.Number,
		Duplicate: !created, StaffKnown: staffKnown, ExpiresAt: wireTime(prompt.ExpiresAt),
	}
	status := http.StatusOK
	if created {
		status = http.StatusAccepted
		answer.Tablets = s.o.Tablets.Prompt(prompt)
	} else {
		answer.Tablets = s.o.Tablets.Connected(window.ID)
	}
	answer.State = prompt.State(c.now)
	return c.json(status, answer)
}

// checkTransaction judges a body. A member of staff nobody knows is left out:
// the rating counts for the window all the same.
func (s *Server) checkTransaction(window surveys.Place, b transactionRequest, now time.Time) (surveys.Transaction, *bool, error) {
	t := surveys.Transaction{Window: window.ID, Number: b.Transaction, Kind: b.Kind}
	if surveys.CheckTransactionNumber(b.Transaction) != nil {
		return t, nil, invalid("transaction", "须为 1 到 64 个可打印的 ASCII 字符", "must be 1 to 64 printable ASCII characters")
	}
	if b.Kind.Text() == (surveys.Text{}) {
		return t, nil, invalid("kind", "没有这种业务", "must be registration, settlement, admission, discharge or pharmacy")
	}
	var known *bool
	if b.Staff != "" {
		if len(b.Staff) > 64 {
			return t, nil, invalid("staff", "过长", "must be at most 64 characters")
		}
		_, ok := s.o.Organisation.FindStaff(b.Staff)
		if ok {
			t.Staff = b.Staff
		}
		known = &ok
	}
	if b.CompletedAt != "" {
		at, err := time.Parse(time.RFC3339, b.CompletedAt)
		if err != nil {
			return t, nil, invalid("completed_at", "须为 RFC 3339 时间", "must be a time as RFC 3339 has it")
		}
		if at.After(now.Add(maxClockAhead)) || at.Before(now.Add(-maxCompletedAge)) {
			return t, nil, invalid("completed_at", "与系统时间相差过大", "is too far from the gateway's clock")
		}
		t.CompletedAt = at.UTC().Truncate(time.Millisecond)
	}
	return t, known, nil
}

// newID makes a UUIDv7 for something the server itself makes.
func newID(now time.Time) surveys.FactID {
	var random [10]byte
	rand.Read(random[:]) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	return surveys.NewFactID(now, random)
}

// operatorPrefix begins the numbers the operator page makes, so that they
// cannot meet a window system's own.
const operatorPrefix = "op-"

// operatorNumber reports whether n is the prefix and a UUID of any version in
// lower case.
func operatorNumber(n surveys.TransactionNumber) bool {
	rest, ok := strings.CutPrefix(string(n), operatorPrefix)
	if !ok || len(rest) != 36 {
		return false
	}
	for i, r := range []byte(rest) {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen != (r == '-') || !hyphen && (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return false
		}
	}
	return true
}

// POST /api/v1/operator/windows/{window}/transactions
func (s *Server) operatorTransaction(c *call) error {
	window, err := s.ownWindow(c)
	if err != nil {
		return err
	}
	var body transactionRequest
	if err := decode(c.r, &body); err != nil {
		return err
	}
	if !operatorNumber(body.Transaction) {
		return invalid("transaction", "须为 op- 加 UUID", "must be op- and a UUID")
	}
	return s.ask(c, window, body)
}

// ownWindow finds the window the address names, inside what the account sees.
func (s *Server) ownWindow(c *call) (surveys.Place, error) {
	window, ok := s.window(c)
	if !ok || !s.sees(c, auth.TransactionsCreate, window.Department) {
		return surveys.Place{}, noSuchWindow()
	}
	return window, nil
}

type operatorPrompt struct {
	ID        surveys.FactID      `json:"id"`
	State     surveys.PromptState `json:"state"`
	ExpiresAt wireTime            `json:"expires_at"`
}

type operatorAnswer struct {
	Window        surveys.PlaceID `json:"window"`
	Tablets       int             `json:"tablets"`
	Prompt        *operatorPrompt `json:"prompt,omitempty"`
	OfferedToday  int64           `json:"offered_today"`
	AnsweredToday int64           `json:"answered_today"`
}

// GET /api/v1/operator/windows/{window}: how the window's asking goes. It never
// tells a grade: nobody at the window may see one.
func (s *Server) operatorWindow(c *call) error {
	window, err := s.ownWindow(c)
	if err != nil {
		return err
	}
	answer := operatorAnswer{Window: window.ID, Tablets: s.o.Tablets.Connected(window.ID)}
	if answer.Prompt, err = s.openPrompt(c.ctx(), window.ID, c.now); err != nil {
		return err
	}
	day := surveys.DayOf(c.now, s.o.Zone)
	if answer.OfferedToday, answer.AnsweredToday, err = s.o.Store.WindowDay(c.ctx(), window.ID, day); err != nil {
		return err
	}
	return c.json(http.StatusOK, answer)
}

func (s *Server) openPrompt(ctx context.Context, window surveys.PlaceID, now time.Time) (*operatorPrompt, error) {
	prompt, err := s.o.Store.FindOpenPrompt(ctx, window, now)
	if errors.Is(err, sqlstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &operatorPrompt{prompt.ID, prompt.State(now), wireTime(prompt.ExpiresAt)}, nil
}
