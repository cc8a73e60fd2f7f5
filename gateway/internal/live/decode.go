package live

import (
	"unicode/utf8"

	"qingfeng/surveys"
)

// inFrame is a frame as a screen sent it: every field any of them may carry.
// Its strings are parts of the frame's text.
type inFrame struct {
	Type string
	ID   surveys.FactID
	// Problem says what is wrong with the first field that is not what it must
	// be; empty: nothing. Such a frame is JSON, and its ID may be read.
	Problem string

	At, Place, PromptID, Questionnaire, Language string
	Grade, DwellMS                               int64
	RatingID, Comment, CallbackPhone             string
	Tags                                         []string
	KeyWorked                                    bool
	Queued                                       int64
	QueueOK                                      bool

	DeviceID, Signature, ClientTime, Instance, UIVersion string
	Ticket, Period, Epoch                                string
	Offset                                               int64

	seen uint32
}

// field says where a known field goes: one of the pointers is set.
type field struct {
	bit    uint32
	text   *string
	number *int64
	truth  *bool
	list   *[]string
}

// field finds where the field called name belongs.
func (f *inFrame) field(name string) (field, bool) {
	switch name {
	case "type":
		return field{bit: 1 << 0, text: &f.Type}, true
	case "at":
		return field{bit: 1 << 2, text: &f.At}, true
	case "place":
		return field{bit: 1 << 3, text: &f.Place}, true
	case "prompt_id":
		return field{bit: 1 << 4, text: &f.PromptID}, true
	case "questionnaire":
		return field{bit: 1 << 5, text: &f.Questionnaire}, true
	case "language":
		return field{bit: 1 << 6, text: &f.Language}, true
	case "grade":
		return field{bit: 1 << 7, number: &f.Grade}, true
	case "dwell_ms":
		return field{bit: 1 << 8, number: &f.DwellMS}, true
	case "rating_id":
		return field{bit: 1 << 9, text: &f.RatingID}, true
	case "comment":
		return field{bit: 1 << 10, text: &f.Comment}, true
	case "callback_phone":
		return field{bit: 1 << 11, text: &f.CallbackPhone}, true
	case "tags":
		return field{bit: 1 << 12, list: &f.Tags}, true
	case "key_worked":
		return field{bit: 1 << 13, truth: &f.KeyWorked}, true
	case "queued":
		return field{bit: 1 << 14, number: &f.Queued}, true
	case "queue_ok":
		return field{bit: 1 << 15, truth: &f.QueueOK}, true
	}
	return f.rareField(name)
}

// rareField finds the fields that come once in a socket's life.
func (f *inFrame) rareField(name string) (field, bool) {
	switch name {
	case "device_id":
		return field{bit: 1 << 16, text: &f.DeviceID}, true
	case "signature":
		return field{bit: 1 << 17, text: &f.Signature}, true
	case "client_time":
		return field{bit: 1 << 18, text: &f.ClientTime}, true
	case "instance":
		return field{bit: 1 << 19, text: &f.Instance}, true
	case "ui_version":
		return field{bit: 1 << 20, text: &f.UIVersion}, true
	case "ticket":
		return field{bit: 1 << 21, text: &f.Ticket}, true
	case "period":
		return field{bit: 1 << 22, text: &f.Period}, true
	case "epoch":
		return field{bit: 1 << 23, text: &f.Epoch}, true
	case "offset":
		return field{bit: 1 << 24, number: &f.Offset}, true
	}
	return field{}, false
}

const idBit = 1 << 1

// decode reads a frame. An error means that nothing in it can be trusted: it is
// not one JSON object in UTF-8, or it names itself or its fact twice. Unknown
// fields are passed over; null is a field left out.
func (f *inFrame) decode(data []byte) error {
	p := scanner{s: string(data)}
	if !utf8.ValidString(p.s) {
		return errSyntax
	}
	if err := p.object(func(name string) error { return f.value(&p, name) }); err != nil {
		return err
	}
	if p.peek() != 0 || p.i != len(p.s) {
		return errSyntax
	}
	return nil
}

func (f *inFrame) value(p *scanner, name string) error {
	if name == "id" {
		return f.id(p)
	}
	to, known := f.field(name)
	if !known {
		return p.skip(0)
	}
	if f.seen&to.bit != 0 {
		if name == "type" {
			return errSyntax
		}
		f.problem(name, "is given twice")
		return p.skip(0)
	}
	f.seen |= to.bit
	c := p.peek()
	switch {
	case c == 'n':
		_, err := p.word()
		return err
	case to.text != nil && c == '"':
		var err error
		*to.text, err = p.text()
		return err
	case to.number != nil && (c == '-' || c >= '0' && c <= '9'):
		n, whole, err := p.number()
		if err == nil && !whole {
			f.problem(name, "is not a whole number")
		}
		*to.number = n
		return err
	case to.truth != nil && (c == 't' || c == 'f'):
		word, err := p.word()
		*to.truth = word == "true"
		return err
	case to.list != nil && c == '[':
		return f.list(p, name, to.list)
	}
	f.problem(name, "has the wrong type")
	return p.skip(0)
}

// id reads the fact's id. Anything but one canonical id is left as no id.
func (f *inFrame) id(p *scanner) error {
	if f.seen&idBit != 0 {
		return errSyntax
	}
	f.seen |= idBit
	if p.peek() != '"' {
		return p.skip(0)
	}
	s, err := p.text()
	if err != nil {
		return err
	}
	if id, bad := surveys.ParseFactID(s); bad == nil {
		f.ID = id
	}
	return nil
}

func (f *inFrame) list(p *scanner, name string, to *[]string) error {
	return p.array(func() error {
		if p.peek() != '"' {
			f.problem(name, "has the wrong type")
			return p.skip(0)
		}
		s, err := p.text()
		if len(*to) <= surveys.MaxTags { // one too many is enough to be refused
			*to = append(*to, s)
		}
		return err
	})
}

func (f *inFrame) problem(name, what string) {
	if f.Problem == "" {
		f.Problem = name + " " + what
	}
}
