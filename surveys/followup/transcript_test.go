package followup_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"qingfeng/configs"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// forms are the forms that come with the program.
func forms(tb testing.TB) []*followup.Form {
	tb.Helper()
	var out []*followup.Form
	for _, name := range []string{"discharge-short", "discharge-national"} {
		text, err := configs.Files.ReadFile("forms/" + name + ".yaml")
		if err != nil {
			tb.Fatal(err)
		}
		f := &followup.Form{}
		if err := yaml.UnmarshalWithOptions(text, f, yaml.Strict()); err != nil {
			tb.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

// worded gives the texts that come with the program, filled as for one ward.
func worded(tb testing.TB) followup.Render {
	tb.Helper()
	text, err := configs.Files.ReadFile("messages.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	templates := &texting.Templates{}
	if err := yaml.UnmarshalWithOptions(text, templates, yaml.Strict()); err != nil {
		tb.Fatal(err)
	}
	known := func(hotline surveys.Secret) followup.Render {
		return followup.Worded(templates, []texting.Variable{
			{Name: texting.VariableHotline, Value: hotline},
			{Name: texting.VariableReceipt, Value: "1234 5678 9012 3456"}, {Name: texting.VariableCode, Value: "12345678"},
			{Name: texting.VariableLink, Value: "https://pj.qingfeng.example/s/TOKEN"},
		})
	}
	usual, clue := known("000-5550-1001"), known("000-5550-1002")
	return func(text followup.SendText) string {
		if text.Purpose == texting.PurposeClueReceived {
			return clue(text)
		}
		return usual(text)
	}
}

func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(paths) < 25 {
		t.Fatalf("%d transcripts, want 25 or more (%v)", len(paths), err)
	}
	all, render := forms(t), worded(t)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			script, err := followup.ParseTranscript(string(want))
			if err != nil {
				t.Fatal(err)
			}
			played, err := script.Replay(all, render)
			if err != nil {
				t.Fatal(err)
			}
			got := played.String()
			for _, l := range played.Lines {
				if l.Mark == '<' && !strings.Contains(l.Text, "] 【") {
					t.Errorf("a text has no words: %s", l)
				}
			}
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the talk goes another way (-written +replayed):\n%s", diff)
			}
		})
	}
}

func TestTranscriptsThatCannotBeRead(t *testing.T) {
	const head = "stay: wang ward 2026-11-17 zh sms_reply\n\n"
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", `read transcript: no stay: write one as "stay: wang 心血管内科病区 2026-11-17 zh sms_reply"`},
		{"a head that is none", "5 points\n", `read transcript: line 1: "5 points" is not key: value`},
		{"an unknown key", "titel: x\n", `read transcript: line 1: "titel" is not title, form, start, opted out or stay`},
		{"a start that is none", "start: noon\n", `read transcript: line 1: start is not a time such as "2006-01-02 15:04"`},
		{"a stay without a mode", "stay: wang ward 2026-11-17 zh\n", `read transcript: line 1: a stay has a patient, a ward, a day of discharge, a language and a mode`},
		{"a stay on no day", "stay: wang ward Tuesday zh sms_reply\n", `read transcript: line 1: the day of discharge is not one such as 2026-11-17`},
		{"a stay in French", "stay: wang ward 2026-11-17 fr sms_reply\n", `read transcript: line 1: the language is not zh or en`},
		{"a stay by post", "stay: wang ward 2026-11-17 zh letter\n", `read transcript: line 1: the mode is not sms_reply, sms_link or sms_code`},
		{"ten stays", strings.Repeat("stay: wang ward 2026-11-17 zh sms_reply\n", 10), `read transcript: line 10: more than 9 stays`},
		{"a line without a mark", head + "5\n", `read transcript: line 3: begins with none of > < # @ and a space`},
		{"a mark without a space", head + ">5\n", `read transcript: line 3: begins with none of > < # @ and a space`},
		{"too long", head + strings.Repeat("> 5\n", 2000), `read transcript: more than 2000 lines`},
		{"no such form", "form: none\n" + head, `replay transcript: there is no form "none"`},
		{"no such stay", head + "@ invite b\n", `replay transcript: there is no stay "b"`},
		{"no such direction", head + "@ phone a\n", `replay transcript: "phone a" is no direction`},
		{"no such state", head + "@ end a happily\n", `replay transcript: "end a happily" is no direction`},
		{"no such span", head + "@ +2w\n", `replay transcript: "2w" is no time span such as 90m, 2h or 43d`},
		{"a span without a number", head + "@ +h\n", `replay transcript: "h" is no time span such as 90m, 2h or 43d`},
	} {
		script, err := followup.ParseTranscript(tt.text)
		if err == nil {
			_, err = script.Replay(forms(t), followup.Plain)
		}
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: error is %v, want %s", tt.name, err, tt.want)
		}
	}
}

// FuzzTranscript reads and plays anything. What can be read is written so that
// it reads the same, and a replayed talk replays to itself.
func FuzzTranscript(f *testing.F) {
	paths, _ := filepath.Glob("testdata/transcripts/*.txt")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("stay: a b 2026-11-17 zh sms_reply\n@ invite a\n@ +99999d\n> {stop} x\n> {\n>\n")
	all := forms(f)
	f.Fuzz(func(t *testing.T, text string) {
		script, err := followup.ParseTranscript(text)
		if err != nil {
			return
		}
		again, err := followup.ParseTranscript(script.String())
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if script.String() != again.String() {
			t.Fatalf("read back it is another transcript:\n%s\n%s", script, again)
		}
		played, err := script.Replay(all, followup.Plain)
		if err != nil {
			return
		}
		twice, err := played.Replay(all, followup.Plain)
		if err != nil || twice.String() != played.String() {
			t.Fatalf("replayed twice it goes another way (%v):\n%s\n%s", err, played, twice)
		}
	})
}
