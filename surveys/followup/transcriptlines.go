package followup

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// stayID makes the invitation of the n-th stay of a transcript, and name finds
// its letter again.
func stayID(n int) InvitationID {
	return surveys.NewFactID(time.Unix(0, 0), [10]byte{9: byte(n + 1)})
}

func name(id InvitationID) string {
	if id.IsZero() {
		return "-"
	}
	return string(rune('a' + id[15] - 1))
}

// lines writes effects down.
func (p *Player) lines(effects []Effect) []Line {
	var out []Line
	for _, e := range effects {
		note := func(format string, args ...any) { out = append(out, Line{'#', fmt.Sprintf(format, args...)}) }
		switch e := e.(type) {
		case SendText:
			out = append(out, Line{'<', oneLine(fmt.Sprintf("[%s %s] %s", e.Purpose, name(e.Invitation), p.render(e)))})
		case RecordAnswer:
			note("answer %s %s=%d%s", name(e.Invitation), e.Answer.Question, e.Answer.Value, quoted(e.Answer.Text))
		case KeepComment:
			note("comment %s%s%s", name(e.Invitation), before(" ", string(e.Question)), quoted(e.Text))
		case OptOut:
			note("opted out")
		case Resume:
			note("resumed")
		case OpenClue:
			note("clue%s%s%s", flag(e.Envelope, " envelope"), flag(e.Supplement, " supplement"), flag(e.Silent, " silent"))
		case OpenCallback:
			note("callback %s grade=%d%s", name(e.Invitation), e.Grade, flag(e.Asked, " asked"))
		case EndInvitation:
			note("end %s %s", name(e.Invitation), e.State)
		}
	}
	return out
}

// Plain words a text by its purpose's variables alone, in place of the
// hospital's templates.
func Plain(text SendText) string {
	var parts []string
	for _, v := range text.Variables {
		parts = append(parts, string(v.Value))
	}
	return strings.Join(parts, " | ")
}

// Worded words a text by the hospital's templates. known are values for what
// the conversation does not know: the hotline, a link. A text that cannot be
// composed is its error.
func Worded(templates *texting.Templates, known []texting.Variable) Render {
	return func(text SendText) string {
		composed, err := templates.Compose(text.Purpose, text.Mode, text.Language, slices.Concat(text.Variables, known))
		if err != nil {
			return err.Error()
		}
		return string(composed.Body)
	}
}

func quoted(text surveys.Secret) string {
	if text == "" {
		return ""
	}
	return " " + oneLine("“"+string(text)+"”")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func before(mark, text string) string {
	if text == "" {
		return ""
	}
	return mark + text
}

func flag(set bool, word string) string {
	if set {
		return word
	}
	return ""
}
