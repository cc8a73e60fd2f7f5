package config

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/configs"
)

const exampleName = "qingfeng.example.yaml"

func readExample(tb testing.TB) []byte {
	tb.Helper()
	text, err := fs.ReadFile(configs.Files, exampleName)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestExampleEqualsTheDefaults(t *testing.T) {
	var c Config
	doc := newDocument(exampleName)
	doc.read(readExample(t), &c)
	if len(doc.problems) > 0 {
		t.Fatal(Problems(doc.problems))
	}
	if diff := cmp.Diff(Default(), &c, cmp.FilterPath(isLoaded, cmp.Ignore())); diff != "" {
		t.Errorf("the example differs from the defaults (-default +example):\n%s", diff)
	}
}

func TestExampleShowsEverySettingWithAComment(t *testing.T) {
	text := readExample(t)
	doc := newDocument(exampleName)
	doc.read(text, &Config{})
	lines := strings.Split(string(text), "\n")
	settings := leaves(reflect.TypeFor[Config](), "")
	if len(settings) < 40 {
		t.Fatalf("found %d settings in Config, want them all", len(settings))
	}
	for _, path := range settings {
		line, ok := doc.lines[path]
		if !ok {
			t.Errorf("%s is not in the example", path)
			continue
		}
		if !explained(lines, line-1) {
			t.Errorf("%s:%d: %s has no comment beside or above it", exampleName, line, path)
		}
	}
}

// leaves lists the paths of all settings below t.
func leaves(t reflect.Type, path string) []string {
	if t.Kind() != reflect.Struct {
		return []string{path}
	}
	f := fieldsOf(t)
	var out []string
	for _, name := range f.names {
		out = append(out, leaves(t.Field(f.index[name]).Type, join(path, name))...)
	}
	return out
}

// explained reports whether the setting on lines[i] has a comment beside it, or
// above it with nothing but settings between.
func explained(lines []string, i int) bool {
	if strings.Contains(lines[i], " # ") {
		return true
	}
	for i--; i >= 0; i-- {
		switch text := strings.TrimSpace(lines[i]); {
		case strings.HasPrefix(text, "#"):
			return true
		case text == "":
			return false
		}
	}
	return false
}

func TestExampleLoadsAsSettings(t *testing.T) {
	problems := problemsOf(t, map[string]string{"settings.yaml": string(readExample(t))}, noEnv)
	if len(problems) > 0 {
		t.Error(problems)
	}
}
