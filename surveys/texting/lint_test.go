package texting

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
)

func strict() Rules {
	return Rules{
		Signature: "清风医院", Offered: []string{"ward", "code", "link"}, Needed: []string{"code"},
		Longest:     map[string]string{"ward": "呼吸与危重症医学科", "code": "12345678", "link": "https://pj.example/s/1"},
		BannedWords: []string{"免费", "红包", "free", "sale"}, BannedSymbols: "★￥",
	}
}

func TestLint(t *testing.T) {
	for _, tt := range []struct {
		name     string
		template Template
		rules    func(*Rules)
		want     []string
	}{
		{"clean", "【清风医院】请到{ward}用{code}评价", nil, nil},
		{"empty", " \n", nil, []string{"t: is empty"}},
		{"not UTF-8", "【清风医院】{code}\xff", nil, []string{"t: is not UTF-8"}},
		{"no signature", "请用{code}评价", nil, []string{"t:1: does not begin with the signature 【清风医院】"}},
		{"signature at the end", "请用{code}评价\n【清风医院】", nil, []string{"t:2: does not begin with the signature 【清风医院】"}},
		{"signature after a space", " 【清风医院】请用{code}评价", nil, []string{"t:1: does not begin with the signature 【清风医院】"}},
		{"signature of another", "【明月医院】请用{code}评价", nil, []string{"t:1: is signed 【明月医院】, want 【清风医院】"}},
		{"signature of one", "【清】请用{code}评价", func(r *Rules) { r.Signature = "清" }, []string{"t:1: the signature has 1 characters, want 2 to 12"}},
		{"signature of 12", "【一二三四五六七八九十甲乙】请用{code}评价", func(r *Rules) { r.Signature = "一二三四五六七八九十甲乙" }, nil},
		{"signature of 13", "【一二三四五六七八九十甲乙丙】请用{code}评价", func(r *Rules) { r.Signature = "一二三四五六七八九十甲乙丙" }, []string{"t:1: the signature has 13 characters, want 2 to 12"}},
		{"signature with a sign", "【清风-医院】请用{code}评价", func(r *Rules) { r.Signature = "清风-医院" }, []string{"t:1: the signature has a sign; letters and digits alone are registered"}},
		{"signature of digits", "【12345】请用{code}评价", func(r *Rules) { r.Signature = "12345" }, []string{"t:1: the signature has no letter"}},
		{"two signatures", "【清风医院】请用{code}评价\n【重要】", nil, []string{"t:2: has 【 or 】 after the signature; a carrier takes what is in them for another"}},
		{"open brace", "【清风医院】请用\n{code评价", nil, []string{"t:2: a brace is not part of a {name}"}},
		{"closing brace", "【清风医院】请用{code}}评价", nil, []string{"t:1: a brace is not part of a {name}"}},
		{"empty name", "【清风医院】请用{}{code}评价", nil, []string{"t:1: a brace is not part of a {name}"}},
		{"unknown variable", "【清风医院】请用{code}评价\n谢谢{name}", nil, []string{"t:2: {name} is not a variable here; known are ward, code, link"}},
		{"missing variable", "【清风医院】请到{ward}评价", nil, []string{"t: does not use {code}"}},
		{"variable twice", "【清风医院】请用{code}评价\n记住{code}", nil, []string{"t:2: {code} stands twice; registered templates take each variable once"}},
		{"adjacent", "【清风医院】请到{ward}{code}评价", nil, []string{"t:1: {code} follows another variable with no word between; carriers refuse that"}},
		{"adjacent over a line", "【清风医院】请到{ward} \n {code}评价", nil, []string{"t:2: {code} follows another variable with no word between; carriers refuse that"}},
		{"nothing of its own", "【清风医院】{code}。", nil, []string{"t: has no words of its own beside its variables; carriers refuse that"}},
		{"banned symbol", "【清风医院】请用{code}评价\n★谢谢", nil, []string{"t:2: has the symbol ★, which carriers refuse"}},
		{"picture", "【清风医院】请用{code}评价😀", nil, []string{"t:1: has the picture 😀, which carriers refuse"}},
		{"zero width", "【清风医院】请用{code}评\u200b价", nil, []string{"t:1: has the invisible character U+200B"}},
		{"tab", "【清风医院】请用{code}\t评价", nil, []string{"t:1: has the invisible character U+0009"}},
		{"banned word", "【清风医院】请用{code}评价\n完全免费", nil, []string{`t:2: has "免费", which carriers ban in notices`}},
		{"banned word in capitals", "【清风医院】FREE: {code}", nil, []string{`t:1: has "free", which carriers ban in notices`}},
		{"banned letters in another word", "【清风医院】feel freely wholesaler {code}", nil, nil},
		{"address", "【清风医院】请到 www.example.com 用{code}评价", nil, []string{"t:1: has an address, and its carriers take none"}},
		{"bare domain", "【清风医院】请到qingfeng.cn用{code}评价", nil, []string{"t:1: has an address, and its carriers take none"}},
		{"link", "【清风医院】请用{code}到\n{link} 评价", nil, []string{"t:2: has a link, and its carriers take none"}},
		{"link where they take one", "【清风医院】请用{code}到 {link} 评价", func(r *Rules) { r.URL = true }, nil},
		{"late hour", "【清风医院】请于21:30前用{code}评价", nil, []string{"t:1: names 21:30, outside the hours 09:00 to 20:00 in which patients are texted"}},
		{"early hour", "【清风医院】请于8点用{code}评价", nil, []string{"t:1: names 8点, outside the hours 09:00 to 20:00 in which patients are texted"}},
		{"ten in the evening", "【清风医院】Use {code} before 10 pm", nil, []string{"t:1: names 10 pm, outside the hours 09:00 to 20:00 in which patients are texted"}},
		{"hour of the day", "【清风医院】请于20:00前用{code}评价，9点后有人", nil, nil},
		{"around the clock", "【清风医院】请在24小时内用{code}评价", nil, nil},
		{"night", "【清风医院】深夜也可用{code}评价", nil, []string{"t:1: speaks of the night (深夜)"}},
		{"no way to stop", "【清风医院】请用{code}评价", func(r *Rules) { r.StopHint = true }, []string{"t: does not say how to get no more texts"}},
		{"a way to stop", "【清风医院】请用{code}评价。退订回T", func(r *Rules) { r.StopHint = true }, nil},
		{"70 units", Template("【清风医院】" + strings.Repeat("请", 56) + "{code}"), nil, nil},
		{"71 units", Template("【清风医院】" + strings.Repeat("请", 57) + "{code}"), nil, []string{"t: warning: takes 2 segments (71 units of UCS-2), more than 1"}},
		{"71 units where two are stated", Template("【清风医院】" + strings.Repeat("请", 57) + "{code}"), func(r *Rules) { r.Segments = 2 }, nil},
		{"no longest value", "【清风医院】请用{code}评价", func(r *Rules) { r.Longest = nil }, []string{"t: cannot be measured: {code} has no longest value"}},
		{"several, by line", "【明月医院】免费\n★{code}\n{name}", nil, []string{
			"t:1: is signed 【明月医院】, want 【清风医院】", `t:1: has "免费", which carriers ban in notices`, "t:2: has the symbol ★, which carriers refuse",
			"t:3: {name} is not a variable here; known are ward, code, link", "t:3: {name} follows another variable with no word between; carriers refuse that",
		}},
	} {
		rules := strict()
		if tt.rules != nil {
			tt.rules(&rules)
		}
		var got []string
		for _, p := range Lint("t", tt.template, rules) {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestFill(t *testing.T) {
	for _, tt := range []struct {
		name     string
		template Template
		values   []Variable
		want     surveys.Secret
		wantErr  string
	}{
		{"plain", "谢谢", nil, "谢谢", ""},
		{"two", "{a}和{b}", []Variable{{"b", "2"}, {"a", "1"}}, "1和2", ""},
		{"twice in the text", "{a}{a}", []Variable{{"a", "1"}}, "11", ""},
		{"a value is no template", "{a}", []Variable{{"a", "{b}"}}, "{b}", ""},
		{"an empty value", "x{a}", []Variable{{"a", ""}}, "x", ""},
		{"missing", "{a}{b}", []Variable{{"a", "s3cret"}}, "", "variable b is missing"},
		{"unknown", "{a}", []Variable{{"a", "1"}, {"c", "s3cret"}}, "", "variable c is not in the template"},
		{"given twice", "{a}", []Variable{{"a", "1"}, {"a", "2"}}, "", "variable a is given twice"},
		{"a line break in a value", "{a}", []Variable{{"a", "s3cret\n【银行】"}}, "", "variable a has a control character"},
		{"broken", "{a", []Variable{{"a", "1"}}, "", ErrPlaceholder.Error()},
		{"a space in the name", "{a b}", nil, "", ErrPlaceholder.Error()},
		{"capitals", "{A}", nil, "", ErrPlaceholder.Error()},
		{"nested", "{{a}}", []Variable{{"a", "1"}}, "", ErrPlaceholder.Error()},
	} {
		got, err := tt.template.Fill(tt.values)
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, string(got), string(tt.want))
		}
		switch {
		case tt.wantErr == "" && err != nil, tt.wantErr != "" && (err == nil || err.Error() != tt.wantErr):
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.wantErr)
		}
	}
}

