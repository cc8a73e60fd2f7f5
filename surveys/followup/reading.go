package followup

import (
	"regexp"
	"strconv"

	"qingfeng/surveys"
	"qingfeng/surveys/replies"
)

// scaleOf is a question as its text asked it: by the numbers of its values or
// by its choices' own words. "Not applicable" has no number in a text and is
// said in words.
func scaleOf(q Question) replies.Scale {
	if q.Kind == QuestionEnvelope {
		return replies.YesNo()
	}
	worst, best := q.Ends()
	s := replies.Scale{Worst: worst, Best: best}
	for _, c := range q.Choices {
		choice := replies.Choice{Value: c.Value, Words: []string{c.Text.ZH, c.Text.EN}}
		if c.Value != NotApplicable {
			choice.Label = strconv.Itoa(c.Value)
		}
		s.Choices = append(s.Choices, choice)
	}
	return s
}

// understand reads a text as the answer to a question.
func understand(text surveys.Secret, q Question) replies.Reading {
	return replies.Understand(string(text), scaleOf(q))
}

// chosen reads a text as a choice of one of n numbered things.
func chosen(text surveys.Secret, n int) (int, bool) {
	s := replies.Scale{}
	for i := range n {
		s.Choices = append(s.Choices, replies.Choice{Value: i + 1, Label: strconv.Itoa(i + 1)})
	}
	r := replies.Understand(string(text), s)
	return r.Value, !r.Ask()
}

// remark is what a text says to a question that asks for words: nothing where
// it is no more than a no.
func remark(text surveys.Secret) surveys.Secret {
	if r := replies.Understand(string(text), replies.YesNo()); !r.Ask() && r.Value == replies.No && r.Comment == "" {
		return ""
	}
	return text
}

// Words that ask for a call, and words before them that ask for none.
var (
	callWords = regexp.MustCompile(`请?给我(?:回个?|打个?|来个?)电话|请(?:尽快|马上|快点)?(?:回电|联系我|来电)|(?:回|打)个?电话给我|(?i:\b(?:call|phone|ring) me\b)`)
	noCall    = regexp.MustCompile(`(?:不|别|勿|莫|甭|没有?|无需|拒绝)[^，。！？,.!?]*$|(?i:\b(?:not|never|no|without)\b|n't)[^,.!?]*$`)
)

// wantsCall reports whether the patient asks to be phoned. It opens a call-back
// and nothing else: where the words deceive, somebody calls for nothing.
func wantsCall(text surveys.Secret) bool {
	at := callWords.FindStringIndex(string(text))
	return at != nil && !noCall.MatchString(string(text[:at[0]]))
}

// bounded cuts a text to what is kept of one: surveys.MaxComment characters. A
// text message is shorter than that; a forged one need not be.
func bounded(text surveys.Secret) surveys.Secret {
	n := 0
	for i := range text {
		if n == surveys.MaxComment {
			return text[:i]
		}
		n++
	}
	return text
}
