package texting

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"qingfeng/surveys"
)

// Errors of a template. They name placeholders, never values.
var (
	ErrPlaceholder = errors.New("a brace is not part of a {name}")
	ErrNoTemplate  = errors.New("there is no such template")
)

// Template is the text of a message with {name} for what is filled in. A name
// has lower-case letters, digits and underscores; a brace is nothing else.
type Template string

// piece is fixed text, or a placeholder's name.
type piece struct {
	text        string
	placeholder bool
	at          int // byte offset
}

// pieces takes the template apart. The error tells at which byte it stops
// being one.
func (t Template) pieces() ([]piece, int, error) {
	var list []piece
	rest, at := string(t), 0
	for rest != "" {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			open = len(rest)
		}
		if open > 0 {
			list = append(list, piece{rest[:open], false, at})
			rest, at = rest[open:], at+open
			continue
		}
		end := strings.IndexByte(rest, '}')
		if rest[0] != '{' || end < 0 || !surveys.ValidName(rest[1:end]) {
			return nil, at, ErrPlaceholder
		}
		list = append(list, piece{rest[1:end], true, at})
		rest, at = rest[end+1:], at+end+1
	}
	return list, 0, nil
}

// Names lists the placeholders in their order, each once: the order of a
// registered template's variables. A broken template has none.
func (t Template) Names() []string {
	list, _, _ := t.pieces()
	var names []string
	for _, p := range list {
		if p.placeholder && !slices.Contains(names, p.text) {
			names = append(names, p.text)
		}
	}
	return names
}

// Fill puts values in the placeholders' places. Every placeholder needs a
// value and every value a placeholder; two of one name, or a value with a
// control character, are errors. A value is never read as a template.
func (t Template) Fill(values []Variable) (surveys.Secret, error) {
	list, _, err := t.pieces()
	if err != nil {
		return "", err
	}
	given := map[string]surveys.Secret{}
	for _, v := range values {
		if _, twice := given[v.Name]; twice {
			return "", fmt.Errorf("variable %s is given twice", v.Name)
		}
		if strings.ContainsFunc(string(v.Value), isControl) {
			return "", fmt.Errorf("variable %s has a control character", v.Name)
		}
		given[v.Name] = v.Value
	}
	var b strings.Builder
	used := map[string]bool{}
	for _, p := range list {
		if !p.placeholder {
			b.WriteString(p.text)
			continue
		}
		v, ok := given[p.text]
		if !ok {
			return "", fmt.Errorf("variable %s is missing", p.text)
		}
		b.WriteString(string(v))
		used[p.text] = true
	}
	for _, v := range values {
		if !used[v.Name] {
			return "", fmt.Errorf("variable %s is not in the template", v.Name)
		}
	}
	return surveys.Secret(b.String()), nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f || r == '\u2028' || r == '\u2029' }

// Unsigned gives a body without the 【signature】 in front, for carriers that add
// it themselves. A body without one is given as it is.
func Unsigned(body surveys.Secret) surveys.Secret {
	_, rest := cutSignature(string(body))
	return surveys.Secret(rest)
}

// cutSignature cuts 【signature】 off the front; found is "" where there is none.
func cutSignature(text string) (found, rest string) {
	inner, ok := strings.CutPrefix(text, "【")
	if !ok {
		return "", text
	}
	name, rest, ok := strings.Cut(inner, "】")
	if !ok {
		return "", text
	}
	return name, rest
}
