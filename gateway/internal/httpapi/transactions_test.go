package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// system makes a window system with a token for these windows (none: all).
func (w *world) system(windows ...string) *client {
	w.tb.Helper()
	if windows == nil {
		windows = []string{}
	}
	admin := w.person("tokens"+strings.Join(windows, ""), "", "tokens.manage")
	r := admin.post("/api/v1/tokens", map[string]any{"label": "HIS", "windows": windows}).want(http.StatusCreated)
	c := w.anybody()
	c.header.Set("Authorization", "Bearer "+decodeReply[struct{ Token string }](r).Token)
	return c
}

const settlement1 = "/api/v1/windows/settlement-1/transactions"

func TestReportTransaction(t *testing.T) {
	w := newWorld(t)
	w.tablets.connected = 2
	c := w.system("settlement-1")
	body := map[string]any{"transaction": "88121", "kind": "settlement", "staff": "1024", "completed_at": w.now().UTC().Format(time.RFC3339)}
	first := decodeReply[transactionAnswerRead](c.post(settlement1, body).want(http.StatusAccepted))
	id, err := surveys.ParseFactID(first.PromptID)
	if err != nil {
		t.Fatalf("prompt id: %v", err)
	}
	yes := true
	want := transactionAnswerRead{PromptID: first.PromptID, Window: "settlement-1", Transaction: "88121", State: "waiting", Tablets: 2, StaffKnown: &yes, ExpiresAt: first.ExpiresAt}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if left := first.ExpiresAt.Sub(w.now()); left <= 55*time.Second || left > time.Minute {
		t.Errorf("the prompt lives %v, want 60 s", left)
	}
	if len(w.tablets.prompts) != 1 || w.tablets.prompts[0].ID != id || w.tablets.prompts[0].Transaction.Staff != "1024" {
		t.Fatalf("the tablets were asked %+v, want this prompt once", w.tablets.prompts)
	}

	want.Duplicate = true
	again := decodeReply[transactionAnswerRead](c.post(settlement1, body).want(http.StatusOK))
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("the same again (-want +got):\n%s", diff)
	}
	body["staff"] = "2048"
	c.post(settlement1, body).problem(http.StatusConflict, "transaction_conflict")
	if len(w.tablets.prompts) != 1 {
		t.Errorf("the tablets were asked %d times, want once", len(w.tablets.prompts))
	}
	w.pass(2 * time.Minute)
	body["staff"] = "1024"
	if late := decodeReply[transactionAnswerRead](c.post(settlement1, body).want(http.StatusOK)); late.State != "expired" {
		t.Errorf("after two minutes the state is %s, want expired", late.State)
	}
}

// transactionAnswerRead is the answer as a window's system reads it.
type transactionAnswerRead struct {
	PromptID    string    `json:"prompt_id"`
	Window      string    `json:"window"`
	Transaction string    `json:"transaction"`
	State       string    `json:"state"`
	Tablets     int       `json:"tablets"`
	Duplicate   bool      `json:"duplicate"`
	StaffKnown  *bool     `json:"staff_known"`
	ExpiresAt   time.Time `json:"expires_at"`
}

func TestAnUnknownMemberOfStaffIsLeftOut(t *testing.T) {
	w := newWorld(t)
	c := w.system("settlement-1")
	body := map[string]any{"transaction": "1", "kind": "settlement", "staff": "9999"}
	for _, status := range []int{http.StatusAccepted, http.StatusOK} {
		got := decodeReply[transactionAnswerRead](c.post(settlement1, body).want(status))
		if got.StaffKnown == nil || *got.StaffKnown {
			t.Errorf("staff_known = %v, want false", got.StaffKnown)
		}
	}
	if got := w.tablets.prompts[0].Transaction.Staff; got != "" {
		t.Errorf("the prompt names staff %q, want nobody", got)
	}
	r := c.post(settlement1, map[string]any{"transaction": "2", "kind": "settlement"}).want(http.StatusAccepted)
	r.without("staff_known")
}

