package config

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"qingfeng/configs"
	"qingfeng/surveys"
)

// readers are the ways a file is read; each gets the same text.
var readers = []struct {
	name string
	read func(l *loader, text []byte)
}{
	{"settings", func(l *loader, text []byte) { doc := newDocument("f"); doc.read(text, Default()); l.done(doc) }},
	{"hospital", func(l *loader, text []byte) { l.hospital("f", text) }},
	{"roles", func(l *loader, text []byte) { l.roles("f", text) }},
	{"calendar", func(l *loader, text []byte) { l.calendar("f", text) }},
	{"nine rules", func(l *loader, text []byte) { l.nineRules("f", text) }},
	{"questionnaire", func(l *loader, text []byte) { l.questionnaire("f", text) }},
	{"messages", func(l *loader, text []byte) { l.messages("f", text) }},
	{"form", func(l *loader, text []byte) { l.form("f", text) }},
}

// FuzzRead feeds any text to every reader. None may panic, name a line the file
// does not have, report a problem in more than one line of text, or hand out
// something that the domain would refuse without having said so.
func FuzzRead(f *testing.F) {
	walk := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(configs.Files, path)
		f.Add(text)
		return err
	}
	if err := fs.WalkDir(configs.Files, ".", walk); err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		"", "\x00", "a", "- ", ": ", "?", "? a\n: b\n", "{", "}", "[]", "{}", "!!int x", "&a *a", "<<: {a: 1}", "a: |\n  b\n", "\ufeffnode: n1\n",
		"node: \"\\ud800\"\n", "rules: [{zh: 1, en: 2}, 3, null, ~]\n", "items: [{when: 1}, {when: {at_most: 99}}]\n", "--- a\n--- b\n", "a:\r\n  b: c\r\n",
		"departments: [{id: a, parent: a}, {id: b, parent: a}]\n", "years: [{year: 99999999999999999999}]\n", "tablet:\n\tidle: 1\n",
		strings.Repeat("[", 5000), strings.Repeat("- ", 5000), strings.Repeat("{a: ", 5000), strings.Repeat("? ", 5000), "%YAML 9.9\n---\n", "%",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r")) + 1
		for _, r := range readers {
			l := &loader{}
			r.read(l, text)
			for _, p := range l.problems {
				if p.Line < 0 || p.Line > lines+1 {
					t.Errorf("%s: %v is on line %d of %d", r.name, p, p.Line, lines)
				}
				if strings.Contains(p.Key, "\n") || p.Text == "" {
					t.Errorf("%s: problem %q cannot be shown", r.name, p)
				}
			}
		}
		l := &loader{}
		if q := l.questionnaire("f", text); len(l.problems) == 0 && len(q.Check()) > 0 {
			t.Errorf("a questionnaire passed that the domain refuses: %v", q.Check())
		}
		l = &loader{}
		if o := l.hospital("f", text); len(l.problems) == 0 {
			checkOrganisation(t, o)
		}
	})
}

// checkOrganisation sees that an accepted hospital hangs together.
func checkOrganisation(t *testing.T, o *surveys.Organisation) {
	t.Helper()
	for _, d := range o.Departments {
		if _, ok := o.Department(d.Parent); !ok && d.Level != surveys.LevelHospital {
			t.Errorf("department %s hangs in the air", d.ID)
		}
	}
	for _, p := range o.Places {
		if _, ok := o.Department(p.Department); !ok {
			t.Errorf("place %s hangs in the air", p.ID)
		}
	}
	for _, s := range o.Staff {
		if _, ok := o.Department(s.Department); !ok {
			t.Errorf("staff %s hangs in the air", s.ID)
		}
	}
}
