package hl7

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of a message. A real ADT message has a dozen segments and 2 KiB; these
// are far above what an interface engine sends and far below what hurts.
const (
	// MaxMessage is the longest message, in bytes.
	MaxMessage = 256 << 10
	// maxSegments, maxFields and maxRepetitions bound what a message is split into.
	maxSegments    = 1000
	maxFields      = 500
	maxRepetitions = 200
)

// Errors of Parse. None of them quotes the message.
var (
	ErrTooLong    = errors.New("message is longer than 256 KiB")
	ErrNoHeader   = errors.New("message does not begin with an MSH segment")
	ErrDelimiters = errors.New("MSH-1 and MSH-2 declare no usable delimiters")
	ErrTooMany    = errors.New("message has more segments, fields or repetitions than the bound")
)

// Message is a parsed HL7 v2 message. It is split on demand, so it takes little
// more memory than its text.
type Message struct {
	Charset    Charset
	Delimiters Delimiters
	segments   []Segment
	text       string
}

// Segment is one line of a message.
type Segment struct {
	Name   string // three characters, such as PID
	fields []string
	m      *Message
}

// Parse reads a message of at most MaxMessage bytes in UTF-8 or GB18030.
// Segments end with CR; LF and CRLF are tolerated, as are empty lines.
func Parse(raw []byte) (*Message, error) {
	if len(raw) > MaxMessage {
		return nil, ErrTooLong
	}
	text, charset, err := decode(raw)
	if err != nil {
		return nil, err
	}
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "MSH") {
		return nil, ErrNoHeader
	}
	if len(lines) > maxSegments {
		return nil, ErrTooMany
	}
	delimiters, err := readDelimiters(lines[0])
	if err != nil {
		return nil, err
	}
	m := &Message{Charset: charset, Delimiters: delimiters, text: strings.Join(lines, "\r")}
	for _, line := range lines {
		segment, err := m.split(line)
		if err != nil {
			return nil, err
		}
		if segment.Name != "" {
			m.segments = append(m.segments, segment)
		}
	}
	return m, nil
}

// readDelimiters reads MSH-1 and MSH-2, such as |^~\& or |^~\&#.
func readDelimiters(header string) (Delimiters, error) {
	if len(header) < 6 {
		return Delimiters{}, ErrDelimiters
	}
	d := Delimiters{Field: header[3]}
	encoding, _, _ := strings.Cut(header[4:], header[3:4])
	if len(encoding) < 2 || len(encoding) > 5 { // v2.7 added a fifth: truncation
		return Delimiters{}, ErrDelimiters
	}
	d.Component, d.Repetition = encoding[0], encoding[1]
	if len(encoding) > 2 {
		d.Escape = encoding[2]
	}
	if len(encoding) > 3 {
		d.Subcomponent = encoding[3]
	}
	if !d.valid() {
		return Delimiters{}, ErrDelimiters
	}
	return d, nil
}

// split makes a segment of a line. A line without a segment name is left out:
// it is the rest of a text that an engine broke into lines.
func (m *Message) split(line string) (Segment, error) {
	separator := string(m.Delimiters.Field)
	if strings.Count(line, separator) >= maxFields {
		return Segment{}, ErrTooMany
	}
	fields := strings.Split(line, separator)
	if !validName(fields[0]) {
		return Segment{}, nil
	}
	if fields[0] == "MSH" {
		// MSH-1 is the separator itself, so that the numbers are the standard's.
		fields = append([]string{"MSH", separator}, fields[1:]...)
	}
	for i, f := range fields {
		if fields[0] == "MSH" && i <= 2 {
			continue
		}
		if strings.Count(f, string(m.Delimiters.Repetition)) >= maxRepetitions {
			return Segment{}, ErrTooMany
		}
	}
	return Segment{Name: fields[0], fields: fields, m: m}, nil
}

func validName(name string) bool {
	if len(name) != 3 {
		return false
	}
	for i, c := range []byte(name) {
		if !(c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}

// Segment gives the first segment of a name; a segment that is not there has
// only empty fields.
func (m *Message) Segment(name string) Segment {
	for _, s := range m.segments {
		if s.Name == name {
			return s
		}
	}
	return Segment{}
}

// Segments gives every segment in order.
func (m *Message) Segments() []Segment { return m.segments }

// Header gives a component of MSH: field and component count from 1.
func (m *Message) Header(field, component int) string {
	return m.Segment("MSH").First(field).Component(component)
}

// Present reports whether the segment was in the message.
func (s Segment) Present() bool { return s.m != nil }

// Repetition is one repetition of a field.
type Repetition struct {
	text string
	m    *Message
}

// Repetitions gives the repetitions of a field, counted from 1, the empty ones
// left out.
func (s Segment) Repetitions(field int) []Repetition {
	if s.m == nil || field < 1 || field >= len(s.fields) {
		return nil
	}
	if s.Name == "MSH" && field <= 2 { // they hold the delimiters themselves
		return nil
	}
	var all []Repetition
	for part := range strings.SplitSeq(s.fields[field], string(s.m.Delimiters.Repetition)) {
		if part != "" {
			all = append(all, Repetition{part, s.m})
		}
	}
	return all
}

// First is the first repetition of a field, or an empty one.
func (s Segment) First(field int) Repetition {
	if all := s.Repetitions(field); len(all) > 0 {
		return all[0]
	}
	return Repetition{}
}

// Component gives the first subcomponent of a component, counted from 1, as
// text. The two quotes by which a sender deletes a value are empty: a change
// says nothing of what it does not say.
func (r Repetition) Component(n int) string { return r.Subcomponent(n, 1) }

// Subcomponent gives a subcomponent as text, both counted from 1.
func (r Repetition) Subcomponent(n, sub int) string {
	if r.m == nil {
		return ""
	}
	part := nth(r.text, r.m.Delimiters.Component, n)
	if r.m.Delimiters.Subcomponent != 0 {
		part = nth(part, r.m.Delimiters.Subcomponent, sub)
	} else if sub > 1 {
		return ""
	}
	if part == `""` {
		return ""
	}
	return strings.TrimSpace(r.m.Delimiters.unescape(part, r.m.Charset))
}

// nth gives the nth part of text, counted from 1, or nothing.
func nth(text string, separator byte, n int) string {
	for ; n > 1; n-- {
		i := strings.IndexByte(text, separator)
		if i < 0 {
			return ""
		}
		text = text[i+1:]
	}
	if i := strings.IndexByte(text, separator); i >= 0 {
		return text[:i]
	}
	return text
}

// Type gives MSH-9 as "ADT" and "A01". Old senders leave the event to EVN-1.
func (m *Message) Type() (kind, event string) {
	kind, event = m.Header(9, 1), m.Header(9, 2)
	if event == "" {
		event = m.Segment("EVN").First(1).Component(1)
	}
	return kind, event
}

// String says nothing of the content, so that a message never gets into a log.
func (m *Message) String() string { return fmt.Sprintf("HL7 message of %d segments", len(m.segments)) }
