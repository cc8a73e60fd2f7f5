package sqlstore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/analytics"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
	"qingfeng/surveys/texting"
)

// hospital does anything to a store, in any order, as time goes by.
type hospital struct {
	t      *testing.T
	s      *sqlstore.Store
	r      *rand.Rand
	now    time.Time
	n      uint64
	asked  []followup.InvitationID
	handed []surveys.FactID
}

func (h *hospital) id() surveys.FactID { h.n++; return storetest.ID(h.now, h.n) }

func (h *hospital) patient() followup.PatientNumber {
	return followup.PatientNumber(fmt.Sprint("p", h.r.IntN(25)))
}

func (h *hospital) number() string { return fmt.Sprint("+86138001380", 10+h.r.IntN(15)) }

func (h *hospital) step() {
	h.now = h.now.Add(time.Duration(h.r.IntN(180)) * time.Minute)
	switch h.r.IntN(9) {
	case 0, 1:
		h.visit()
	case 2:
		h.plan()
	case 3, 4:
		h.dispatch()
	case 5, 6:
		h.answer()
	case 7:
		h.page()
	default:
		if _, err := h.s.EndInvitations(h.t.Context(), h.now, 5); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *hospital) visit() {
	kinds := []followup.ChangeKind{followup.ChangeAdmitted, followup.ChangeDischarged, followup.ChangeDischarged, followup.ChangeDischarged,
		followup.ChangeDischargeUndone, followup.ChangeAdmissionUndone, followup.ChangeMerged, followup.ChangeUpdated, followup.ChangeReportedDeceased}
	c := followup.VisitChange{Kind: kinds[h.r.IntN(len(kinds))], Patient: h.patient(), Prior: h.patient(), Inpatient: true,
		At: h.now.Add(-time.Duration(h.r.IntN(72)) * time.Hour), Visit: followup.VisitNumber(fmt.Sprint("v", h.r.IntN(40)))}
	if c.Kind == followup.ChangeReportedDeceased && h.r.IntN(4) > 0 {
		c.Kind = followup.ChangeDischarged
	}
	storetest.Apply(h.t, h.s, c, storetest.Ward(h.number()))
}

func (h *hospital) plan() {
	var list []sqlstore.NewInvitation
	w := sqlstore.CandidateWindow{From: h.now.AddDate(0, 0, -42), To: h.now, Uninvited: true}
	must(h.t, h.s.Candidates(h.t.Context(), w, func(c *sqlstore.Candidate) error {
		h.n++
		inv := storetest.Invitation(h.n, c.Visit.ID, h.now)
		inv.Invitation.Mode = []surveys.Mode{surveys.ModeReply, surveys.ModeLink, surveys.ModeCode}[h.r.IntN(3)]
		list = append(list, inv)
		return nil
	}))
	_, err := h.s.QueueInvitations(h.t.Context(), list)
	must(h.t, err)
}

func (h *hospital) dispatch() {
	ctx := h.t.Context()
	taken, err := h.s.TakeTexts(ctx, sqlstore.Take{Now: h.now, Limit: 1 + h.r.IntN(6), Routes: []sqlstore.Route{{Country: "CN", Carrier: "test", PerSegment: 5}}})
	must(h.t, err)
	for _, x := range taken.Texts {
		h.handed = append(h.handed, x.Message.ID)
	}
	classes := []texting.Class{texting.ClassFinal, texting.ClassSuppress, texting.ClassLater, texting.ClassTwice, texting.ClassAmbiguous, texting.ClassHalt}
	statuses := []texting.Status{texting.StatusSent, texting.StatusDelivered, texting.StatusDelivered, texting.StatusUndelivered, texting.StatusRefused}
	for range 1 + h.r.IntN(5) {
		if len(h.handed) == 0 {
			return
		}
		id := h.handed[h.r.IntN(len(h.handed))]
		provider := fmt.Sprint("P", id, h.r.IntN(2))
		switch h.r.IntN(6) {
		case 0, 1:
			must(h.t, h.s.RecordSent(ctx, sqlstore.SentText{ID: id, Carrier: "test", Sent: texting.Sent{ProviderID: provider}, At: h.now}))
		case 2:
			class := classes[h.r.IntN(len(classes))]
			if class == texting.ClassSuppress && h.r.IntN(5) > 0 {
				class = texting.ClassLater
			}
			_, err := h.s.RecordSendFailed(ctx, sqlstore.SendFailure{ID: id, Carrier: "test", At: h.now, Err: &texting.SendError{Class: class}})
			must(h.t, err)
		case 3:
			if err := h.s.ReleaseText(ctx, id); err != nil && !isErr(err, sqlstore.ErrNotFound) {
				h.t.Fatal(err)
			}
		default:
			_, err := h.s.RecordStatus(ctx, texting.StatusReport{Carrier: "test", ProviderID: provider, Status: statuses[h.r.IntN(len(statuses))]})
			must(h.t, err)
		}
	}
}

func (h *hospital) reply() (list []followup.Answer, end followup.InvitationState) {
	f := storetest.Form()
	for range 1 + h.r.IntN(3) {
		q := f.Questions[h.r.IntN(3)]
		list = append(list, followup.Answer{Question: q.ID, Value: q.Choices[h.r.IntN(len(q.Choices))].Value})
	}
	if h.r.IntN(3) == 0 {
		end = followup.InvitationComplete
	}
	return list, end
}

func (h *hospital) answer() {
	h.n++
	in := storetest.Receive(h.t, h.s, fmt.Sprint("M", h.n), h.number(), "x", h.now)
	must(h.t, h.s.Converse(h.t.Context(), in, func(x *sqlstore.Exchange) (*sqlstore.Reply, error) {
		if h.r.IntN(25) == 0 {
			return &sqlstore.Reply{Outcome: sqlstore.InboundHandled, OptOut: sqlstore.OptOutStop}, nil
		}
		if h.r.IntN(10) == 0 {
			return &sqlstore.Reply{Outcome: sqlstore.InboundHandled, OptOut: sqlstore.OptOutStart}, nil
		}
		if len(x.Open) == 0 {
			return &sqlstore.Reply{Outcome: sqlstore.InboundUnlinked}, nil
		}
		c := x.Open[h.r.IntN(len(x.Open))]
		h.asked = append(h.asked, c.Invitation.ID)
		if h.r.IntN(15) == 0 {
			return &sqlstore.Reply{Outcome: sqlstore.InboundHandled, Clue: &sqlstore.NewClue{Words: "x"}, Steps: []sqlstore.Step{{Invitation: c.Invitation.ID, End: followup.InvitationStopped}}}, nil
		}
		list, end := h.reply()
		comment := surveys.Secret(strings.Repeat("x", h.r.IntN(2)))
		return &sqlstore.Reply{Outcome: sqlstore.InboundAnswered, Steps: []sqlstore.Step{{Invitation: c.Invitation.ID, Answers: list, End: end, CallBack: h.r.IntN(9) == 0, Comment: comment,
			Flags: surveys.Flags(h.r.IntN(2)) * surveys.FlagBurst}}}, nil
	}))
}

func (h *hospital) page() {
	if len(h.asked) == 0 {
		return
	}
	list, end := h.reply()
	_, err := h.s.RecordResponse(h.t.Context(), sqlstore.ResponseSave{ID: h.id(), At: h.now, Step: sqlstore.Step{
		Invitation: h.asked[h.r.IntN(len(h.asked))], Answers: list, End: end}})
	if err != nil && !isErr(err, sqlstore.ErrEnded) {
		h.t.Fatal(err)
	}
}

// Whatever happens in whatever order, what left the store is what the facts
// say, and what analytics makes of the one is what it makes of the other. At
// most one grade leaves for a visit.
func TestWhateverHappensTheCountsAreTheFacts(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "qingfeng.db")
			h := &hospital{t: t, r: rand.New(rand.NewPCG(seed, 11)), now: storetest.Noon()}
			ahead := time.Duration(seed) * 24 * time.Hour // of the follow-up's clock before the server's
			open := func() *sqlstore.Store {
				return storetest.Open(t, path, func(o *sqlstore.Options) { o.Now = func() time.Time { return h.now.Add(-ahead) } })
			}
			h.s = open()
			storetest.PublishForm(t, h.s)
			for range 3 {
				for range 120 {
					h.step()
				}
				mustVerify(t, h.s)
				must(t, h.s.Close())
				h.s = open()
				_, err := h.s.RecoverTexts(t.Context())
				must(t, err)
			}
			left, folded := analytics.NewCounts(), analytics.NewCounts()
			kinds := map[surveys.EventKind]int{}
			for _, e := range events(t, h.s) {
				left.AddEvent(&e, 1)
				kinds[e.Kind]++
			}
			_, err := h.s.Fold(t.Context(), 0, func(e *surveys.Event, n int64) error { folded.AddEvent(e, n); return nil })
			must(t, err)
			if diff := analytics.Diff(left, folded); diff != nil {
				t.Errorf("what left and what is folded differ: %v", diff)
			}
			if len(kinds) != 3 {
				t.Errorf("the seed is of no use: %v", kinds)
			}
			if days, err := h.s.RebuildRollups(t.Context()); err != nil || days != 0 {
				t.Errorf("%d days were wrong, %v", days, err)
			}
			if n := count(t, h.s, "SELECT count(*) FROM responses") - count(t, h.s, "SELECT count(DISTINCT i.visit) FROM responses r JOIN invitations i ON i.id = r.invitation"); n != 0 {
				t.Errorf("%d visits have two responses", n)
			}
		})
	}
}

