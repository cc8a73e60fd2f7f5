package hl7

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"qingfeng/surveys/followup"
)

func seeds(f *testing.F) [][]byte {
	f.Helper()
	all := sampleMessages(f)
	for _, text := range []string{
		"", "MSH", "MSH|^~\\&|", "MSH|^~|A", "MSH#!*@%#A\rPID#1##11*22", "MSH|^~\\&|A\rPID|1||\\X\\\\|\\", "MSH|^~\\&|\rPID|\xff",
		"MSH|^~\\&|A|B|||20261121||ADT^A40|1|P|2.5.1||||||GB18030\rPID|1||1^^^M\rMRG|2\rPID|1||3\rMRG|4", "MSH|^~\\&|A|B|||1||ADT^A01^ADT_A01|1|P|2.7\rPID|1||\"\"",
		"MSH|^~\\&|||||||ADT|\rEVN|A08\rPID|||1||||2026\rNK1||a|FTH|x|5~6^^CP\rPV1||I|a&b^c^d", gb18030(f, "MSH|^~\\&|A\rPID|1||1||俓倈^恀弢"),
	} {
		all = append(all, []byte(text))
	}
	return all
}

// FuzzParse: no input panics or gives text that is not clean UTF-8, and what a
// message says survives being written anew with other delimiters.
func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil {
			return
		}
		other := Delimiters{Field: '#', Component: '!', Repetition: '*', Escape: '@', Subcomponent: '%'}
		again, err := Parse([]byte(rewrite(m, other)))
		if errors.Is(err, ErrTooLong) { // escapes are longer than what they stand for
			return
		}
		if err != nil {
			t.Fatalf("written anew it cannot be read: %v", err)
		}
		if len(again.Segments()) != len(m.Segments()) {
			t.Fatalf("got %d segments, want %d", len(again.Segments()), len(m.Segments()))
		}
		for i, s := range m.Segments() {
			compareSegments(t, s, again.Segments()[i])
		}
	})
}

// rewrite writes what a message says with other delimiters, three components
// and two subcomponents deep.
func rewrite(m *Message, d Delimiters) string {
	var b strings.Builder
	for _, s := range m.Segments() {
		b.WriteString(s.Name)
		first := 1
		if s.Name == "MSH" {
			b.Write([]byte{d.Field, d.Component, d.Repetition, d.Escape, d.Subcomponent})
			first = 3
		}
		for n := first; n < len(s.fields); n++ {
			b.WriteByte(d.Field)
			for j, r := range s.Repetitions(n) {
				if j > 0 {
					b.WriteByte(d.Repetition)
				}
				for c := 1; c <= 3; c++ {
					b.WriteString(d.escape(r.Subcomponent(c, 1)))
					b.WriteByte(d.Subcomponent)
					b.WriteString(d.escape(r.Subcomponent(c, 2)))
					b.WriteByte(d.Component)
				}
			}
		}
		b.WriteByte('\r')
	}
	return b.String()
}

func compareSegments(t *testing.T, want, got Segment) {
	t.Helper()
	for n := range want.fields {
		w, g := want.Repetitions(n), got.Repetitions(n)
		if len(w) != len(g) {
			t.Fatalf("%s-%d: got %d repetitions, want %d", want.Name, n, len(g), len(w))
		}
		for i := range w {
			for c := 1; c <= 3; c++ {
				for sub := 1; sub <= 2; sub++ {
					text := w[i].Subcomponent(c, sub)
					if text != g[i].Subcomponent(c, sub) && text != `""` {
						t.Fatalf("%s-%d.%d.%d: got %q, want %q", want.Name, n, c, sub, g[i].Subcomponent(c, sub), text)
					}
					if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
						t.Fatalf("%s-%d: %q is not clean text", want.Name, n, text)
					}
				}
			}
		}
	}
}

