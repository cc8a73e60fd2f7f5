package analytics

import (
	"errors"
	"strconv"
	"strings"

	"qingfeng/surveys"
)

// CellKind says what a cell counts. Its value is the first byte of the cell's
// text.
type CellKind byte

// Kinds of cell.
const (
	CellAnswer   CellKind = 'a' // answers of one value to a survey's question
	CellGrade    CellKind = 'g' // answers of one grade at a place
	CellHour     CellKind = 'h' // the same by hour of the day; kept for recent days only
	CellOffered  CellKind = 'o' // prompts that stood on a screen
	CellStaff    CellKind = 's' // answers of one grade about a member of staff, by opaque id
	CellTag      CellKind = 't' // tags chosen
	CellSelfTest CellKind = 'x' // self-tests of a device; never part of a score
)

// Cell is one counter of one business day. The zero fields are those its kind
// does not use. It is comparable and holds nothing that names a person.
type Cell struct {
	Kind       CellKind
	Department surveys.DepartmentID
	Place      surveys.PlaceID
	Staff      surveys.StaffRef
	Version    surveys.VersionID
	Item       surveys.ItemID
	Mode       surveys.Mode
	Series     surveys.Series
	Tag        string
	Device     string
	Grade      surveys.Grade
	Value      int
	Hour       int
	Flagged    bool
	KeyWorked  bool
}

// OnBoard reports whether boards are made from cells of this kind.
func (k CellKind) OnBoard() bool {
	return k == CellGrade || k == CellHour || k == CellOffered || k == CellSelfTest
}

// ErrCell is returned for text that is no cell's.
var ErrCell = errors.New("not a cell")

const maxCellText = 2048 // bytes; longer text is refused before it is split. See maxName.

// String gives the compact text that names the cell in a Redis hash: its kind
// and its fields, joined by '|'. ParseCell reads it back.
func (c Cell) String() string { return string(c.AppendText(make([]byte, 0, 96))) }

// AppendText appends the cell's text to b.
func (c Cell) AppendText(b []byte) []byte {
	b = append(b, byte(c.Kind))
	switch c.Kind {
	case CellAnswer:
		b = appendField(b, string(c.Department))
		b = appendField(b, string(c.Place))
		b = appendField(b, string(c.Version))
		b = appendField(b, string(c.Item))
		b = appendField(b, string(c.Mode))
		b = appendNumber(b, c.Value)
		b = appendFlag(b, c.Flagged)
	case CellGrade:
		b = appendField(b, string(c.Department))
		b = appendField(b, string(c.Place))
		b = c.appendAnswer(b)
	case CellStaff:
		b = appendField(b, string(c.Department))
		b = appendField(b, string(c.Staff))
		b = c.appendAnswer(b)
	case CellHour:
		b = appendField(b, string(c.Department))
		b = appendField(b, string(c.Place))
		b = appendField(b, string(c.Mode))
		b = appendField(b, string(c.Series))
		b = appendNumber(b, c.Hour)
		b = appendNumber(b, int(c.Grade))
		b = appendFlag(b, c.Flagged)
	case CellOffered:
		b = appendField(b, string(c.Department))
		b = appendField(b, string(c.Place))
		b = appendField(b, string(c.Mode))
	case CellTag:
		b = appendField(b, string(c.Department))
		b = appendField(b, string(c.Place))
		b = appendField(b, string(c.Version))
		b = appendField(b, string(c.Item))
		b = appendField(b, string(c.Mode))
		b = appendField(b, string(c.Series))
		b = appendField(b, c.Tag)
	case CellSelfTest:
		b = appendField(b, c.Device)
		b = appendFlag(b, c.KeyWorked)
	}
	return b
}

func (c Cell) appendAnswer(b []byte) []byte {
	b = appendField(b, string(c.Version))
	b = appendField(b, string(c.Item))
	b = appendField(b, string(c.Mode))
	b = appendField(b, string(c.Series))
	b = appendNumber(b, int(c.Grade))
	return appendFlag(b, c.Flagged)
}

func appendNumber(b []byte, n int) []byte { return strconv.AppendInt(append(b, '|'), int64(n), 10) }

func appendFlag(b []byte, set bool) []byte {
	if set {
		return append(b, '|', '1')
	}
	return append(b, '|', '0')
}

const hexDigits = "0123456789abcdef"