func TestTransactionRefusals(t *testing.T) {
	w := newWorld(t)
	c := w.system()
	good := `{"transaction":"1","kind":"settlement"}`
	at := func(d time.Duration) string {
		return `{"transaction":"1","kind":"settlement","completed_at":"` + w.now().Add(d).Format(time.RFC3339) + `"}`
	}
	for _, tt := range []struct {
		name, body  string
		status      int
		code, field string
	}{
		{"empty", ``, 400, "bad_json", ""},
		{"a list", `[]`, 400, "bad_json", ""},
		{"null", `null`, 400, "bad_json", ""},
		{"broken off", `{"transaction":"1"`, 400, "bad_json", ""},
		{"two objects", good + good, 400, "bad_json", ""},
		{"something after", good + "x", 400, "bad_json", ""},
		{"not UTF-8", "{\"transaction\":\"\xff\",\"kind\":\"settlement\"}", 400, "bad_json", ""},
		{"unknown field", `{"transaction":"1","kind":"settlement","patient":"x"}`, 422, "invalid_field", "patient"},
		{"number for a string", `{"transaction":1,"kind":"settlement"}`, 422, "invalid_field", "transaction"},
		{"no transaction", `{"kind":"settlement"}`, 422, "invalid_field", "transaction"},
		{"long transaction", `{"transaction":"` + strings.Repeat("8", 65) + `","kind":"settlement"}`, 422, "invalid_field", "transaction"},
		{"Chinese transaction", `{"transaction":"交易","kind":"settlement"}`, 422, "invalid_field", "transaction"},
		{"no kind", `{"transaction":"1"}`, 422, "invalid_field", "kind"},
		{"unknown kind", `{"transaction":"1","kind":"surgery"}`, 422, "invalid_field", "kind"},
		{"long staff", `{"transaction":"1","kind":"settlement","staff":"` + strings.Repeat("1", 65) + `"}`, 422, "invalid_field", "staff"},
		{"no time", `{"transaction":"1","kind":"settlement","completed_at":"yesterday"}`, 422, "invalid_field", "completed_at"},
		{"tomorrow", at(24 * time.Hour), 422, "invalid_field", "completed_at"},
		{"last week", at(-7 * 24 * time.Hour), 422, "invalid_field", "completed_at"},
		{"too large", `{"transaction":"1","kind":"` + strings.Repeat("x", maxBody) + `"}`, 413, "too_large", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := c.do(http.MethodPost, settlement1, tt.body).problem(tt.status, tt.code)
			if p.Field != tt.field {
				t.Errorf("field %q, want %q", p.Field, tt.field)
			}
		})
	}
	c.header.Set("Content-Type", "text/plain")
	c.do(http.MethodPost, settlement1, good).problem(http.StatusUnsupportedMediaType, "not_json")
	c.header.Set("Content-Type", "application/json; charset=utf-8")
	c.do(http.MethodPost, settlement1, good).want(http.StatusAccepted)
	if n := len(w.tablets.prompts); n != 1 {
		t.Errorf("%d prompts reached the tablets, want the good one alone", n)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	one, all := w.system("settlement-1"), w.system()
	body := map[string]any{"transaction": "1", "kind": "settlement"}
	post := func(c *client, window string) *reply {
		return c.post("/api/v1/windows/"+window+"/transactions", body)
	}
	post(one, "settlement-1").want(http.StatusAccepted)
	post(one, "settlement-2").problem(http.StatusForbidden, "other_window")
	post(one, "no-such-window").problem(http.StatusForbidden, "other_window")
	post(all, "settlement-2").want(http.StatusAccepted)
	post(all, "no-such-window").problem(http.StatusNotFound, "no_such_window")
	post(all, "ward-3").problem(http.StatusNotFound, "no_such_window")

	officer := w.person("officer", "", "all")
	post(officer, "settlement-1").problem(http.StatusUnauthorized, "bad_token")  // a session is no token
	all.get("/api/v1/devices").problem(http.StatusUnauthorized, "not_signed_in") // a token is no session
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic eDp5", "Bearer " + strings.Repeat("A", 43), strings.TrimPrefix(one.header.Get("Authorization"), "Bearer ")} {
		c := w.anybody()
		c.header.Set("Authorization", header)
		r := post(c, "settlement-1")
		r.problem(http.StatusUnauthorized, "bad_token")
		if r.Header().Get("WWW-Authenticate") != "Bearer" {
			t.Error("no WWW-Authenticate")
		}
	}

	token := strings.TrimPrefix(one.header.Get("Authorization"), "Bearer ")
	listed := officer.get("/api/v1/tokens").want(http.StatusOK).without(token, "hash")
	tokens := decodeReply[struct{ Tokens []tokenRead }](listed).Tokens
	if len(tokens) != 2 || tokens[0].Label != "HIS" || !cmp.Equal(tokens[0].Windows, []string{"settlement-1"}) || tokens[0].LastUsedAt == nil {
		t.Fatalf("tokens %+v", tokens)
	}
	officer.post("/api/v1/tokens/1/revoke", nil).want(http.StatusNoContent)
	post(one, "settlement-1").problem(http.StatusUnauthorized, "bad_token")
	w.audited("token.revoke")
	officer.post("/api/v1/tokens", map[string]any{"label": "x", "windows": []string{"ward-3"}}).problem(http.StatusUnprocessableEntity, "invalid_field")
	officer.post("/api/v1/tokens", map[string]any{"label": " ", "windows": []string{}}).problem(http.StatusUnprocessableEntity, "invalid_field")
}

