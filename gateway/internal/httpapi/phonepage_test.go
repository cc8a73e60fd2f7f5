package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

const (
	plantedName   = "赵国栋"
	plantedNumber = "+8619900000101"
	surveyCode    = "40718265"
	hotline       = "010-5550-1001"
	clueHotline   = "010-5550-1009"
)

// pageWorld is a world with phone pages and quick receipts.
func pageWorld(tb testing.TB) *world {
	w := newWorld(tb, func(o *Options) { o.Hotline, o.ClueHotline, o.ReceiptHasher = hotline, clueHotline, quickHasher() })
	storetest.PublishForm(tb, w.store)
	return w
}

// invited is a survey that was sent, and the phone that opens it.
type invited struct {
	*client
	token string
	id    followup.InvitationID
}

// invite sends survey n to a patient of its own. It closes in a week.
func (w *world) invite(n uint64) invited {
	w.tb.Helper()
	at := w.now().Truncate(time.Millisecond)
	change := storetest.Discharge(followup.PatientNumber(fmt.Sprint("p", n)), at.AddDate(0, 0, -2))
	change.Name = plantedName
	visit := storetest.Apply(w.tb, w.store, change, storetest.Ward(plantedNumber)).Visit
	token, hash := NewSurveyToken()
	inv := storetest.Invitation(n, visit.ID, at)
	inv.TokenHash, inv.Invitation.Mode, inv.Code = hash, surveys.ModeLink, surveys.Secret(fmt.Sprint(40718264+n))
	got, err := w.store.QueueInvitations(w.tb.Context(), []sqlstore.NewInvitation{inv})
	if err != nil || got[0] != sqlstore.Queued {
		w.tb.Fatalf("queue invitation: %v %v", got, err)
	}
	storetest.Send(w.tb, w.store, at)
	return invited{w.phone(token), token, inv.Invitation.ID}
}

// phone is a browser that holds a token.
func (w *world) phone(token string) *client {
	c := w.anybody()
	c.header.Set("Authorization", "Bearer "+token)
	return c
}

type object = map[string]any

// shown is a survey as a page reads it.
type shown struct {
	surveyAnswer
	ClosesAt string `json:"closes_at"`
}

// save posts one save, numbered n.
func (i invited) save(n uint64, body object) *reply {
	i.w.tb.Helper()
	body["id"] = storetest.ID(storetest.Noon(), n).String()
	return i.post("/api/v1/survey/saves", body)
}

func said(question string, value int) []object {
	return []object{{"question": question, "value": value}}
}

// kept is what the store has of a survey.
func (i invited) kept() sqlstore.Conversation {
	i.w.tb.Helper()
	c, err := i.w.store.FindInvitation(i.w.tb.Context(), i.id)
	if err != nil {
		i.w.tb.Fatal(err)
	}
	return c
}

func (r *reply) saved(want saveAnswer) {
	r.tb.Helper()
	if diff := cmp.Diff(want, decodeReply[saveAnswer](r.want(http.StatusOK))); diff != "" {
		r.tb.Errorf("%s (-want +got):\n%s", r.what, diff)
	}
}

func TestASurveyIsShownWithoutItsPatient(t *testing.T) {
	w := pageWorld(t)
	i := w.invite(1)
	r := i.get("/api/v1/survey").want(http.StatusOK).without(plantedName, plantedNumber, "19900000101", surveyCode, i.token, i.id.String(), "Vp1", `"p1"`,
		"short", "reversed", `"low"`, "bed")
	if got := r.Header().Values("Set-Cookie"); len(got) > 0 {
		t.Errorf("it sets a cookie: %v", got)
	}
	got := decodeReply[shown](r)
	if got.Hospital.ZH != "测试医院" || got.Department.ZH != "心内科" || got.Place.EN != "Ward 3" || got.Hotline != hotline || got.ClueHotline != clueHotline {
		t.Errorf("it is of %+v", got)
	}
	if want := w.now().AddDate(0, 0, -2).In(storetest.Zone()).Format(time.DateOnly); got.DischargedOn != want || got.Language != "zh" {
		t.Errorf("discharged on %q in %q, want %q in zh", got.DischargedOn, got.Language, want)
	}
	if len(got.Form.Questions) != 5 || got.Form.Questions[0].Choices[4].Text.EN != "Very satisfied" || got.Form.Version != storetest.Form().Version() {
		t.Errorf("it asks %+v", got.Form)
	}
	if want := i.kept().Invitation.ClosesAt.UTC().Format(wireLayout); got.ClosesAt != want {
		t.Errorf("it closes at %s, want %s", got.ClosesAt, want)
	}
	if got.Answers == nil || len(got.Answers) != 0 {
		t.Errorf("answers %v, want none", got.Answers)
	}
}

