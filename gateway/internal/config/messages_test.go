package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/configs"
)

func TestMessagesOfTheHospital(t *testing.T) {
	text, err := configs.Files.ReadFile("messages.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, from, to string
		want           []string // parts of the problems, in their order
	}{
		{"the built-in ones", "", "", nil},
		{"their own signature", "清风医院", "明德医院", nil},
		{"a signature that the texts do not have", "signature: {zh: 清风医院", "signature: {zh: 明德医院", []string{"texts[0].text.zh"}},
		{"a variable nobody knows", "祝您早日康复", "{name}祝您早日康复", []string{"texts[8].text.zh"}},
		{"a key nobody knows", "banned_symbols:", "banned_signs:", []string{"banned_signs: is not a key here"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			own := strings.ReplaceAll(string(text), tt.from, tt.to)
			if tt.from == "" {
				own = string(text)
			}
			got := problemsOf(t, map[string]string{"settings.yaml": "messages: m.yaml\n", "m.yaml": own}, noEnv)
			if len(tt.want) == 0 {
				if len(got) > 0 {
					t.Error(got)
				}
				return
			}
			if len(got) == 0 || !strings.HasPrefix(got[0], "m.yaml:") || !strings.Contains(got[0], tt.want[0]) {
				t.Errorf("problems are %q, want the first at %s in m.yaml with its line", got, tt.want[0])
			}
		})
	}
}

func TestMessagesAreWarnedOf(t *testing.T) {
	text, err := configs.Files.ReadFile("messages.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load("", noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Warnings(); len(got) > 0 {
		t.Errorf("the built-in texts are warned of: %v", got)
	}
	dear := strings.Replace(string(text), "祝您早日康复。", strings.Repeat("祝您早日康复。", 12), 1)
	dir := write(t, map[string]string{"settings.yaml": "messages: m.yaml\n", "m.yaml": dear})
	c, err = Load(filepath.Join(dir, "settings.yaml"), noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, w := range c.Warnings() {
		keys = append(keys, w.Key)
		if w.Line == 0 || filepath.Base(w.File) != "m.yaml" {
			t.Errorf("the warning names no line of the file: %v", w)
		}
	}
	if diff := cmp.Diff([]string{"texts[8].text.zh"}, keys); diff != "" {
		t.Error(diff)
	}
}
