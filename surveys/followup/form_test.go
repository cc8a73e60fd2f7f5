package followup_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

func TestFormsThatComeWithTheProgram(t *testing.T) {
	for _, f := range forms(t) {
		if problems := f.Check(); len(problems) > 0 {
			t.Errorf("%s: %v", f.ID, problems)
		}
	}
}

// TestPublishedFormsAreFrozen knows the contents that were used: a word changed
// under the same revision shows here before a store refuses it.
func TestPublishedFormsAreFrozen(t *testing.T) {
	want := map[string]surveys.VersionID{"discharge-short 1": "ade0d0993c75a3c6", "discharge-national 1": "2989984c6d6a5fa3"}
	got := map[string]surveys.VersionID{}
	for _, f := range forms(t) {
		got[f.ID+" "+string(rune('0'+f.Revision))] = f.Version()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("raise the revision, and add it here: %s", diff)
	}
}

func TestCheckForm(t *testing.T) {
	for _, tt := range []struct {
		name string
		with func(f *followup.Form)
		want []string
	}{
		{"nothing wrong", func(*followup.Form) {}, nil},
		{"names", func(f *followup.Form) { f.ID, f.Revision, f.Title = "Kurz", 0, surveys.Text{ZH: " ", EN: "x\ny"} }, []string{
			`id: "Kurz" is not a name (a-z, 0-9, - and _, starting with a letter, at most 40)`, `revision: must be 1 or more`, `title.zh: is empty`,
			`title.en: has a control character or is not UTF-8`,
		}},
		{"empty", func(f *followup.Form) { f.Questions = nil }, []string{
			`questions: has 0 questions, want 1 to 60`, `questions: has 0 questions marked overall, want exactly one`,
			`questions: has 0 questions of kind envelope, want exactly one`,
		}},
		{"twice", func(f *followup.Form) { f.Questions = append(f.Questions, f.Questions[0], f.Questions[1]) }, []string{
			`questions[4].id: "overall" is used twice`, `questions[5].id: "envelope" is used twice`,
			`questions: has 2 questions marked overall, want exactly one`, `questions: has 2 questions of kind envelope, want exactly one`,
		}},
		{"no short", func(f *followup.Form) {
			f.Questions[0].Short, f.Questions[1].Short, f.Questions[2].Short = surveys.Text{}, surveys.Text{}, surveys.Text{}
		}, []string{
			`questions[0].short: is missing: the overall question is always asked by text`,
			`questions[1].short: is missing: the envelope question is always asked by text`,
		}},
		{"a long short", func(f *followup.Form) {
			f.Questions[2].Short = surveys.Text{ZH: strings.Repeat("长", 61), EN: strings.Repeat("x", 141)}
		}, []string{`questions[2].short.zh: has 61 characters, more than 60`, `questions[2].short.en: has 141 characters, more than 140`}},
		{"half a short", func(f *followup.Form) { f.Questions[2].Short.EN = "" }, []string{`questions[2].short.en: is empty`}},
		{"an overall question of another scale", func(f *followup.Form) {
			q := &f.Questions[0]
			q.High, q.Choices, q.Reversed, q.Optional = 4, q.Choices[:4], true, true
		}, []string{
			`questions[0].low: the overall question goes from 1 to 5, the five grades`, `questions[0].reversed: the overall question has 5 as its best`,
			`questions[0].optional: the overall question is never optional`,
		}},
		{"an overall question that need not apply", func(f *followup.Form) {
			f.Questions[0].Choices = append(slices.Clone(f.Questions[0].Choices), followup.Choice{Text: surveys.Text{ZH: "无", EN: "n/a"}})
		}, []string{`questions[0].choices: the overall question has no "not applicable"`}},
		{"a scale with holes", func(f *followup.Form) { f.Questions[2].Choices = f.Questions[2].Choices[1:] }, []string{
			`questions[2].choices: has 4 values, want one for each from 1 to 5, then 0 for not applicable if it may be`,
			`questions[2].choices[0].value: is 2, want 1`, `questions[2].choices[1].value: is 3, want 2`, `questions[2].choices[2].value: is 4, want 3`,
			`questions[2].choices[3].value: is 5, want 4`,
		}},
		{"a scale with not applicable in its midst", func(f *followup.Form) {
			f.Questions[2].Choices = slices.Clone(f.Questions[2].Choices)
			f.Questions[2].Choices[1].Value = followup.NotApplicable
		}, []string{`questions[2].choices[1].value: is 0, want 2`}},
		{"a scale upside down", func(f *followup.Form) { f.Questions[2].Low, f.Questions[2].High = 5, 1 }, []string{
			`questions[2].low: the scale goes from 5 to 1, want 1 to 10 at most, low below high`,
		}},
		{"a scale past ten", func(f *followup.Form) { f.Questions[2].High = 11 }, []string{
			`questions[2].low: the scale goes from 1 to 11, want 1 to 10 at most, low below high`,
		}},
		{"a scale where none belongs", func(f *followup.Form) {
			q := &f.Questions[1]
			q.Choices, q.Low, q.High, q.Reversed, q.Optional, q.MaxLength = f.Questions[0].Choices, 1, 5, true, true, 10
		}, []string{
			`questions[1].choices: belong to questions of kind scale`, `questions[1].low: low and high belong to questions of kind scale`,
			`questions[1].reversed: belongs to questions of kind scale`, `questions[1].optional: the envelope question is never optional`,
			`questions[1].max_length: belongs to questions of kind text`,
		}},
		{"an overall question of words", func(f *followup.Form) { f.Questions[0].Overall, f.Questions[3].Overall = false, true }, []string{
			`questions[3].overall: belongs to a question of kind scale`,
		}},
		{"words without bound, and not optional", func(f *followup.Form) { f.Questions[3].MaxLength, f.Questions[3].Optional = 2001, false }, []string{
			`questions[3].max_length: must be 1 to 2000`, `questions[3].optional: must be true: nobody is made to write`,
		}},
		{"another kind", func(f *followup.Form) { f.Questions[3].Kind = "picture" }, []string{
			`questions[3].kind: "picture" is not scale, envelope or text`, `questions[3].max_length: belongs to questions of kind text`,
		}},
		{"dimensions", func(f *followup.Form) {
			d := followup.Dimension{ID: "care", Text: surveys.Text{ZH: "护理", EN: "Care"}}
			f.Dimensions = []followup.Dimension{d, d}
			f.Questions[2].Dimension = "cure"
		}, []string{
			`dimensions[1].id: "care" is used twice`, `questions[2].dimension: "cure" is not the id of a dimension`,
			`dimensions[0].id: "care" has no question`, `dimensions[1].id: "care" has no question`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := forms(t)[0]
			tt.with(f)
			var got []string
			for _, p := range f.Check() {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnswersOfAQuestion(t *testing.T) {
	national := forms(t)[1]
	noise, _ := national.Question("noise")
	if worst, best := noise.Ends(); worst != 4 || best != 1 {
		t.Errorf("the reversed item goes from %d to %d, want from 4, its worst, to 1", worst, best)
	}
	meals, _ := national.Question("meals")
	if worst, best := meals.Ends(); worst != 1 || best != 4 {
		t.Errorf("the item goes from %d to %d, want 1 to 4", worst, best)
	}
	for value, want := range map[int][2]bool{-1: {}, 0: {true, false}, 1: {true, true}, 4: {true, true}, 5: {}} {
		if got := [2]bool{meals.Takes(value), meals.Scored(value)}; got != want {
			t.Errorf("%d is taken and scored: %v, want %v", value, got, want)
		}
	}
	envelope, _ := national.EnvelopeQuestion()
	if !envelope.Takes(followup.EnvelopeNo) || envelope.Takes(1) || envelope.Scored(0) {
		t.Error("the envelope question takes a no, which is never scored, and nothing else")
	}
	if q, ok := national.OverallQuestion(); !ok || q.ID != "overall" {
		t.Errorf("the overall question is %q, %v", q.ID, ok)
	}
}

func TestVersionIsTheContent(t *testing.T) {
	a, b := forms(t)[0], forms(t)[0]
	if a.Version() != b.Version() {
		t.Error("the same content has two versions")
	}
	b.Questions[2].Choices[0].Text.ZH += "。"
	if a.Version() == b.Version() {
		t.Error("two contents have the same version")
	}
	var again followup.Form
	if err := json.Unmarshal(a.Canonical(), &again); err != nil || again.Version() != a.Version() {
		t.Errorf("a form read back from its canonical form is another one (%v)", err)
	}
}
