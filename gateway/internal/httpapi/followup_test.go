package httpapi

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
	"qingfeng/surveys/texting"
)

// plantedReply is what a patient texted; no list may hold it.
const plantedReply = "王医生收了我的红烧肉"

// fakeCampaign plans what it is told, and remembers whether it runs.
type fakeCampaign struct {
	running bool
	run     *followup.DryRun
	wait    chan struct{} // a dry run lasts until it is closed; nil: no time
	begun   chan struct{}
}

func (f *fakeCampaign) DryRun(context.Context) (*followup.DryRun, error) {
	if f.wait != nil {
		close(f.begun)
		<-f.wait
	}
	return f.run, nil
}
func (f *fakeCampaign) Running() bool { return f.running }
func (f *fakeCampaign) SetRunning(_ context.Context, running bool) error {
	f.running = running
	return nil
}

type fakeTexting struct {
	carriers []CarrierStatus
	resumed  []string
}

func (f *fakeTexting) Carriers() []CarrierStatus { return f.carriers }
func (f *fakeTexting) Resume(_ context.Context, carrier string) error {
	f.resumed = append(f.resumed, carrier)
	return nil
}

type fakeDemoClock struct {
	store  *sqlstore.Store
	offset time.Duration
}

func (f *fakeDemoClock) Offset() time.Duration { return f.offset }
func (f *fakeDemoClock) SetOffset(ctx context.Context, d time.Duration, by sqlstore.Actor) error {
	f.offset = d
	return f.store.SetDemoOffset(ctx, d, by)
}

// followed is a world with a follow-up.
type followed struct {
	*world
	data     *world // the follow-up's store, whose clock no fact is ahead of
	campaign *fakeCampaign
	texting  *fakeTexting
	clock    *fakeDemoClock
}

// newFollowed starts one whose clock stands at noon of a Saturday.
func newFollowed(t *testing.T) *followed {
	t.Helper()
	f := &followed{campaign: &fakeCampaign{running: true, run: followup.NewDryRun(followup.Hours{Zone: storetest.Zone()}, 2)}, clock: &fakeDemoClock{}}
	f.texting = &fakeTexting{carriers: []CarrierStatus{{Name: "simulator", Simulated: true, Countries: []texting.Country{"CN"}}}}
	f.clock.store = storetest.New(t, func(o *sqlstore.Options) {
		o.Now, o.Place = func() time.Time { return storetest.Noon().AddDate(0, 0, 30) }, hospital().Place
	})
	f.data = &world{tb: t, store: f.clock.store}
	f.world = newWorld(t, func(o *Options) {
		o.SurveyNow = func() time.Time { return storetest.Noon().Add(f.clock.offset) }
		o.Followup = &FollowupOptions{Store: f.clock.store, Campaign: f.campaign, Texting: f.texting, Clock: f.clock, Budget: 50_000}
	})
	storetest.PublishForm(t, f.data.store)
	return f
}

// invite asks n patients from a number on, of whom some answer.
func (f *followed) invite(first, n, answering int, at time.Time) {
	f.tb.Helper()
	for i := range n {
		k := first + i
		phone := fmt.Sprintf("+861380013%04d", k)
		id := storetest.Invited(f.tb, f.data.store, uint64(k), followup.PatientNumber(fmt.Sprint(k)), phone, at)
		if i < answering {
			f.converse(fmt.Sprint("A", k), phone, "5", at, sqlstore.Reply{Outcome: sqlstore.InboundAnswered, Steps: []sqlstore.Step{{
				Invitation: id, Answers: []followup.Answer{{Question: "overall", Value: 5, At: at}}, End: followup.InvitationComplete,
			}}})
		}
	}
}

func (f *followed) converse(n, phone, body string, at time.Time, r sqlstore.Reply) {
	f.tb.Helper()
	id := storetest.Receive(f.tb, f.data.store, n, phone, body, at)
	if err := f.data.store.Converse(f.tb.Context(), id, func(*sqlstore.Exchange) (*sqlstore.Reply, error) { return &r, nil }); err != nil {
		f.tb.Fatal(err)
	}
}

