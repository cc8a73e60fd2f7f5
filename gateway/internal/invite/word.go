package invite

import (
	"strings"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// thread is the survey of a visit before its first text.
func (p *Planner) thread(place surveys.PlaceID, mode surveys.Mode, language string) followup.Thread {
	t := followup.Thread{Form: p.opt.Form, Mode: mode, Language: language, State: followup.InvitationQueued}
	if ward, ok := p.opt.Place(place); ok {
		t.Ward = ward.Name
	}
	return t
}

// word makes a text of what the conversation asks to send. key is the link or
// the code, where the mode has one.
func (p *Planner) word(e followup.SendText, key ...texting.Variable) (texting.Composed, error) {
	values := append([]texting.Variable{{Name: texting.VariableHotline, Value: surveys.Secret(p.opt.Hotline)}}, e.Variables...)
	return p.opt.Templates.Compose(e.Purpose, e.Mode, e.Language, append(values, key...))
}

// link is the address a token stands in.
func (p *Planner) link(token string) texting.Variable {
	return texting.Variable{Name: texting.VariableLink, Value: surveys.Secret(p.opt.PublicURL + "/s/" + token)}
}

func codeVariable(code surveys.Secret) texting.Variable {
	return texting.Variable{Name: texting.VariableCode, Value: code}
}

// costKey is all that the length of a survey's texts depends on: a dry run
// words each once, however many visits there are.
type costKey struct {
	place    surveys.PlaceID
	mode     surveys.Mode
	language string
}

// segments is how many segments a survey takes: its first text alone, and with
// the reminder and, in reply mode, every further question and the thanks.
type segments struct{ least, most int }

// measure words the texts of a survey with a link or code of the right length
// that leads nowhere.
func (p *Planner) measure(k costKey) (segments, error) {
	t := p.thread(k.place, k.mode, k.language)
	blank := []texting.Variable{p.link(strings.Repeat("A", 22)), codeVariable(surveys.Secret(strings.Repeat("0", codeDigits)))}
	first, err := p.word(t.Ask(texting.PurposeInvite), blank...)
	if err != nil {
		return segments{}, err
	}
	s := segments{least: first.Length.Segments, most: first.Length.Segments}
	if p.opt.Rules.ReminderTo > 0 {
		reminder, err := p.word(t.Ask(texting.PurposeReminder), blank...)
		if err != nil {
			return segments{}, err
		}
		s.most += reminder.Length.Segments
	}
	if k.mode != surveys.ModeReply {
		return s, nil
	}
	more, err := p.measureTalk(&t)
	s.most += more
	return s, err
}

// measureTalk counts what follows the first question when every one is
// answered: the questions, and the longer of the two thanks.
func (p *Planner) measureTalk(t *followup.Thread) (n int, err error) {
	for {
		q, left := t.NextQuestion()
		if !left {
			break
		}
		if len(t.Progress.Answered) > 0 {
			e := t.Ask(texting.PurposeInvite) // what Ask says of the open question
			e.Purpose = texting.PurposeQuestion
			text, err := p.word(e)
			if err != nil {
				return 0, err
			}
			n += text.Length.Segments
		}
		t.Progress.Answered = append(t.Progress.Answered, q.ID)
	}
	longest := 0
	for _, purpose := range []texting.Purpose{texting.PurposeThanks, texting.PurposeThanksLow} {
		text, err := p.word(followup.SendText{Mode: t.Mode, Language: t.Language, Purpose: purpose})
		if err != nil {
			return 0, err
		}
		longest = max(longest, text.Length.Segments)
	}
	return n + longest, nil
}
