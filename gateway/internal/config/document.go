package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	// maxFile bounds a configuration file, in bytes. A hospital of 5,000 staff
	// stays under half of it; what is larger is the wrong file.
	maxFile = 1 << 20
	// maxNesting bounds how deep brackets and list dashes may nest: the
	// deepest file of ours needs 6, and the parser recurses.
	maxNesting = 40
)

// document is one file while it is read: where each key stands, and what is
// wrong so far.
type document struct {
	name     string
	lines    map[string]int  // path → line
	broken   map[string]bool // paths whose value could not be read
	problems []Problem
	// unknown explains an unknown key better than the list of the known ones
	// does; "" leaves it to that list.
	unknown func(path string) string
	// mute drops every problem: the file could not be read at all.
	mute bool
}

func newDocument(name string) *document {
	return &document{name: name, lines: map[string]int{}, broken: map[string]bool{}}
}

// read parses data strictly and writes it over what dst, a pointer to a
// struct, already holds. Everything wrong is added to the problems.
func (d *document) read(data []byte, dst any) {
	if len(data) > maxFile {
		d.addAt(0, "", "has %d bytes, more than the %d a configuration file may have", len(data), maxFile)
		return
	}
	if line := tooDeep(data); line > 0 {
		d.addAt(line, "", "nests more than %d deep", maxNesting)
		return
	}
	file, err := parseYAML(data)
	if err != nil {
		d.addSyntax(err)
		return
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			d.addAt(lineOf(doc.Body), "", "holds a second document (after ---); keep one a file")
			continue
		}
		body = doc.Body
	}
	if body != nil {
		decoder{d}.top(body, dst)
	}
}

// parseYAML parses, and turns a parser that gives up in a panic into an error:
// the text comes from a person and the parser from elsewhere.
func parseYAML(data []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			file, err = nil, fmt.Errorf("cannot be parsed as YAML: %v", r)
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

// tooDeep gives the first line on which the nesting passes maxNesting, 0 when
// none does. It counts brackets and the dashes that open a line, and takes
// quotes and comments for text like any other: it only has to keep the parser
// from recursing without end.
func tooDeep(data []byte) int {
	depth, line := 0, 0
	for text := range bytes.Lines(data) {
		line++
		rest := text
		opened := 0
		for {
			rest = bytes.TrimLeft(rest, " \t")
			if len(rest) < 2 || !strings.ContainsRune("-?:", rune(rest[0])) || (rest[1] != ' ' && rest[1] != '\t') {
				break
			}
			opened++
			rest = rest[2:]
		}
		most := 0
		for _, c := range text {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			}
			most = max(most, depth)
		}
		indent := (len(text) - len(bytes.TrimLeft(text, " \t"))) / 2
		if most > maxNesting || opened > maxNesting || indent > 2*maxNesting {
			return line
		}
	}
	return 0
}

// addSyntax reports a parser's error with its line and without the excerpt the
// parser adds: the file may hold what must not be logged.
func (d *document) addSyntax(err error) {
	var located yaml.Error
	if errors.As(err, &located) {
		line := 0
		if tk := located.GetToken(); tk != nil && tk.Position != nil {
			line = tk.Position.Line
		}
		d.addAt(line, "", "is not YAML: %s", located.GetMessage())
		return
	}
	d.addAt(0, "", "%s", firstLine(err.Error()))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func (d *document) addAt(line int, key, format string, args ...any) {
	if d.mute {
		return
	}
	d.problems = append(d.problems, Problem{File: d.name, Line: line, Key: key, Text: fmt.Sprintf(format, args...)})
}

// add reports a problem of the value at path, unless the value could not even
// be read: that is reported already.
func (d *document) add(path, format string, args ...any) {
	for p := path; ; {
		if d.broken[p] {
			return
		}
		up, ok := parentPath(p)
		if !ok {
			break
		}
		p = up
	}
	d.addAt(d.line(path), path, format, args...)
}

// line gives the line of path, or of the nearest thing above it that the file
// has; 0 when the file has none.
func (d *document) line(path string) int {
	for {
		if line, ok := d.lines[path]; ok {
			return line
		}
		up, ok := parentPath(path)
		if !ok {
			return d.lines[""]
		}
		path = up
	}
}

// parentPath cuts the last step off a path: "a.b[2].c" → "a.b[2]" → "a.b" → "a".
func parentPath(path string) (string, bool) {
	i := strings.LastIndexAny(path, ".[")
	if i <= 0 {
		return "", false
	}
	return path[:i], true
}

// sorted gives the problems in the order of their lines.
func (d *document) sorted() []Problem {
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
	return d.problems
}