func TestWithoutTheSectionsNothingOfThemIsThere(t *testing.T) {
	w := newWorld(t)
	c := w.person("officer", "", "all")
	session := decodeReply[struct{ Sections []string }](c.get("/api/v1/session").want(http.StatusOK))
	if len(session.Sections) != 0 || session.Sections == nil {
		t.Errorf("sections %v, want []", session.Sections)
	}
	for _, rt := range routes() {
		if strings.HasPrefix(rt.path, "/api/v1/followup") || strings.HasPrefix(rt.path, "/api/v1/intake") {
			c.do(rt.method, fill(rt.path), map[string]any{}).problem(http.StatusNotFound, "not_found")
		}
	}
	f := newFollowed(t)
	f.o.Intake = &IntakeOptions{Store: f.data.store}
	session = decodeReply[struct{ Sections []string }](f.person("officer", "", "none").get("/api/v1/session").want(http.StatusOK))
	if diff := cmp.Diff([]string{"followup", "intake"}, session.Sections); diff != "" {
		t.Errorf("sections: %s", diff)
	}
}

func TestTheFollowupsDay(t *testing.T) {
	f := newFollowed(t)
	noon := storetest.Noon()
	f.invite(1, 3, 1, noon)
	f.invite(10, 2, 0, noon.AddDate(0, 0, -40)) // before the weeks that "recent" looks at
	f.texting.carriers = append(f.texting.carriers, CarrierStatus{Name: "twilio", HaltedAt: noon, Code: "20003", Operator: surveys.Text{ZH: "检查令牌", EN: "Check the token"}})
	got := decodeReply[struct {
		Audience string
		Campaign struct{ Running bool }
		Demo     *struct{}
		Carriers []struct {
			Name, Code string
			Simulated  bool
			HaltedAt   string `json:"halted_at"`
			Operator   surveys.Text
		}
		Today struct {
			Day    string
			Modes  []map[string]any
			Cost   int64 `json:"cost_fen"`
			Budget int64 `json:"budget_fen"`
		}
		Recent struct {
			From  string
			Modes []map[string]any
			Total int64 `json:"total_cost_fen"`
		}
	}](f.person("officer", "", "followup.view").get("/api/v1/followup").want(http.StatusOK))
	if got.Audience != "office" || !got.Campaign.Running || got.Demo != nil {
		t.Errorf("audience %s, campaign %v, demo %v (a real carrier: none)", got.Audience, got.Campaign, got.Demo)
	}
	if len(got.Carriers) != 2 || !got.Carriers[0].Simulated || got.Carriers[1].Code != "20003" || got.Carriers[1].HaltedAt == "" || got.Carriers[1].Operator.EN != "Check the token" {
		t.Errorf("carriers %+v", got.Carriers)
	}
	want := []map[string]any{{"mode": "sms_reply", "invited": 3.0, "sent": 3.0, "delivered": 1.0, "answered": 1.0, "opted_out": 0.0}}
	if diff := cmp.Diff(want, got.Today.Modes); diff != "" {
		t.Errorf("today (-want +got):\n%s", diff)
	}
	if got.Today.Day != "2026-11-21" || got.Today.Cost != 15 || got.Today.Budget != 50_000 || got.Recent.Total != 25 {
		t.Errorf("day %s cost %d budget %d, in all %d", got.Today.Day, got.Today.Cost, got.Today.Budget, got.Recent.Total)
	}
	want = []map[string]any{{"mode": "sms_reply", "offered": 3.0, "answered": 1.0, "response_rate": 1.0 / 3}}
	if diff := cmp.Diff(want, got.Recent.Modes); diff != "" {
		t.Errorf("recently (-want +got):\n%s", diff)
	}
	head := f.person("head", "cardiology", "head").get("/api/v1/followup").want(http.StatusOK)
	if head.Body.String() != `{"audience":"department"}`+"\n" {
		t.Errorf("a head gets %s", head.Body)
	}
}

type dispositionsRead struct {
	Rows []struct {
		Department, Mode     string
		Year, Week           int
		Invitations, Offered int64
		Answered             int64
		ResponseRate         *float64 `json:"response_rate"`
		States               map[string]int64
		Cost                 *int64 `json:"cost_fen"`
	}
	Held int
}

