package sqlstore_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/registers"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

var _ scs.CtxStore = (*sqlstore.Store)(nil)

var admin = sqlstore.Actor{Account: 7, Username: "admin"}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func actions(t *testing.T, s *sqlstore.Store) []string {
	t.Helper()
	entries, err := s.AuditEntries(t.Context(), 0, 100)
	must(t, err)
	var list []string
	for _, e := range slices.Backward(entries) {
		list = append(list, e.Actor.Username+" "+e.Action)
	}
	return list
}

func TestEnrolmentAndDevice(t *testing.T) {
	s := storetest.New(t)
	ctx, now := t.Context(), storetest.Noon()
	code := sha256.Sum256([]byte("K7PM3XQ2"))
	e := sqlstore.Enrolment{ID: storetest.ID(now, 1), PublicKey: []byte("key"), Kind: surveys.DeviceWindowTablet, CodeHash: code,
		SecretHash: sha256.Sum256([]byte("secret")), CreatedAt: now.UTC(), ExpiresAt: now.Add(10 * time.Minute).UTC()}
	must(t, s.CreateEnrolment(ctx, e))
	if err := s.CreateEnrolment(ctx, e); !isErr(err, sqlstore.ErrExists) {
		t.Errorf("the same code again: %v, want ErrExists", err)
	}
	if n, err := s.CountWaitingEnrolments(ctx, now); err != nil || n != 1 {
		t.Errorf("%d wait, %v", n, err)
	}
	d := surveys.Device{ID: storetest.ID(now, 2), Kind: surveys.DeviceWindowTablet, Name: "结算一号平板", Place: "settlement-1", Mirrored: true}
	approve := func(hash [32]byte, at time.Time, d surveys.Device) error {
		_, err := s.ApproveEnrolment(ctx, hash, at, d, admin)
		return err
	}
	if err := approve(sha256.Sum256([]byte("WRONG")), now, d); !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("a wrong code: %v", err)
	}
	if err := approve(code, now.Add(10*time.Minute), d); !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("an expired code: %v", err)
	}
	must(t, approve(code, now, d))
	d2 := d
	d2.ID = storetest.ID(now, 3)
	if err := approve(code, now, d2); !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("a used code: %v", err)
	}
	d.PublicKey, d.EnrolledAt = []byte("key"), now.UTC()
	found, err := s.FindEnrolment(ctx, e.ID)
	must(t, err)
	e.DeviceID = d.ID
	if diff := cmp.Diff(e, found); diff != "" {
		t.Errorf("enrolment (-want +got):\n%s", diff)
	}

	record(t, s, &surveys.SelfTest{ID: storetest.ID(now, 9), Origin: surveys.Origin{Device: d.ID, ClientAt: now, OccurredAt: now}, Place: "settlement-1", KeyWorked: true})
	must(t, s.TouchDevices(ctx, map[surveys.DeviceID]time.Time{d.ID: now.Add(time.Minute), storetest.ID(now, 88): now}))
	must(t, s.TouchDevices(ctx, map[surveys.DeviceID]time.Time{d.ID: now}))
	must(t, s.MarkSharedKey(ctx, d.ID, now))
	d.Name, d.Place, d.LastSeenAt, d.LastTestAt, d.LastTestKeyWorked, d.SharedKeyAt = "二号", "settlement-2", now.Add(time.Minute).UTC(), now.UTC(), true, now.UTC()
	must(t, s.UpdateDevice(ctx, d, admin))
	got, err := s.FindDevice(ctx, d.ID)
	must(t, err)
	if diff := cmp.Diff(d, got); diff != "" {
		t.Errorf("device (-want +got):\n%s", diff)
	}
	must(t, s.ClearSharedKey(ctx, d.ID, admin))
	must(t, s.RevokeDevice(ctx, d.ID, now.Add(time.Hour), admin))
	must(t, s.RevokeDevice(ctx, d.ID, now.Add(2*time.Hour), admin))
	d.SharedKeyAt, d.RevokedAt = time.Time{}, now.Add(time.Hour).UTC()
	list, err := s.Devices(ctx)
	must(t, err)
	if diff := cmp.Diff([]surveys.Device{d}, list); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	if err := s.RevokeDevice(ctx, storetest.ID(now, 88), now, admin); !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("revoking nobody: %v", err)
	}
	want := []string{"admin device.enrol", "gateway device.shared_key", "admin device.update", "admin device.clear_shared_key", "admin device.revoke", "admin device.revoke"}
	if diff := cmp.Diff(want, actions(t, s)); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
	mustVerify(t, s)
}

