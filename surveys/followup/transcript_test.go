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
	"qingfeng/surveys/followup"
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

func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(paths) < 25 {
		t.Fatalf("%d transcripts, want 25 or more (%v)", len(paths), err)
	}
	all := forms(t)
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
			played, err := script.Replay(all, followup.Plain)
			if err != nil {
				t.Fatal(err)
			}
			got := played.String()
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
