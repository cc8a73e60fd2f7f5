package followup

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"qingfeng/surveys"
)

// Bounds of a form. A question as a text asks it must fit one Chinese message
// of 70 characters with the hospital's signature before it.
const (
	maxQuestions  = 60
	maxDimensions = 20
	maxText       = 200 // characters of a question or choice
	maxShortZH    = 60  // characters
	maxShortEN    = 140 // characters
	highestValue  = 10
)

// EnvelopeNo is the one value an answer to the envelope question has. A yes is
// never an answer: it is a clue.
const EnvelopeNo = 0

// EnvelopeQuestion is the one question about red envelopes.
func (f *Form) EnvelopeQuestion() (Question, bool) {
	for _, q := range f.Questions {
		if q.Kind == QuestionEnvelope {
			return q, true
		}
	}
	return Question{}, false
}

// Choice finds a choice by its value.
func (q Question) Choice(value int) (Choice, bool) {
	for _, c := range q.Choices {
		if c.Value == value {
			return c, true
		}
	}
	return Choice{}, false
}

// Takes reports whether value may be stored as an answer to the question.
func (q Question) Takes(value int) bool {
	if q.Kind != QuestionScale {
		return value == 0
	}
	_, ok := q.Choice(value)
	return ok
}

// Scored reports whether an answer of this value enters a score.
func (q Question) Scored(value int) bool {
	return q.Kind == QuestionScale && value >= q.Low && value <= q.High
}

// Ends gives the worst and the best value of a scale: what 0 and 100 stand for.
// A reversed question's worst is its High.
func (q Question) Ends() (worst, best int) {
	if q.Reversed {
		return q.High, q.Low
	}
	return q.Low, q.High
}

// Check reports everything that is wrong with the form; nil means it can be
// published.
func (f *Form) Check() []surveys.Problem {
	c := formCheck{dimensions: map[string]int{}, questions: map[surveys.ItemID]bool{}}
	c.id("id", f.ID)
	if f.Revision < 1 {
		c.add("revision", "must be 1 or more")
	}
	c.text("title", f.Title, maxText, maxText)
	c.listDimensions(f.Dimensions)
	if n := len(f.Questions); n == 0 || n > maxQuestions {
		c.add("questions", "has %d questions, want 1 to %d", n, maxQuestions)
	}
	overall, envelope := 0, 0
	for i, q := range f.Questions {
		at := fmt.Sprintf("questions[%d]", i)
		c.question(at, q)
		if q.Overall {
			overall++
		}
		if q.Kind == QuestionEnvelope {
			envelope++
		}
	}
	if overall != 1 {
		c.add("questions", "has %d questions marked overall, want exactly one", overall)
	}
	if envelope != 1 {
		c.add("questions", "has %d questions of kind envelope, want exactly one", envelope)
	}
	for i, d := range f.Dimensions {
		if d.ID != "" && c.dimensions[d.ID] == 0 {
			c.add(fmt.Sprintf("dimensions[%d].id", i), "%q has no question", d.ID)
		}
	}
	return c.problems
}

// formCheck gathers what is wrong. dimensions counts each one's questions.
type formCheck struct {
	problems   []surveys.Problem
	dimensions map[string]int
	questions  map[surveys.ItemID]bool
}

