package texting

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"qingfeng/surveys"
)

// Problem is one thing wrong with a template, at a path such as
// "texts[2].text.zh" and a line of the template.
type Problem struct {
	Path    string
	Line    int // of the template, from 1; 0: the whole
	Warning bool
	Text    string
}

// String gives path:line: text.
func (p Problem) String() string {
	at := p.Path
	if p.Line > 0 {
		at += ":" + strconv.Itoa(p.Line)
	}
	if p.Warning {
		at += ": warning"
	}
	return at + ": " + p.Text
}

// Bounds of a signature in characters, as mainland carriers have them (Aliyun:
// 2 to 12).
const shortestSignature, longestSignature = 2, 12

// Hours in which texts are sent (DOMAIN: 09:00 to 20:00 local). A text that
// names a time outside them asks for something at night.
const firstHour, lastHour = 9, 20

// Rules are what a template is held to.
type Rules struct {
	Signature string   // without brackets
	Offered   []string // variables that may be used
	Needed    []string // and those that must be
	// Longest is the longest plausible value of each variable.
	Longest       map[string]string
	BannedWords   []string
	BannedSymbols string
	// URL says that the carrier takes addresses.
	URL bool
	// StopHint says that the text must tell how to get no more of them.
	StopHint bool
	// Segments is what the text may take; 0: one.
	Segments int
}

// Lint reports what makes a template unfit to be sent: carriers refuse notices
// for most of it, and patients do not understand the rest.
func Lint(name string, template Template, rules Rules) []Problem {
	l := linter{name: name, text: string(template), rules: rules}
	if strings.TrimSpace(l.text) == "" {
		l.add(-1, "is empty")
		return l.problems
	}
	if !utf8.ValidString(l.text) {
		l.add(-1, "is not UTF-8")
		return l.problems
	}
	l.signature()
	list, at, err := template.pieces()
	if err != nil {
		l.add(at, "%s", err)
		return l.problems
	}
	l.placeholders(list)
	l.symbols(list)
	l.words(list)
	l.hours(list)
	l.length(template)
	slices.SortStableFunc(l.problems, func(a, b Problem) int { return a.Line - b.Line })
	return l.problems
}

// linter carries one Lint.
type linter struct {
	name     string
	text     string
	rules    Rules
	problems []Problem
}

// add reports a problem at a byte of the template; -1: of the whole.
func (l *linter) add(at int, format string, args ...any) {
	line := 0
	if at >= 0 {
		line = 1 + strings.Count(l.text[:at], "\n")
	}
	l.problems = append(l.problems, Problem{Path: l.name, Line: line, Text: fmt.Sprintf(format, args...)})
}

func (l *linter) warn(at int, format string, args ...any) {
	l.add(at, format, args...)
	l.problems[len(l.problems)-1].Warning = true
}

// badSignature says what is wrong with a signature, without brackets; "" for
// nothing.
func badSignature(s string) string {
	n := utf8.RuneCountInString(s)
	switch {
	case n < shortestSignature || n > longestSignature:
		return fmt.Sprintf("the signature has %d characters, want %d to %d", n, shortestSignature, longestSignature)
	case strings.TrimSpace(s) != s:
		return "the signature begins or ends in a space"
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != ' ' }):
		return "the signature has a sign; letters and digits alone are registered"
	case !strings.ContainsFunc(s, unicode.IsLetter):
		return "the signature has no letter"
	}
	return ""
}

func (l *linter) signature() {
	found, rest := cutSignature(l.text)
	if found == "" {
		at := max(0, strings.IndexAny(l.text, "【】"))
		l.add(at, "does not begin with the signature 【%s】", l.rules.Signature)
		return
	}
	if why := badSignature(found); why != "" {
		l.add(0, "%s", why)
	}
	if found != l.rules.Signature {
		l.add(0, "is signed 【%s】, want 【%s】", found, l.rules.Signature)
	}
	if i := strings.IndexAny(rest, "【】"); i >= 0 {
		l.add(len(l.text)-len(rest)+i, "has 【 or 】 after the signature; a carrier takes what is in them for another")
	}
}

