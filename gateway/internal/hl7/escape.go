package hl7

import (
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Delimiters are the characters that MSH-1 and MSH-2 declare.
type Delimiters struct {
	Field, Component, Repetition, Escape, Subcomponent byte
}

// standardDelimiters are the ones every sender is advised to use: |^~\&.
var standardDelimiters = Delimiters{Field: '|', Component: '^', Repetition: '~', Escape: '\\', Subcomponent: '&'}

// valid reports whether the delimiters can split anything: five different
// characters that are visible ASCII and neither letters nor digits. Subcomponent
// and Escape may be missing (0) in short headers.
func (d Delimiters) valid() bool {
	seen := map[byte]bool{}
	for i, c := range []byte{d.Field, d.Component, d.Repetition, d.Escape, d.Subcomponent} {
		if c == 0 && i >= 3 {
			continue
		}
		if c <= ' ' || c > '~' || seen[c] || unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)) {
			return false
		}
		seen[c] = true
	}
	return true
}

// escape writes text so that it can stand in a subcomponent: unescape gives it
// back. Line ends and other control characters become \X..\.
func (d Delimiters) escape(text string) string {
	if d.Escape == 0 {
		return strings.Map(func(r rune) rune {
			if r < ' ' || r < utf8.RuneSelf && d.special(byte(r)) != 0 {
				return ' '
			}
			return r
		}, text)
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < ' ' || r == 0x7f:
			b.WriteByte(d.Escape)
			b.WriteByte('X')
			b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{byte(r)})))
			b.WriteByte(d.Escape)
		case r < utf8.RuneSelf && d.special(byte(r)) != 0:
			b.Write([]byte{d.Escape, d.special(byte(r)), d.Escape})
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// special gives the letter of the escape sequence for a delimiter, or 0.
func (d Delimiters) special(c byte) byte {
	switch c {
	case 0:
		return 0
	case d.Field:
		return 'F'
	case d.Component:
		return 'S'
	case d.Subcomponent:
		return 'T'
	case d.Repetition:
		return 'R'
	case d.Escape:
		return 'E'
	}
	return 0
}

// unescape undoes the escape sequences of chapter 2.7: the five delimiters,
// \X..\ in the message's character set, \.br\ and \.sp\ as line ends;
// highlighting is left out. A sequence nobody knows, or one that does not end,
// stays as it was written. No control character but line end and tab comes out.
func (d Delimiters) unescape(text string, c Charset) string {
	if d.Escape == 0 || strings.IndexByte(text, d.Escape) < 0 {
		return harmless(text)
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, string(d.Escape))
		b.WriteString(before)
		if !found {
			return harmless(b.String())
		}
		sequence, after, ended := strings.Cut(rest, string(d.Escape))
		plain, known := d.sequence(sequence, c)
		if !ended || !known {
			b.WriteByte(d.Escape) // not ours to judge: the character itself
			text = rest
			continue
		}
		b.WriteString(plain)
		text = after
	}
}

// sequence gives what an escape sequence stands for.
func (d Delimiters) sequence(s string, c Charset) (plain string, known bool) {
	switch s {
	case "F":
		return string(d.Field), true
	case "S":
		return string(d.Component), true
	case "T":
		if d.Subcomponent == 0 {
			return "", false
		}
		return string(d.Subcomponent), true
	case "R":
		return string(d.Repetition), true
	case "E":
		return string(d.Escape), true
	case "H", "N":
		return "", true
	case ".br", ".sp":
		return "\n", true
	}
	if len(s) < 3 || s[0] != 'X' {
		return "", false
	}
	raw, err := hex.DecodeString(s[1:])
	if err != nil {
		return "", false
	}
	if c == CharsetGB18030 {
		if gb, ok := fromGB18030(raw); ok {
			return gb, true
		}
	}
	return strings.ToValidUTF8(string(raw), string(utf8.RuneError)), true
}

// harmless takes out the control characters that would confuse a terminal, a
// spreadsheet or the next parser.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, text)
}
