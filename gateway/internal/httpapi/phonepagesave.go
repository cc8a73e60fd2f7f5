package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/replies"
	"qingfeng/surveys/sqlstore"
)

// Digits of a number somebody wants to be called at.
const (
	fewestPhoneDigits, mostPhoneDigits = 5, 20
	maxPhoneText                       = 40
)

// pageSave is what the page sends: answers as they are given, at the end the
// wish to be called and the word that it is the end, or a clue.
type pageSave struct {
	ID        string         `json:"id"`
	Answers   []pageAnswerIn `json:"answers"`
	Finish    bool           `json:"finish"`
	CallBack  bool           `json:"call_back"`
	CallPhone string         `json:"call_phone"`
	Clue      *struct {
		Text string `json:"text"`
	} `json:"clue"`
}

type pageAnswerIn struct {
	Question surveys.ItemID `json:"question"`
	Value    int            `json:"value"`
	Text     string         `json:"text"`
}

// Where a survey stands after a save.
const (
	pageOpen    = "open"
	pageDone    = "done"
	pageStopped = "stopped"
)

type saveAnswer struct {
	Outcome surveys.Outcome `json:"outcome"`
	State   string          `json:"state"`
	// Receipt is the code of a clue, told once. A repeat that comes after a
	// restart of the gateway goes without: nobody knows it any more.
	Receipt     string `json:"receipt,omitempty"`
	ClueHotline string `json:"clue_hotline,omitempty"`
}

// POST /api/v1/survey/saves
func (s *Server) saveSurvey(c *call) error {
	var body pageSave
	if err := decode(c.r, &body); err != nil {
		return err
	}
	v, err := s.findSurvey(c)
	if err != nil {
		return err
	}
	if wait, ok := s.pages.saves.Begin(v.hash, c.now); !ok {
		return tooMany(wait)
	}
	save, err := s.readSave(&v, &body)
	if err != nil {
		if v.over {
			return badToken()
		}
		return err
	}
	answer := saveAnswer{State: stateAfter(save.End)}
	fresh := false
	if save.Clue != nil {
		answer.ClueHotline = s.o.ClueHotline
		answer.Receipt, fresh = s.pages.receipts.take(v.hash, save.ID, c.now)
		if save.Clue.ReceiptHash, err = s.pages.hasher.Hash(c.ctx(), answer.Receipt); err != nil {
			return err
		}
	}
	// A survey that is over is asked too: a repeat of its last save, whose
	// answer never arrived, is answered as the first was.
	answer.Outcome, err = s.o.Store.RecordResponse(c.ctx(), save)
	if errors.Is(err, sqlstore.ErrEnded) {
		return badToken()
	}
	if err != nil {
		return err
	}
	if save.Clue != nil && fresh && answer.Outcome != surveys.OutcomeStored {
		s.pages.receipts.forget(v.hash, save.ID)
		answer.Receipt = ""
	}
	return c.json(http.StatusOK, answer)
}

func stateAfter(end followup.InvitationState) string {
	switch end {
	case "":
		return pageOpen
	case followup.InvitationStopped:
		return pageStopped
	}
	return pageDone
}

// readSave holds a save to the survey's form and makes of it what is stored.
func (s *Server) readSave(v *survey, body *pageSave) (sqlstore.ResponseSave, error) {
	save := sqlstore.ResponseSave{Step: sqlstore.Step{Invitation: v.Invitation.ID}, At: s.o.SurveyNow()}
	var err error
	if save.ID, err = surveys.ParseFactID(body.ID); err != nil {
		return save, invalid("id", "须为 UUIDv7", "must be a UUIDv7")
	}
	if body.Clue != nil {
		return clueSave(v, save, surveys.Secret(body.Clue.Text))
	}
	if len(body.Answers) > len(v.form.Questions) {
		return save, invalid("answers", "多于问题数", "more than there are questions")
	}
	for _, a := range body.Answers {
		answer, err := readAnswer(v.form, a)
		if err != nil {
			return save, err
		}
		if aboutEnvelopes(a.Text) {
			return clueSave(v, save, answer.Text)
		}
		save.Answers = append(save.Answers, answer)
	}
	save.CallBack = body.CallBack
	if body.CallPhone != "" {
		if !body.CallBack || !phoneLike(body.CallPhone) {
			return save, invalid("call_phone", "号码不完整", "is not a phone number, or nobody is to call")
		}
		save.CallPhone = surveys.Secret(body.CallPhone)
	}
	if !body.Finish {
		if len(save.Answers) == 0 && !save.CallBack {
			return save, invalid("answers", "没有内容", "there is nothing to save")
		}
		return save, nil
	}
	if save.End = outcome(v, save.Answers); save.End == followup.InvitationUnanswered {
		return save, invalid("finish", "还没有回答", "nothing is answered yet").because("nothing_answered")
	}
	return save, nil
}

// clueSave keeps the words and ends the survey; nothing else of the save stays.
func clueSave(v *survey, save sqlstore.ResponseSave, words surveys.Secret) (sqlstore.ResponseSave, error) {
	if utf8.RuneCountInString(string(words)) > surveys.MaxComment {
		return save, invalid("clue.text", "最多 2000 字", "at most 2000 characters")
	}
	if strings.TrimSpace(string(words)) == "" {
		words = "有（未写经过）" // the answer itself: what a reply by text would hold
		if v.Invitation.Language == "en" {
			words = "Yes (no details given)"
		}
	}
	save.Step = sqlstore.Step{Invitation: v.Invitation.ID, End: followup.InvitationStopped}
	save.Clue = &sqlstore.NewClue{Words: words}
	return save, nil
}

// aboutEnvelopes reports whether a comment belongs into the clue lane: it has a
// word of it and does not just say that there was none.
func aboutEnvelopes(comment string) bool {
	return replies.Clue(comment) && replies.ClueIn(comment, replies.YesNo())
}

func readAnswer(f *followup.Form, a pageAnswerIn) (followup.Answer, error) {
	q, ok := f.Question(a.Question)
	if !ok {
		return followup.Answer{}, invalid("answers.question", "问卷没有这个问题", "is not a question of this form")
	}
	if !q.Takes(a.Value) {
		return followup.Answer{}, invalid("answers.value", "没有这个选项", "is not an answer to the question")
	}
	longest := surveys.MaxComment
	if q.Kind == followup.QuestionText {
		longest = q.MaxLength
	}
	if utf8.RuneCountInString(a.Text) > longest {
		return followup.Answer{}, invalid("answers.text", "超过字数", "is too long")
	}
	return followup.Answer{Question: q.ID, Value: a.Value, Text: surveys.Secret(a.Text)}, nil
}

// outcome is how the survey ends with these answers added to those it has.
func outcome(v *survey, added []followup.Answer) followup.InvitationState {
	var p followup.Progress
	for _, a := range slices.Concat(v.Answers, added) {
		p.Answered = append(p.Answered, a.Question)
	}
	return p.Outcome(v.form, v.Invitation.Mode)
}

// phoneLike reports whether text could be a phone number as people write one.
func phoneLike(text string) bool {
	digits := 0
	for _, r := range text {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case !strings.ContainsRune("+-() ", r):
			return false
		}
	}
	return len(text) <= maxPhoneText && fewestPhoneDigits <= digits && digits <= mostPhoneDigits
}
