package config

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a file or a variable. Line is 0 where there
// is no line to name: a missing file, a variable.
type Problem struct {
	File string
	Line int
	Key  string
	Text string
}

// String gives file:line: key: text.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key)
		b.WriteString(": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems is the error of Load: everything that is wrong, in the order of the
// files and their lines.
type Problems []Problem

// Error lists one problem a line.
func (p Problems) Error() string {
	if len(p) == 1 {
		return p[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration has %d problems:", len(p))
	for _, one := range p {
		b.WriteString("\n  ")
		b.WriteString(one.String())
	}
	return b.String()
}
