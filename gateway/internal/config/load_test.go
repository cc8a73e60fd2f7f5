package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/configs"
	"qingfeng/surveys"
)

// noEnv is an environment without variables.
func noEnv(string) string { return "" }

// env is an environment of these variables.
func env(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

// write puts files into a fresh directory and gives its path.
func write(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// problemsOf loads settings.yaml among the files and gives what is wrong, a
// line each, without the directory.
func problemsOf(tb testing.TB, files map[string]string, getenv func(string) string) []string {
	tb.Helper()
	dir := write(tb, files)
	c, err := Load(filepath.Join(dir, "settings.yaml"), getenv, configs.Files)
	if err == nil {
		return nil
	}
	if c != nil {
		tb.Error("Load gave a Config together with an error")
	}
	var problems Problems
	if !errors.As(err, &problems) {
		tb.Fatalf("the error is %T, want Problems: %v", err, err)
	}
	var out []string
	for _, p := range problems {
		if !strings.Contains(err.Error(), p.String()) {
			tb.Errorf("the error's text leaves out %q", p)
		}
		out = append(out, strings.ReplaceAll(p.String(), dir+string(filepath.Separator), ""))
	}
	return out
}

func TestLoadWithoutFileGivesTheSampleHospital(t *testing.T) {
	c, err := Load("", noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	o := c.Organisation()
	got := map[string]int{"departments": len(o.Departments), "staff": len(o.Staff), "phones": len(o.ReportingPhones)}
	for _, p := range o.Places {
		got[string(p.Kind)+" "+string(p.WindowKind)]++
	}
	want := map[string]int{
		"departments": 24, "staff": 60, "phones": 3, "window registration": 3, "window settlement": 3, "window admission": 1,
		"window discharge": 1, "window pharmacy": 2, "ward ": 6, "lobby ": 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(surveys.Text{ZH: "清风医院", EN: "Qingfeng Hospital"}, o.Name); diff != "" {
		t.Error(diff)
	}
	if s, ok := o.FindStaff("1024"); !ok || s.Department != "cashier" {
		t.Errorf("staff 1024 is %+v, %v", s, ok)
	}
	if got := c.Location().String(); got != "Asia/Shanghai" {
		t.Errorf("zone is %s", got)
	}
	if diff := cmp.Diff(surveys.DefaultGamingRules(), c.GamingRules()); diff != "" {
		t.Error(diff)
	}
}

func TestBuiltInQuestionnairesAskByGrade(t *testing.T) {
	c, err := Load("", noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	goals := []string{
		"less_queueing", "less_running", "emergency_care", "inpatient_ease", "standard_treatment", "thoughtful_nursing",
		"faster_dispensing", "easier_settlement", "finer_service", "smoother_communication",
	}
	all := c.QuestionnaireOf()
	if len(all) != 3 {
		t.Fatalf("%d questionnaires, want one for each kind of tablet", len(all))
	}
	for kind, q := range all {
		grade, _ := q.GradeItem()
		for i, o := range grade.Options {
			if want := surveys.Grade(i + 1).Text(); o.Text != want {
				t.Errorf("%s: grade %d is called %v, want %v", kind, i+1, o.Text, want)
			}
		}
		for g := surveys.VeryDissatisfied; g <= surveys.VerySatisfied; g++ {
			var shown []string
			for _, it := range q.Items[1:] {
				if it.When == nil || it.When.Holds(g) {
					shown = append(shown, string(it.ID))
				}
			}
			want := []string{"reasons", "comment", "callback_phone"}
			if g >= 4 {
				want[0] = "praises"
			}
			if diff := cmp.Diff(want, shown); diff != "" {
				t.Errorf("%s after grade %d: %s", kind, g, diff)
			}
		}
		reasons, praises := q.Items[1], q.Items[2]
		if reasons.Text != praises.Text || len(reasons.Options) != len(praises.Options) {
			t.Errorf("%s: heading or number of tags tells the grade", kind)
		}
		for _, it := range q.Items {
			for _, o := range it.Options {
				if it.Kind == surveys.ItemTags && !slices.Contains(goals, o.ID) {
					t.Errorf("%s: tag %q is none of the ten service goals", kind, o.ID)
				}
			}
		}
	}
}

func TestBuiltInNineRulesAreVerbatim(t *testing.T) {
	c, err := Load("", noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range c.NineRuleTexts() {
		got = append(got, r.ZH)
	}
	const rules = `合法按劳取酬，不接受商业提成 · 严守诚信原则，不参与欺诈骗保 · 依据规范行医，不实施过度诊疗 · 遵守工作规程，不违规接受捐赠 · ` +
		`恪守保密准则，不泄露患者隐私 · 服从诊疗需要，不牟利转介患者 · 维护诊疗秩序，不破坏就医公平 · 共建和谐关系，不收受患方“红包” · 恪守交往底线，不收受企业回扣`
	if diff := cmp.Diff(rules, strings.Join(got, " · ")); diff != "" {
		t.Error(diff)
	}
}

func TestBuiltInRolesKeepDutiesApart(t *testing.T) {
	c, err := Load("", noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	held := map[string][]string{}
	own := map[string]bool{}
	for _, r := range c.RoleList() {
		own[r.ID] = r.OwnDepartment
		for _, p := range r.Permissions {
			held[p] = append(held[p], r.ID)
		}
	}
	want := map[string][]string{
		"board.view":          {"administrator", "conduct_officer", "discipline_officer", "department_head"},
		"devices.view":        {"administrator", "conduct_officer"},
		"devices.manage":      {"administrator"},
		"accounts.manage":     {"administrator"},
		"tokens.manage":       {"administrator"},
		"callbacks.work":      {"conduct_officer"},
		"set_aside.work":      {"conduct_officer"},
		"audit.view":          {"administrator", "discipline_officer"},
		"questionnaires.view": {"administrator", "conduct_officer", "discipline_officer"},
		"transactions.create": {"window_operator"},
		"followup.view":       {"administrator", "conduct_officer", "department_head"},
		"followup.manage":     {"administrator", "conduct_officer"},
		"followup.work":       {"conduct_officer"},
		"intake.work":         {"administrator", "interface_engineer"},
		"intake.open":         {"interface_engineer"},
	}
	if diff := cmp.Diff(want, held); diff != "" {
		t.Error(diff)
	}
	wantOwn := map[string]bool{
		"administrator": false, "interface_engineer": false, "conduct_officer": false, "discipline_officer": false, "department_head": true, "window_operator": true,
	}
	if diff := cmp.Diff(wantOwn, own); diff != "" {
		t.Error(diff)
	}
	for p := range held {
		if !slices.Contains(Permissions(), p) {
			t.Errorf("%s is not in Permissions", p)
		}
	}
}

func TestBuiltInCalendarWarnsOfTheNextYear(t *testing.T) {
	c, err := Load("", noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		at, want string
	}{
		{"2026-11-21", ""},
		{"2026-11-22", "2027"},
		{"2027-03-01", "2027"},
		{"2024-12-31", "2024"},
		{"2025-01-01", ""},
	} {
		day, err := time.ParseInLocation(time.DateOnly, tt.at, c.Location())
		if err != nil {
			t.Fatal(err)
		}
		got := c.CalendarWarning(day)
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: warning is %q, want one of %q", tt.at, got, tt.want)
		}
	}
}

func TestSettingsOverDefaultsAndFilesBesideThem(t *testing.T) {
	dir := write(t, map[string]string{
		"settings.yaml":    "board: {coalesce_ms: 250}\nnine_rules: texts/rules.yaml\nallowed_origins: [\"https://a.example\"]\n",
		"texts/rules.yaml": "rules:\n" + strings.Repeat("  - {zh: 甲, en: A}\n", 9),
	})
	c, err := Load(filepath.Join(dir, "settings.yaml"), noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Board.CoalesceMS = 250
	want.NineRules = "texts/rules.yaml"
	want.AllowedOrigins = []string{"https://a.example"}
	if diff := cmp.Diff(want, c, cmp.FilterPath(isLoaded, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
	if got := c.NineRuleTexts()[8].ZH; got != "甲" {
		t.Errorf("the rules come from elsewhere: %q", got)
	}
}

// isLoaded picks what Load read beside the settings.
func isLoaded(p cmp.Path) bool {
	f, ok := p.Last().(cmp.StructField)
	return ok && f.Name() == "loaded"
}

func TestLoadSaysWhichSettingsFileIsMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(path, noEnv, configs.Files)
	if want := path + ": does not exist"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %q", err, want)
	}
}
