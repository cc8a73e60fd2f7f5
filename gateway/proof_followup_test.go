package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// simulatorWards are the wards of the hospital simulator that made the sample
// of HL7 messages.
const simulatorWards = `intake: {wards: [{code: RenalWard, ward: cardiology-ward}, {code: OtherWard, ward: general-surgery-ward}]}
`

// Every message of the sample is taken by the listener of the running program,
// one by one and then all again in one breath, which changes nothing.
func TestProofTheSampleIsTakenOverTheWire(t *testing.T) {
	s := newSite(t, simulatorWards)
	c := openClinic(t, s)
	sample, err := os.ReadFile("internal/hl7/testdata/adt-sample.hl7")
	if err != nil {
		t.Fatal(err)
	}
	messages := strings.Split(strings.TrimSpace(string(sample)), "\n")
	stays := map[string]bool{}
	w := c.dialHL7()
	acks := func(message string) {
		t.Helper()
		header := strings.Split(message, "|")
		if code, control, text := w.ack(); code != "AA" || control != header[9] {
			t.Errorf("%s %s is answered %s for %s: %q", header[8], header[9], code, control, text)
		}
	}
	for _, m := range messages {
		w.write(frame(m))
		acks(m)
		for segment := range strings.SplitSeq(m, "\r") {
			if fields := strings.Split(segment, "|"); fields[0] == "PV1" && fields[19] != "" {
				stays[strings.Split(fields[19], "^")[0]] = true
			}
		}
	}
	known := func() map[string]int64 {
		counts := map[string]int64{}
		for _, state := range []string{"admitted", "discharged", "cancelled"} {
			counts[state] = s.number("SELECT count(*) FROM visits WHERE state = '" + state + "'")
		}
		counts["merged"] = s.number("SELECT count(*) FROM patients WHERE merged_into > 0")
		return counts
	}
	before := known()
	if sum := before["admitted"] + before["discharged"] + before["cancelled"]; sum != int64(len(stays)) || len(messages) != 46 || len(stays) < 16 {
		t.Errorf("%d messages tell of %d stays, the store has %v", len(messages), len(stays), before)
	}
	if before["cancelled"] == 0 || before["discharged"] == 0 || before["merged"] != 2 {
		t.Errorf("the stays are %v, want some cancelled, some discharged, and two persons merged", before)
	}
	all := ""
	for _, m := range messages {
		all += frame(m)
	}
	w.write(all)
	for _, m := range messages {
		acks(m)
	}
	if diff := cmp.Diff(before, known()); diff != "" {
		t.Errorf("the same messages again change what is known (-before +after):\n%s", diff)
	}
	c.wantIntake(2*len(messages), 0)
	c.stop()
	s.verify()
}

// wantIntake proves what the desk shows of the messages that came.
func (c *clinic) wantIntake(accepted, rejected int) {
	c.t.Helper()
	var answer struct {
		HL7 struct {
			Listening bool `json:"listening"`
			Accepted  int  `json:"accepted"`
		} `json:"hl7"`
		Rejected int `json:"rejected"`
	}
	if err := c.desk.call(c.t.Context(), "GET", "/api/v1/intake", "", nil, &answer); err != nil {
		c.t.Fatal(err)
	}
	if !answer.HL7.Listening || answer.HL7.Accepted != accepted || answer.Rejected != rejected {
		c.t.Errorf("the desk shows %+v, want %d messages accepted and %d kept aside", answer, accepted, rejected)
	}
}

// Of the sample file, the phones on which the talks are held.
const (
	pleased    = "+8619900000101"
	displeased = "+8619900000102"
	telling    = "+8619900000103"
	leaving    = "+8619900000104"
	byHL7      = "+8619900000777"
)

var receiptCode = regexp.MustCompile(`\d{4} \d{4} \d{4} \d{4}`)

// From a discharge to an answered text, on the program as a newcomer starts it:
// the sample file and a message of the hospital's system come in, the officer
// moves the clock, the phones ring, and what is typed there is on the board.
func TestProofFromADischargeToTheBoard(t *testing.T) {
	s := newSite(t, "carriers: {texts_per_second: 1000}\n")
	c := openClinic(t, s)
	board := c.signedInBoard(nil)
	s.command("import-discharges", "--to-today", sampleDischarges)
	w := c.dialHL7()
	w.write(frame(s.a03(discharge{patient: "771", visit: "ZY771", name: "钱^来", phone: byHL7, ward: cardiologyWard, at: time.Now().Add(-time.Hour)}, "one")))
	if code, _, text := w.ack(); code != "AA" {
		t.Fatalf("the discharge is answered %q", text)
	}
	if early := c.shows(byHL7); early != nil {
		t.Errorf("the phone shows %q before the clock was moved", early)
	}
	c.moveClock(50 * time.Hour)
	rung := c.planned()
	eventually(t, "every phone that is to ring has rung", func() bool { return len(c.handsets()) == rung })
	if first := c.rings(byHL7, 1); !strings.HasPrefix(first, "【清风医院】") || !strings.Contains(first, "心血管内科病区") {
		t.Errorf("the first text is %q", first)
	}
	c.answerWell()
	c.answerBadly()
	c.tellOfAnEnvelope()
	c.optOut()
	c.wardShows(board, 3, 2)
	c.stop()
	want := map[surveyFact]int64{
		{surveys.EventRatingRecorded, cardiologyWard, surveys.ModeReply, 5}: 1,
		{surveys.EventRatingRecorded, cardiologyWard, surveys.ModeReply, 2}: 1,
		{surveys.EventAnswerRecorded, cardiologyWard, surveys.ModeReply, 0}: 2,
	}
	got := s.foldSurveys()
	maps.DeleteFunc(got, func(f surveyFact, _ int64) bool { return f.kind == surveys.EventPromptOffered })
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(surveyFact{})); diff != "" {
		t.Errorf("recount of the answers (-want +got):\n%s", diff)
	}
	s.verify()
}