type tokenRead struct {
	ID         int64
	Label      string
	Windows    []string
	LastUsedAt *time.Time `json:"last_used_at"`
}

func TestOperator(t *testing.T) {
	w := newWorld(t)
	officer, head := w.person("officer", "", "transactions.create"), w.person("head", "internal", "head")
	const target = "/api/v1/operator/windows/settlement-1"
	body := map[string]any{"transaction": "op-0b0e4f5e-6f0c-4c7e-9a51-7d1f2a3b4c5d", "kind": "settlement"}
	officer.post(target+"/transactions", body).want(http.StatusAccepted)
	officer.post(target+"/transactions", body).want(http.StatusOK)
	officer.post(target+"/transactions", map[string]any{"transaction": "88121", "kind": "settlement"}).problem(http.StatusUnprocessableEntity, "invalid_field")
	officer.post("/api/v1/operator/windows/ward-3/transactions", body).problem(http.StatusNotFound, "no_such_window")
	got := decodeReply[struct {
		Window        string
		Tablets       int
		Prompt        *struct{ State string }
		OfferedToday  *int64 `json:"offered_today"`
		AnsweredToday *int64 `json:"answered_today"`
	}](officer.get(target).want(http.StatusOK).without("grade", "score"))
	if got.Window != "settlement-1" || got.Tablets != 1 || got.Prompt == nil || got.Prompt.State != "waiting" || got.OfferedToday == nil || *got.OfferedToday != 0 {
		t.Errorf("operator's window: %+v", got)
	}
	head.get(target).problem(http.StatusNotFound, "no_such_window")
	head.post(target+"/transactions", body).problem(http.StatusNotFound, "no_such_window")
	head.get("/api/v1/operator/windows/cardiology-desk").want(http.StatusOK) // below the head's department
}