// No personal word is found in the files, whatever the words went through.
func TestNothingPersonalIsInTheFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	s, ctx, now := storetest.Open(t, path), t.Context(), storetest.Noon()
	storetest.PublishForm(t, s)
	words := []string{"MRN-4711-X", "STAY-8899-Y", "欧阳震华", "13712345678", "85291112222", "陈医生的话", "137246", "回执1234567890123456", "主任收了", "记得住的话",
		"这是不属于的话", "PAYLOAD-王", "13699998888"}
	c := storetest.Discharge("MRN-4711-X", now.AddDate(0, 0, -2))
	c.Visit, c.Name, c.Phone = "STAY-8899-Y", "欧阳震华", "13712345678"
	p := storetest.Ward("+8613712345678")
	p.Guardian, p.GuardianCountry = texting.NumberOf("+85291112222"), "HK"
	v := storetest.Apply(t, s, c, p).Visit
	c.Kind, c.Patient, c.Prior, c.Message = followup.ChangeMerged, "MRN-4711-X2", "MRN-4711-X", "m2"
	storetest.Apply(t, s, c, p)
	inv := storetest.Invitation(1, v.ID, now)
	inv.Code, inv.Text.Message.Body, inv.Text.Message.Variables = "137246", "【院】欧阳震华 137246", []texting.Variable{{Name: "name", Value: "欧阳震华"}}
	_, err := s.QueueInvitations(ctx, []sqlstore.NewInvitation{inv})
	must(t, err)
	storetest.Send(t, s, now)
	converse(t, s, storetest.Receive(t, s, "M1", "+8613712345678", "陈医生的话", now), sqlstore.Reply{Memory: []byte("记得住的话"), Steps: []sqlstore.Step{{
		Invitation: inv.Invitation.ID, Memory: []byte("记得住的话"), CallBack: true, CallPhone: "136 9999 8888", Comment: "陈医生的话",
		Answers: []followup.Answer{{Question: "overall", Value: 1, Text: "陈医生的话"}, {Question: "comment", Text: "陈医生的话"}},
	}}})
	save := sqlstore.ResponseSave{ID: storetest.ID(now, 7), At: now, Step: sqlstore.Step{Invitation: inv.Invitation.ID, Answers: []followup.Answer{{Question: "comment", Text: "陈医生的话"}}}}
	for _, value := range []int{1, 2} {
		save.Answers = append(save.Answers, answers("nurses", value)...)
		_, err := s.RecordResponse(ctx, save)
		must(t, err)
	}
	must(t, s.KeepRejected(ctx, sqlstore.Rejected{Source: "hl7", Reason: "unreadable", Payload: []byte("PAYLOAD-王 13712345678")}))
	converse(t, s, storetest.Receive(t, s, "M2", "+8613712345678", "这是不属于的话", now), sqlstore.Reply{Outcome: sqlstore.InboundUnlinked})
	converse(t, s, storetest.Receive(t, s, "M3", "+8613712345678", "主任收了红包", now), sqlstore.Reply{Outcome: sqlstore.InboundHandled,
		Clue: &sqlstore.NewClue{Words: "主任收了红包", ReceiptHash: "h"}, Steps: []sqlstore.Step{{Invitation: inv.Invitation.ID, End: followup.InvitationStopped}},
		Texts: []sqlstore.NewText{{Segments: 1, Message: texting.Message{ID: storetest.ID(now, 8), To: texting.NumberOf("+8613712345678"), Country: "CN",
			Purpose: texting.PurposeClueReceived, Body: "回执1234567890123456"}}}})
	must(t, s.OptOut(ctx, texting.NumberOf("+8613712345678"), "desk", admin))
	must(t, s.SuppressNumberOf(ctx, inv.Invitation.ID, "test", "21610", now))
	_, err = s.ExchangeCode(ctx, sqlstore.CodeTry{Code: "137246", Source: "13712345678", At: now, TokenHash: [32]byte{9}})
	if !isErr(err, sqlstore.ErrNotFound) {
		t.Errorf("code of an ended survey: %v", err)
	}
	files, err := filepath.Glob(path + "*")
	must(t, err)
	if len(files) < 2 {
		t.Fatalf("files: %v, want the log too", files)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		for _, word := range words {
			if bytes.Contains(content, []byte(word)) {
				t.Errorf("%s holds %q", filepath.Base(file), word)
			}
		}
	}
	for _, e := range events(t, s) {
		text := string(surveys.AppendEvent(nil, &e))
		for _, word := range words {
			if strings.Contains(text, word) {
				t.Errorf("an event holds %q", word)
			}
		}
	}
	mustVerify(t, s)
}

