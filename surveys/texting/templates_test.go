package texting

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
)

func shipped(tb testing.TB) *Templates {
	tb.Helper()
	text, err := os.ReadFile("../../configs/messages.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	t := &Templates{}
	if err := yaml.UnmarshalWithOptions(text, t, yaml.Strict()); err != nil {
		tb.Fatal(err)
	}
	return t
}

func TestShippedTextsAreClean(t *testing.T) {
	for _, p := range shipped(t).Check() {
		t.Error(p)
	}
}

// What each shipped text costs, with the longest values and with everyday ones.
func TestShippedTextsSegments(t *testing.T) {
	set := shipped(t)
	everyday := []Variable{
		{VariableDepartment, "心血管内科"}, {VariableHotline, "000-5550-1001"}, {VariableLink, "https://pj.qingfeng.example/s/AbCdEfGhIjKlMnOpQrStUv"},
		{VariableQuestion, "您对这次住院总体满意吗？请回复数字1至5，5为非常满意，1为非常不满意。"}, {VariableChoices, "1 没有，2 有"}, {VariableCode, "123456"},
		{VariableVisits, "1：骨科病区，11月7日出院；2：儿科病区，11月8日出院"}, {VariableReceipt, "1234567890123456"},
	}
	type cost struct{ longest, everyday int }
	want := map[string]cost{
		"invite sms_reply": {1, 1}, "invite sms_link": {2, 2}, "invite sms_code": {1, 1},
		"reminder sms_reply": {1, 1}, "reminder sms_link": {2, 2}, "reminder sms_code": {1, 1},
		"question ": {1, 1}, "clarify ": {1, 1}, "thanks ": {1, 1}, "thanks_low ": {1, 1}, "late ": {1, 1}, "which ": {1, 1},
		"opted_out ": {1, 1}, "resumed ": {1, 1}, "clue_received ": {1, 1}, "help ": {1, 1},
	}
	got := map[string]cost{}
	for _, text := range set.Texts {
		composed, err := set.Compose(text.Purpose, text.Mode, "zh", longestValues(set, "zh"))
		if err != nil {
			t.Fatal(err)
		}
		usual, err := set.Compose(text.Purpose, text.Mode, "zh", everyday)
		if err != nil {
			t.Fatal(err)
		}
		got[string(text.Purpose)+" "+string(text.Mode)] = cost{composed.Length.Segments, usual.Length.Segments}
		for _, half := range []struct {
			language string
			stated   int
		}{{"zh", text.Segments.ZH}, {"en", text.Segments.EN}} {
			c, err := set.Compose(text.Purpose, text.Mode, half.language, longestValues(set, half.language))
			if err != nil {
				t.Fatal(err)
			}
			if c.Length.Segments != half.stated {
				t.Errorf("%s %s in %s takes %d segments (%d units), the file states %d", text.Purpose, text.Mode, half.language, c.Length.Segments, c.Length.Units, half.stated)
			}
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(cost{})); diff != "" {
		t.Errorf("segments (-want +got):\n%s", diff)
	}
}

func longestValues(set *Templates, language string) []Variable {
	var out []Variable
	for _, l := range set.Longest {
		out = append(out, Variable{l.Name, surveys.Secret(in(l.Text, language))})
	}
	return out
}

// Nothing of a reply can come back in the text to somebody who gave a clue: it
// takes a hotline and a receipt code alone.
func TestClueReceivedEchoesNothing(t *testing.T) {
	set := shipped(t)
	for _, language := range []string{"zh", "en"} {
		template, err := set.Find(PurposeClueReceived, "", language)
		if err != nil {
			t.Fatal(err)
		}
		names := template.Names()
		slices.Sort(names)
		if diff := cmp.Diff([]string{VariableHotline, VariableReceipt}, names); diff != "" {
			t.Errorf("%s: variables (-want +got):\n%s", language, diff)
		}
		for _, word := range []string{"红包", "envelope", "送礼", "回扣"} {
			if strings.Contains(string(template), word) {
				t.Errorf("%s says %q again", language, word)
			}
		}
	}
}

func TestComposeTakesWhatTheTextUses(t *testing.T) {
	set := shipped(t)
	got, err := set.Compose(PurposeInvite, surveys.ModeCode, "zh", []Variable{
		{VariableHotline, "000-5550-1001"}, {VariableCode, "123456"}, {VariableLink, "unused"}, {VariableDepartment, "骨科"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range got.Variables {
		names = append(names, v.Name)
	}
	if diff := cmp.Diff([]string{VariableDepartment, VariableCode, VariableHotline}, names); diff != "" {
		t.Errorf("variables in the template's order (-want +got):\n%s", diff)
	}
	want := "【清风医院】您好，您近日在骨科住院，想请您评一评：在医院大厅评价机输入123456。退订请致电000-5550-1001"
	if string(got.Body) != want {
		t.Errorf("body %q, want %q", string(got.Body), want)
	}
	if got.Length != Measure(want) {
		t.Errorf("length %v, want %v", got.Length, Measure(want))
	}
	if rest := Unsigned(got.Body); string(rest) != strings.TrimPrefix(want, "【清风医院】") {
		t.Errorf("unsigned %q", string(rest))
	}
	if _, err := set.Compose(PurposeInvite, surveys.ModeCode, "zh", []Variable{{VariableCode, "123456"}}); err == nil || strings.Contains(err.Error(), "123456") {
		t.Errorf("a missing variable: error %v, want one that names no value", err)
	}
	if _, err := set.Compose(PurposeInvite, surveys.ModeWindow, "zh", nil); !errors.Is(err, ErrNoTemplate) {
		t.Errorf("a mode without text: error %v, want %v", err, ErrNoTemplate)
	}
	if _, err := set.Compose(PurposeThanks, surveys.ModeLink, "en", nil); err != nil {
		t.Errorf("the thanks are the same in every mode: %v", err)
	}
}

func TestTemplatesCheck(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*Templates)
		want  string // a part of one problem
	}{
		{"a text left out", func(s *Templates) { s.Texts = s.Texts[1:] }, `texts: has no text for "invite" in mode "sms_reply"`},
		{"written twice", func(s *Templates) { s.Texts = append(s.Texts, s.Texts[0]) }, `texts[16].purpose: "invite" in mode "sms_reply" is written twice`},
		{"an unknown purpose", func(s *Templates) { s.Texts[0].Purpose = "advert" }, `texts[0].purpose: "advert" in mode "sms_reply" is not a text`},
		{"a mode where none differ", func(s *Templates) { s.Texts[8].Mode = surveys.ModeLink }, `texts[8].purpose: "thanks" in mode "sms_link"`},
		{"a long signature", func(s *Templates) { s.Signature.EN = "Qingfeng Hospital" }, "signature.en: the signature has 17 characters"},
		{"another signature", func(s *Templates) { s.Signature.ZH = "明月医院" }, "texts[0].text.zh:1: is signed 【清风医院】, want 【明月医院】"},
		{"no longest value", func(s *Templates) { s.Longest = s.Longest[1:] }, "texts[0].text.zh: cannot be measured: {department} has no longest value"},
		{"a longest value of nothing", func(s *Templates) { s.Longest[0].Name = "ward" }, `longest[0].name: "ward" is not a variable`},
		{"a longest value twice", func(s *Templates) { s.Longest[1] = s.Longest[0] }, `longest[1].name: "department" is written twice`},
		{"an empty longest value", func(s *Templates) { s.Longest[0].Text.EN = "" }, "longest[0].text: is empty"},
		{"more segments than stated", func(s *Templates) { s.Texts[1].Segments.ZH = 1 }, "texts[1].text.zh: warning: takes 2 segments"},
		{"no segments stated", func(s *Templates) { s.Texts[0].Segments.EN = 0 }, "texts[0].segments.en: is 0, want 1 to 5"},
		{"a link in code mode", func(s *Templates) { s.Texts[2].Text.ZH += "{link}" }, "texts[2].text.zh:1: {link} is not a variable here"},
		{"no code in code mode", func(s *Templates) { s.Texts[2].Text.ZH = "【清风医院】请评价，退订请致电{hotline}" }, "texts[2].text.zh: does not use {code}"},
		{"no way to stop", func(s *Templates) { s.Texts[0].Text.ZH = "【清风医院】请问：{question}" }, "texts[0].text.zh: does not say how to get no more texts"},
		{"an empty text", func(s *Templates) { s.Texts[8].Text.EN = " " }, "texts[8].text.en: is empty"},
	} {
		set := shipped(t)
		before := set.Version()
		tt.spoil(set)
		problems := set.Check()
		if !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.String(), tt.want) }) {
			t.Errorf("%s: problems %v, want one with %q", tt.name, problems, tt.want)
		}
		if set.Version() == before {
			t.Errorf("%s: the version is the same", tt.name)
		}
	}
}