func TestUnsigned(t *testing.T) {
	for _, tt := range []struct{ body, want surveys.Secret }{
		{"【清风医院】您好", "您好"},
		{"您好", "您好"},
		{"您好【清风医院】", "您好【清风医院】"},
		{"【清风医院您好", "【清风医院您好"},
		{"【清风医院】【二】", "【二】"},
		{"", ""},
	} {
		if got := Unsigned(tt.body); got != tt.want {
			t.Errorf("Unsigned(%q) = %q, want %q", string(tt.body), string(got), string(tt.want))
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"【清风医院】请用{code}评价", "{", "}", "{{a}}", "【】", "【清风", "{a}{a}", "a\xff{b}", "FREE {code} 21:30 www.a.com ★"} {
		f.Add(text, "v")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		template := Template(text)
		for _, p := range Lint("t", template, strict()) {
			if lines := 1 + strings.Count(text, "\n"); p.Line < 0 || p.Line > lines {
				t.Fatalf("line %d of %d", p.Line, lines)
			}
		}
		var values []Variable
		want := text
		for _, name := range template.Names() {
			values = append(values, Variable{name, surveys.Secret(value)})
		}
		body, err := template.Fill(values)
		if err != nil {
			return
		}
		if !strings.ContainsAny(value, "{}") {
			for _, name := range template.Names() {
				want = strings.ReplaceAll(want, "{"+name+"}", value)
			}
			if string(body) != want {
				t.Fatalf("filled %q, want %q", string(body), want)
			}
		}
	})
}