func TestDispositionsOfAHead(t *testing.T) {
	f := newFollowed(t)
	noon := storetest.Noon()
	f.invite(1, 12, 9, noon)
	f.converse("clue", "+8613800130010", "红包", noon, sqlstore.Reply{Outcome: sqlstore.InboundHandled, Steps: []sqlstore.Step{{
		Invitation: storetest.Invitation(10, 1, noon).Invitation.ID, End: followup.InvitationStopped,
	}}})
	officer, head := f.person("officer", "", "followup.view"), f.person("head", "internal", "head")
	const all = "/api/v1/followup/dispositions?by=department"
	if got := decodeReply[dispositionsRead](officer.get(all).want(http.StatusOK)); len(got.Rows) != 1 || got.Rows[0].Answered != 9 || got.Rows[0].States["stopped"] != 1 || *got.Rows[0].Cost != 60 {
		t.Errorf("the office sees %+v", got)
	}
	got := decodeReply[dispositionsRead](head.get(all).want(http.StatusOK).without("answered", "stopped", "cost"))
	if len(got.Rows) != 0 || got.Held != 1 {
		t.Errorf("with 9 answers a head sees %+v", got)
	}
	f.invite(20, 3, 1, noon.AddDate(0, 0, 7)) // with the tenth the two weeks are a piece
	f.invite(30, 5, 2, noon.AddDate(0, 0, 14))
	got = decodeReply[dispositionsRead](head.get(all).want(http.StatusOK).without("stopped", "cost"))
	if len(got.Rows) != 1 || got.Rows[0].Answered != 10 || got.Rows[0].Offered != 15 || got.Rows[0].States["break_off"] != 1 || got.Held != 0 {
		t.Errorf("with 12 answers in three weeks a head sees %+v, want the first two weeks", got)
	}
	if other := decodeReply[dispositionsRead](f.person("other", "finance", "head").get(all).want(http.StatusOK)); len(other.Rows) != 0 {
		t.Errorf("another department's head sees %+v", other)
	}
	head.get("/api/v1/followup/dispositions?by=week").problem(http.StatusUnprocessableEntity, "invalid_field")
	narrowed := decodeReply[dispositionsRead](head.get(all + "&from=2026-11-28&to=2026-11-28&department=finance").want(http.StatusOK))
	if diff := cmp.Diff(got, narrowed); diff != "" {
		t.Errorf("a head chose a part (-all +part):\n%s", diff)
	}
	file := head.get("/api/v1/followup/dispositions.csv?by=department").want(http.StatusOK).without("费用", "0.")
	if !strings.Contains(file.Body.String(), "心内科") {
		t.Errorf("a head's file: %s", file.Body)
	}
}

func TestDispositionsOfTheOffice(t *testing.T) {
	f := newFollowed(t)
	f.invite(1, 4, 1, storetest.Noon())
	f.invite(10, 2, 0, storetest.Noon().AddDate(0, 0, 7))
	officer := f.person("officer", "", "followup.view")
	for _, tt := range []struct {
		query string
		rows  int
	}{
		{"", 1}, {"?by=mode", 1}, {"?by=week", 2}, {"?by=week&from=2026-11-23", 1}, {"?by=week&to=2026-11-22", 1}, {"?by=week&department=finance", 0}, {"?department=cardiology", 1},
	} {
		if got := decodeReply[dispositionsRead](officer.get("/api/v1/followup/dispositions" + tt.query).want(http.StatusOK)); len(got.Rows) != tt.rows {
			t.Errorf("%q: %d rows, want %d", tt.query, len(got.Rows), tt.rows)
		}
	}
	for _, wrong := range []string{"by=staff", "from=today", "to=20261121", "department=none"} {
		officer.get("/api/v1/followup/dispositions?"+wrong).problem(http.StatusUnprocessableEntity, "invalid_field")
	}
	file := officer.get("/api/v1/followup/dispositions.csv?by=week&language=en").want(http.StatusOK)
	if got := file.Header().Get("Content-Type"); got != "text/csv; charset=utf-8" || !strings.Contains(file.Header().Get("Content-Disposition"), "followup-week-20261121.csv") {
		t.Errorf("the file is %s, %s", got, file.Header().Get("Content-Disposition"))
	}
	text, marked := strings.CutPrefix(file.Body.String(), "\ufeff")
	table, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !marked || len(table) != 3 || table[0][0] != "Week" || table[1][0] != "2026-W48" {
		t.Errorf("the file holds %q, %v, marked %v", table, err, marked)
	}
	officer.get("/api/v1/followup/dispositions.csv?language=fr").problem(http.StatusUnprocessableEntity, "invalid_field")
}

