package surveys

import (
	"encoding/json"
	"strconv"
	"strings"
)

// AppendEvent appends the JSON that encoding/json would write for e, in a fifth
// of the time: events are the longest piece of text in the hot path, and they
// pass it twice, in the outbox and in the stream. A test compares the two.
func AppendEvent(b []byte, e *Event) []byte {
	b = append(b, `{"kind":`...)
	b = appendText(b, string(e.Kind))
	b = append(b, `,"at":`...)
	b = strconv.AppendInt(b, e.At, 10)
	b = append(b, `,"day":`...)
	b = strconv.AppendInt(b, int64(e.Day), 10)
	b = append(b, `,"hour":`...)
	b = strconv.AppendInt(b, int64(e.Hour), 10)
	b = appendField(b, `,"department":`, string(e.Department))
	b = appendField(b, `,"place":`, string(e.Place))
	b = appendField(b, `,"staff":`, string(e.Staff))
	b = appendField(b, `,"version":`, string(e.Version))
	b = appendField(b, `,"item":`, string(e.Item))
	b = appendField(b, `,"mode":`, string(e.Mode))
	b = appendField(b, `,"series":`, string(e.Series))
	if e.Grade != 0 {
		b = append(b, `,"grade":`...)
		b = strconv.AppendInt(b, int64(e.Grade), 10)
	}
	if e.Flagged {
		b = append(b, `,"flagged":true`...)
	}
	for i, t := range e.Tags {
		if i == 0 {
			b = append(b, `,"tags":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"item":`...)
		b = appendText(b, string(t.Item))
		b = append(b, `,"id":`...)
		b = appendText(b, t.ID)
		b = append(b, '}')
	}
	if len(e.Tags) > 0 {
		b = append(b, ']')
	}
	b = appendField(b, `,"device":`, e.Device)
	if e.KeyWorked {
		b = append(b, `,"key_worked":true`...)
	}
	if e.Value != 0 {
		b = append(b, `,"value":`...)
		b = strconv.AppendInt(b, int64(e.Value), 10)
	}
	return append(b, '}')
}

func appendField(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return appendText(append(b, name...), text)
}

const hexDigits = "0123456789abcdef"

// appendText quotes s. Names are plain ASCII; anything else is escaped as
// \u00xx byte by byte only below space, and passed on otherwise.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// ParseEvent reads what AppendEvent wrote, in its order of fields and without
// escapes, an order of magnitude faster than encoding/json, which reads
// everything else. The event's words share text's memory.
func ParseEvent(text string, e *Event) error {
	*e = Event{}
	if r := (eventReader{rest: text, ok: true}); r.read(e) {
		return nil
	}
	*e = Event{}
	return json.Unmarshal([]byte(text), e)
}

type eventReader struct {
	rest string
	ok   bool
}

func (r *eventReader) read(e *Event) bool {
	e.Kind = EventKind(r.must(`{"kind":"`))
	e.At = r.number(`,"at":`)
	day := r.number(`,"day":`)
	e.Day = Day(day)
	r.ok = r.ok && int64(e.Day) == day
	e.Hour = int(r.number(`,"hour":`))
	e.Department = DepartmentID(r.text(`,"department":"`))
	e.Place = PlaceID(r.text(`,"place":"`))
	e.Staff = StaffRef(r.text(`,"staff":"`))
	e.Version = VersionID(r.text(`,"version":"`))
	e.Item = ItemID(r.text(`,"item":"`))
	e.Mode = Mode(r.text(`,"mode":"`))
	e.Series = Series(r.text(`,"series":"`))
	if strings.HasPrefix(r.rest, `,"grade":`) {
		e.Grade = Grade(r.number(`,"grade":`))
	}
	e.Flagged = r.skip(`,"flagged":true`)
	if r.skip(`,"tags":[`) {
		for {
			item := r.must(`{"item":"`)
			e.Tags = append(e.Tags, Tag{Item: ItemID(item), ID: r.must(`,"id":"`)})
			r.ok = r.ok && r.skip("}")
			if !r.ok || !r.skip(",") {
				break
			}
		}
		r.ok = r.ok && r.skip("]")
	}
	e.Device = r.text(`,"device":"`)
	e.KeyWorked = r.skip(`,"key_worked":true`)
	if strings.HasPrefix(r.rest, `,"value":`) {
		e.Value = int(r.number(`,"value":`))
	}
	return r.ok && r.rest == "}"
}

func (r *eventReader) skip(prefix string) bool {
	rest, found := strings.CutPrefix(r.rest, prefix)
	r.rest = rest
	return found
}

// text reads an optional word; its name ends with the opening quote.
func (r *eventReader) text(name string) string {
	if !r.skip(name) {
		return ""
	}
	end := strings.IndexByte(r.rest, '"')
	if end < 0 {
		r.ok = false
		return ""
	}
	word := r.rest[:end]
	r.rest = r.rest[end+1:]
	for i := range len(word) {
		if c := word[i]; c == '\\' || c < ' ' || c > '~' {
			r.ok = false // escapes and what may not be UTF-8
		}
	}
	return word
}

func (r *eventReader) must(name string) string {
	r.ok = r.ok && strings.HasPrefix(r.rest, name)
	return r.text(name)
}

// maxDigits keeps a number within int64.
const maxDigits = 18

// number reads a whole number as AppendEvent writes it: JSON knows no "+1" or
// "01".
func (r *eventReader) number(name string) (n int64) {
	if !r.skip(name) {
		r.ok = false
		return 0
	}
	negative := r.skip("-")
	digits := 0
	for digits < len(r.rest) && r.rest[digits] >= '0' && r.rest[digits] <= '9' && digits <= maxDigits {
		n = n*10 + int64(r.rest[digits]-'0')
		digits++
	}
	if digits == 0 || digits > maxDigits || r.rest[0] == '0' && (digits > 1 || negative) {
		r.ok = false
		return 0
	}
	r.rest = r.rest[digits:]
	if negative {
		return -n
	}
	return n
}