func TestAccountsAndSessions(t *testing.T) {
	s := storetest.New(t)
	ctx, now := t.Context(), storetest.Noon()
	a, err := s.CreateAccount(ctx, sqlstore.Account{Username: "zhang", Name: "张", Roles: []string{"conduct_officer"}, PasswordHash: "one", MustChangePassword: true}, admin)
	must(t, err)
	if _, err := s.CreateAccount(ctx, sqlstore.Account{Username: "zhang"}, admin); !isErr(err, sqlstore.ErrExists) {
		t.Errorf("the name again: %v", err)
	}
	must(t, s.RecordSignIn(ctx, a.ID, false, now, time.Time{}))
	must(t, s.RecordSignIn(ctx, a.ID, false, now, now.Add(time.Minute)))
	locked, err := s.FindAccount(ctx, "zhang")
	must(t, err)
	if locked.FailedTries != 2 || !locked.LockedUntil.Equal(now.Add(time.Minute)) {
		t.Errorf("after two wrong tries: %+v", locked)
	}
	must(t, s.RecordSignIn(ctx, a.ID, true, now, time.Time{}))
	got, err := s.FindAccountByID(ctx, a.ID)
	must(t, err)
	a.LastSignInAt = now.UTC()
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}

	alive := func(token string) bool {
		_, found, err := s.FindCtx(ctx, token)
		must(t, err)
		return found
	}
	begin := func(token string, id sqlstore.AccountID) {
		must(t, s.CommitCtx(ctx, token, []byte("data"), now.Add(time.Hour)))
		must(t, s.SetSessionAccount(ctx, token, id))
		must(t, s.CommitCtx(ctx, token, []byte("newer"), now.Add(time.Hour))) // keeps the account
	}
	for _, change := range []struct {
		name   string
		change func(*sqlstore.Account)
		ends   bool
	}{
		{"a new name", func(a *sqlstore.Account) { a.Name = "张三" }, false},
		{"a new password", func(a *sqlstore.Account) { a.PasswordHash = "two" }, true},
		{"other roles", func(a *sqlstore.Account) { a.Roles = []string{"department_head"} }, true},
		{"disabling", func(a *sqlstore.Account) { a.Disabled = true }, true},
		{"enabling", func(a *sqlstore.Account) { a.Disabled = false }, true},
		{"disabling again", func(a *sqlstore.Account) { a.Disabled = true }, true},
	} {
		mine := "mine after " + change.name
		begin(mine, a.ID)
		begin("other", a.ID+1)
		before := a
		change.change(&a)
		a, err = s.UpdateAccount(ctx, a, "account.update", admin)
		must(t, err)
		if alive(mine) == change.ends || !alive("other") {
			t.Errorf("after %s: own session alive %t, another's %t", change.name, alive(mine), alive("other"))
		}
		if (a.SessionEpoch == before.SessionEpoch) == change.ends {
			t.Errorf("after %s: epoch %d, before %d", change.name, a.SessionEpoch, before.SessionEpoch)
		}
		must(t, s.CommitCtx(ctx, mine, []byte("late"), now.Add(time.Hour))) // by a request that was under way
		if alive(mine) == change.ends {
			t.Errorf("after %s a late commit finds the session alive %t", change.name, alive(mine))
		}
	}
	begin("last", a.ID)
	must(t, s.DeleteSessionsOf(ctx, a.ID))
	if alive("last") {
		t.Error("a session outlived DeleteSessionsOf")
	}
	if got, err := s.FindAccountByID(ctx, a.ID); err != nil || got.SessionEpoch != a.SessionEpoch+1 {
		t.Errorf("ending the sessions left epoch %d, %v; want %d", got.SessionEpoch, err, a.SessionEpoch+1)
	}
	must(t, s.Commit("old", []byte("x"), now))
	if alive("old") {
		t.Error("an expired session was found")
	}
	must(t, s.Delete("other"))
	must(t, s.CommitCtx(ctx, "other", []byte("late"), now.Add(time.Hour)))
	if alive("other") {
		t.Error("a deleted session was found")
	}
	var kept int
	must(t, s.Ask(ctx, &kept, "SELECT count(*) FROM sessions WHERE ended = 1 AND length(data) > 0"))
	if kept != 0 {
		t.Errorf("%d ended sessions keep their data", kept)
	}
	var tokens int
	must(t, s.Ask(ctx, &tokens, "SELECT count(*) FROM sessions WHERE instr(token_hash, 'old') > 0"))
	if tokens != 0 {
		t.Error("a session's token is in the database")
	}
	entries, err := s.AuditEntries(ctx, 0, 1)
	if err != nil || len(entries) != 1 || entries[0].Detail != `{"disabled":true}` {
		t.Errorf("audit of disabling: %+v, %v", entries, err)
	}
	if n, err := s.CountAccounts(ctx); err != nil || n != 1 {
		t.Errorf("%d accounts, %v", n, err)
	}
}