func (l *linter) placeholders(list []piece) {
	seen := map[string]bool{}
	between := false // fixed text since the last placeholder
	after := false   // there was a placeholder
	letters := 0
	for _, p := range list {
		if !p.placeholder {
			between = between || strings.TrimSpace(p.text) != ""
			_, fixed := cutSignature(p.text)
			letters += len(strings.FieldsFunc(fixed, func(r rune) bool { return !unicode.IsLetter(r) }))
			continue
		}
		switch {
		case !slices.Contains(l.rules.Offered, p.text):
			l.add(p.at, "{%s} is not a variable here; known are %s", p.text, strings.Join(l.rules.Offered, ", "))
		case seen[p.text]:
			l.add(p.at, "{%s} stands twice; registered templates take each variable once", p.text)
		}
		if after && !between {
			l.add(p.at, "{%s} follows another variable with no word between; carriers refuse that", p.text)
		}
		seen[p.text], after, between = true, true, false
	}
	for _, name := range l.rules.Needed {
		if !seen[name] {
			l.add(-1, "does not use {%s}", name)
		}
	}
	if letters == 0 {
		l.add(-1, "has no words of its own beside its variables; carriers refuse that")
	}
	if l.rules.StopHint && !stopHint.MatchString(l.text) {
		l.add(-1, "does not say how to get no more texts")
	}
}

var (
	stopHint = regexp.MustCompile(`退订|拒收|不再接收|(?i:\bstop\b|opt out|no more)`)
	address  = regexp.MustCompile(`(?i:https?:|www\.|[a-z0-9-]+\.(?:com|cn|net|org|example|top|xyz|cc|me|ly)\b)`)
	clock    = regexp.MustCompile(`(\d{1,2})(?:[:：]\d{2}|点|时|\s?(?:am|pm|AM|PM)\b)`)
	night    = regexp.MustCompile(`深夜|半夜|凌晨|夜里|夜间|(?i:\bat night\b|\bmidnight\b)`)
)

func (l *linter) symbols(list []piece) {
	for _, p := range list {
		if p.placeholder {
			continue
		}
		for i, r := range p.text {
			switch {
			case r == '\n':
			case isControl(r) || r == utf8.RuneError || unicode.Is(unicode.Cf, r):
				l.add(p.at+i, "has the invisible character %U", r)
			case strings.ContainsRune(l.rules.BannedSymbols, r):
				l.add(p.at+i, "has the symbol %c, which carriers refuse", r)
			case r > 0xFFFF || unicode.Is(unicode.So, r):
				l.add(p.at+i, "has the picture %c, which carriers refuse", r)
			}
		}
		if loc := address.FindStringIndex(p.text); loc != nil && !l.rules.URL {
			l.add(p.at+loc[0], "has an address, and its carriers take none")
		}
	}
	if !l.rules.URL {
		if i := strings.Index(l.text, "{"+VariableLink+"}"); i >= 0 {
			l.add(i, "has a link, and its carriers take none")
		}
	}
}

func (l *linter) words(list []piece) {
	for _, p := range list {
		if p.placeholder {
			continue
		}
		low := strings.ToLower(p.text)
		for _, w := range l.rules.BannedWords {
			if i := wordIndex(low, strings.ToLower(w)); i >= 0 {
				l.add(min(p.at+i, len(l.text)), "has %q, which carriers ban in notices", w)
			}
		}
	}
}

// wordIndex finds word in s, as a word of its own where it is of Latin letters.
func wordIndex(s, word string) int {
	for from := 0; word != ""; {
		i := strings.Index(s[from:], word)
		if i < 0 {
			return -1
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[i+len(word):])
		if word[0] >= 0x80 || !asciiLetter(before) && !asciiLetter(after) {
			return i
		}
		from = i + 1
	}
	return -1
}

func asciiLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

func (l *linter) hours(list []piece) {
	for _, p := range list {
		if p.placeholder {
			continue
		}
		for _, m := range clock.FindAllStringSubmatchIndex(p.text, -1) {
			hour, _ := strconv.Atoi(p.text[m[2]:m[3]])
			if strings.HasSuffix(strings.ToLower(p.text[m[0]:m[1]]), "pm") && hour < 12 {
				hour += 12
			}
			if hour < firstHour || hour > lastHour {
				l.add(p.at+m[0], "names %s, outside the hours %02d:00 to %d:00 in which patients are texted", p.text[m[0]:m[1]], firstHour, lastHour)
			}
		}
		if loc := night.FindStringIndex(p.text); loc != nil {
			l.add(p.at+loc[0], "speaks of the night (%s)", p.text[loc[0]:loc[1]])
		}
	}
}

// length measures the template with the longest plausible values.
func (l *linter) length(template Template) {
	var values []Variable
	for _, name := range template.Names() {
		longest, ok := l.rules.Longest[name]
		if !ok && slices.Contains(l.rules.Offered, name) {
			l.add(-1, "cannot be measured: {%s} has no longest value", name)
		}
		values = append(values, Variable{Name: name, Value: surveys.Secret(longest)})
	}
	body, err := template.Fill(values)
	if err != nil {
		l.add(-1, "%s", err)
		return
	}
	if n, most := Measure(string(body)), max(1, l.rules.Segments); n.Segments > most {
		l.warn(-1, "takes %d segments (%d units of %s), more than %d", n.Segments, n.Units, n.Encoding, most)
	}
}
