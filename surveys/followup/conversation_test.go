package followup_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/replies"
	"qingfeng/surveys/texting"
)

// talk is a conversation of n stays on one phone, asked an hour apart, two
// days after their discharge.
func talk(tb testing.TB, n int, mode surveys.Mode) (followup.Conversation, time.Time) {
	tb.Helper()
	return talkOn(tb, forms(tb)[0], n, mode)
}

func talkOn(tb testing.TB, form *followup.Form, n int, mode surveys.Mode) (followup.Conversation, time.Time) {
	tb.Helper()
	now := at(tb, "2026-11-19 10:00")
	var c followup.Conversation
	for i := range n {
		c.Threads = append(c.Threads, followup.Thread{
			Invitation: surveys.NewFactID(now, [10]byte{9: byte(i + 1)}), Patient: followup.PatientID(i + 1), Form: form, Mode: mode, Language: "zh",
			State: followup.InvitationDelivered, Ward: surveys.Text{ZH: fmt.Sprintf("%d病区", i+1), EN: fmt.Sprintf("Ward %d", i+1)},
			DischargedOn: 20261117, AskedAt: now.Add(time.Duration(i) * time.Hour), ClosesAt: at(tb, "2026-12-29 10:00"),
		})
	}
	return c, now.Add(time.Duration(n) * time.Hour)
}

func TestReceiveLeavesItsConversationAsItWas(t *testing.T) {
	c, now := talk(t, 2, surveys.ModeReply)
	for _, text := range []surveys.Secret{"5", "1", "没有", "看情况", "5", "没有", "退订", "恢复"} {
		before := snapshot(c)
		next, _ := c.Receive(followup.Reply{Text: text}, now)
		if diff := cmp.Diff(before, snapshot(c)); diff != "" {
			t.Fatalf("the conversation changed under the caller: %s", diff)
		}
		c = next
	}
}

// TestReceiveForks gives two texts to the same conversation: neither may change
// what came of the other.
func TestReceiveForks(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before []surveys.Secret
		one    surveys.Secret
	}{
		{"an answer", []surveys.Secret{"5", "没有", "4"}, "没有"},
		{"a question passed over", []surveys.Secret{"说不好", "说不好", "说不好", "说不好", "说不好"}, "说不好"},
	} {
		c, now := talk(t, 1, surveys.ModeReply)
		for _, text := range tt.before {
			c, _ = c.Receive(followup.Reply{Text: text}, now)
		}
		// Room behind the lists, as a decoder may leave it.
		p := &c.Threads[0].Progress
		p.Answered, p.Passed = append(make([]surveys.ItemID, 0, 9), p.Answered...), append(make([]surveys.ItemID, 0, 9), p.Passed...)
		one, _ := c.Receive(followup.Reply{Text: tt.one}, now)
		want := snapshot(one)
		c.Threads[0].Progress.Answered = append(c.Threads[0].Progress.Answered, "other")
		c.Threads[0].Progress.Passed = append(c.Threads[0].Progress.Passed, "other")
		if diff := cmp.Diff(want, snapshot(one)); diff != "" {
			t.Errorf("%s: one step reaches into another: %s", tt.name, diff)
		}
	}
}

// TestAskedBackOnceForEachQuestion answers the question that was asked back on
// the phone page: the next one still gets its own.
func TestAskedBackOnceForEachQuestion(t *testing.T) {
	c, now := talk(t, 1, surveys.ModeReply)
	c, _ = c.Receive(followup.Reply{Text: "说不好"}, now)
	c.Threads[0].Progress.Answered = append(c.Threads[0].Progress.Answered, "overall")
	c, effects := c.Receive(followup.Reply{Text: "说不好"}, now)
	text, ok := effects[len(effects)-1].(followup.SendText)
	if !ok || text.Purpose != texting.PurposeClarify || text.Question != "envelope" || len(c.Threads[0].Progress.Passed) != 0 {
		t.Errorf("the next question is passed over: %s %s", text.Purpose, text.Question)
	}
}

// snapshot is a conversation as text, Secrets opened.
func snapshot(c followup.Conversation) string {
	var b strings.Builder
	for _, t := range c.Threads {
		progress, _ := json.Marshal(t.Progress)
		fmt.Fprintf(&b, "%s %s %s\n", t.Invitation, t.State, progress)
	}
	fmt.Fprintf(&b, "%v %s", c.OptedOut, c.Number.Encode())
	return b.String()
}