func TestTokens(t *testing.T) {
	s := storetest.New(t)
	ctx := t.Context()
	k, err := s.CreateToken(ctx, sqlstore.Token{Label: "HIS", Windows: []surveys.PlaceID{"settlement-1"}, Hash: sha256.Sum256([]byte("token"))}, admin)
	must(t, err)
	must(t, s.TouchToken(ctx, k.ID, storetest.Noon()))
	got, err := s.FindToken(ctx, k.Hash)
	must(t, err)
	k.LastUsedAt = storetest.Noon().UTC()
	if diff := cmp.Diff(k, got); diff != "" {
		t.Errorf("token (-want +got):\n%s", diff)
	}
	must(t, s.RevokeToken(ctx, k.ID, admin))
	if err := s.RevokeToken(ctx, k.ID, admin); !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("revoking again: %v", err)
	}
	list, err := s.Tokens(ctx)
	if err != nil || len(list) != 1 || list[0].RevokedAt.IsZero() {
		t.Errorf("tokens: %+v, %v", list, err)
	}
	if _, err := s.FindToken(ctx, sha256.Sum256([]byte("other"))); !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("an unknown token: %v", err)
	}
}

func TestCallbacks(t *testing.T) {
	s := storetest.New(t)
	ctx, now := t.Context(), storetest.Noon()
	low, better := storetest.Rating(1, now.Add(-13*time.Hour), 1), storetest.Rating(2, now, 3)
	low.Origin.ReceivedAt = now // the tablet was offline since yesterday
	record(t, s, low)
	record(t, s, better)
	add := detail(3, now, low.ID, "queue", "attitude")
	add.Comment, add.Phone = "等了一个小时", "+86 138-0013-8000"
	record(t, s, add)
	list, err := s.Callbacks(ctx, sqlstore.CallbackFilter{State: registers.CallbackOpen})
	must(t, err)
	want := []sqlstore.Callback{{Callback: registers.Callback{ID: 1, Rating: low.ID, At: now.Add(-13 * time.Hour).UTC(), OpenedOn: 20261121, DueOn: 20261211,
		Department: "finance", Place: "settlement-1", Grade: 1, State: registers.CallbackOpen}, Comment: "等了一个小时", HasPhone: true,
		Tags: []surveys.Option{{ID: "attitude", Text: surveys.Text{ZH: "态度差", EN: "Attitude"}}, {ID: "queue", Text: surveys.Text{ZH: "排队久", EN: "Long queue"}}}}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Fatalf("call-backs (-want +got):\n%s", diff)
	}
	phone, err := s.RevealPhone(ctx, 1, admin)
	if err != nil || string(phone) != "+8613800138000" {
		t.Errorf("phone %q, %v", string(phone), err)
	}
	if _, err := s.RevealPhone(ctx, 99, admin); !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("phone of nobody: %v", err)
	}
	_, err = s.CloseCallback(ctx, 1, registers.CallbackNoAnswer, "没人接", false, admin)
	must(t, err)
	if open, overdue, done, err := s.CallbackCounts(ctx, 20261212); err != nil || open != 1 || overdue != 1 || done != 0 {
		t.Errorf("the day after it was due: open %d, overdue %d, done %d, %v", open, overdue, done, err)
	}
	closed, err := s.CloseCallback(ctx, 1, registers.CallbackReached, "已道歉", true, admin)
	must(t, err)
	if _, err := s.CloseCallback(ctx, 1, registers.CallbackReached, "", true, admin); !isErr(err, registers.ErrCallbackDone) {
		t.Errorf("closing again: %v", err)
	}
	if open, overdue, done, err := s.CallbackCounts(ctx, 20261121); err != nil || open != 0 || overdue != 0 || done != 1 {
		t.Errorf("closed: open %d, overdue %d, done %d, %v", open, overdue, done, err)
	}
	list, err = s.Callbacks(ctx, sqlstore.CallbackFilter{State: registers.CallbackDone, Day: 20261121, Departments: []surveys.DepartmentID{"finance"}})
	must(t, err)
	if diff := cmp.Diff([]sqlstore.Callback{closed}, list); diff != "" {
		t.Errorf("closed (-answered +listed):\n%s", diff)
	}
	var calls int
	must(t, s.Ask(ctx, &calls, "SELECT count(*) FROM callback_calls"))
	if calls != 2 {
		t.Errorf("%d calls kept, want 2", calls)
	}
	if diff := cmp.Diff([]string{"admin callback.reveal_phone", "admin callback.outcome", "admin callback.outcome"}, actions(t, s)); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
	mustVerify(t, s)
}

