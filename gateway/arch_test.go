package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms says what each room of the house may import beside the standard
// library. A pattern that ends in /... covers everything below; an empty list
// means the standard library alone. The first matching room counts.
var rooms = []struct {
	room   string
	module []string // packages of this module
	other  []string // modules of others; nil means any
}{
	{"qingfeng/configs", nil, []string{}},
	{"qingfeng/kiosk-ui", nil, []string{}},
	{"qingfeng/surveys/sqlstore/...", []string{"qingfeng/surveys", "qingfeng/surveys/registers", "qingfeng/surveys/workdays", "qingfeng/surveys/followup", "qingfeng/surveys/texting", "qingfeng/surveys/sqlstore"}, nil},
	{"qingfeng/surveys/sqlstore", []string{"qingfeng/surveys", "qingfeng/surveys/registers", "qingfeng/surveys/workdays", "qingfeng/surveys/followup", "qingfeng/surveys/texting"}, nil},
	{"qingfeng/surveys", nil, []string{"golang.org/x/text"}},
	{"qingfeng/surveys/followup", []string{"qingfeng/surveys", "qingfeng/surveys/workdays", "qingfeng/surveys/texting", "qingfeng/surveys/replies"}, []string{"golang.org/x/text"}},
	{"qingfeng/surveys/...", []string{"qingfeng/surveys", "qingfeng/surveys/workdays"}, []string{"golang.org/x/text"}},
	{"qingfeng/analytics/redisstream", []string{"qingfeng/surveys", "qingfeng/analytics"}, nil},
	{"qingfeng/analytics/redisstream/redistest", nil, nil},
	{"qingfeng/analytics", []string{"qingfeng/surveys"}, []string{}},
	{"qingfeng/gateway/internal/httpapi", []string{"qingfeng/surveys/...", "qingfeng/analytics/...", "qingfeng/gateway/internal/...", "qingfeng/surveys", "qingfeng/analytics"}, nil},
	{"qingfeng/gateway/internal/...", []string{"qingfeng/surveys", "qingfeng/surveys/...", "qingfeng/analytics", "qingfeng/analytics/..."}, nil},
	{"qingfeng/gateway", []string{"qingfeng/..."}, nil},
	{"qingfeng/gateway/...", []string{"qingfeng/..."}, nil},
}

// pure packages hold values only: no I/O, clock, randomness or logging.
var pure = []string{
	"qingfeng/surveys", "qingfeng/surveys/registers", "qingfeng/surveys/workdays", "qingfeng/surveys/followup", "qingfeng/surveys/texting",
	"qingfeng/surveys/replies", "qingfeng/analytics",
}

// impure is what a pure package may not import. log/slog is allowed to
// surveys for the LogValuer that redacts.
var impure = []string{"os", "net", "net/http", "database/sql", "math/rand", "math/rand/v2", "crypto/rand", "log", "io/fs", "syscall", "embed"}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func TestArrowsBetweenPackages(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < 8 {
		t.Fatalf("go list found %d packages, want the whole house", len(packages))
	}
	for _, p := range packages {
		for _, imported := range p.Imports {
			if slices.Contains(pure, p.ImportPath) && slices.Contains(impure, imported) {
				t.Errorf("%s is a pure package and imports %s", p.ImportPath, imported)
			}
			if why := forbidden(p.ImportPath, imported); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
	}
}

func forbidden(importer, imported string) string {
	if !strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") && !strings.HasPrefix(imported, "qingfeng/") {
		return "" // standard library
	}
	for _, r := range rooms {
		if !matches(r.room, importer) {
			continue
		}
		if strings.HasPrefix(imported, "qingfeng/") {
			if slices.ContainsFunc(r.module, func(p string) bool { return matches(p, imported) }) {
				return ""
			}
			return "the arrows of docs/architecture.md do not allow it"
		}
		if r.other == nil || slices.ContainsFunc(r.other, func(m string) bool { return strings.HasPrefix(imported, m) }) {
			return ""
		}
		return "this room keeps to the standard library and its listed modules"
	}
	return "the importer stands in no room of arch_test.go"
}

func matches(pattern, path string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return strings.HasPrefix(path, base+"/")
	}
	return pattern == path
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "qingfeng/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		packages = append(packages, p)
	}
}

func TestForbiddenSeesAWrongArrow(t *testing.T) {
	wrong := [][2]string{
		{"qingfeng/surveys", "qingfeng/analytics"},
		{"qingfeng/surveys", "github.com/redis/go-redis/v9"},
		{"qingfeng/analytics", "qingfeng/surveys/sqlstore"},
		{"qingfeng/gateway/internal/live", "qingfeng/gateway/internal/config"},
		{"qingfeng/surveys/sqlstore", "qingfeng/analytics"},
		{"qingfeng/analytics/redisstream/redistest", "qingfeng/analytics/redisstream"},
		{"qingfeng/nowhere", "qingfeng/surveys"},
	}
	for _, w := range wrong {
		if forbidden(w[0], w[1]) == "" {
			t.Errorf("%s → %s is allowed, want it refused", w[0], w[1])
		}
	}
}