func TestAnswersAreSavedAsTheyComeAndOnce(t *testing.T) {
	w := pageWorld(t)
	i := w.invite(1)
	open := saveAnswer{Outcome: surveys.OutcomeStored, State: pageOpen}
	i.save(1, object{"answers": said("overall", 4)}).saved(open)
	i.save(1, object{"answers": said("overall", 4)}).saved(saveAnswer{Outcome: surveys.OutcomeDuplicate, State: pageOpen})
	i.save(1, object{"answers": said("overall", 1)}).saved(saveAnswer{Outcome: surveys.OutcomeConflict, State: pageOpen})
	i.save(2, object{"answers": said("nurses", 2)}).saved(open)
	i.save(3, object{"answers": said("nurses", 0)}).saved(open)
	i.save(4, object{"answers": said("overall", 2)}).saved(open)
	got := decodeReply[shown](i.get("/api/v1/survey").want(http.StatusOK)).Answers
	want := []pageAnswerOut{{Question: "overall", Value: 4, Final: true}, {Question: "nurses", Value: 0}}
	if diff := cmp.Diff(want, got, cmp.Transformer("sorted", func(l []pageAnswerOut) map[surveys.ItemID]pageAnswerOut {
		m := map[surveys.ItemID]pageAnswerOut{}
		for _, a := range l {
			m[a.Question] = a
		}
		return m
	})); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	last := object{"answers": []object{{"question": "food", "value": 3}, {"question": "envelope", "value": 0}, {"question": "comment", "text": "没有红包，谢谢"}}, "finish": true}
	i.save(5, last).saved(saveAnswer{Outcome: surveys.OutcomeStored, State: pageDone})
	if got := i.kept(); got.Invitation.State != followup.InvitationComplete || len(got.Answers) != 5 {
		t.Errorf("kept as %s with %d answers, want complete with 5", got.Invitation.State, len(got.Answers))
	}
	i.save(5, last).saved(saveAnswer{Outcome: surveys.OutcomeDuplicate, State: pageDone})
	i.get("/api/v1/survey").problem(http.StatusUnauthorized, "bad_token")
	i.save(6, object{"answers": said("food", 1)}).problem(http.StatusUnauthorized, "bad_token")
}

func TestHowASurveyEnds(t *testing.T) {
	all := []object{{"question": "overall", "value": 5}, {"question": "nurses", "value": 4}, {"question": "food", "value": 0}, {"question": "envelope"}}
	for _, tt := range []struct {
		name    string
		answers []object
		want    followup.InvitationState
	}{
		{"all but what is optional", all, followup.InvitationComplete},
		{"half of it", all[:2], followup.InvitationPartial},
		{"less than half", all[:1], followup.InvitationBreakOff},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := pageWorld(t).invite(1)
			i.save(1, object{"answers": tt.answers, "finish": true}).saved(saveAnswer{Outcome: surveys.OutcomeStored, State: pageDone})
			if got := i.kept().Invitation.State; got != tt.want {
				t.Errorf("ended as %s, want %s", got, tt.want)
			}
		})
	}
}