// However many low ratings come, the call-back that is due first is listed
// first, and paging reaches every one once.
func TestTheMostOverdueNeverDisappears(t *testing.T) {
	s := storetest.New(t)
	ctx, now := t.Context(), storetest.Noon()
	var want []registers.CallbackID
	for i := range 7 { // the later recorded, the earlier due
		low := storetest.Rating(uint64(i), now, 1)
		low.Origin.ReceivedAt = now.AddDate(0, 0, -7*i)
		if i == 3 {
			low.Place, low.Department = "ward-3", "cardiology"
		}
		record(t, s, low)
		if i != 3 {
			want = append([]registers.CallbackID{registers.CallbackID(i + 1)}, want...)
		}
	}
	_, err := s.CloseCallback(ctx, 5, registers.CallbackReached, "", true, admin)
	must(t, err)
	want = slices.DeleteFunc(want, func(id registers.CallbackID) bool { return id == 5 })
	f := sqlstore.CallbackFilter{State: registers.CallbackOpen, Departments: []surveys.DepartmentID{"finance", "nowhere"}, Limit: 2}
	var got []registers.CallbackID
	for {
		page, err := s.Callbacks(ctx, f)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			got = append(got, c.ID)
			f.After = c.ID
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
	all, err := s.Callbacks(ctx, sqlstore.CallbackFilter{After: 3})
	if err != nil || len(all) != 2 || all[0].ID != 2 {
		t.Errorf("all after the third: %+v, %v; want the second and the first", all, err)
	}
}

func TestCallbacksAreDueWhenTheHospitalSays(t *testing.T) {
	s := storetest.New(t, func(o *sqlstore.Options) { o.CallbackWorkdays = 5 })
	record(t, s, storetest.Rating(1, storetest.Noon(), 1)) // on a Saturday
	c, err := s.FindCallback(t.Context(), 1)
	if err != nil || c.DueOn != 20261127 {
		t.Errorf("due on %d, %v; want the fifth working day, 20261127", c.DueOn, err)
	}
}

func TestQuestionnairesAreFrozen(t *testing.T) {
	s := storetest.New(t)
	ctx := t.Context()
	q := storetest.Questionnaire()
	must(t, s.PublishQuestionnaire(ctx, q)) // again
	changed := storetest.Questionnaire()
	changed.Title.ZH = "改了"
	if err := s.PublishQuestionnaire(ctx, changed); !isErr(err, sqlstore.ErrFrozen) {
		t.Errorf("other content under the same revision: %v, want ErrFrozen", err)
	}
	changed.Revision = 2
	must(t, s.PublishQuestionnaire(ctx, changed))
	wrong := storetest.Questionnaire()
	wrong.Revision, wrong.Items = 3, nil
	if err := s.PublishQuestionnaire(ctx, wrong); err == nil {
		t.Error("a questionnaire without items was published")
	}
	list, err := s.Questionnaires(ctx)
	must(t, err)
	if len(list) != 2 || list[0].Questionnaire.Revision != 2 {
		t.Errorf("published: %+v", list)
	}
	found, err := s.FindQuestionnaire(ctx, q.Version())
	must(t, err)
	if diff := cmp.Diff(*q, found.Questionnaire); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// What patients said stays in the rows made for it: no event names it, and no
// file of the database shows a number or a set-aside body in clear.
func TestNothingPersonalElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	s := storetest.Open(t, path)
	ctx, now := t.Context(), storetest.Noon()
	p := createPrompt(t, s, storetest.Prompt(90, now, "TX-88121"))
	low := asked(1, now, 1, p.ID)
	record(t, s, low)
	add := detail(2, now, low.ID, "queue")
	add.Comment, add.Phone = "COMMENT-等了一个小时", "13912345678"
	record(t, s, add)
	second := detail(3, now, low.ID, "queue")
	second.Comment, second.Phone = "SECOND-COMMENT", "13987654321"
	record(t, s, second)
	must(t, s.SetAside(ctx, sqlstore.SetAside{ID: storetest.ID(now, 4), Device: storetest.Device(), Kind: "rating", Reason: "bad_field", Body: []byte(`{"x":"FRAME-13911112222"}`)}))
	must(t, s.SetAside(ctx, sqlstore.SetAside{ID: storetest.ID(now, 4), Device: storetest.Device(), Kind: "rating", Reason: "bad_field", Body: []byte(`{"x":"FRAME-13911112222"}`)}))
	_, err := s.RevealPhone(ctx, 1, admin)
	must(t, err)
	var outbox string
	must(t, s.Ask(ctx, &outbox, "SELECT group_concat(event) || (SELECT group_concat(action || subject || detail) FROM audit) FROM outbox"))
	for _, word := range []string{"COMMENT", "139", "TX-88121", "1024", low.ID.String(), p.ID.String()} {
		if strings.Contains(outbox, word) {
			t.Errorf("an event tells %q", word)
		}
	}
	aside, err := s.SetAsides(ctx, true)
	if err != nil || len(aside) != 2 {
		t.Fatalf("set aside: %+v, %v", aside, err)
	}
	if body, err := s.OpenSetAside(ctx, aside[0].Number, admin); err != nil || !strings.Contains(string(body), "13987654321") {
		t.Errorf("the second detail is kept as %q, %v", body, err)
	}
	must(t, s.ResolveSetAside(ctx, aside[0].Number, "看过了", admin))
	if err := s.ResolveSetAside(ctx, aside[0].Number, "", admin); !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("resolving again: %v", err)
	}
	if n, err := s.CountSetAsides(ctx); err != nil || n != 1 {
		t.Errorf("%d open, %v", n, err)
	}
	mustVerify(t, s)
	must(t, s.Close())
	file, err := os.ReadFile(path)
	must(t, err)
	for _, word := range []string{"13912345678", "13987654321", "13911112222", "SECOND-COMMENT"} {
		if bytes.Contains(file, []byte(word)) {
			t.Errorf("the file shows %q in clear", word)
		}
	}
	if !bytes.Contains(file, []byte("COMMENT-等了一个小时")) {
		t.Error("the comment is not in the SQL store")
	}
}

