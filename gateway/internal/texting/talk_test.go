package texting_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	desk "qingfeng/gateway/internal/texting"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
)

const phone = "+8613800138000"

// From a discharge to an answered text: the first one 48 hours later, the grade
// on its way to the board with its mode and ward, the envelope question, the
// thanks.
func TestFromADischargeToAnAnsweredText(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.discharge("p1", phone)
		w.pass(47 * time.Hour)
		if got := w.carrier.shows(phone); len(got) != 0 {
			t.Fatalf("the phone shows %q before its time", got)
		}
		w.pass(time.Hour + time.Minute)
		wantText(t, w.carrier.last(phone), "心内三病区")
		if !strings.HasPrefix(w.carrier.last(phone), "【清风医院】") || len(w.events(surveys.EventPromptOffered)) != 1 {
			t.Errorf("the first text is %q, %d offered", w.carrier.last(phone), len(w.events(surveys.EventPromptOffered)))
		}
		w.types(phone, "５分，谢谢")
		rated := w.events(surveys.EventRatingRecorded)
		if len(rated) != 1 || rated[0].Grade != 5 || rated[0].Mode != surveys.ModeReply || rated[0].Place != "ward-3" || rated[0].Department != "cardiology" ||
			rated[0].Series != surveys.SeriesAsked {
			t.Fatalf("the ratings are %+v, want one of 5 for ward-3 by sms_reply", rated)
		}
		wantText(t, w.carrier.last(phone), "财物")
		w.types(phone, "没有")
		wantText(t, w.carrier.last(phone), "讲清楚")
		w.types(phone, "4")
		w.types(phone, "没有")
		wantText(t, w.carrier.last(phone), "谢谢您！")
		answers := w.events(surveys.EventAnswerRecorded)
		if len(answers) != 2 || len(w.events(surveys.EventRatingRecorded)) != 1 || len(w.carrier.shows(phone)) != 5 {
			t.Errorf("%d answers and %d texts, want 2 and 5", len(answers), len(w.carrier.shows(phone)))
		}
		w.pass(60 * 24 * time.Hour)
		if n := len(w.carrier.shows(phone)); n != 5 {
			t.Errorf("the phone shows %d texts in the end, want 5: nobody who answered is reminded", n)
		}
		w.verify()
	})
}

func TestALowGradeAndAWishOpenACallBack(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		grade      surveys.Grade
		wish       bool
	}{
		{"low", "不满意", 2, false}, {"wish", "请给我回个电话", 0, true}, {"high", "5", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.discharge("p1", phone)
				w.pass(49 * time.Hour)
				w.types(phone, tt.text)
				list, err := w.store.Callbacks(context.Background(), sqlstore.CallbackFilter{Day: surveys.DayOf(w.now(), w.opt.Rules.Hours.Zone)})
				must(t, err)
				want := tt.grade != 0 || tt.wish
				if (len(list) == 1) != want || want && (list[0].Grade != tt.grade || list[0].Wish != tt.wish) {
					t.Errorf("the call-backs are %+v, want %v of grade %d, wish %v", list, want, tt.grade, tt.wish)
				}
			})
		})
	}
}

func TestARedEnvelopeEndsTheSurveyWithAReceipt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.discharge("p1", phone)
		w.pass(49 * time.Hour)
		w.types(phone, "王医生收了红包 ZAUBERWORT")
		got := w.carrier.shows(phone)
		if len(got) != 2 || strings.Contains(got[1], "王医生") || !strings.Contains(got[1], "000-5550-2002") {
			t.Fatalf("the phone shows %q, want a receipt with the hotline and nothing echoed", got)
		}
		_, rest, _ := strings.Cut(got[1], "查询码")
		if code := rest[:19]; strings.Trim(code, "0123456789 ") != "" {
			t.Errorf("the receipt code is %q, want 16 digits in groups", code)
		}
		w.types(phone, "5")
		w.pass(10 * 24 * time.Hour)
		if n := len(w.carrier.shows(phone)); n != 2 || len(w.events(surveys.EventRatingRecorded)) != 0 {
			t.Errorf("%d texts and %d ratings afterwards, want the survey to have stopped", n, len(w.events(surveys.EventRatingRecorded)))
		}
		if n, err := w.store.CountClues(context.Background()); err != nil || n < 1 {
			t.Errorf("%d clues, %v", n, err)
		}
	})
}

func TestAnOptOutIsConfirmedOnceAndUndone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.discharge("p1", phone)
		w.pass(49 * time.Hour)
		for range 3 {
			w.types(phone, "退订")
		}
		got := w.carrier.shows(phone)
		if len(got) != 2 || !strings.Contains(got[1], "已为您退订") {
			t.Fatalf("the phone shows %q, want one confirmation", got)
		}
		w.types(phone, "5")
		w.discharge("p2", phone)
		w.pass(72 * time.Hour)
		if n := len(w.carrier.shows(phone)); n != 2 {
			t.Errorf("the phone shows %d texts, want silence", n)
		}
		w.types(phone, "恢复")
		wantText(t, w.carrier.last(phone), "已为您恢复")
	})
}

