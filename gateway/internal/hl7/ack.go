package hl7

import (
	"strings"
	"time"
)

// Ack is the word of an acknowledgement (MSA-1).
type Ack string

// Acknowledgements, in the original mode. The enhanced mode's CA, CE and CR are
// not used, whatever MSH-15 and 16 ask for: the answer comes after the storing,
// so there is nothing more to tell later.
const (
	AckAccept Ack = "AA" // stored
	AckError  Ack = "AE" // not stored; the sender should send it again
	AckReject Ack = "AR" // will never be taken; kept aside for a person
)

// problem is what an AE or AR says: an error code of table 0357 with its text.
// The texts are fixed, so that nothing of a message comes back.
type problem struct{ code, text string }

var (
	problemNone       = problem{"0", "Message accepted"}
	problemUnreadable = problem{"100", "Segment sequence error"}
	problemRefused    = problem{"101", "Required field missing"}
	problemType       = problem{"200", "Unsupported message type"}
	problemInternal   = problem{"207", "Application internal error"}
)

// isTrigger reports whether text has the shape of a trigger event, such as A01:
// a letter, then two letters or digits. Anything else is not said back.
func isTrigger(text string) bool {
	if len(text) != 3 || text[0] < 'A' || text[0] > 'Z' {
		return false
	}
	return strings.Trim(text[1:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// acknowledge makes the answer to a message. m is nil when it could not be
// parsed; then head, whatever can be read of its first line, may be too.
func acknowledge(m *Message, word Ack, p problem, own string, now time.Time) []byte {
	d, charset := standardDelimiters, CharsetUTF8
	header := func(field, component int) string { return "" }
	if m != nil {
		d, charset, header = m.Delimiters, m.Charset, m.Header
	}
	field := func(n int) string { return d.field(m, n) }
	event := ""
	if e := header(9, 2); isTrigger(e) {
		event = string(d.Component) + e
		if header(9, 3) != "" { // v2.3.1 and later name the structure
			event += string(d.Component) + "ACK"
		}
	}
	processing, version := field(11), field(12)
	if processing == "" {
		processing = "P"
	}
	if version == "" {
		version = "2.3"
	}
	encoding := strings.Trim(string([]byte{d.Component, d.Repetition, d.Escape, d.Subcomponent}), "\x00")
	lines := [][]string{
		{"MSH", encoding, field(5), field(6), field(3), field(4), now.Format("20060102150405-0700"), "", "ACK" + event, own, processing, version},
		{"MSA", string(word), d.escape(header(10, 1)), d.escape(p.text)},
	}
	if charset == CharsetGB18030 {
		lines[0] = append(lines[0], "", "", "", "", "", "GB 18030-2000") // MSH-18
	}
	if word != AckAccept {
		lines = append(lines, d.errorSegment(p, header(12, 1)))
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.Join(line, string(d.Field)))
		b.WriteByte('\r')
	}
	return encode(b.String(), charset)
}

// field writes an MSH field of m anew, components and all.
func (d Delimiters) field(m *Message, n int) string {
	if m == nil {
		return ""
	}
	var parts []string
	for i := 1; i <= 3; i++ { // an HD has three components
		parts = append(parts, d.escape(m.Header(n, i)))
	}
	return strings.TrimRight(strings.Join(parts, string(d.Component)), string(d.Component))
}

// errorSegment is ERR as the sender's version has it: ERR-1 up to v2.4, ERR-3
// and a severity from v2.5 on.
func (d Delimiters) errorSegment(p problem, version string) []string {
	if version < "2.5" {
		sub := d.Subcomponent
		if sub == 0 {
			return []string{"ERR", ""}
		}
		code := strings.Join([]string{p.code, d.escape(p.text), "HL70357"}, string(sub))
		return []string{"ERR", strings.Repeat(string(d.Component), 3) + code}
	}
	return []string{"ERR", "", "", strings.Join([]string{p.code, d.escape(p.text), "HL70357"}, string(d.Component)), "E"}
}