func TestALowGradeAndAWishOpenACallback(t *testing.T) {
	for _, tt := range []struct {
		name  string
		body  object
		wish  bool
		phone string
		calls int
	}{
		{"a low grade", object{"answers": said("overall", 2)}, false, plantedNumber, 1},
		{"a middling grade", object{"answers": said("overall", 3)}, false, "", 0},
		{"a wish", object{"answers": said("overall", 5), "call_back": true}, true, plantedNumber, 1},
		{"a wish with another number", object{"answers": said("overall", 5), "call_back": true, "call_phone": "(010) 5550-7788"}, true, "01055507788", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := pageWorld(t)
			w.invite(1).save(1, tt.body).want(http.StatusOK)
			list, err := w.store.Callbacks(t.Context(), sqlstore.CallbackFilter{})
			if err != nil || len(list) != tt.calls {
				t.Fatalf("%d call-backs, %v; want %d", len(list), err, tt.calls)
			}
			if tt.calls == 0 {
				return
			}
			phone, err := w.store.RevealPhone(t.Context(), list[0].ID, auditor())
			if err != nil || string(phone) != tt.phone || list[0].Wish != tt.wish {
				t.Errorf("call %q (%v), wished %v; want %q, %v", string(phone), err, list[0].Wish, tt.phone, tt.wish)
			}
		})
	}
}

func TestAClueStopsTheSurveyAndLeavesOnlyItsWords(t *testing.T) {
	const words = "护士长收了我两千元"
	for _, tt := range []struct {
		name string
		body object
		want string
	}{
		{"told after a yes", object{"clue": object{"text": words}}, words},
		{"a yes without words", object{"clue": object{"text": "  "}}, "有（未写经过）"},
		{"in a comment", object{"answers": []object{{"question": "food", "value": 1}, {"question": "comment", "text": "医生收红包"}}, "call_back": true, "finish": true}, "医生收红包"},
		{"beside an answer", object{"answers": []object{{"question": "nurses", "value": 1, "text": "向我索要购物卡"}}}, "向我索要购物卡"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := pageWorld(t)
			i := w.invite(1)
			r := i.save(1, tt.body).want(http.StatusOK).without(words, "红包", "购物卡")
			got := decodeReply[saveAnswer](r)
			if len(got.Receipt) != 16 || strings.Trim(got.Receipt, "0123456789") != "" || got.State != pageStopped || got.ClueHotline != clueHotline {
				t.Fatalf("answered %+v", got)
			}
			again := got
			again.Outcome = surveys.OutcomeDuplicate
			i.save(1, tt.body).saved(again)
			kept := i.kept()
			if kept.Invitation.State != followup.InvitationStopped || len(kept.Answers) != 0 {
				t.Errorf("kept as %s with %v", kept.Invitation.State, kept.Answers)
			}
			calls, err := w.store.Callbacks(t.Context(), sqlstore.CallbackFilter{})
			if err != nil || len(calls) != 0 {
				t.Errorf("%d call-backs, %v; want none", len(calls), err)
			}
			clues, err := w.store.Clues(t.Context())
			if err != nil || len(clues) != 1 {
				t.Fatalf("%d clues, %v; want 1", len(clues), err)
			}
			if text, err := w.store.OpenClue(t.Context(), clues[0].ID, auditor()); err != nil || string(text) != tt.want {
				t.Errorf("the clue says %q, %v; want %q", string(text), err, tt.want)
			}
			i.get("/api/v1/survey").problem(http.StatusUnauthorized, "bad_token")
		})
	}
}

func TestARepeatedClueAfterARestartNamesNoReceipt(t *testing.T) {
	w := pageWorld(t)
	i := w.invite(1)
	i.save(1, object{"clue": object{"text": ""}}).want(http.StatusOK)
	w.pages.receipts = newReceipts()
	want := saveAnswer{Outcome: surveys.OutcomeDuplicate, State: pageStopped, ClueHotline: clueHotline}
	for range 2 {
		i.save(1, object{"clue": object{"text": ""}}).saved(want)
	}
}

