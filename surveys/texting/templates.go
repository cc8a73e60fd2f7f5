package texting

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"qingfeng/surveys"
)

// Names of the variables that templates may use. Department is where the
// patient stayed; Hotline the office's phone, for those who cannot answer.
const (
	VariableDepartment = "department"
	VariableHotline    = "hotline"
	VariableQuestion   = "question"
	VariableChoices    = "choices"
	VariableLink       = "link"
	VariableCode       = "code"
	VariableVisits     = "visits"
	VariableReceipt    = "receipt"
)

// Templates is every text the program sends, as messages.yaml holds it. A
// published set is frozen: its Version is its content.
type Templates struct {
	// Signature is what stands in 【】 in front, as registered with the carriers.
	Signature surveys.Text `json:"signature" yaml:"signature"`
	// BannedWords and BannedSymbols are what carriers refuse in a notice.
	BannedWords   []string `json:"banned_words" yaml:"banned_words"`
	BannedSymbols string   `json:"banned_symbols" yaml:"banned_symbols"`
	// Longest is the longest plausible value of each variable: texts are
	// measured with it.
	Longest []LongestValue `json:"longest" yaml:"longest"`
	Texts   []PurposeText  `json:"texts" yaml:"texts"`
}

// LongestValue is the longest plausible value of one variable.
type LongestValue struct {
	Name string       `json:"name" yaml:"name"`
	Text surveys.Text `json:"text" yaml:"text"`
}

// PurposeText is the text for one purpose, and for one mode where modes differ.
type PurposeText struct {
	Purpose Purpose `json:"purpose" yaml:"purpose"`
	// Mode is set for invite and reminder, and empty for the others.
	Mode surveys.Mode `json:"mode,omitempty" yaml:"mode"`
	Text surveys.Text `json:"text" yaml:"text"`
	// Segments is how many segments the text takes with the longest values: what
	// each one costs. More than that is warned of.
	Segments PerLanguage `json:"segments" yaml:"segments"`
}

// PerLanguage is a number for each language.
type PerLanguage struct {
	ZH int `json:"zh" yaml:"zh"`
	EN int `json:"en" yaml:"en"`
}

// mostSegments bounds what one text may cost.
const mostSegments = 5

// wantedText is one text a set must have.
type wantedText struct {
	purpose Purpose
	mode    surveys.Mode
	needed  []string // variables without which the text is of no use
	more    []string // variables it may use besides
}

func (w wantedText) offered() []string { return slices.Concat(w.needed, w.more) }

// wanted lists what a set must have, in the order of Message's purposes.
var wanted = []wantedText{
	{PurposeInvite, surveys.ModeReply, []string{VariableQuestion}, []string{VariableDepartment, VariableHotline}},
	{PurposeInvite, surveys.ModeLink, []string{VariableLink, VariableHotline}, []string{VariableDepartment}},
	{PurposeInvite, surveys.ModeCode, []string{VariableCode, VariableHotline}, []string{VariableDepartment}},
	{PurposeReminder, surveys.ModeReply, []string{VariableQuestion}, []string{VariableDepartment, VariableHotline}},
	{PurposeReminder, surveys.ModeLink, []string{VariableLink, VariableHotline}, []string{VariableDepartment}},
	{PurposeReminder, surveys.ModeCode, []string{VariableCode, VariableHotline}, []string{VariableDepartment}},
	{PurposeQuestion, "", []string{VariableQuestion}, []string{VariableChoices, VariableHotline}},
	{PurposeClarify, "", nil, []string{VariableQuestion, VariableChoices, VariableHotline}},
	{PurposeThanks, "", nil, []string{VariableHotline}},
	{PurposeThanksLow, "", nil, []string{VariableHotline}},
	{PurposeLate, "", nil, []string{VariableHotline}},
	{PurposeWhich, "", []string{VariableVisits}, []string{VariableHotline}},
	{PurposeOptedOut, "", nil, []string{VariableHotline}},
	{PurposeResumed, "", nil, []string{VariableHotline}},
	{PurposeClueReceived, "", []string{VariableReceipt, VariableHotline}, nil},
	{PurposeHelp, "", []string{VariableHotline}, nil},
}

// Version is the content hash of the set.
func (t *Templates) Version() surveys.VersionID {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(t); err != nil {
		panic("templates: plain values always encode: " + err.Error())
	}
	sum := sha256.Sum256([]byte(strings.TrimSuffix(b.String(), "\n")))
	return surveys.VersionID(hex.EncodeToString(sum[:8]))
}

// Find gives the template for a purpose. The mode counts only where modes
// differ; a language other than en is zh.
func (t *Templates) Find(purpose Purpose, mode surveys.Mode, language string) (Template, error) {
	if purpose != PurposeInvite && purpose != PurposeReminder {
		mode = ""
	}
	for _, text := range t.Texts {
		if text.Purpose == purpose && text.Mode == mode {
			return Template(in(text.Text, language)), nil
		}
	}
	return "", fmt.Errorf("%s in mode %q: %w", purpose, mode, ErrNoTemplate)
}