func TestOperatorNumber(t *testing.T) {
	for n, want := range map[surveys.TransactionNumber]bool{
		"op-0b0e4f5e-6f0c-4c7e-9a51-7d1f2a3b4c5d":  true,
		"op-019367c5-8b1e-7d3a-9c5e-0123456789ab":  true,
		"op-0B0E4F5E-6F0C-4C7E-9A51-7D1F2A3B4C5D":  false,
		"0b0e4f5e-6f0c-4c7e-9a51-7d1f2a3b4c5d":     false,
		"op-0b0e4f5e06f0c04c7e09a5107d1f2a3b4c5d":  false,
		"op-0b0e4f5e-6f0c-4c7e-9a51-7d1f2a3b4c5d0": false,
		"op-":  false,
		"":     false,
		"op-1": false,
	} {
		if got := operatorNumber(n); got != want {
			t.Errorf("operatorNumber(%q) = %v, want %v", n, got, want)
		}
	}
}

func FuzzTransactionBody(f *testing.F) {
	for _, seed := range []string{
		`{"transaction":"88121","kind":"settlement","staff":"1024","completed_at":"2026-11-21T02:42:07.120Z"}`,
		`{"transaction":"88121","transaction":"88122"}`, `{"Transaction":"1"}`, `{`, `null`, `[]`, `{}{}`, "{\"\\u0000\":1}", `{"kind":{"a":[1,2,{"b":null}]}}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var b transactionRequest
		err := decodeBytes(body, &b)
		if err == nil {
			return
		}
		var p *problem
		if !errors.As(err, &p) {
			t.Fatalf("refused with %v, which is no problem to answer with", err)
		}
		if p.status != http.StatusBadRequest && p.status != http.StatusUnprocessableEntity {
			t.Errorf("refused with %d", p.status)
		}
		if len(p.message) > 300 {
			t.Errorf("the refusal repeats the body: %q", p.message)
		}
	})
}

// TestAWindowTokenHasALimitOfItsOwn: one hospital system reports for all
// windows from one address, and what else comes from there neither slows it nor
// is let through by it.
func TestAWindowTokenHasALimitOfItsOwn(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.RequestsPerSecond, o.RequestBurst, o.WindowRequestsPerSecond = 1, 4, 10 })
	at := w.now()
	w.o.Now = func() time.Time { return at } // no turn comes back while the test runs
	text, hash := auth.NewSecret()
	token, err := w.store.CreateToken(t.Context(), sqlstore.Token{Label: "HIS", Hash: hash}, auditor())
	if err != nil {
		t.Fatal(err)
	}
	his, other := w.anybody(), w.anybody() // at one address
	his.header.Set("Authorization", "Bearer "+text)
	unknown, _ := auth.NewSecret()
	other.header.Set("Authorization", "Bearer "+unknown)
	number := 0
	report := func(c *client) *reply {
		number++
		return c.post("/api/v1/windows/settlement-1/transactions", map[string]any{"transaction": strconv.Itoa(number), "kind": "settlement"})
	}
	report(his).want(http.StatusAccepted) // its address's turn: the token is not known yet
	for range 3 {
		report(other).problem(http.StatusUnauthorized, "bad_token")
	}
	report(other).problem(http.StatusTooManyRequests, "too_many_requests")
	for range windowBurst * 10 {
		report(his).want(http.StatusAccepted)
	}
	if p := report(his).problem(http.StatusTooManyRequests, "too_many_requests"); p.RetryAfterSeconds < 1 {
		t.Errorf("told to come back after %d s", p.RetryAfterSeconds)
	}
	elsewhere := w.anybody()
	elsewhere.remote = "198.51.100.9:4000"
	elsewhere.header = his.header
	report(elsewhere).problem(http.StatusTooManyRequests, "too_many_requests") // the token counts, not where it is used
	elsewhere.header = http.Header{}
	elsewhere.get("/api/v1/session").problem(http.StatusUnauthorized, "not_signed_in")

	at = at.Add(time.Second)
	if err := w.store.RevokeToken(t.Context(), token.ID, auditor()); err != nil {
		t.Fatal(err)
	}
	report(his).problem(http.StatusUnauthorized, "bad_token")
	report(his).problem(http.StatusUnauthorized, "bad_token") // the one turn its address has back
	report(his).problem(http.StatusTooManyRequests, "too_many_requests")
}
