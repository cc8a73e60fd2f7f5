package hl7

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// gb18030 writes text in GB18030.
func gb18030(tb testing.TB, text string) string {
	tb.Helper()
	out, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		tb.Fatalf("encode: %v", err)
	}
	return out
}

func mustParse(tb testing.TB, text string) *Message {
	tb.Helper()
	m, err := Parse([]byte(text))
	if err != nil {
		tb.Fatalf("Parse: %v", err)
	}
	return m
}

func TestParseFindsParts(t *testing.T) {
	m := mustParse(t, "MSH|^~\\&|A&1.2.3&ISO|B\rPID|1||11^^^X&9~22^^^Y||王^小明|~~x~|\"\"\rNK1|1\rNK1|2\r")
	tests := []struct {
		name      string
		got, want string
	}{
		{"MSH-3.1", m.Header(3, 1), "A"},
		{"MSH-3.1.2", m.Segment("MSH").First(3).Subcomponent(1, 2), "1.2.3"},
		{"MSH-4", m.Header(4, 1), "B"},
		{"MSH-1 holds delimiters", m.Header(1, 1), ""},
		{"MSH-2 holds delimiters", m.Header(2, 1), ""},
		{"PID-3 first", m.Segment("PID").First(3).Component(1), "11"},
		{"PID-3.4 second", m.Segment("PID").Repetitions(3)[1].Component(4), "Y"},
		{"PID-5.2", m.Segment("PID").First(5).Component(2), "小明"},
		{"empty repetitions left out", m.Segment("PID").First(6).Component(1), "x"},
		{"deleted value", m.Segment("PID").First(7).Component(1), ""},
		{"field beyond the end", m.Segment("PID").First(99).Component(1), ""},
		{"field zero", m.Segment("PID").First(0).Component(1), ""},
		{"component beyond the end", m.Segment("PID").First(5).Component(9), ""},
		{"subcomponent beyond the end", m.Segment("PID").First(5).Subcomponent(1, 4), ""},
		{"segment that is not there", m.Segment("ZZZ").First(1).Component(1), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
	if got := len(m.Segments()); got != 4 {
		t.Errorf("got %d segments, want 4", got)
	}
}

func TestParseDelimitersAndLineEnds(t *testing.T) {
	want := []string{"王", "a&b", "22"}
	read := func(m *Message) []string {
		pid := m.Segment("PID")
		return []string{pid.First(5).Component(1), pid.First(5).Component(2), pid.Repetitions(3)[1].Component(1)}
	}
	tests := []struct{ name, text string }{
		{"CR", "MSH|^~\\&|A\rPID|1||11~22||王^a\\T\\b"},
		{"LF", "MSH|^~\\&|A\nPID|1||11~22||王^a\\T\\b\n"},
		{"CRLF and empty lines", "\r\nMSH|^~\\&|A\r\n\r\nPID|1||11~22||王^a\\T\\b\r\n"},
		{"byte order mark", "\xef\xbb\xbfMSH|^~\\&|A\rPID|1||11~22||王^a\\T\\b"},
		{"other delimiters", "MSH#!*@%#A\rPID#1##11*22##王!a&b"},
		{"truncation character of v2.7", "MSH|^~\\&#|A\rPID|1||11~22||王^a\\T\\b"},
		{"without subcomponents", "MSH|^~\\|A\rPID|1||11~22||王^a&b"},
		{"without escapes", "MSH|^~|A\rPID|1||11~22||王^a&b"},
		{"a line without a name", "MSH|^~\\&|A\rrest of a note\rPID|1||11~22||王^a\\T\\b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(want, read(mustParse(t, tt.text))); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		want       error
	}{
		{"nothing", "", ErrNoHeader},
		{"no header", "PID|1", ErrNoHeader},
		{"HTTP", "GET / HTTP/1.1\r\n", ErrNoHeader},
		{"header of three characters", "MSH", ErrDelimiters},
		{"one delimiter for two", "MSH||~\\&|A", ErrDelimiters},
		{"letters", "MSH|abcd|A", ErrDelimiters},
		{"repeated", "MSH|^^\\&|A", ErrDelimiters},
		{"wide", "MSH|王|A", ErrDelimiters},
		{"too many delimiters", "MSH|^~\\&#!|A", ErrDelimiters},
		{"too long", "MSH|^~\\&|" + strings.Repeat("a", MaxMessage), ErrTooLong},
		{"segments", "MSH|^~\\&|" + strings.Repeat("\rPID|1", maxSegments), ErrTooMany},
		{"fields", "MSH|^~\\&|\rPID" + strings.Repeat("|", maxFields), ErrTooMany},
		{"repetitions", "MSH|^~\\&|\rPID|" + strings.Repeat("~", maxRepetitions), ErrTooMany},
		{"neither character set", "MSH|^~\\&|A\rPID|\xff\xff", ErrCharset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse([]byte(tt.text)); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestCharsetWhateverIsDeclared(t *testing.T) {
	// The second bytes of 俓 and 恀 in GB18030 are ^ and |; see the check below.
	const tricky = "俓倈恀弢"
	if raw := gb18030(t, tricky); !strings.ContainsAny(raw, "^|~\\") {
		t.Fatalf("% x has no delimiter inside a character", raw)
	}
	message := func(declared, name string) string {
		return "MSH|^~\\&|A|B|||20261121||ADT^A01|1|P|2.3||||||" + declared + "\rPID|1||1||" + name + "^x"
	}
	tests := []struct {
		name, declared, raw, want string
		charset                   Charset
	}{
		{"UTF-8 said to be ASCII", "ASCII", "王小明", "王小明", CharsetUTF8},
		{"UTF-8 said to be GB18030", "GB18030", "王小明", "王小明", CharsetUTF8},
		{"nothing said", "", "王小明", "王小明", CharsetUTF8},
		{"GB18030", "GB 18030-2000", gb18030(t, "王小明"), "王小明", CharsetGB18030},
		{"GB18030 said to be ASCII", "ASCII", gb18030(t, "欧阳丽"), "欧阳丽", CharsetGB18030},
		{"GB18030 said to be UTF-8", "UNICODE UTF-8", gb18030(t, "李建国"), "李建国", CharsetGB18030},
		{"delimiters inside characters", "GB18030", gb18030(t, tricky), tricky, CharsetGB18030},
		{"four bytes", "GB18030", gb18030(t, "𠮷"), "𠮷", CharsetGB18030},
		{"also valid UTF-8, GB declared", "GB18030", gb18030(t, "模"), "模", CharsetGB18030},
		{"also valid UTF-8, nothing declared", "", gb18030(t, "模"), "ģ", CharsetUTF8},
		{"ASCII said to be GB18030", "GB18030", "Wang", "Wang", CharsetUTF8},
		{"Latin in UTF-8", "ASCII", "Müller", "Müller", CharsetUTF8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := mustParse(t, message(tt.declared, tt.raw))
			if got := m.Segment("PID").First(5).Component(1); got != tt.want || m.Charset != tt.charset {
				t.Errorf("got %q in %s, want %q in %s", got, m.Charset, tt.want, tt.charset)
			}
			if got := m.Segment("PID").First(5).Component(2); got != "x" {
				t.Errorf("the next component is %q, want x", got)
			}
		})
	}
}

func TestUnescape(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"delimiters", `\F\\S\\T\\R\\E\`, `|^&~\`},
		{"line ends", `a\.br\b\.sp\c`, "a\nb\nc"},
		{"hexadecimal", `\X41\\X4a4B\`, "AJK"},
		{"hexadecimal UTF-8", `\XE78E8B\`, "王"},
		{"hexadecimal that is no text", `\XFF\`, "\ufffd"},
		{"hexadecimal control characters", `a\X00\\X1B\\X0B\\X1C\b`, "ab"},
		{"hexadecimal line end", `a\X0D0A\b`, "a\n\nb"},
		{"half a byte", `\X4\`, `\X4\`},
		{"no digits", `\X\`, `\X\`},
		{"highlighting", `\H\a\N\`, "a"},
		{"unknown", `\Zab\`, `\Zab\`},
		{"unknown formatting", `\.ti+4\`, `\.ti+4\`},
		{"character sets of 2.A", `\C2842\`, `\C2842\`},
		{"never ended", `a\F`, `a\F`},
		{"alone", `\`, `\`},
		{"a path", `C:\F`, `C:\F`},
		{"a lone one before a known one", `a\b\T\c`, `a\b&c`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := standardDelimiters.unescape(tt.text, CharsetUTF8); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := standardDelimiters.unescape(`\XCDF5\`, CharsetGB18030); got != "王" {
		t.Errorf("hexadecimal GB18030: got %q, want 王", got)
	}
}

func TestMessagePrintsNothing(t *testing.T) {
	m := mustParse(t, "MSH|^~\\&|A\rPID|1||planted-number")
	if got := m.String(); strings.Contains(got, "planted") {
		t.Errorf("got %q", got)
	}
}
