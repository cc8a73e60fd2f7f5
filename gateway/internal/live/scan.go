package live

import (
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// errSyntax is returned for bytes that are not one JSON object.
var errSyntax = errors.New("frame is not a JSON object")

// maxDepth bounds the nesting of a value nobody here reads.
const maxDepth = 16

// scanner reads JSON from a string without copying it: what it gives back are
// parts of that string, except where an escape had to be resolved.
type scanner struct {
	s string
	i int
}

func (p *scanner) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// peek gives the next byte that is not space, or 0 at the end.
func (p *scanner) peek() byte {
	p.space()
	if p.i == len(p.s) {
		return 0
	}
	return p.s[p.i]
}

// take reads the byte c and reports whether it was there.
func (p *scanner) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.i++
	return true
}

// text reads a string.
func (p *scanner) text() (string, error) {
	if !p.take('"') {
		return "", errSyntax
	}
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return p.s[start : p.i-1], nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", errSyntax
		}
		p.i++
	}
	return "", errSyntax
}

// escaped reads the rest of a string that began at start and has escapes.
func (p *scanner) escaped(start int) (string, error) {
	var b strings.Builder
	b.WriteString(p.s[start:p.i])
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch {
		case c == '"':
			return b.String(), nil
		case c < 0x20:
			return "", errSyntax
		case c != '\\':
			b.WriteByte(c)
		default:
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
		}
	}
	return "", errSyntax
}

// escape reads what follows a backslash. Half a surrogate pair is U+FFFD, as
// encoding/json has it.
func (p *scanner) escape() (rune, error) {
	if p.i == len(p.s) {
		return 0, errSyntax
	}
	c := p.s[p.i]
	p.i++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return p.unicode()
	}
	return 0, errSyntax
}

func (p *scanner) unicode() (rune, error) {
	r, err := p.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	mark := p.i
	if strings.HasPrefix(p.s[p.i:], `\u`) {
		p.i += 2
		low, err := p.hex4()
		if err != nil {
			return 0, err
		}
		if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
			return whole, nil
		}
		p.i = mark
	}
	return utf8.RuneError, nil
}

func (p *scanner) hex4() (rune, error) {
	if len(p.s)-p.i < 4 {
		return 0, errSyntax
	}
	var r rune
	for range 4 {
		c := p.s[p.i]
		p.i++
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, errSyntax
		}
		r = r<<4 | rune(c)
	}
	return r, nil
}

// number reads past a number; whole is false when it has a fraction, an
// exponent or more than 15 digits, and n is then without meaning.
func (p *scanner) number() (n int64, whole bool, err error) {
	negative := p.take('-')
	digits := p.digits(&n)
	if digits == 0 || digits > 1 && p.s[p.i-digits] == '0' {
		return 0, false, errSyntax
	}
	whole = digits <= 15
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		whole = false
		if p.digits(new(int64)) == 0 {
			return 0, false, errSyntax
		}
	}
	if p.i < len(p.s) && (p.s[p.i] == 'e' || p.s[p.i] == 'E') {
		p.i++
		whole = false
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if p.digits(new(int64)) == 0 {
			return 0, false, errSyntax
		}
	}
	if negative {
		n = -n
	}
	return n, whole, nil
}

func (p *scanner) digits(n *int64) int {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		if p.i-start < 15 {
			*n = *n*10 + int64(p.s[p.i]-'0')
		}
		p.i++
	}
	return p.i - start
}

// word reads past one of true, false and null.
func (p *scanner) word() (string, error) {
	for _, w := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(p.s[p.i:], w) {
			p.i += len(w)
			return w, nil
		}
	}
	return "", errSyntax
}

// skip reads past any value.
func (p *scanner) skip(depth int) error {
	if depth > maxDepth {
		return errSyntax
	}
	switch c := p.peek(); {
	case c == '"':
		_, err := p.text()
		return err
	case c == '{':
		return p.object(func(string) error { return p.skip(depth + 1) })
	case c == '[':
		return p.array(func() error { return p.skip(depth + 1) })
	case c == '-' || c >= '0' && c <= '9':
		_, _, err := p.number()
		return err
	}
	_, err := p.word()
	return err
}

// object reads an object; value must read one value for each name.
func (p *scanner) object(value func(name string) error) error {
	if !p.take('{') {
		return errSyntax
	}
	if p.take('}') {
		return nil
	}
	for {
		p.space()
		name, err := p.text()
		if err != nil {
			return err
		}
		if !p.take(':') {
			return errSyntax
		}
		if err := value(name); err != nil {
			return err
		}
		if p.take('}') {
			return nil
		}
		if !p.take(',') {
			return errSyntax
		}
	}
}

func (p *scanner) array(element func() error) error {
	if !p.take('[') {
		return errSyntax
	}
	if p.take(']') {
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if p.take(']') {
			return nil
		}
		if !p.take(',') {
			return errSyntax
		}
	}
}
