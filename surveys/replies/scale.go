package replies

import (
	"strconv"

	"qingfeng/surveys"
)

// Choice is one answer that a question offers.
type Choice struct {
	Value int
	// Label is what the text told the patient to reply: "5", "A"; empty: only
	// the words answer.
	Label string
	// Words name the choice, in any language.
	Words []string
}

// Scale is what a question takes for an answer. Worst and Best are the values
// at its ends; they are equal where there is no better and worse.
type Scale struct {
	Worst, Best int
	Choices     []Choice
	// YesNo asks for Yes or No; then nothing else is set.
	YesNo bool
}

// Values of the answers to a YesNo question.
const (
	No  = 0
	Yes = 1
)

// YesNo is the scale of the envelope question.
func YesNo() Scale { return Scale{YesNo: true} }

// Grades is the scale of the five grades of a conduct rating.
func Grades() Scale {
	s := Scale{Worst: int(surveys.VeryDissatisfied), Best: int(surveys.VerySatisfied)}
	for g := surveys.VeryDissatisfied; g <= surveys.VerySatisfied; g++ {
		s.Choices = append(s.Choices, Choice{int(g), strconv.Itoa(int(g)), []string{g.Text().ZH, g.Text().EN}})
	}
	return s
}

// Numbered is a scale of bare numbers from low to high, high being best.
func Numbered(low, high int) Scale {
	s := Scale{Worst: low, Best: high}
	for v := low; v <= high; v++ {
		s.Choices = append(s.Choices, Choice{Value: v, Label: strconv.Itoa(v)})
	}
	return s
}

// Why says why a reply is asked back. It is a word for tests and counts, not
// for patients.
type Why string

// Reasons to ask back.
const (
	WhyNothing  Why = "nothing"  // nothing in it stands for an answer by itself
	WhySeveral  Why = "several"  // more than one answer
	WhyRange    Why = "range"    // a number that was not offered
	WhyOpposite Why = "opposite" // words that say the opposite of the number
	WhyDoubt    Why = "doubt"    // a question, a half step, a list, a joke
)

// Reading is what a reply says. Its zero value does not occur.
type Reading struct {
	// Value is one of the scale's; it counts only when Why is empty.
	Value int
	// Why is empty for an answer; else the reply is asked back.
	Why Why
	// Comment is what stands beside the answer, in NFKC; of a reply that is
	// asked back it is empty: the conversation has the whole reply.
	Comment surveys.Secret
}

// Ask reports whether the reply has to be asked back.
func (r Reading) Ask() bool { return r.Why != "" }

func ask(why Why) Reading { return Reading{Why: why} }

// labels tells how a scale is answered: by numbers, and the highest of them.
func (s Scale) highest() (n int, numbered bool) {
	for _, c := range s.Choices {
		if v, err := strconv.Atoi(c.Label); err == nil {
			n, numbered = max(n, v), true
		}
	}
	return n, numbered
}

// number finds the choice a number stands for.
func (s Scale) number(n int) (int, bool) {
	for _, c := range s.Choices {
		if c.Label == strconv.Itoa(n) {
			return c.Value, true
		}
	}
	return 0, false
}

// side is 1 for a value on the better half, -1 for the worse, 0 for the middle
// and for what is not scored.
func (s Scale) side(value int) int {
	low, high := min(s.Worst, s.Best), max(s.Worst, s.Best)
	if value < low || value > high || 2*value == low+high {
		return 0
	}
	if (2*value > low+high) == (s.Best > s.Worst) {
		return 1
	}
	return -1
}
