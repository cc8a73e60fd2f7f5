package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"qingfeng/surveys"
	"qingfeng/surveys/registers"
	"qingfeng/surveys/sqlstore"
)

// leakyStore fails as a careless driver would: naming what it was given.
type leakyStore struct{ Store }

func (leakyStore) RevealPhone(context.Context, registers.CallbackID, sqlstore.Actor) (surveys.Secret, error) {
	panic("cannot unseal " + plantedPhone)
}

func (leakyStore) Tokens(context.Context) ([]sqlstore.Token, error) {
	return nil, errors.New("no such table: tokens")
}

// TestNothingPersonalIsLoggedOrMeasured does the desk's work with planted
// texts, and then looks for them where they must not be.
func TestNothingPersonalIsLoggedOrMeasured(t *testing.T) {
	w := newWorld(t)
	w.lowRating(1, "settlement-1", "finance", plantedPhone)
	officer := w.person("planteduser", "", "all")
	his := w.system()
	his.post("/api/v1/windows/settlement-1/transactions?patient=planted-query", map[string]any{"transaction": "planted-number", "kind": "settlement", "staff": "1024"}).want(http.StatusAccepted)
	his.do(http.MethodPost, settlement1, `{"transaction":"planted-number","kind":"planted-kind","planted-field":1}`).want(http.StatusUnprocessableEntity)
	his.do(http.MethodPost, settlement1, `{"transaction": planted-broken`).want(http.StatusBadRequest)
	officer.get("/api/v1/callbacks?state=planted-state").want(http.StatusUnprocessableEntity)
	officer.get("/api/v1/callbacks").want(http.StatusOK)
	officer.post("/api/v1/callbacks/1/reveal-phone", nil).want(http.StatusOK)
	officer.post("/api/v1/callbacks/1/outcome", map[string]any{"outcome": "reached", "note": "planted-note", "close": true}).want(http.StatusOK)
	officer.get("/planted-path/" + plantedPhone).want(http.StatusNotFound)
	officer.get("/api/v1/planted-path/" + plantedPhone).want(http.StatusNotFound)
	officer.do("PLANTED", "/api/v1/session", nil)
	w.anybody().post("/api/v1/session", map[string]string{"username": "planted-name", "password": "planted-password"}).want(http.StatusUnauthorized)
	created := officer.post("/api/v1/accounts", map[string]any{"username": "new", "name": "王芳", "roles": []string{"none"}}).want(http.StatusCreated)
	oneTime := decodeReply[struct {
		P string `json:"one_time_password"`
	}](created).P
	e := w.enrol(w.anybody())
	e.poll(w, e.Secret).want(http.StatusOK)

	scrape := w.anybody()
	scrape.remote = "127.0.0.1:9"
	metrics := scrape.get("/metrics").want(http.StatusOK).Body.String()
	logs := w.logs.String()
	if !strings.Contains(logs, "route=\"POST /api/v1/callbacks/{id}/reveal-phone\"") {
		t.Fatalf("the log does not hold the requests, so looking into it proves nothing:\n%s", logs)
	}
	secrets := []string{
		plantedPhone, plantedComment, "态度恶劣", "王芳", "planted", "PLANTED", password, oneTime, e.Code, e.Secret, e.ID,
		strings.TrimPrefix(his.header.Get("Authorization"), "Bearer "), officer.cookie.Value, "1024", "192.0.2.7",
	}
	for place, text := range map[string]string{"log": logs, "metrics": metrics} {
		for _, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("the %s holds %q: …%s…", place, secret, text[max(0, i-80):min(len(text), i+80)])
			}
		}
	}
}

func TestAFailureIsGenericAndFoundInTheLog(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Store = leakyStore{o.Store} })
	w.lowRating(1, "settlement-1", "finance", plantedPhone)
	officer := w.person("officer", "", "all")
	p := officer.get("/api/v1/tokens").without("table").problem(http.StatusInternalServerError, "internal")
	if p.RequestID == "" {
		t.Fatal("no request id")
	}
	if logs := w.logs.String(); !strings.Contains(logs, fmt.Sprintf("request_id=%s", p.RequestID)) || !strings.Contains(logs, "no such table") {
		t.Errorf("the log does not tell what request %s died of:\n%s", p.RequestID, logs)
	}
	p = officer.post("/api/v1/callbacks/1/reveal-phone", nil).without(plantedPhone, "unseal").problem(http.StatusInternalServerError, "internal")
	logs := w.logs.String()
	if strings.Contains(logs, plantedPhone) {
		t.Error("what a panic said reached the log")
	}
	if !strings.Contains(logs, p.RequestID) || !strings.Contains(logs, "leakyStore") {
		t.Errorf("the log has no stack for request %s", p.RequestID)
	}
	officer.get("/api/v1/session").want(http.StatusOK) // the server lives on
}

func TestABusyAddressIsSlowedDown(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.RequestsPerSecond, o.RequestBurst = 1, 5 })
	c := w.anybody()
	for range 5 {
		c.get("/api/v1/session").problem(http.StatusUnauthorized, "not_signed_in")
	}
	c.get("/api/v1/session").problem(http.StatusTooManyRequests, "too_many_requests")
	c.get("/tablet").want(http.StatusOK) // screens and probes go on
	c.get("/readyz").want(http.StatusOK)
}