func TestDryRun(t *testing.T) {
	f := newFollowed(t)
	due := storetest.Noon().Add(2 * time.Hour)
	run := f.campaign.run
	run.Add(&followup.Candidate{Visit: followup.Visit{ID: 7, Department: "cardiology"}}, followup.Decision{Mode: surveys.ModeReply, DueAt: due}, followup.Cost{LeastSegments: 2, MostSegments: 9, Least: 10, Most: 45})
	run.Add(&followup.Candidate{Visit: followup.Visit{ID: 8}}, followup.Decision{Reason: followup.ReasonOptedOut}, followup.Cost{})
	run.Add(&followup.Candidate{Visit: followup.Visit{ID: 9}}, followup.Decision{Reason: followup.ReasonCancelled}, followup.Cost{})
	c := f.person("officer", "", "followup.view")
	got := decodeReply[struct {
		Looked  int64
		Invited followup.Plan
		ByDay   []struct {
			Day    string
			Visits int64
		} `json:"by_day"`
		Samples []struct {
			Visit int64
			DueAt time.Time `json:"due_at"`
		} `json:"invited_samples"`
		Refused []struct {
			Reason string
			Text   surveys.Text
			Visits int64
		}
	}](c.post("/api/v1/followup/dry-run", nil).want(http.StatusOK))
	want := followup.Plan{Visits: 1, LeastSegments: 2, MostSegments: 9, Least: 10, Most: 45}
	if got.Looked != 3 || got.Invited != want || len(got.ByDay) != 1 || got.ByDay[0].Day != "2026-11-21" || len(got.Samples) != 1 || !got.Samples[0].DueAt.Equal(due) {
		t.Errorf("the dry run says %+v", got)
	}
	if len(got.Refused) != 2 || got.Refused[0].Reason != "cancelled" || got.Refused[1].Text != followup.ReasonOptedOut.Text() {
		t.Errorf("left out: %+v", got.Refused)
	}
	f.campaign.wait, f.campaign.begun = make(chan struct{}), make(chan struct{})
	first := make(chan *reply)
	go func() { first <- c.post("/api/v1/followup/dry-run", nil) }()
	<-f.campaign.begun
	f.person("second", "", "followup.view").post("/api/v1/followup/dry-run", nil).problem(http.StatusServiceUnavailable, "busy")
	close(f.campaign.wait)
	(<-first).want(http.StatusOK)
}

func TestSwitchResumeAndClock(t *testing.T) {
	f := newFollowed(t)
	c := f.person("officer", "", "followup.manage")
	const flip, clock = "/api/v1/followup/switch", "/api/v1/followup/demo-clock"
	c.post(flip, map[string]any{"running": false}).want(http.StatusOK)
	f.data.audited("followup.pause")
	if f.campaign.running {
		t.Error("the follow-up still runs")
	}
	c.post(flip, map[string]any{"running": false}).want(http.StatusOK)
	if got := f.data.auditActions(2); !slices.Equal(got, []string{"followup.pause"}) {
		t.Errorf("a pause that changed nothing is in the audit log: %v", got)
	}
	c.post(flip, map[string]any{"running": true}).want(http.StatusOK)
	f.data.audited("followup.start")
	c.post(flip, map[string]any{}).problem(http.StatusUnprocessableEntity, "invalid_field")

	c.post("/api/v1/followup/carriers/simulator/resume", nil).want(http.StatusOK)
	f.data.audited("carrier.resume")
	c.post("/api/v1/followup/carriers/other/resume", nil).problem(http.StatusNotFound, "not_found")
	if !slices.Equal(f.texting.resumed, []string{"simulator"}) {
		t.Errorf("resumed %v", f.texting.resumed)
	}

	c.post(clock, map[string]any{"hours": 49}).want(http.StatusOK)
	f.data.audited("demo_clock.move")
	if offset, err := f.data.store.DemoOffset(t.Context()); offset != 49*time.Hour || err != nil {
		t.Errorf("the clock is %v ahead, %v", offset, err)
	}
	for _, hours := range []any{0, -1, 745, "48"} {
		c.post(clock, map[string]any{"hours": hours}).problem(http.StatusUnprocessableEntity, "invalid_field")
	}
	f.clock.offset = 366 * 24 * time.Hour
	c.post(clock, map[string]any{"hours": 1}).problem(http.StatusUnprocessableEntity, "invalid_field")
	f.clock.offset = 0
	f.texting.carriers = append(f.texting.carriers, CarrierStatus{Name: "twilio"})
	c.post(clock, map[string]any{"hours": 1}).problem(http.StatusConflict, "demo_clock_forbidden")
	f.texting.carriers = nil
	c.post(clock, map[string]any{"hours": 1}).problem(http.StatusConflict, "demo_clock_forbidden")
	if f.clock.offset != 0 {
		t.Error("the clock was moved all the same")
	}
}

