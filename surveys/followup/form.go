package followup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"qingfeng/surveys"
)

// QuestionKind says how a question is answered and what its answer is for.
type QuestionKind string

// Kinds of question.
const (
	// QuestionScale has ordered choices with values; one may be "not applicable".
	QuestionScale QuestionKind = "scale"
	// QuestionEnvelope asks whether a red envelope was asked for or taken: yes
	// opens the clue lane and is never scored.
	QuestionEnvelope QuestionKind = "envelope"
	// QuestionText takes a comment.
	QuestionText QuestionKind = "text"
)

// NotApplicable is the value of a "not applicable" choice. It is counted and
// never scored.
const NotApplicable = 0

// Choice is one answer to a scale question. Value is 1 to 10, or NotApplicable.
type Choice struct {
	Value int          `json:"value" yaml:"value"`
	Text  surveys.Text `json:"text" yaml:"text"`
}

// Question is one question of a form. Low and High are the ends of its scale;
// Reversed says that Low is best.
type Question struct {
	ID        surveys.ItemID `json:"id" yaml:"id"`
	Kind      QuestionKind   `json:"kind" yaml:"kind"`
	Dimension string         `json:"dimension,omitempty" yaml:"dimension"`
	Text      surveys.Text   `json:"text" yaml:"text"`
	// Short is the question as a text message asks it; empty: not asked by text.
	Short    surveys.Text `json:"short,omitzero" yaml:"short"`
	Choices  []Choice     `json:"choices,omitempty" yaml:"choices"`
	Low      int          `json:"low,omitempty" yaml:"low"`
	High     int          `json:"high,omitempty" yaml:"high"`
	Reversed bool         `json:"reversed,omitempty" yaml:"reversed"`
	// Overall marks the one question with the five grades of a conduct rating:
	// its answer is what boards show, in its own mode.
	Overall bool `json:"overall,omitempty" yaml:"overall"`
	// Optional questions may be left out of a complete response.
	Optional  bool `json:"optional,omitempty" yaml:"optional"`
	MaxLength int  `json:"max_length,omitempty" yaml:"max_length"` // of a text, in characters
}

// Dimension groups questions, as the national questionnaire's nine do.
type Dimension struct {
	ID   string       `json:"id" yaml:"id"`
	Text surveys.Text `json:"text" yaml:"text"`
}

// Form is one revision of a survey after discharge. A published revision is
// frozen: its VersionID is its content, and every answer keeps it.
type Form struct {
	ID         string       `json:"id" yaml:"id"`             // "discharge-short"
	Revision   int          `json:"revision" yaml:"revision"` // counts up by hand with each change of content
	Title      surveys.Text `json:"title" yaml:"title"`
	Dimensions []Dimension  `json:"dimensions,omitempty" yaml:"dimensions"`
	Questions  []Question   `json:"questions" yaml:"questions"`
}

// Canonical is the form that is hashed and kept: JSON with fields in their
// declared order and without HTML escaping of characters.
func (f *Form) Canonical() []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(f); err != nil {
		panic("form: plain values always encode: " + err.Error())
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// Version is the content hash of the form.
func (f *Form) Version() surveys.VersionID {
	sum := sha256.Sum256(f.Canonical())
	return surveys.VersionID(hex.EncodeToString(sum[:8]))
}

// Question finds a question by id.
func (f *Form) Question(id surveys.ItemID) (Question, bool) {
	for _, q := range f.Questions {
		if q.ID == id {
			return q, true
		}
	}
	return Question{}, false
}

// OverallQuestion is the question with the five grades.
func (f *Form) OverallQuestion() (Question, bool) {
	for _, q := range f.Questions {
		if q.Overall {
			return q, true
		}
	}
	return Question{}, false
}