func TestStateOutlivesTheStore(t *testing.T) {
	script := []surveys.Secret{"5 很好", "我妈妈的", "2", "没有", "看情况", "不好说", "没有"}
	straight, now := talk(t, 2, surveys.ModeReply)
	stored, _ := talk(t, 2, surveys.ModeReply)
	for _, text := range script {
		var want, got []followup.Effect
		straight, want = straight.Receive(followup.Reply{Text: text}, now)
		stored, got = stored.Receive(followup.Reply{Text: text}, now)
		if diff := cmp.Diff(want, got, open); diff != "" {
			t.Fatalf("after %q: %s", string(text), diff)
		}
		number, err := followup.DecodeNumberState(stored.Number.Encode())
		if err != nil {
			t.Fatal(err)
		}
		stored.Number = number
		for i := range stored.Threads {
			data, err := json.Marshal(stored.Threads[i].Progress)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(data), "很好") {
				t.Errorf("the progress holds what was written: %s", data)
			}
			stored.Threads[i].Progress = followup.Progress{}
			if err := json.Unmarshal(data, &stored.Threads[i].Progress); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// open lets cmp look at what a Secret holds.
var open = cmp.Comparer(func(a, b surveys.Secret) bool { return a == b })

func TestDecodeNumberState(t *testing.T) {
	if s, err := followup.DecodeNumberState(nil); err != nil || len(s.Which) != 0 {
		t.Errorf("nothing gives %+v, %v", s, err)
	}
	_, err := followup.DecodeNumberState([]byte(`{"held":"13800138000`))
	if err == nil || strings.Contains(err.Error(), "13800138000") {
		t.Errorf("the error is %v, want one that repeats nothing", err)
	}
}

func TestProgressOutcome(t *testing.T) {
	short, national := forms(t)[0], forms(t)[1]
	all := func(f *followup.Form) (ids []surveys.ItemID) {
		for _, q := range f.Questions {
			ids = append(ids, q.ID)
		}
		return ids
	}
	for _, tt := range []struct {
		name     string
		form     *followup.Form
		mode     surveys.Mode
		answered []surveys.ItemID
		want     followup.InvitationState
	}{
		{"nothing", short, surveys.ModeReply, nil, followup.InvitationUnanswered},
		{"one of three", short, surveys.ModeReply, []surveys.ItemID{"overall"}, followup.InvitationBreakOff},
		{"two of three", short, surveys.ModeReply, []surveys.ItemID{"overall", "envelope"}, followup.InvitationPartial},
		{"all that are needed", short, surveys.ModeReply, []surveys.ItemID{"overall", "envelope", "communication"}, followup.InvitationComplete},
		{"only what is optional", short, surveys.ModeReply, []surveys.ItemID{"suggestion"}, followup.InvitationBreakOff},
		{"four texts of the national form", national, surveys.ModeReply, []surveys.ItemID{"overall", "envelope", "doctor_explain", "nurse_explain"}, followup.InvitationComplete},
		{"four of eighteen on the page", national, surveys.ModeLink, []surveys.ItemID{"overall", "envelope", "doctor_explain", "nurse_explain"}, followup.InvitationBreakOff},
		{"half of the page", national, surveys.ModeCode, all(national)[:9], followup.InvitationPartial},
		{"the whole page but the comment", national, surveys.ModeLink, all(national)[:18], followup.InvitationComplete},
	} {
		if got := (followup.Progress{Answered: tt.answered}).Outcome(tt.form, tt.mode); got != tt.want {
			t.Errorf("%s ends as %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	c, now := talk(t, 1, surveys.ModeLink)
	_, effects := c.Receive(followup.Reply{Text: surveys.Secret(strings.Repeat("很", 5000))}, now)
	keep, ok := effects[0].(followup.KeepComment)
	if !ok || keep.Text != surveys.Secret(strings.Repeat("很", surveys.MaxComment)) {
		t.Errorf("a text of 5000 characters is kept with %d bytes", len(keep.Text))
	}
}

func TestAskPutsTheOpenQuestionIntoInvitationAndReminder(t *testing.T) {
	c, now := talk(t, 1, surveys.ModeReply)
	if got := c.Threads[0].Ask(texting.PurposeInvite); got.Question != "overall" || len(got.Variables) != 3 {
		t.Errorf("the invitation asks %q with %d variables", got.Question, len(got.Variables))
	}
	c, _ = c.Receive(followup.Reply{Text: "5"}, now)
	if got := c.Threads[0].Ask(texting.PurposeReminder); got.Question != "envelope" {
		t.Errorf("the reminder asks %q, want the question that is open", got.Question)
	}
	c.Threads[0].Mode = surveys.ModeLink
	if got := c.Threads[0].Ask(texting.PurposeInvite); got.Question != "" || len(got.Variables) != 1 || got.Variables[0].Value != "1病区" {
		t.Errorf("a link asks %q by text", got.Question)
	}
	c.Threads[0].Ward = surveys.Text{}
	if got := c.Threads[0].Ask(texting.PurposeInvite); got.Variables[0].Value != "本院" {
		t.Error("the invitation of an unknown ward names nothing")
	}
}

// FuzzReceive types anything into a talk. Whatever comes: no step panics, an
// ended thread gets no answer, an answer is one its question takes and is given
// once, a number that opted out hears nothing but its undoing, a clue leaves no
// comment beside it and stops the survey, and nothing a patient wrote is in a
// text or in the progress.
func FuzzReceive(f *testing.F) {
	for _, seed := range []string{
		"5\n没有\n4\n没有", "红包\n5", "退订\n5\n恢复\n5", "看\n看\n看\n看\n看", "{stop} STOP\n{start} START", "1\n2\n1", "有", "没有红包\n\x00\xff",
		"5 给我打电话\n是的", "T\n红包\n恢复", "@40d\n5\n5",
	} {
		f.Add(seed, 1)
		f.Add(seed, 2)
	}
	form := forms(f)[0]
	f.Fuzz(func(t *testing.T, script string, stays int) {
		c, now := talkOn(t, form, 1+(stays%3+3)%3, surveys.ModeReply)
		for i, text := range strings.Split(script, "\n") {
			if i > 30 {
				return
			}
			if text == "@40d" {
				now = now.AddDate(0, 0, 40)
				continue
			}
			reply := followup.Reply{Text: surveys.Secret(text)}
			if word, rest, ok := strings.Cut(strings.TrimPrefix(text, "{"), "} "); ok && strings.HasPrefix(text, "{") {
				reply = followup.Reply{Text: surveys.Secret(rest), Handled: word}
			}
			next, effects := c.Receive(reply, now)
			checkStep(t, c, next, reply, effects)
			c = next
		}
	})
}

func checkStep(t *testing.T, before, after followup.Conversation, reply followup.Reply, effects []followup.Effect) {
	t.Helper()
	texts, comments, clues := 0, 0, 0
	for _, e := range effects {
		switch e := e.(type) {
		case followup.SendText:
			texts++
			if after.OptedOut && (before.OptedOut || e.Purpose != texting.PurposeOptedOut) {
				t.Errorf("a number that opted out gets %s", e.Purpose)
			}
		case followup.RecordAnswer:
			checkAnswer(t, before, after, e)
		case followup.KeepComment:
			comments++
		case followup.OpenClue:
			clues++
		}
	}
	if texts > 1 || clues > 1 || reply.Handled != "" && texts > 0 {
		t.Errorf("%d texts and %d clues follow from one text (handled %q)", texts, clues, reply.Handled)
	}
	if clues > 0 && comments > 0 && len(before.Number.Which) == 0 {
		t.Error("a clue is kept as a comment, too")
	}
	if clues > 0 {
		for _, th := range after.Threads {
			if th.State == followup.InvitationDelivered {
				t.Error("a survey goes on after a clue")
			}
		}
	}
	if !before.OptedOut && !after.OptedOut && replies.Clue(string(reply.Text)) && reply.Handled == "" && clues == 0 {
		if r := replies.Understand(string(reply.Text), replies.YesNo()); r.Ask() || r.Value != replies.No {
			t.Error("a text with a word of the clue lane opened no clue")
		}
	}
}

// checkAnswer holds an answer to its question and its thread.
func checkAnswer(t *testing.T, before, after followup.Conversation, e followup.RecordAnswer) {
	t.Helper()
	for i, th := range before.Threads {
		if th.Invitation != e.Invitation {
			continue
		}
		if th.State != followup.InvitationDelivered {
			t.Errorf("an invitation that is %s gets an answer", th.State)
		}
		q, left := th.NextQuestion()
		if !left || q.ID != e.Answer.Question || !q.Takes(e.Answer.Value) {
			t.Errorf("answer %d to %s, while %s was asked", e.Answer.Value, e.Answer.Question, q.ID)
		}
		if n := len(after.Threads[i].Progress.Answered) - len(th.Progress.Answered); n != 1 {
			t.Errorf("one text gave %d answers", n)
		}
	}
}