// appendField writes a field after its bar; the bar, the percent sign, control
// characters and everything beyond ASCII are written as %xx.
func appendField(b []byte, s string) []byte {
	b = append(b, '|')
	for i := range len(s) {
		if c := s[i]; escaped(c) {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

func escaped(c byte) bool { return c == '|' || c == '%' || c <= 0x20 || c >= 0x7f }

// ParseCell reads what Cell.String wrote. It refuses everything String would
// not have written, so every cell has exactly one text.
func ParseCell(text string) (Cell, error) {
	if text == "" || len(text) > maxCellText {
		return Cell{}, ErrCell
	}
	r := fieldReader{rest: text[1:]}
	c := Cell{Kind: CellKind(text[0])}
	switch c.Kind {
	case CellAnswer:
		c.Department = surveys.DepartmentID(r.field())
		c.Place = surveys.PlaceID(r.field())
		c.Version = surveys.VersionID(r.field())
		c.Item = surveys.ItemID(r.field())
		c.Mode = surveys.Mode(r.field())
		c.Value = r.number(0, MaxValue)
		c.Flagged = r.number(0, 1) == 1
	case CellGrade:
		c.Department = surveys.DepartmentID(r.field())
		c.Place = surveys.PlaceID(r.field())
		c.readAnswer(&r)
	case CellStaff:
		c.Department = surveys.DepartmentID(r.field())
		c.Staff = surveys.StaffRef(r.field())
		c.readAnswer(&r)
	case CellHour:
		c.Department = surveys.DepartmentID(r.field())
		c.Place = surveys.PlaceID(r.field())
		c.Mode = surveys.Mode(r.field())
		c.Series = surveys.Series(r.field())
		c.Hour = r.number(0, 23)
		c.Grade = surveys.Grade(r.number(1, 5))
		c.Flagged = r.number(0, 1) == 1
	case CellOffered:
		c.Department = surveys.DepartmentID(r.field())
		c.Place = surveys.PlaceID(r.field())
		c.Mode = surveys.Mode(r.field())
	case CellTag:
		c.Department = surveys.DepartmentID(r.field())
		c.Place = surveys.PlaceID(r.field())
		c.Version = surveys.VersionID(r.field())
		c.Item = surveys.ItemID(r.field())
		c.Mode = surveys.Mode(r.field())
		c.Series = surveys.Series(r.field())
		c.Tag = r.field()
	case CellSelfTest:
		c.Device = r.field()
		c.KeyWorked = r.number(0, 1) == 1
	default:
		return Cell{}, ErrCell
	}
	if r.bad || r.rest != "" {
		return Cell{}, ErrCell
	}
	return c, nil
}

func (c *Cell) readAnswer(r *fieldReader) {
	c.Version = surveys.VersionID(r.field())
	c.Item = surveys.ItemID(r.field())
	c.Mode = surveys.Mode(r.field())
	c.Series = surveys.Series(r.field())
	c.Grade = surveys.Grade(r.number(1, 5))
	c.Flagged = r.number(0, 1) == 1
}

// fieldReader takes fields off a text; bad stays set after the first fault.
type fieldReader struct {
	rest string
	bad  bool
}

func (r *fieldReader) raw() string {
	if r.bad || r.rest == "" || r.rest[0] != '|' {
		r.bad = true
		return ""
	}
	s := r.rest[1:]
	end := strings.IndexByte(s, '|')
	if end < 0 {
		end = len(s)
	}
	r.rest = s[end:]
	return s[:end]
}

func (r *fieldReader) field() string {
	s := r.raw()
	if i := strings.IndexFunc(s, func(c rune) bool { return c <= 0x20 || c >= 0x7f }); i >= 0 {
		r.bad = true
		return ""
	}
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			r.bad = true
			return ""
		}
		hi, lo := strings.IndexByte(hexDigits, s[i+1]), strings.IndexByte(hexDigits, s[i+2])
		if hi < 0 || lo < 0 || !escaped(byte(hi<<4|lo)) {
			r.bad = true
			return ""
		}
		out = append(out, byte(hi<<4|lo))
		i += 2
	}
	return string(out)
}

func (r *fieldReader) number(low, high int) int {
	s := r.raw()
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high || strconv.Itoa(n) != s {
		r.bad = true
	}
	return n
}
