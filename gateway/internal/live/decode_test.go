package live

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"qingfeng/surveys"
)

const sampleID = "01a1fbfb-8490-7000-8000-000000010001"

func TestDecode(t *testing.T) {
	id, err := surveys.ParseFactID(sampleID)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		text string
		want inFrame
	}{
		{"empty", `{}`, inFrame{}},
		{"spaces", " {\t\"type\" :\r\n \"status\" , \"queued\" : 3 } ", inFrame{Type: "status", Queued: 3}},
		{"unknown fields", `{"a":{"b":[1,-2.5e+3,"]}",null,true]},"type":"x","c":[]}`, inFrame{Type: "x"}},
		{"escapes", `{"comment":"a\"\\\/\b\f\n\r\t\u4f60\ud83d\ude00\ud83d\u0041\udc00"}`, inFrame{Comment: "a\"\\/\b\f\n\r\t你😀\ufffdA\ufffd"}},
		{"null is left out", `{"comment":null,"grade":null,"tags":null,"key_worked":null}`, inFrame{}},
		{"id", `{"id":"` + sampleID + `"}`, inFrame{ID: id}},
		{"id that is no id", `{"id":"88121"}`, inFrame{}},
		{"id of another type", `{"id":{"x":1}}`, inFrame{}},
		{"tags", `{"tags":["queue","errands"]}`, inFrame{Tags: []string{"queue", "errands"}}},
		{"tag that is none", `{"tags":["queue",7,["x"]]}`, inFrame{Tags: []string{"queue"}, Problem: "tags has the wrong type"}},
		{"number as text", `{"grade":"5"}`, inFrame{Problem: "grade has the wrong type"}},
		{"text as number", `{"place":5}`, inFrame{Problem: "place has the wrong type"}},
		{"truth as number", `{"key_worked":1}`, inFrame{Problem: "key_worked has the wrong type"}},
		{"fraction", `{"grade":4.5}`, inFrame{Grade: 4, Problem: "grade is not a whole number"}},
		{"exponent", `{"grade":1e2}`, inFrame{Grade: 1, Problem: "grade is not a whole number"}},
		{"negative", `{"grade":-3,"queued":-0}`, inFrame{Grade: -3}},
		{"twice", `{"grade":5,"grade":1}`, inFrame{Grade: 5, Problem: "grade is given twice"}},
		{"other case is another field", `{"Type":"rating","GRADE":3}`, inFrame{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got inFrame
			if err := got.decode([]byte(tt.text)); err != nil {
				t.Fatalf("decode: %v", err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(inFrame{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// broken frames are not JSON objects, or name themselves or their fact twice.
var broken = []string{
	"", " ", "null", "1", `"x"`, "[]", "{", "}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `{"a":1}}`, `{} {}`, "{}\x00", `{a:1}`, `{'a':1}`,
	`{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":-}`, `{"a":- 1}`, `{"a":1e}`, `{"a":+1}`, `{"a":nul}`, `{"a":True}`, `{"a":[1,]}`, `{"a":[1 2]}`, `{"a":[}`,
	"{\"a\":\"\n\"}", `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12g4"}`, `{"a":"\`, `{"a":"\ud83d\u"}`, "{\"a\":\"\xff\"}", "\xef\xbb\xbf{}",
	`{"type":"a","type":"b"}`, `{"id":"` + sampleID + `","id":"` + sampleID + `"}`, `{"grade":n}`, `{"grade":nope}`, `{"key_worked":tru}`,
	strings.Repeat(`{"x":`, 40) + "1" + strings.Repeat("}", 40),
	`{"x":` + strings.Repeat("[", 60_000),
}

func TestDecodeRefuses(t *testing.T) {
	for _, text := range broken {
		var f inFrame
		if err := f.decode([]byte(text)); err == nil {
			t.Errorf("%.60q is taken as %+v, want it refused", text, f)
		}
	}
}

// FuzzDecode holds the decoder to encoding/json: what it takes, encoding/json
// takes too and reads the same; and a frame cut short is never taken.
func FuzzDecode(f *testing.F) {
	for _, text := range broken {
		f.Add([]byte(text))
	}
	files, err := filepath.Glob(filepath.Join("testdata", "protocol", "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no example frames (%v)", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got inFrame
		if err := got.decode(data); err != nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("%q is taken, encoding/json says %v", data, err)
		}
		if got.Problem == "" {
			agree(t, &got, want)
		}
		if id, ok := want["id"].(string); !got.ID.IsZero() && (!ok || id != got.ID.String()) {
			t.Errorf("the id is read as %s, encoding/json reads %q", got.ID, id)
		}
		var cut inFrame
		if trimmed := strings.TrimRight(string(data), " \t\r\n"); cut.decode([]byte(trimmed[:len(trimmed)-1])) == nil {
			t.Errorf("%q is taken though its end is missing", trimmed[:len(trimmed)-1])
		}
	})
}

func agree(t *testing.T, got *inFrame, want map[string]any) {
	t.Helper()
	for name, value := range want {
		to, known := got.field(name)
		if !known || value == nil {
			continue
		}
		switch {
		case to.text != nil:
			if value != *to.text || !utf8.ValidString(*to.text) {
				t.Errorf("%s is read as %q, encoding/json reads %q", name, *to.text, value)
			}
		case to.number != nil:
			if value != float64(*to.number) {
				t.Errorf("%s is read as %d, encoding/json reads %v", name, *to.number, value)
			}
		case to.truth != nil:
			if value != *to.truth {
				t.Errorf("%s is read as %v, encoding/json reads %v", name, *to.truth, value)
			}
		case to.list != nil:
			for i, element := range value.([]any) {
				if i < len(*to.list) && element != (*to.list)[i] {
					t.Errorf("%s[%d] is read as %q, encoding/json reads %q", name, i, (*to.list)[i], element)
				}
			}
		}
	}
}

// FuzzAcks holds the session to its promise: a frame is answered with an ack of
// the id that stands in it, or not at all.
func FuzzAcks(f *testing.F) {
	f.Add([]byte(`{"type":"rating","id":"` + sampleID + `","at":"2026-11-21T02:42:07Z","place":"w","questionnaire":"0123456789abcdef","grade":5,"dwell_ms":1,"language":"zh"}`))
	f.Add([]byte(`{"type":"rating","id":"` + sampleID + `","grade":{}}`))
	f.Add([]byte(`{"type":"self_test","grade":5}`))
	for _, text := range broken {
		f.Add([]byte(text))
	}
	place := &surveys.Place{ID: "w", Kind: surveys.PlaceWindow, Department: "d"}
	f.Fuzz(func(t *testing.T, data []byte) {
		var frame inFrame
		if frame.decode(data) != nil {
			return
		}
		s := &session{
			known: &known{}, place: place, version: "0123456789abcdef",
			tablets: &Tablets{opt: TabletOptions{DoorOptions: DoorOptions{Zone: time.UTC}, Rules: surveys.DefaultGamingRules()}},
		}
		switch frame.Type {
		case typeRating, typeRatingDetail, typePromptShown, typeSelfTest:
		default:
			return
		}
		fact, problem, err := s.build(&frame, time.UnixMilli(1_790_000_000_000))
		if err != nil {
			t.Fatalf("build: %v", err)
		}
		if (fact == nil) == (problem == "") {
			t.Fatalf("%q gives fact %v and problem %q, want exactly one", data, fact, problem)
		}
		if fact != nil && (fact.FactID() != frame.ID || fact.FactID().IsZero() || fact.Check() != nil) {
			t.Errorf("%q gives fact %v (%v) of id %s", data, fact, fact.Check(), frame.ID)
		}
	})
}

func TestDecodeIsLean(t *testing.T) {
	data := []byte(`{"type":"rating","id":"` + sampleID + `","at":"2026-11-21T02:42:07.120Z","place":"settlement-2","questionnaire":"c3de95c9bf6cbc80","grade":5,"dwell_ms":2300,"language":"zh"}`)
	allocs := testing.AllocsPerRun(100, func() {
		var f inFrame
		if err := f.decode(data); err != nil || f.Problem != "" {
			t.Fatal(err, f.Problem)
		}
	})
	if allocs > 4 {
		t.Errorf("decoding a rating allocates %.0f times, want at most 4", allocs)
	}
}

func BenchmarkDecodeRating(b *testing.B) {
	data := []byte(`{"type":"rating","id":"` + sampleID + `","at":"2026-11-21T02:42:07.120Z","place":"settlement-2","prompt_id":"` + sampleID + `","questionnaire":"c3de95c9bf6cbc80","grade":5,"dwell_ms":2300,"language":"zh"}`)
	b.ReportAllocs()
	for b.Loop() {
		var f inFrame
		if err := f.decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
