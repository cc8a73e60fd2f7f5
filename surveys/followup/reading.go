package followup

import (
	"strings"

	"qingfeng/surveys"
)

// said is what a text says to a yes-or-no question.
type said int

const (
	saidNothing said = iota
	saidYes
	saidNo
)

type reading struct {
	ok    bool
	value int
	said  said
	rest  surveys.Secret
}

func stopWord(text surveys.Secret) bool  { return is(text, "STOP", "T", "TD", "退订") }
func startWord(text surveys.Secret) bool { return is(text, "START", "恢复") }
func helpWord(text surveys.Secret) bool  { return is(text, "HELP", "帮助") }
func clueWords(text surveys.Secret) bool { return strings.Contains(string(text), "红包") }
func is(text surveys.Secret, words ...string) bool {
	for _, w := range words {
		if strings.TrimSpace(string(text)) == w {
			return true
		}
	}
	return false
}
func readYesNo(text surveys.Secret) reading {
	if is(text, "没有") {
		return reading{said: saidNo}
	}
	if is(text, "有") {
		return reading{said: saidYes}
	}
	return reading{}
}
func readScale(text surveys.Secret, q Question) reading {
	n, ok := readNumber(text, 10)
	if ok && q.Takes(n) {
		return reading{ok: true, value: n}
	}
	return reading{}
}
func readNumber(text surveys.Secret, most int) (int, bool) {
	if len(text) == 1 && text[0] >= '1' && int(text[0]-'0') <= most {
		return int(text[0] - '0'), true
	}
	return 0, false
}
func remark(text surveys.Secret) surveys.Secret { return text }
