package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// clockCalls read or wait for the machine's clock. A pure package is given its
// time.
var clockCalls = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Sleep", "Tick"}

func TestPurePackagesHaveNoClock(t *testing.T) {
	for _, path := range pure {
		out, err := exec.Command("go", "list", "-f", `{{.Dir}}{{range .GoFiles}}{{"\n"}}{{.}}{{end}}`, path).Output()
		if err != nil {
			t.Fatalf("go list %s: %v", path, err)
		}
		dir, files, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		names := strings.Fields(files)
		if len(names) == 0 {
			t.Fatalf("%s has no files", path)
		}
		for _, name := range names {
			found, err := clocksIn(filepath.Join(dir, name), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range found {
				t.Errorf("%s/%s: a pure package is given its time", path, call)
			}
		}
	}
}

// clocksIn lists where a file uses the clock, as "file.go:12 time.Now". src is
// what parser.ParseFile takes.
func clocksIn(name string, src any) ([]string, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	clock := ""
	for _, i := range file.Imports {
		if i.Path.Value != `"time"` {
			continue
		}
		clock = "time"
		if i.Name != nil {
			clock = i.Name.Name
		}
	}
	var found []string
	if clock == "." {
		return []string{filepath.Base(name) + " dot-imports time"}, nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if of, ok := selector.X.(*ast.Ident); ok && clock != "" && of.Name == clock && slices.Contains(clockCalls, selector.Sel.Name) {
			found = append(found, fmt.Sprintf("%s:%d time.%s", filepath.Base(name), set.Position(n.Pos()).Line, selector.Sel.Name))
		}
		return true
	})
	return found, nil
}

func TestClocksAreSeen(t *testing.T) {
	for _, tt := range []struct {
		src  string
		want int
	}{
		{"package p\nimport \"time\"\nvar t = time.Now()", 1},
		{"package p\nimport \"time\"\nvar now = time.Now", 1}, // handed on, not called
		{"package p\nimport clock \"time\"\nfunc f() { clock.Sleep(1); <-clock.After(1) }", 2},
		{"package p\nimport . \"time\"\nvar t = Now()", 1},
		{"package p\nimport \"time\"\nfunc f(t time.Time) bool { return t.After(time.Unix(0, 0)) && t.Sub(t) > time.Second }", 0},
		{"package p\nvar time struct{ Now int }\nvar t = time.Now", 0},
	} {
		found, err := clocksIn("p.go", tt.src)
		if err != nil || len(found) != tt.want {
			t.Errorf("in %q are seen %v (%v), want %d", tt.src, found, err, tt.want)
		}
	}
	if _, err := clocksIn("p.go", "package"); err == nil {
		t.Error("a file that is no Go is passed over")
	}
}