// answerWell is the patient of the hospital's leaflet.
func (c *clinic) answerWell() {
	c.t.Helper()
	c.types(pleased, "５分，谢谢")
	if second := c.rings(pleased, 2); !strings.Contains(second, "财物") {
		c.t.Errorf("after the grade comes %q, want the question for envelopes", second)
	}
	c.types(pleased, "没有")
	c.rings(pleased, 3)
	c.types(pleased, "4")
	c.rings(pleased, 4)
	c.types(pleased, "没有")
	if last := c.rings(pleased, 5); !strings.Contains(last, "谢谢您！") {
		c.t.Errorf("the last text is %q, want thanks", last)
	}
	c.wantStates(map[string]int64{"complete": 1})
}

// answerBadly opens a call-back at once.
func (c *clinic) answerBadly() {
	c.t.Helper()
	c.types(displeased, "不满意")
	c.rings(displeased, 2)
	var answer struct {
		Callbacks []struct {
			Department surveys.DepartmentID `json:"department"`
			Grade      surveys.Grade        `json:"grade"`
			Mode       surveys.Mode         `json:"mode"`
		} `json:"callbacks"`
	}
	if err := c.officer.call(c.t.Context(), "GET", "/api/v1/callbacks?state=open", "", nil, &answer); err != nil {
		c.t.Fatal(err)
	}
	if len(answer.Callbacks) != 1 || answer.Callbacks[0].Department != "cardiology" || answer.Callbacks[0].Grade != surveys.Dissatisfied || answer.Callbacks[0].Mode != surveys.ModeReply {
		c.t.Errorf("the call-backs are %+v, want one of cardiology", answer.Callbacks)
	}
}

// tellOfAnEnvelope ends a survey with a receipt. What is left of it where
// anybody but the discipline office looks is a count.
func (c *clinic) tellOfAnEnvelope() {
	c.t.Helper()
	c.types(telling, "王医生收了红包")
	if receipt := c.rings(telling, 2); !receiptCode.MatchString(receipt) || strings.Contains(receipt, "王医生") || strings.Contains(receipt, "红包") {
		c.t.Errorf("a clue is answered %q, want a receipt that echoes nothing", receipt)
	}
	c.wantClues(1)
	c.types(telling, "他叫王小明")
	c.worked(7)
	c.rings(telling, 2)
	c.wantClues(2) // what was added is kept with it
	if n := c.number("SELECT count(*) FROM inbounds WHERE outcome = 'unlinked' OR length(body) > 0 AND invitation IN (SELECT id FROM invitations WHERE state = 'stopped')"); n != 0 {
		c.t.Errorf("%d texts about a clue are kept outside the clue lane", n)
	}
	c.wantStates(map[string]int64{"stopped": 1})
}

// wantClues proves how many entries wait for the discipline office.
func (c *clinic) wantClues(want int64) {
	c.t.Helper()
	c.withStore(func(ctx context.Context, store *sqlstore.Store) {
		if n, err := store.CountClues(ctx); err != nil || n != want {
			c.t.Errorf("the discipline office has %d entries, %v, want %d", n, err, want)
		}
	})
}

// optOut is confirmed once, then there is silence.
func (c *clinic) optOut() {
	c.t.Helper()
	for range 2 {
		c.types(leaving, "退订")
	}
	c.worked(9)
	if last := c.rings(leaving, 2); !strings.Contains(last, "已为您退订") {
		c.t.Errorf("an opt-out is confirmed with %q", last)
	}
	c.wantStates(map[string]int64{"opted_out": 1})
}

// wantStates waits until the desk shows so many invitations in each of some
// states.
func (c *clinic) wantStates(want map[string]int64) {
	c.t.Helper()
	var got map[string]int64
	eventually(c.t, fmt.Sprintf("the desk shows %v", want), func() bool {
		got = c.dispositions()
		for state, n := range want {
			if got[state] != n {
				return false
			}
		}
		return true
	}, func() string { return fmt.Sprint(got) })
}

// wardShows waits until a board shows the ward's surveys by text.
func (c *clinic) wardShows(board *tabletclient.Board, offered, answered int64) {
	c.t.Helper()
	boardSays(c.t, board, "the ward's answers by text", func(b *tabletclient.BoardState) bool {
		for _, department := range b.Departments {
			for _, place := range department.Places {
				for _, mode := range place.Modes {
					if place.ID == cardiologyWard && mode.Mode == surveys.ModeReply {
						return mode.Figure.Answered == answered && mode.Figure.Offered >= offered
					}
				}
			}
		}
		return false
	})
}

// planned is how many visits the dry run would invite or has invited.
func (c *clinic) planned() int {
	c.t.Helper()
	var answer struct {
		Invited struct {
			Visits int `json:"visits"`
		} `json:"invited"`
		Refused []struct {
			Reason string `json:"reason"`
			Visits int    `json:"visits"`
		} `json:"refused"`
	}
	if err := c.officer.call(c.t.Context(), "POST", "/api/v1/followup/dry-run", "", map[string]any{}, &answer); err != nil {
		c.t.Fatal(err)
	}
	n := answer.Invited.Visits
	for _, r := range answer.Refused {
		if r.Reason == "invited_already" {
			n += r.Visits
		}
	}
	return n
}
