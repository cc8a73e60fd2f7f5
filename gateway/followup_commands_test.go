package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qingfeng/surveys/sqlstore"
)

const sampleDischarges = "../configs/samples/discharges.csv"

func TestImportTakesTheSampleIn(t *testing.T) {
	s := newSite(t, "")
	if code, out := s.try("import-discharges", sampleDischarges); code != exitFailed || !strings.Contains(out, "start the gateway once") {
		t.Errorf("without a store: exit code %d, %q", code, out)
	}
	s.serveOnce()
	if out := s.command("import-discharges", "--to-today", sampleDischarges); !strings.Contains(out, "30 rows: 30 added") {
		t.Errorf("the first time it says %q", out)
	}
	if out := s.command("import-discharges", "--to-today", sampleDischarges); !strings.Contains(out, "30 unchanged") {
		t.Errorf("the second time it says %q", out)
	}
	var newest time.Time
	s.withStore(func(ctx context.Context, store *sqlstore.Store) {
		window := sqlstore.CandidateWindow{From: time.Now().AddDate(0, 0, -60), To: time.Now().AddDate(0, 0, 1)}
		err := store.Candidates(ctx, window, func(c *sqlstore.Candidate) error {
			if c.Visit.DischargedAt.After(newest) {
				newest = c.Visit.DischargedAt
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	if age := time.Since(newest); age < 0 || age > 25*time.Hour {
		t.Errorf("the last discharge is %s ago, want within the last day", age)
	}
}

func TestCheckNamesTheFollowup(t *testing.T) {
	s := newSite(t, "")
	if out := s.command("check"); !strings.Contains(out, "discharge-short: revision ") || strings.Contains(out, "look at") {
		t.Errorf("with the texts that come with the program check says %q", out)
	}
	texts, err := os.ReadFile("../configs/messages.yaml")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Replace(string(texts), "祝您早日康复。", strings.Repeat("祝您早日康复，", 12), 1)
	if err := os.WriteFile(filepath.Join(s.dir, "messages.yaml"), []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.env["QINGFENG_CONFIG"], []byte(settings+"messages: messages.yaml\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := s.command("check"); !strings.Contains(out, "look at") {
		t.Errorf("with a text of two segments check says %q", out)
	}
}

func TestImportSaysWhatItRefused(t *testing.T) {
	s := newSite(t, "")
	s.serveOnce()
	file := filepath.Join(s.dir, "discharges.csv")
	const planted = "王小明"
	text := "病案号,住院号,姓名,手机号码,病区,出院时间\n1,ZY1," + planted + ",19900000001,心血管内科病区,2026-11-20 10:00\n,ZY2," + planted + ",19900000002,心血管内科病区,不知道\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := s.try("import-discharges", file)
	if code != exitFailed || !strings.Contains(out, "1 added") || !strings.Contains(out, "1 refused") || !strings.Contains(out, "line 3 ") {
		t.Errorf("exit code %d, %q", code, out)
	}
	if strings.Contains(out, planted) || strings.Contains(out, "1990000") {
		t.Errorf("the report quotes the file: %q", out)
	}
}

func simulate(t *testing.T, typed string, args ...string) (code int, out string) {
	t.Helper()
	var both bytes.Buffer
	code = run(t.Context(), append([]string{"simulate"}, args...), world{
		stdin: strings.NewReader(typed), stdout: &both, stderr: &both, getenv: func(string) string { return "" },
	})
	return code, both.String()
}

func TestSimulateTalks(t *testing.T) {
	code, out := simulate(t, "５分，谢谢\n没有\n@ +2d\n@ nonsense\n退订\n")
	if code != exitOK {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	at := 0
	for _, want := range []string{"[invite a] 【清风医院】", "# answer a overall=5", "# answer a envelope=0", "is no direction", "[opted_out a]"} {
		i := strings.Index(out[at:], want)
		if i < 0 {
			t.Fatalf("no %q after what came before it in\n%s", want, out)
		}
		at += i
	}
}

func TestSimulateReplays(t *testing.T) {
	all, err := filepath.Glob("../surveys/followup/testdata/transcripts/*.txt")
	if err != nil || len(all) < 25 {
		t.Fatalf("found %d transcripts, %v", len(all), err)
	}
	if code, out := simulate(t, "", all...); code != exitOK {
		t.Errorf("exit code %d\n%s", code, out)
	}
	text, err := os.ReadFile(all[0])
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.txt")
	if err := os.WriteFile(wrong, append(text, "\n< [thanks a] 谢谢\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := simulate(t, "", wrong); code != exitFailed || !strings.Contains(out, "1 of 1 transcripts come out differently") {
		t.Errorf("a wrong transcript: exit code %d\n%s", code, out)
	}
}