func (c *formCheck) add(path, format string, args ...any) {
	c.problems = append(c.problems, surveys.Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (c *formCheck) id(path, id string) {
	if !surveys.ValidName(id) {
		c.add(path, "%q is not a name (a-z, 0-9, - and _, starting with a letter, at most 40)", id)
	}
}

// text holds both languages to their bounds, in characters.
func (c *formCheck) text(path string, t surveys.Text, mostZH, mostEN int) {
	for _, half := range []struct {
		key, text string
		most      int
	}{{".zh", t.ZH, mostZH}, {".en", t.EN, mostEN}} {
		switch n := utf8.RuneCountInString(half.text); {
		case strings.TrimSpace(half.text) == "":
			c.add(path+half.key, "is empty")
		case n > half.most:
			c.add(path+half.key, "has %d characters, more than %d", n, half.most)
		case strings.ContainsFunc(half.text, func(r rune) bool { return r < 0x20 || r == 0x7f || r == utf8.RuneError }):
			c.add(path+half.key, "has a control character or is not UTF-8")
		}
	}
}

func (c *formCheck) listDimensions(list []Dimension) {
	if len(list) > maxDimensions {
		c.add("dimensions", "has %d dimensions, more than %d", len(list), maxDimensions)
	}
	for i, d := range list {
		at := fmt.Sprintf("dimensions[%d]", i)
		c.id(at+".id", d.ID)
		if _, twice := c.dimensions[d.ID]; twice {
			c.add(at+".id", "%q is used twice", d.ID)
		}
		c.dimensions[d.ID] = 0
		c.text(at+".text", d.Text, maxText, maxText)
	}
}

func (c *formCheck) question(at string, q Question) {
	c.id(at+".id", string(q.ID))
	if c.questions[q.ID] {
		c.add(at+".id", "%q is used twice", q.ID)
	}
	c.questions[q.ID] = true
	if q.Dimension != "" {
		if _, ok := c.dimensions[q.Dimension]; !ok {
			c.add(at+".dimension", "%q is not the id of a dimension", q.Dimension)
		}
		c.dimensions[q.Dimension]++
	}
	c.text(at+".text", q.Text, maxText, maxText)
	switch {
	case q.Short != surveys.Text{}:
		c.text(at+".short", q.Short, maxShortZH, maxShortEN)
	case q.Overall:
		c.add(at+".short", "is missing: the overall question is always asked by text")
	case q.Kind == QuestionEnvelope:
		c.add(at+".short", "is missing: the envelope question is always asked by text")
	}
	switch q.Kind {
	case QuestionScale:
		c.scale(at, q)
	case QuestionEnvelope:
		c.noScale(at, q)
		if q.Optional {
			c.add(at+".optional", "the envelope question is never optional")
		}
	case QuestionText:
		c.noScale(at, q)
		if q.MaxLength < 1 || q.MaxLength > surveys.MaxComment {
			c.add(at+".max_length", "must be 1 to %d", surveys.MaxComment)
		}
		if !q.Optional {
			c.add(at+".optional", "must be true: nobody is made to write")
		}
	default:
		c.add(at+".kind", "%q is not scale, envelope or text", q.Kind)
	}
	if q.Kind != QuestionText && q.MaxLength != 0 {
		c.add(at+".max_length", "belongs to questions of kind text")
	}
}

// scale judges a scale: one choice for each value from low to high in their
// order, and after them "not applicable" where there is one.
func (c *formCheck) scale(at string, q Question) {
	if q.Low < 1 || q.High > highestValue || q.Low >= q.High {
		c.add(at+".low", "the scale goes from %d to %d, want 1 to %d at most, low below high", q.Low, q.High, highestValue)
		return
	}
	choices := q.Choices
	if n := len(choices); n > 0 && choices[n-1].Value == NotApplicable {
		choices = choices[:n-1]
	}
	if len(choices) != q.High-q.Low+1 {
		c.add(at+".choices", "has %d values, want one for each from %d to %d, then %d for not applicable if it may be", len(choices), q.Low, q.High, NotApplicable)
	}
	for i, choice := range choices {
		if want := q.Low + i; want <= q.High && choice.Value != want {
			c.add(fmt.Sprintf("%s.choices[%d].value", at, i), "is %d, want %d", choice.Value, want)
		}
	}
	for i, choice := range q.Choices {
		c.text(fmt.Sprintf("%s.choices[%d].text", at, i), choice.Text, maxText, maxText)
	}
	if q.Overall {
		c.overall(at, q)
	}
}

// overall holds the overall question to the five grades of a conduct rating:
// boards show its answers as such.
func (c *formCheck) overall(at string, q Question) {
	if q.Low != int(surveys.VeryDissatisfied) || q.High != int(surveys.VerySatisfied) {
		c.add(at+".low", "the overall question goes from 1 to 5, the five grades")
	}
	if q.Reversed {
		c.add(at+".reversed", "the overall question has 5 as its best")
	}
	if q.Optional {
		c.add(at+".optional", "the overall question is never optional")
	}
	if _, may := q.Choice(NotApplicable); may {
		c.add(at+".choices", "the overall question has no \"not applicable\"")
	}
}

// noScale reports what only a scale has.
func (c *formCheck) noScale(at string, q Question) {
	if len(q.Choices) != 0 {
		c.add(at+".choices", "belong to questions of kind scale")
	}
	if q.Low != 0 || q.High != 0 {
		c.add(at+".low", "low and high belong to questions of kind scale")
	}
	if q.Reversed {
		c.add(at+".reversed", "belongs to questions of kind scale")
	}
	if q.Overall {
		c.add(at+".overall", "belongs to a question of kind scale")
	}
}