// Wrong, used, too late: status, headers and body are the same.
func TestATokenThatIsNoneTellsNothing(t *testing.T) {
	w := pageWorld(t)
	late := w.invite(1)
	w.pass(8 * 24 * time.Hour)
	used, stopped := w.invite(2), w.invite(3)
	used.save(1, object{"answers": said("overall", 5), "finish": true}).want(http.StatusOK)
	stopped.save(2, object{"clue": object{"text": ""}}).want(http.StatusOK)
	wrong, _ := NewSurveyToken()
	bodies := map[string]object{
		"":                  nil,
		"an answer":         {"id": storetest.ID(storetest.Noon(), 9).String(), "answers": said("nurses", 1)},
		"no such answer":    {"id": storetest.ID(storetest.Noon(), 9).String(), "answers": said("nurses", 9)},
		"a clue":            {"id": storetest.ID(storetest.Noon(), 9).String(), "clue": object{"text": "x"}},
		"no id":             {"answers": said("nurses", 1)},
		"nothing to finish": {"id": storetest.ID(storetest.Noon(), 9).String(), "finish": true},
	}
	for name, body := range bodies {
		ask := func(token string) string {
			c := w.phone(token)
			r := c.get("/api/v1/survey")
			if body != nil {
				r = c.post("/api/v1/survey/saves", body)
			}
			return fmt.Sprint(r.Code, r.Header(), r.Body)
		}
		want := ask(wrong)
		if !strings.HasPrefix(want, "401 ") {
			t.Fatalf("%s: a wrong token is answered %s", name, want)
		}
		for who, token := range map[string]string{"used": used.token, "too late": late.token, "stopped": stopped.token, "short": "abc", "empty": "", "long": strings.Repeat("A", 4000), "not ASCII": "令牌"} {
			if diff := cmp.Diff(want, ask(token)); diff != "" {
				t.Errorf("%q: %s is answered otherwise than a wrong one:\n%s", name, who, diff)
			}
		}
	}
}

func TestWhatASaveMayNotSay(t *testing.T) {
	w := pageWorld(t)
	i := w.invite(1)
	long := strings.Repeat("长", 2001)
	for _, tt := range []struct {
		name  string
		body  object
		field string
	}{
		{"no such question", object{"answers": said("planted", 1)}, "answers.question"},
		{"off the scale", object{"answers": said("nurses", 5)}, "answers.value"},
		{"a grade of none", object{"answers": said("overall", 0)}, "answers.value"},
		{"a yes as an answer", object{"answers": said("envelope", 1)}, "answers.value"},
		{"a comment too long for its question", object{"answers": []object{{"question": "comment", "text": long[:3*501]}}}, "answers.text"},
		{"a remark too long", object{"answers": []object{{"question": "food", "value": 1, "text": long}}}, "answers.text"},
		{"more answers than questions", object{"answers": append(append(said("food", 1), said("food", 1)...), append(append(said("food", 1), said("food", 1)...), append(said("food", 1), said("food", 1)...)...)...)}, "answers"},
		{"nothing", object{}, "answers"},
		{"an end of nothing", object{"finish": true}, "finish"},
		{"half a number", object{"call_back": true, "call_phone": "138"}, "call_phone"},
		{"words for a number", object{"call_back": true, "call_phone": "call me 13800138000"}, "call_phone"},
		{"a number without a wish", object{"answers": said("food", 1), "call_phone": "13800138000"}, "call_phone"},
		{"a clue too long", object{"clue": object{"text": long}}, "clue.text"},
		{"no such field", object{"planted": 1}, "planted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := i.save(1, tt.body).without(long[:30], "call me").problem(http.StatusUnprocessableEntity, "invalid_field")
			if p.Field != tt.field {
				t.Errorf("field %q, want %q", p.Field, tt.field)
			}
		})
	}
	for _, id := range []string{"", "1", "019367C5-8B1E-7D3A-9C5E-0123456789AB", "019367c5-8b1e-4d3a-9c5e-0123456789ab"} {
		i.post("/api/v1/survey/saves", object{"id": id, "answers": said("food", 1)}).problem(http.StatusUnprocessableEntity, "invalid_field")
	}
	if got := i.kept(); len(got.Answers) != 0 || !got.Invitation.EndedAt.IsZero() {
		t.Errorf("kept %v", got.Answers)
	}
}

func TestSavesOfOneSurveyAreBounded(t *testing.T) {
	w := pageWorld(t)
	i, other := w.invite(1), w.invite(2)
	body := object{"answers": said("food", 9)}
	for range surveySaves {
		i.save(1, body).want(http.StatusUnprocessableEntity)
	}
	i.save(1, body).problem(http.StatusTooManyRequests, "too_many_requests")
	other.save(1, body).want(http.StatusUnprocessableEntity)
	w.pass(codeHour)
	i.save(1, body).want(http.StatusUnprocessableEntity)
}