func TestRepliesAndNumbersOfTheDesk(t *testing.T) {
	f := newFollowed(t)
	noon := storetest.Noon()
	f.invite(1, 1, 0, noon)
	f.converse("U1", "+8613800139999", plantedReply, noon, sqlstore.Reply{Outcome: sqlstore.InboundUnlinked})
	f.converse("S1", "+8613800130001", "退订", noon, sqlstore.Reply{Outcome: sqlstore.InboundHandled, OptOut: sqlstore.OptOutStop})
	c := f.person("officer", "", "followup.work")
	replies := decodeReply[struct{ Replies []struct{ ID int64 } }](c.get("/api/v1/followup/replies").want(http.StatusOK).without(plantedReply, "9999")).Replies
	if len(replies) != 1 {
		t.Fatalf("replies: %+v", replies)
	}
	reveal := fmt.Sprintf("/api/v1/followup/replies/%d/reveal", replies[0].ID)
	f.person("curious", "", "all but followup.work").post(reveal, nil).without(plantedReply).problem(http.StatusForbidden, "forbidden")
	if slices.Contains(f.data.auditActions(5), "reply.open") {
		t.Error("a refused reading is in the audit log")
	}
	if got := decodeReply[struct{ Text string }](c.post(reveal, nil).want(http.StatusOK)).Text; got != plantedReply {
		t.Errorf("the reply is %q", got)
	}
	f.data.audited("reply.open")
	c.post("/api/v1/followup/replies/99/reveal", nil).problem(http.StatusNotFound, "not_found")

	outs := decodeReply[struct {
		OptOuts []struct {
			ID          int64
			Number, How string
		} `json:"opt_outs"`
	}](c.get("/api/v1/followup/opt-outs").want(http.StatusOK).without("3800130001")).OptOuts
	if len(outs) != 1 || outs[0].Number != "…0001" {
		t.Fatalf("opt-outs: %+v", outs)
	}
	undo := fmt.Sprintf("/api/v1/followup/opt-outs/%d/undo", outs[0].ID)
	c.post(undo, nil).want(http.StatusNoContent)
	f.data.audited("opt_out.undo")
	c.post(undo, nil).problem(http.StatusNotFound, "not_found")
	if r := c.get("/api/v1/followup/opt-outs").want(http.StatusOK); r.Body.String() != `{"opt_outs":[]}`+"\n" {
		t.Errorf("opt-outs after undoing: %s", r.Body)
	}
	c.get("/api/v1/followup/opt-outs?state=all").want(http.StatusOK).without("3800130001")
	c.get("/api/v1/followup/opt-outs?state=x").problem(http.StatusUnprocessableEntity, "invalid_field")

	if err := f.data.store.SuppressNumberOf(t.Context(), storetest.Invitation(1, 1, noon).Text.Message.ID, "simulator", "21610", noon); err != nil {
		t.Fatal(err)
	}
	kept := decodeReply[struct {
		Suppressions []struct {
			ID   int64
			Code string
		}
	}](c.get("/api/v1/followup/suppressions").want(http.StatusOK).without("3800130001")).Suppressions
	if len(kept) != 1 || kept[0].Code != "21610" {
		t.Fatalf("suppressions: %+v", kept)
	}
	c.post(fmt.Sprintf("/api/v1/followup/suppressions/%d/lift", kept[0].ID), nil).want(http.StatusNoContent)
	f.data.audited("suppression.lift")
	for _, planted := range []string{plantedReply, "3800130001", "3800139999"} {
		if strings.Contains(f.logs.String(), planted) {
			t.Errorf("the log holds %q", planted)
		}
	}
}