func in(text surveys.Text, language string) string {
	if language == "en" {
		return text.EN
	}
	return text.ZH
}

// Composed is a text ready to be sent.
type Composed struct {
	Body surveys.Secret // the 【signature】 in front
	// Variables are those the template has, in its order: a carrier's registered
	// template is filled with them.
	Variables []Variable
	Length    Length
}

// Compose fills the template for a purpose from a pool of values. Values that
// the template does not use are left out, because a hospital words its own
// texts; one that it needs and that is missing is an error.
func (t *Templates) Compose(purpose Purpose, mode surveys.Mode, language string, values []Variable) (Composed, error) {
	template, err := t.Find(purpose, mode, language)
	if err != nil {
		return Composed{}, err
	}
	var used []Variable
	for _, name := range template.Names() {
		i := slices.IndexFunc(values, func(v Variable) bool { return v.Name == name })
		if i >= 0 {
			used = append(used, values[i])
		}
	}
	body, err := template.Fill(used)
	if err != nil {
		return Composed{}, fmt.Errorf("compose %s: %w", purpose, err)
	}
	return Composed{Body: body, Variables: used, Length: Measure(string(body))}, nil
}

// Check reports everything that is wrong with the set. Warnings are worth
// reading and stop nothing.
func (t *Templates) Check() []Problem {
	c := templatesCheck{set: t}
	c.signatures()
	c.longest()
	seen := map[string]bool{}
	for i, text := range t.Texts {
		at := fmt.Sprintf("texts[%d]", i)
		k := slices.IndexFunc(wanted, func(w wantedText) bool { return w.purpose == text.Purpose && w.mode == text.Mode })
		if k < 0 {
			c.add(at+".purpose", "%q in mode %q is not a text the program sends", text.Purpose, text.Mode)
			continue
		}
		key := string(text.Purpose) + " " + string(text.Mode)
		if seen[key] {
			c.add(at+".purpose", "%q in mode %q is written twice", text.Purpose, text.Mode)
		}
		seen[key] = true
		c.text(at, text, wanted[k])
	}
	for _, w := range wanted {
		if !seen[string(w.purpose)+" "+string(w.mode)] {
			c.add("texts", "has no text for %q in mode %q", w.purpose, w.mode)
		}
	}
	return c.problems
}

// templatesCheck gathers what is wrong with a set.
type templatesCheck struct {
	set      *Templates
	problems []Problem
}

func (c *templatesCheck) add(path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (c *templatesCheck) signatures() {
	for _, half := range []struct{ path, text string }{{"signature.zh", c.set.Signature.ZH}, {"signature.en", c.set.Signature.EN}} {
		if why := badSignature(half.text); why != "" {
			c.add(half.path, "%s", why)
		}
	}
}

func (c *templatesCheck) longest() {
	for i, l := range c.set.Longest {
		at := fmt.Sprintf("longest[%d]", i)
		known := slices.ContainsFunc(wanted, func(w wantedText) bool { return slices.Contains(w.offered(), l.Name) })
		if !known {
			c.add(at+".name", "%q is not a variable", l.Name)
		}
		if slices.ContainsFunc(c.set.Longest[:i], func(o LongestValue) bool { return o.Name == l.Name }) {
			c.add(at+".name", "%q is written twice", l.Name)
		}
		if l.Text.ZH == "" || l.Text.EN == "" {
			c.add(at+".text", "is empty")
		}
	}
}

func (c *templatesCheck) text(at string, text PurposeText, w wantedText) {
	for _, half := range []struct {
		key, language string
		segments      int
	}{{".zh", "zh", text.Segments.ZH}, {".en", "en", text.Segments.EN}} {
		if half.segments < 1 || half.segments > mostSegments {
			c.add(at+".segments"+half.key, "is %d, want 1 to %d", half.segments, mostSegments)
		}
		rules := c.set.rules(w, half.language)
		rules.Segments = half.segments
		c.problems = append(c.problems, Lint(at+".text"+half.key, Template(in(text.Text, half.language)), rules)...)
	}
}

// rules are what a text of this purpose is held to.
func (t *Templates) rules(w wantedText, language string) Rules {
	r := Rules{
		Signature: in(t.Signature, language), Offered: w.offered(), Needed: w.needed,
		BannedWords: t.BannedWords, BannedSymbols: t.BannedSymbols,
		URL:     w.mode == surveys.ModeLink,
		Longest: map[string]string{},
	}
	if w.purpose == PurposeInvite || w.purpose == PurposeReminder {
		r.StopHint = true
	}
	for _, l := range t.Longest {
		r.Longest[l.Name] = in(l.Text, language)
	}
	return r
}