// A store written before there was a follow-up goes on with everything it had.
func TestAStoreOfVersionTwoGoesOn(t *testing.T) {
	path, ctx := filepath.Join(t.TempDir(), "qingfeng.db"), t.Context()
	s := filled(t, path)
	want := folded(t, s, 0)
	must(t, s.Meddle(ctx, "DELETE FROM goose_db_version WHERE version_id > 2"))
	rows, err := s.Reading().QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('forms', 'patients', 'patient_numbers', 'visits', 'visit_changes',
		'rejected_messages', 'unknown_places', 'invitations', 'responses', 'answers', 'response_saves', 'texts', 'text_provider_ids', 'text_reports', 'inbounds',
		'number_memories', 'opt_outs', 'opt_out_patients', 'suppressions', 'code_tries', 'clues', 'comments')`)
	must(t, err)
	var tables []string
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		tables = append(tables, name)
	}
	must(t, rows.Close())
	if len(tables) != 22 {
		t.Fatalf("%d tables of the follow-up", len(tables))
	}
	for left := tables; len(left) > 0; { // those that others name go last
		var next []string
		for _, name := range left {
			if s.Meddle(ctx, "DROP TABLE "+name) != nil {
				next = append(next, name)
			}
		}
		if len(next) == len(left) {
			t.Fatalf("cannot drop %v", next)
		}
		left = next
	}
	must(t, s.Close())
	s = storetest.Open(t, path)
	if diff := cmp.Diff(want, folded(t, s, 0)); diff != "" {
		t.Errorf("counts (-before +after):\n%s", diff)
	}
	storetest.PublishForm(t, s)
	id := storetest.Invited(t, s, 1, "4711", phone, storetest.Noon())
	converse(t, s, storetest.Receive(t, s, "M1", phone, "5", storetest.Noon()), sqlstore.Reply{Steps: []sqlstore.Step{{Invitation: id, Answers: answers("overall", 5)}}})
	mustVerify(t, s)
}

// Damage to what the surveys left is found.
func TestVerifyFindsDamageToSurveys(t *testing.T) {
	for _, tt := range []struct{ name, damage, want string }{
		{"none", "SELECT 1", ""},
		{"a grade changed", "UPDATE responses SET grade = 5", "grade 5: kept 0, recounted 1"},
		{"an answer changed", "UPDATE answers SET value = 1 WHERE value = 4", "answer_recorded"},
		{"an answer lost", "DELETE FROM answers WHERE value = 4", "kept 1, recounted 0"},
		{"never offered", "UPDATE invitations SET offered_day = 0", "prompt_offered"},
		{"a call-back lost", "DELETE FROM callbacks", "1 low grades of surveys have no call-back"},
		{"a text never taken", "UPDATE texts SET taken_at = 0", "offered without a text"},
		{"a response that goes on", "UPDATE responses SET ended_at = 0", "go on though"},
		{"a grade that is no answer", "UPDATE answers SET value = 3 WHERE value = 2", "not the grade that was counted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, now := storetest.New(t), storetest.Noon()
			storetest.PublishForm(t, s)
			id := storetest.Invited(t, s, 1, "4711", phone, now)
			converse(t, s, storetest.Receive(t, s, "M1", phone, "x", now), sqlstore.Reply{Steps: []sqlstore.Step{{
				Invitation: id, Answers: answers("overall", 2, "nurses", 4, "food", 3), End: followup.InvitationComplete}}})
			must(t, s.Meddle(t.Context(), tt.damage))
			found, err := s.Verify(t.Context())
			must(t, err)
			if got := strings.Join(found.Problems, "; "); (tt.want == "") != found.OK() || !strings.Contains(got, tt.want) {
				t.Errorf("verify found %q, want %q in it", got, tt.want)
			}
		})
	}
}

func TestDispositions(t *testing.T) {
	now := storetest.Noon() // Saturday of ISO week 47
	monday := now.AddDate(0, 0, 2)
	s, ctx := storetest.New(t, clockAt(monday)), t.Context()
	storetest.PublishForm(t, s)
	done := storetest.Invited(t, s, 1, "1", "+8613800138001", now)
	storetest.Invited(t, s, 2, "2", "+8613800138002", now)
	storetest.Invited(t, s, 3, "3", "+8613800138003", monday)
	v := storetest.Apply(t, s, storetest.Discharge("4", now), storetest.Ward("+8613800138004")).Visit
	_, err := s.QueueInvitations(ctx, []sqlstore.NewInvitation{storetest.Invitation(4, v.ID, now.AddDate(0, 0, 9))})
	must(t, err)
	converse(t, s, storetest.Receive(t, s, "M1", "+8613800138001", "5", now), sqlstore.Reply{Steps: []sqlstore.Step{{Invitation: done, Answers: answers("overall", 5), End: followup.InvitationComplete}}})
	row := func(week int, state followup.InvitationState, offered, answered int64, cost surveys.Fen) sqlstore.Disposition {
		return sqlstore.Disposition{Mode: surveys.ModeReply, Department: "cardiology", Year: 2026, Week: week, State: state, Invitations: 1, Offered: offered, Answered: answered, Cost: cost}
	}
	for _, tt := range []struct {
		name   string
		filter sqlstore.DispositionFilter
		want   []sqlstore.Disposition
	}{
		{"all", sqlstore.DispositionFilter{}, []sqlstore.Disposition{row(47, "complete", 1, 1, 5), row(47, "sent", 1, 0, 5), row(48, "sent", 1, 0, 5), row(49, "queued", 0, 0, 0)}},
		{"one week", sqlstore.DispositionFilter{From: 20261123, To: 20261129}, []sqlstore.Disposition{row(48, "sent", 1, 0, 5)}},
		{"of nobody", sqlstore.DispositionFilter{Departments: []surveys.DepartmentID{"finance"}}, nil},
	} {
		got, err := s.Dispositions(ctx, tt.filter)
		must(t, err)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if d, err := s.DemoOffset(ctx); d != 0 || err != nil {
		t.Errorf("demo offset %s, %v", d, err)
	}
	must(t, s.SetDemoOffset(ctx, 49*time.Hour, admin))
	if d, err := s.DemoOffset(ctx); d != 49*time.Hour || err != nil {
		t.Errorf("demo offset %s, %v", d, err)
	}
}

// However many visits there are, a page of them is held.
func TestCandidatesAreStreamed(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	storetest.Apply(t, s, storetest.Discharge("0", storetest.Noon().AddDate(0, 0, -1)), storetest.Ward(phone))
	const visits = 20_000
	from := storetest.Noon().AddDate(0, 0, -40)
	must(t, s.Meddle(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) INSERT INTO visits (number_index, patient, state,
		admitted_at, discharged_at, discharged_on, inpatient) SELECT randomblob(32), 1, 'discharged', 0, ?2 + (i * 7919) % 1000000, 20261012, 0 FROM n`, visits, from.UnixMilli()))
	w := sqlstore.CandidateWindow{From: from, To: from.AddDate(0, 0, 1)}
	seen, last, peak := map[followup.VisitID]bool{}, time.Time{}, uint64(0)
	var before, m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	must(t, s.Candidates(ctx, w, func(c *sqlstore.Candidate) error {
		if c.Visit.DischargedAt.Before(last) || seen[c.Visit.ID] {
			t.Fatalf("visit %d at %s after %s", c.Visit.ID, c.Visit.DischargedAt, last)
		}
		last, seen[c.Visit.ID] = c.Visit.DischargedAt, true
		if len(seen)%5_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
		return nil
	}))
	if len(seen) != visits {
		t.Errorf("%d candidates, want %d", len(seen), visits)
	}
	if grown := int64(peak) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	stop := fmt.Errorf("stop")
	if err := s.Candidates(ctx, w, func(*sqlstore.Candidate) error { return stop }); !isErr(err, stop) {
		t.Errorf("yield's error: %v", err)
	}
}

// What runs all day finds its rows by an index, whatever else the tables hold.
func TestNothingScansWholeTables(t *testing.T) {
	s := storetest.New(t)
	for name, query := range sqlstore.Queries() {
		args := make([]any, strings.Count(query, "?"))
		for i := range args {
			args[i] = 0
		}
		rows, err := s.Reading().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args[:sqlstore.Parameters(query)]...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			must(t, rows.Scan(&id, &parent, &unused, &detail))
			partial := strings.Contains(detail, "INDEX inbounds_pending") // holds only what waits
			if strings.HasPrefix(detail, "SCAN") && !strings.HasPrefix(detail, "SCAN CONSTANT") && !partial || strings.Contains(detail, "TEMP B-TREE") {
				t.Errorf("%s: %s", name, detail)
			}
		}
		must(t, rows.Close())
	}
}