// A text after the window gets one notice, however many come and although the
// survey it was for remembers nothing any more.
func TestALateReplyIsAnsweredOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.discharge("p1", phone)
		w.pass(43 * 24 * time.Hour)
		before := len(w.carrier.shows(phone))
		w.types(phone, "5")
		wantText(t, w.carrier.last(phone), "时间已过")
		w.types(phone, "还是5分")
		if n := len(w.carrier.shows(phone)) - before; n != 1 || len(w.events(surveys.EventRatingRecorded)) != 0 {
			t.Errorf("%d texts and %d ratings, want one notice and none", n, len(w.events(surveys.EventRatingRecorded)))
		}
		list, err := w.store.UnlinkedReplies(context.Background(), 0, 10)
		if err != nil || len(list) != 2 {
			t.Errorf("%d comments are kept, %v, want 2", len(list), err)
		}
	})
}

func TestTwoPatientsOnOnePhone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.discharge("p1", phone)
		w.pass(24 * time.Hour)
		w.discharge("p2", phone)
		w.pass(49 * time.Hour)
		w.types(phone, "5")
		wantText(t, w.carrier.last(phone), "请回复序号")
		wantText(t, w.carrier.last(phone), "11月21日出院")
		if n := len(w.events(surveys.EventRatingRecorded)); n != 0 {
			t.Fatalf("%d ratings before the choice", n)
		}
		w.types(phone, "2")
		if got := w.events(surveys.EventRatingRecorded); len(got) != 1 || got[0].Grade != 5 {
			t.Errorf("the ratings are %+v, want the 5 that waited", got)
		}
		wantText(t, w.carrier.last(phone), "财物")
		w.types(phone, "没有")
		wantText(t, w.carrier.last(phone), "讲清楚")
	})
}

// The reminder leaves once, on the third day, and asks what is open.
func TestTheOneReminder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.discharge("p1", phone)
		w.pass(49*time.Hour + 3*24*time.Hour)
		got := w.carrier.shows(phone)
		if len(got) != 2 || !strings.Contains(got[1], "想再请您评评") {
			t.Fatalf("the phone shows %q, want a reminder", got)
		}
		w.pass(20 * 24 * time.Hour)
		if n := len(w.carrier.shows(phone)); n != 2 {
			t.Errorf("the phone shows %d texts, want one reminder", n)
		}
		w.types(phone, "3")
		if got := w.events(surveys.EventRatingRecorded); len(got) != 1 || got[0].Grade != 3 {
			t.Errorf("the ratings are %+v", got)
		}
	})
}

// Whoever writes without a survey is answered in a number's own country.
func TestAStrangerAsksForHelp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.types(phone, "HELP")
		wantText(t, w.carrier.last(phone), "000-5550-1001")
		for range 100 {
			w.types(phone, "HELP")
		}
		if n := len(w.carrier.shows(phone)); n != 60 {
			t.Errorf("a machine that answers ours got %d texts in a day, want 60", n)
		}
		w.types("+12025550123", "HELP") // not a country we text
		if got := w.carrier.shows("+12025550123"); len(got) != 0 {
			t.Errorf("a number outside the list got %q", got)
		}
	})
}

// broken is a store whose conversations cannot be read.
type broken struct {
	desk.Store
	on atomic.Bool
}

func (b *broken) over(s desk.Store) { b.Store = s }

// FindForm panics while b is on.
func (b *broken) FindForm(ctx context.Context, v surveys.VersionID) (*followup.Form, error) {
	if b.on.Load() {
		panic("quotes the reply ZAUBERWORT")
	}
	return b.Store.FindForm(ctx, v)
}

// A reply that cannot be worked on is set aside after some tries; those behind
// it go on, and the log quotes neither it nor anything personal.
func TestAPoisonReplyIsSetAside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := &broken{}
		w := newWorld(t, func(o *desk.Options) { o.Store = b; o.InboundTries = 3 })
		w.discharge("p1", phone)
		w.pass(49 * time.Hour)
		b.on.Store(true)
		w.types(phone, "ZAUBERWORT 13712345678")
		w.pass(time.Minute)
		pending, err := w.store.PendingInbounds(context.Background(), 10)
		if err != nil || len(pending) != 0 {
			t.Fatalf("%d wait, %v", len(pending), err)
		}
		b.on.Store(false)
		w.types(phone, "4")
		if n := len(w.events(surveys.EventRatingRecorded)); n != 1 {
			t.Errorf("%d ratings, want the next reply to count", n)
		}
		log := w.log.String()
		if !strings.Contains(log, "set aside") {
			t.Errorf("the log does not tell: %s", log)
		}
		for _, word := range []string{"ZAUBERWORT", "13712345678", "13800138000", "8613800", "心内三病区"} {
			if strings.Contains(log, word) {
				t.Errorf("the log has %q: %s", word, log)
			}
		}
	})
}

func TestReceipts(t *testing.T) {
	code, hash, err := desk.NewReceipt()
	must(t, err)
	other, _, err := desk.NewReceipt()
	must(t, err)
	if len(code) != 19 || code == other {
		t.Fatalf("the codes have %d characters, or are the same", len(code))
	}
	for _, tt := range []struct {
		typed surveys.Secret
		hash  string
		want  bool
	}{
		{code, hash, true},
		{surveys.Secret(strings.ReplaceAll(string(code), " ", "")), hash, true},
		{surveys.Secret(strings.ReplaceAll(string(code), " ", "-")), hash, true},
		{other, hash, false}, {"", hash, false}, {code, "", false}, {code, "$argon2id$v=19$m=19456,t=2,p=1$", false},
		{code, strings.Replace(hash, "t=2", "t=1", 1), false},
	} {
		if got := desk.CheckReceipt(tt.typed, tt.hash); got != tt.want {
			t.Errorf("a receipt of %d characters is %v, want %v", len(tt.typed), got, tt.want)
		}
	}
}
