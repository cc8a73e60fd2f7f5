package httpapi

import (
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

const (
	plantedPhone   = "13812345678"
	plantedComment = "窗口的王芳态度恶劣"
)

// lowRating records a grade of 1 with a comment and, when asked, a number.
func (w *world) lowRating(n uint64, place surveys.PlaceID, department surveys.DepartmentID, phone surveys.Secret) {
	w.tb.Helper()
	rating := storetest.Rating(n, w.now(), surveys.VeryDissatisfied)
	rating.Place, rating.Department = place, department
	detail := &surveys.RatingDetail{
		ID: storetest.ID(w.now(), n+1000), Origin: storetest.OriginAt(w.now()), Rating: rating.ID,
		Tags: []string{"attitude"}, Comment: plantedComment, Phone: phone,
	}
	for _, f := range []surveys.Fact{rating, detail} {
		if outcome, err := w.store.Record(w.tb.Context(), f); err != nil || outcome != surveys.OutcomeStored {
			w.tb.Fatalf("record %T: %v, %v", f, outcome, err)
		}
	}
}

type callbackRead struct {
	ID                         int64
	Department, Place, Comment string
	State, Outcome, Note       string
	Grade                      int
	Tags                       []surveys.Option
	DueOn                      string     `json:"due_on"`
	WorkdaysLeft               int        `json:"workdays_left"`
	HasPhone                   bool       `json:"has_phone"`
	ClosedAt                   *time.Time `json:"closed_at"`
}

func TestCallbacks(t *testing.T) {
	w := newWorld(t)
	officer, head := w.person("officer", "", "callbacks.work"), w.person("head", "internal", "head")
	w.lowRating(1, "settlement-1", "finance", plantedPhone)
	w.lowRating(2, "cardiology-desk", "cardiology", "")

	r := officer.get("/api/v1/callbacks?state=open").want(http.StatusOK).without(plantedPhone)
	all := decodeReply[struct{ Callbacks []callbackRead }](r).Callbacks
	if len(all) != 2 {
		t.Fatalf("%d call-backs, want 2: %s", len(all), r.Body)
	}
	first := all[0]
	today := surveys.DayOf(w.now(), storetest.Zone())
	want := callbackRead{
		ID: first.ID, Department: "finance", Place: "settlement-1", Comment: plantedComment, State: "open", Grade: 1,
		Tags:  []surveys.Option{{ID: "attitude", Text: surveys.Text{ZH: "态度差", EN: "Attitude"}}},
		DueOn: storetest.Weekdays{}.AddWorkdays(today, 15).String(), WorkdaysLeft: 15, HasPhone: true,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("call-back (-want +got):\n%s", diff)
	}
	if own := decodeReply[struct{ Callbacks []callbackRead }](head.get("/api/v1/callbacks").want(http.StatusOK)).Callbacks; len(own) != 1 || own[0].Department != "cardiology" {
		t.Errorf("a head sees %+v, want the own department's alone", own)
	}

	type page struct {
		Callbacks []callbackRead
		Next      int64
	}
	half := decodeReply[page](officer.get("/api/v1/callbacks?limit=1").want(http.StatusOK))
	rest := decodeReply[page](officer.get(fmt.Sprintf("/api/v1/callbacks?after=%d", half.Next)).want(http.StatusOK))
	if diff := cmp.Diff(all, append(half.Callbacks, rest.Callbacks...)); diff != "" || rest.Next != 0 {
		t.Errorf("in pages, next %d (-whole +pages):\n%s", rest.Next, diff)
	}
	for _, wrong := range []string{"after=x", "after=0", "limit=0", "limit=501", "limit=x"} {
		officer.get("/api/v1/callbacks?"+wrong).problem(http.StatusUnprocessableEntity, "invalid_field")
	}

	one := fmt.Sprintf("/api/v1/callbacks/%d", first.ID)
	head.post(one+"/reveal-phone", nil).problem(http.StatusNotFound, "not_found")
	head.post(one+"/outcome", map[string]any{"outcome": "reached", "note": "", "close": true}).problem(http.StatusNotFound, "not_found")
	if got := decodeReply[struct{ Phone string }](officer.post(one+"/reveal-phone", nil).want(http.StatusOK)).Phone; got != plantedPhone {
		t.Errorf("phone %q", got)
	}
	w.audited("callback.reveal_phone")
	officer.post(fmt.Sprintf("/api/v1/callbacks/%d/reveal-phone", all[1].ID), nil).problem(http.StatusNotFound, "no_number")

	officer.post(one+"/outcome", map[string]any{"outcome": "shouted", "note": "", "close": true}).problem(http.StatusUnprocessableEntity, "invalid_field")
	officer.post(one+"/outcome", map[string]any{"outcome": "reached", "note": strings.Repeat("长", 2001), "close": true}).problem(http.StatusUnprocessableEntity, "invalid_field")
	calling := decodeReply[callbackRead](officer.post(one+"/outcome", map[string]any{"outcome": "no_answer", "note": "占线", "close": false}).want(http.StatusOK))
	if calling.State != "calling" || calling.ClosedAt != nil {
		t.Errorf("after no answer: %+v", calling)
	}
	done := decodeReply[callbackRead](officer.post(one+"/outcome", map[string]any{"outcome": "reached", "note": "已道歉", "close": true}).want(http.StatusOK))
	if done.State != "done" || done.ClosedAt == nil || done.Outcome != "reached" || done.Note != "已道歉" {
		t.Errorf("after closing: %+v", done)
	}
	officer.post(one+"/outcome", map[string]any{"outcome": "reached", "note": "", "close": true}).problem(http.StatusConflict, "callback_done")
	if closed := decodeReply[struct{ Callbacks []callbackRead }](officer.get("/api/v1/callbacks?state=done").want(http.StatusOK)).Callbacks; len(closed) != 1 || closed[0].ID != first.ID {
		t.Errorf("done: %+v", closed)
	}
	officer.get("/api/v1/callbacks?state=all").problem(http.StatusUnprocessableEntity, "invalid_field")
}

// askedLowRating reports a transaction and rates it 1.
func (w *world) askedLowRating(n uint64, window surveys.PlaceID, department surveys.DepartmentID, kind surveys.WindowKind, staff surveys.StaffID) {
	w.tb.Helper()
	prompt := storetest.Prompt(n+2000, w.now(), surveys.TransactionNumber(fmt.Sprint("t-", n)))
	prompt.Transaction.Window, prompt.Transaction.Kind, prompt.Transaction.Staff = window, kind, staff
	if _, _, err := w.store.CreatePrompt(w.tb.Context(), prompt); err != nil {
		w.tb.Fatal(err)
	}
	rating := storetest.Rating(n, w.now(), surveys.VeryDissatisfied)
	rating.Place, rating.Department, rating.Prompt = window, department, prompt.ID
	if outcome, err := w.store.Record(w.tb.Context(), rating); err != nil || outcome != surveys.OutcomeStored {
		w.tb.Fatalf("record a rating: %v, %v", outcome, err)
	}
}

func TestACallbackSaysWhatItWasAbout(t *testing.T) {
	w := newWorld(t)
	w.askedLowRating(1, "settlement-1", "finance", surveys.WindowSettlement, "1024")
	w.askedLowRating(2, "settlement-2", "finance", surveys.WindowRegistration, "4096") // has left the hospital
	w.askedLowRating(3, "cardiology-desk", "cardiology", surveys.WindowAdmission, "")
	w.lowRating(4, "settlement-1", "finance", "")
	type member struct {
		Number string
		Name   *surveys.Text
	}
	type about struct {
		Kind  string `json:"transaction_kind"`
		Staff *member
	}
	type page struct{ Callbacks []about }
	officer := w.person("officer", "", "callbacks.work")
	got := decodeReply[page](officer.get("/api/v1/callbacks").want(http.StatusOK)).Callbacks
	want := []about{
		{"settlement", &member{"1024", &surveys.Text{ZH: "王芳", EN: "Wang Fang"}}}, {"registration", &member{"4096", nil}}, {"admission", nil}, {"", nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the call-backs are about (-want +got):\n%s", diff)
	}
	closed := officer.post("/api/v1/callbacks/1/outcome", map[string]any{"outcome": "reached", "note": "", "close": true}).want(http.StatusOK)
	if got := decodeReply[about](closed); got.Staff == nil || got.Staff.Number != "1024" {
		t.Errorf("the answer to an outcome says %+v", got)
	}
	w.person("head", "internal", "head").get("/api/v1/callbacks").want(http.StatusOK).without("王芳", "1024", "4096")
	w.person("none", "", "none").get("/api/v1/callbacks").want(http.StatusForbidden).without("王芳", "1024")
}

// TestACallbackHasTheDocumentsFields compares what stands on the wire with
// docs/protocol.md, in its order.
func TestACallbackHasTheDocumentsFields(t *testing.T) {
	text, err := os.ReadFile("../../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`\{callbacks:\[\{(.*?)\}\],next\?\}`).FindSubmatch(text)
	if m == nil {
		t.Fatal("the document has no list of call-backs")
	}
	doc := regexp.MustCompile(`:\[[^\]]*\]|:\{[^}]*\}`).ReplaceAllString(string(m[1]), "")
	var wire []string
	for field := range reflect.TypeFor[callbackBody]().Fields() {
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		if option != "" {
			name += "?"
		}
		wire = append(wire, name)
	}
	if diff := cmp.Diff(strings.Split(doc, ","), wire); diff != "" {
		t.Errorf("docs/protocol.md (-) and the wire (+) differ:\n%s", diff)
	}
}

// TestNobodyElseReadsAComment walks every reading endpoint with every
// permission but callbacks.work.
func TestNobodyElseReadsAComment(t *testing.T) {
	w := newWorld(t)
	w.lowRating(1, "settlement-1", "finance", plantedPhone)
	w.askedLowRating(2, "settlement-1", "finance", surveys.WindowSettlement, "1024")
	c := w.person("curious", "", "all but callbacks.work")
	for _, rt := range routes() {
		if rt.method == http.MethodGet && rt.access == permitted {
			c.get(fill(rt.path)).without(plantedComment, plantedPhone, "态度恶劣", "attitude", "王芳", "1024")
		}
	}
}

func TestAccounts(t *testing.T) {
	w := newWorld(t)
	admin := w.person("root", "", "accounts.manage")
	body := map[string]any{"username": "Li.Na", "name": "李娜", "roles": []string{"head"}, "department": "cardiology"}
	created := decodeReply[struct {
		Account         accountRead
		OneTimePassword string `json:"one_time_password"`
	}](admin.post("/api/v1/accounts", body).want(http.StatusCreated).without("argon2id"))
	want := accountRead{ID: created.Account.ID, Username: "li.na", Name: "李娜", Roles: []string{"head"}, Department: "cardiology", MustChangePassword: true}
	if diff := cmp.Diff(want, created.Account); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	admin.post("/api/v1/accounts", body).problem(http.StatusConflict, "already_exists")
	admin.get("/api/v1/accounts").want(http.StatusOK).without("argon2id", created.OneTimePassword, "password_hash")

	user := w.anybody()
	signIn := map[string]string{"username": "li.na", "password": created.OneTimePassword}
	user.post("/api/v1/session", signIn).want(http.StatusOK)
	user.post("/api/v1/session/password", map[string]string{"current": created.OneTimePassword, "new": password}).want(http.StatusNoContent)
	user.get("/api/v1/devices").want(http.StatusOK)

	one := fmt.Sprintf("/api/v1/accounts/%d", created.Account.ID)
	for _, tt := range []struct {
		body  map[string]any
		field string
	}{
		{map[string]any{"roles": []string{"king"}}, "roles"},
		{map[string]any{"roles": []string{}}, "roles"},
		{map[string]any{"department": "nowhere"}, "department"},
		{map[string]any{"department": ""}, "department"},
		{map[string]any{"name": ""}, "name"},
		{map[string]any{"username": "other"}, "username"},
	} {
		if p := admin.do(http.MethodPatch, one, tt.body).problem(http.StatusUnprocessableEntity, "invalid_field"); p.Field != tt.field {
			t.Errorf("%v: field %q, want %q", tt.body, p.Field, tt.field)
		}
	}
	admin.do(http.MethodPatch, one, map[string]any{"disabled": true}).want(http.StatusOK)
	user.get("/api/v1/session").problem(http.StatusUnauthorized, "not_signed_in")
	w.anybody().post("/api/v1/session", map[string]string{"username": "li.na", "password": password}).problem(http.StatusUnauthorized, "sign_in_failed")
	admin.do(http.MethodPatch, one, map[string]any{"disabled": false}).want(http.StatusOK)

	for range 5 {
		w.anybody().post("/api/v1/session", map[string]string{"username": "li.na", "password": "wrong wrong wrong"})
	}
	accounts := decodeReply[struct{ Accounts []accountRead }](admin.get("/api/v1/accounts").want(http.StatusOK)).Accounts
	if i := slices.IndexFunc(accounts, func(a accountRead) bool { return a.Username == "li.na" }); !accounts[i].Locked {
		t.Error("the list does not show that the account is locked")
	}
	admin.post(one+"/unlock", nil).want(http.StatusNoContent)
	reset := decodeReply[struct {
		OneTimePassword string `json:"one_time_password"`
	}](admin.post(one+"/reset-password", nil).want(http.StatusOK))
	w.anybody().post("/api/v1/session", map[string]string{"username": "li.na", "password": reset.OneTimePassword}).want(http.StatusOK)
	admin.do(http.MethodPatch, "/api/v1/accounts/1", map[string]any{"disabled": true}).problem(http.StatusConflict, "last_administrator")
	for _, action := range []string{"account.create", "account.change", "account.unlock", "account.reset_password"} {
		if !slices.Contains(w.auditActions(20), action) {
			t.Errorf("%s is not in the audit log", action)
		}
	}
	roles := decodeReply[struct{ Roles []struct{ ID string } }](admin.get("/api/v1/roles").want(http.StatusOK)).Roles
	if len(roles) != 3+2*len(auth.Permissions()) || roles[0].ID != "all" {
		t.Errorf("roles: %+v", roles)
	}
}

type accountRead struct {
	ID                 int64
	Username, Name     string
	Roles              []string
	Department         string
	Disabled, Locked   bool
	MustChangePassword bool `json:"must_change_password"`
}

func TestSetAside(t *testing.T) {
	w := newWorld(t)
	c := w.person("officer", "", "set_aside.work")
	id := storetest.ID(w.now(), 7)
	err := w.store.SetAside(t.Context(), sqlstore.SetAside{
		ID: id, Device: storetest.Device(), Kind: "rating_detail", Reason: "text is too long", Body: []byte(`{"comment":"` + plantedComment + `"}`), At: w.now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := c.get("/api/v1/set-aside").want(http.StatusOK).without(plantedComment, "body")
	got := decodeReply[struct {
		SetAside []struct {
			ID           int64
			FactID       string `json:"fact_id"`
			Kind, Reason string
		} `json:"set_aside"`
	}](r).SetAside
	if len(got) != 1 || got[0].FactID != id.String() || got[0].Reason != "text is too long" {
		t.Fatalf("set aside: %s", r.Body)
	}
	reveal := fmt.Sprintf("/api/v1/set-aside/%d/reveal", got[0].ID)
	w.person("curious", "", "all but set_aside.work").post(reveal, nil).want(http.StatusForbidden).without(plantedComment).problem(http.StatusForbidden, "forbidden")
	if slices.Contains(w.auditActions(5), "set_aside.open") {
		t.Error("a refused reading is in the audit log as one that took place")
	}
	if body := decodeReply[struct{ Body string }](c.post(reveal, nil).want(http.StatusOK)).Body; body != `{"comment":"`+plantedComment+`"}` {
		t.Errorf("revealed %s, want what was sent", body)
	}
	w.audited("set_aside.open")
	c.post("/api/v1/set-aside/999999/reveal", nil).problem(http.StatusNotFound, "not_found")

	one := fmt.Sprintf("/api/v1/set-aside/%d/resolve", got[0].ID)
	c.post(one, map[string]string{"note": " "}).problem(http.StatusUnprocessableEntity, "invalid_field")
	c.post(one, map[string]string{"note": "已核实"}).want(http.StatusNoContent)
	c.post(one, map[string]string{"note": "已核实"}).problem(http.StatusNotFound, "not_found")
	if r := c.get("/api/v1/set-aside").want(http.StatusOK); r.Body.String() != `{"set_aside":[]}`+"\n" {
		t.Errorf("still open: %s", r.Body)
	}
	c.get("/api/v1/set-aside?state=resolved").want(http.StatusOK).without(plantedComment)
	w.audited("set_aside.resolve")
	c.post(reveal, nil).want(http.StatusOK) // what was resolved can still be looked at
	if strings.Contains(w.logs.String(), plantedComment) {
		t.Error("what was set aside is in the log")
	}
}

func TestAudit(t *testing.T) {
	w := newWorld(t)
	c := w.person("auditor", "", "audit.view")
	for i := range 5 {
		if err := w.store.AppendAudit(t.Context(), sqlstore.AuditEntry{Actor: auditor(), Action: "test.entry", Subject: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	type answer struct {
		Entries []struct {
			Sequence               int64
			Actor, Action, Subject string
		}
	}
	newest := decodeReply[answer](c.get("/api/v1/audit?limit=2").want(http.StatusOK)).Entries
	if len(newest) != 2 || newest[0].Subject != "4" || newest[0].Actor != "test" {
		t.Fatalf("newest two: %+v", newest)
	}
	older := decodeReply[answer](c.get(fmt.Sprintf("/api/v1/audit?limit=2&before=%d", newest[1].Sequence)).want(http.StatusOK)).Entries
	if len(older) != 2 || older[0].Subject != "2" {
		t.Errorf("the two before: %+v", older)
	}
	for _, query := range []string{"limit=0", "limit=501", "limit=x", "before=-1"} {
		c.get("/api/v1/audit?"+query).problem(http.StatusUnprocessableEntity, "invalid_field")
	}
}

func TestAuditSaysWhatItsIDsAreCalled(t *testing.T) {
	w := newWorld(t)
	c := w.person("auditor", "", "audit.view")
	token, err := w.store.CreateToken(t.Context(), sqlstore.Token{Label: "HIS 收费系统", Hash: [32]byte{1}}, sqlstore.Actor{Account: 1, Username: "auditor"})
	if err != nil {
		t.Fatal(err)
	}
	entry := func(action, subject string) {
		t.Helper()
		if err := w.store.AppendAudit(t.Context(), sqlstore.AuditEntry{Actor: auditor(), Action: action, Subject: subject}); err != nil {
			t.Fatal(err)
		}
	}
	entry("account.unlock", "1")
	entry("account.unlock", "99")
	entry("device.revoke", "no device")
	entry("callback.outcome", "1") // no account's number
	type named struct {
		Actor, Action, Subject string
		ActorName              string `json:"actor_name"`
		SubjectName            string `json:"subject_name"`
	}
	got := decodeReply[struct{ Entries []named }](c.get("/api/v1/audit?limit=5").want(http.StatusOK).without(plantedPhone)).Entries
	want := []named{
		{"test", "callback.outcome", "1", "", ""},
		{"test", "device.revoke", "no device", "", ""},
		{"test", "account.unlock", "99", "", ""},
		{"test", "account.unlock", "1", "", "张伟"},
		{"auditor", "token.create", fmt.Sprint(token.ID), "张伟", "HIS 收费系统"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestOrganisationIsTheAccountsOwnPart(t *testing.T) {
	w := newWorld(t)
	type answer struct {
		Departments, Places []struct{ ID string }
		Zone                string
		StaffCount          int `json:"staff_count"`
	}
	officer := decodeReply[answer](w.person("officer", "", "board.view").get("/api/v1/organisation").want(http.StatusOK).without("王芳", "1024"))
	if len(officer.Departments) != 3 || len(officer.Places) != 4 || officer.StaffCount != 2 {
		t.Errorf("an officer sees %+v, want everything", officer)
	}
	head := decodeReply[answer](w.person("head", "internal", "head").get("/api/v1/organisation").want(http.StatusOK))
	want := answer{Departments: []struct{ ID string }{{"internal"}, {"cardiology"}}, Places: []struct{ ID string }{{"cardiology-desk"}, {"ward-3"}}, Zone: "Asia/Shanghai", StaffCount: 1}
	if diff := cmp.Diff(want, head); diff != "" {
		t.Errorf("a head's part (-want +got):\n%s", diff)
	}
}

func TestQuestionnaires(t *testing.T) {
	w := newWorld(t)
	q := storetest.Questionnaire()
	q.Revision = 2
	q.Title.ZH = "新的窗口评价"
	if err := w.store.PublishQuestionnaire(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	got := decodeReply[struct {
		Questionnaires []struct {
			Revision int
			Version  string
			InUse    bool `json:"in_use"`
		}
	}](w.person("officer", "", "questionnaires.view").get("/api/v1/questionnaires").want(http.StatusOK)).Questionnaires
	if len(got) != 2 || got[0].Revision != 2 || got[0].InUse || !got[1].InUse || got[1].Version != string(storetest.Questionnaire().Version()) {
		t.Errorf("questionnaires: %+v", got)
	}
}

func TestBoardTicket(t *testing.T) {
	w := newWorld(t)
	c := w.person("head", "cardiology", "head")
	got := decodeReply[struct {
		Ticket  string
		Expires time.Time `json:"expires_at"`
	}](c.post("/api/v1/board/ticket", nil).want(http.StatusOK))
	if left := got.Expires.Sub(w.now()); left <= 25*time.Second || left > 30*time.Second {
		t.Errorf("the ticket lives %v, want 30 s", left)
	}
	tickets := BoardTickets{w.o.Auth}
	viewer, ok := tickets.Redeem(got.Ticket)
	if !ok || viewer.Audience != "department" || viewer.Department != "cardiology" || viewer.ID != ViewerID(1) || viewer.Until.IsZero() {
		t.Errorf("viewer %+v, %v", viewer, ok)
	}
	if _, ok := tickets.Redeem(got.Ticket); ok {
		t.Error("the ticket is good twice")
	}
}