func TestNormalPhone(t *testing.T) {
	for typed, want := range map[surveys.Secret]string{
		"138 0013 8000": "13800138000", "＋８６１３８００１３８０００": "+8613800138000", "(010) 1234-5678": "01012345678", " 13800138000 ": "13800138000",
		"儿子的手机 13800138000": "儿子的手机 13800138000", "12": "12", "": "", "138+001": "138+001",
	} {
		if got := sqlstore.NormalPhone(typed); got != want {
			t.Errorf("%q becomes %q, want %q", string(typed), got, want)
		}
	}
}

// A call-back keeps the words of its rating's own version when the questionnaire
// is worded anew.
func TestTagsKeepTheWordsThePatientSaw(t *testing.T) {
	s := storetest.New(t)
	ctx, now := t.Context(), storetest.Noon()
	newer := storetest.Questionnaire()
	newer.Revision = 2
	newer.Items[1].Options[0].Text = surveys.Text{ZH: "等候时间长", EN: "Waited long"}
	must(t, s.PublishQuestionnaire(ctx, newer))
	first, second, third := storetest.Rating(1, now, 1), storetest.Rating(2, now, 2), storetest.Rating(3, now, 1)
	second.Questionnaire = newer.Version()
	for i, r := range []*surveys.Rating{first, second, third} {
		record(t, s, r)
		if i < 2 {
			record(t, s, detail(uint64(10+i), now, r.ID, "queue", "unheard-of"))
		}
	}
	list, err := s.Callbacks(ctx, sqlstore.CallbackFilter{})
	must(t, err)
	got := map[surveys.FactID][]surveys.Option{}
	for _, c := range list {
		got[c.Rating] = c.Tags
	}
	unheard := surveys.Option{ID: "unheard-of", Text: surveys.Text{ZH: "unheard-of", EN: "unheard-of"}}
	want := map[surveys.FactID][]surveys.Option{
		first.ID:  {{ID: "queue", Text: surveys.Text{ZH: "排队久", EN: "Long queue"}}, unheard},
		second.ID: {{ID: "queue", Text: surveys.Text{ZH: "等候时间长", EN: "Waited long"}}, unheard},
		third.ID:  nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}