// FuzzEscape: any text survives being escaped, and stays one subcomponent.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", `|^~\&`, "王小明", "a\r\nb", `\X0D\`, "\x1c\x0b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?")
		escaped := standardDelimiters.escape(text)
		if strings.ContainsAny(escaped, "|^~&\r\n\x0b\x1c") {
			t.Errorf("%q has delimiters in it", escaped)
		}
		if got, want := standardDelimiters.unescape(escaped, CharsetUTF8), harmless(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// FuzzFrames: frames come out the same however the bytes are cut into reads,
// none is longer than the bound, and messages framed behind junk come out whole.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{"", "\x0ba\x1c\r", "x\x0ba\x0bb\x1c\x1c\r\x0b\x1c\x0b", "\x0bMSH|^~\\&|\rPID\x1c\r\x0bb\x1c"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		whole := readAll(t, bytes.NewReader(raw))
		bytewise := readAll(t, iotest.OneByteReader(bytes.NewReader(raw)))
		if !equal(whole, bytewise) {
			t.Fatalf("got %q read byte by byte and %q at once", bytewise, whole)
		}
		message := bytes.Map(func(r rune) rune {
			if r == startOfBlock || r == endOfBlock || r == utf8.RuneError {
				return ' '
			}
			return r
		}, raw)
		if len(message) > MaxMessage {
			return
		}
		stream := append([]byte("junk\r\n"), frame(message)...)
		stream = append(stream, stream...)
		if got := readAll(t, bytes.NewReader(stream)); !equal(got, [][]byte{message, message}) {
			t.Fatalf("got %q, want %q twice", got, message)
		}
	})
}

func readAll(t *testing.T, r io.Reader) [][]byte {
	t.Helper()
	in := newFrames(r)
	var all [][]byte
	for {
		if err := in.begin(); err != nil {
			return all
		}
		message, err := in.message()
		if len(message) > MaxMessage {
			t.Fatalf("message of %d bytes", len(message))
		}
		if err != nil && !errors.Is(err, ErrFrameTooLong) {
			return all
		}
		all = append(all, message)
	}
}

func equal(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// FuzzChanges: no message panics; a change says whom it is about, when, and what;
// reading it again gives the same; and every message can be answered.
func FuzzChanges(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	settings := Settings{Zone: shanghai(f)}
	received := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil {
			return
		}
		for _, word := range []Ack{AckAccept, AckReject} {
			raw := acknowledge(m, word, problemInternal, "1", received)
			if m.Charset == CharsetGB18030 && utf8.Valid(raw) {
				continue // nobody can tell; see decode
			}
			answer, err := Parse(raw)
			if err != nil || answer.Segment("MSA").First(1).Component(1) != string(word) || answer.Segment("MSA").First(2).Component(1) != m.Header(10, 1) {
				t.Fatalf("answer %q: %v", answer, err)
			}
		}
		changes, err := Changes(m, settings, received)
		var refusal *Refusal
		if err != nil && (!errors.As(err, &refusal) || refusal.Reason.ZH == "" || refusal.Reason.EN == "") {
			t.Fatalf("got %v, want a refusal with a reason", err)
		}
		for i, c := range changes {
			checkChange(t, c)
			if i > 0 && c.Message == changes[i-1].Message {
				t.Errorf("two changes share the key %s", c.Message)
			}
		}
	})
}

func checkChange(t *testing.T, c followup.VisitChange) {
	t.Helper()
	switch {
	case c.Patient == "" && c.Visit == "", c.Kind == "", c.Source != Source, len(c.Message) < 32, c.At.IsZero():
		t.Errorf("change without a subject, kind, source, key or time: %+v", c)
	case c.Kind == followup.ChangeMerged && (c.Prior == "" || c.Prior == c.Patient):
		t.Error("merge without two numbers")
	case c.Kind == followup.ChangeDischarged && c.DischargedAt.IsZero():
		t.Error("discharge without a time")
	case c.Born != 0 && (c.Born < 18800101 || c.Born > 20261122):
		t.Errorf("born %s", c.Born)
	}
}
