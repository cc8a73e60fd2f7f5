package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder writes a YAML tree into structs by their yaml tags. Unlike the
// library's own strict decoder it goes on after a problem, so that a person
// mends a file once. It knows structs, pointers to them, slices, text, whole
// numbers and booleans: what our files are made of.
type decoder struct{ doc *document }

// top decodes a file's outermost value.
func (d decoder) top(node ast.Node, dst any) {
	d.doc.lines[""] = lineOf(node)
	d.value(node, reflect.ValueOf(dst).Elem(), "")
}

func (d decoder) value(node ast.Node, dst reflect.Value, path string) {
	switch node.Type() {
	case ast.AnchorType, ast.AliasType, ast.TagType:
		d.fail(node, path, "uses an anchor, an alias or a tag; write the value itself")
		return
	}
	switch dst.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(dst.Type().Elem())
		d.value(node, fresh.Elem(), path)
		dst.Set(fresh)
	case reflect.Struct:
		d.mapping(node, dst, path)
	case reflect.Slice:
		d.sequence(node, dst, path)
	default:
		d.scalar(node, dst, path)
	}
}

// mapping decodes key by key. A key that is wrong does not stop the others.
func (d decoder) mapping(node ast.Node, dst reflect.Value, path string) {
	entries, ok := entriesOf(node)
	if !ok {
		d.mismatch(node, path, "keys with values")
		return
	}
	fields := fieldsOf(dst.Type())
	seen := map[string]int{}
	for _, entry := range entries {
		name, line := keyOf(entry)
		at := join(path, name)
		if first, twice := seen[name]; twice {
			d.doc.addAt(line, at, "is written twice, first on line %d", first)
			continue
		}
		seen[name] = line
		index, known := fields.index[name]
		if !known {
			d.doc.addAt(line, at, "%s", d.unknown(at, name, fields.names))
			continue
		}
		d.doc.lines[at] = line
		d.value(entry.Value, dst.Field(index), at)
	}
}

func (d decoder) sequence(node ast.Node, dst reflect.Value, path string) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		d.mismatch(node, path, "a list")
		return
	}
	out := reflect.MakeSlice(dst.Type(), len(list.Values), len(list.Values))
	for i, element := range list.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.doc.lines[at] = lineOf(element)
		d.value(element, out.Index(i), at)
	}
	dst.Set(out)
}

func (d decoder) scalar(node ast.Node, dst reflect.Value, path string) {
	switch dst.Kind() {
	case reflect.String:
		switch n := node.(type) {
		case *ast.StringNode:
			dst.SetString(n.Value)
		case *ast.LiteralNode:
			dst.SetString(n.Value.Value)
		default:
			d.mismatch(node, path, "text")
		}
	case reflect.Bool:
		n, ok := node.(*ast.BoolNode)
		if !ok {
			d.mismatch(node, path, "true or false")
			return
		}
		dst.SetBool(n.Value)
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, ok := wholeNumber(node)
		if !ok || dst.OverflowInt(n) {
			d.mismatch(node, path, "a whole number")
			return
		}
		dst.SetInt(n)
	default:
		d.fail(node, path, "cannot be set in a file")
	}
}

func wholeNumber(node ast.Node) (int64, bool) {
	n, ok := node.(*ast.IntegerNode)
	if !ok {
		return 0, false
	}
	switch v := n.Value.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= 1<<62
	}
	return 0, false
}

// mismatch says what stands there, in words, and what should.
func (d decoder) mismatch(node ast.Node, path, want string) {
	hint := ""
	is := "something else"
	switch node.Type() {
	case ast.NullType:
		is = "empty"
		if want == "text" {
			hint = `; write "" for none`
		}
	case ast.BoolType:
		is = "true or false"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		is = "a number"
		if want == "a whole number" {
			is = "a number that does not fit"
		}
	case ast.StringType, ast.LiteralType:
		is = "text"
	case ast.MappingType, ast.MappingValueType:
		is = "keys with values"
	case ast.SequenceType:
		is = "a list"
	}
	if want == "text" && (is == "a number" || is == "true or false") {
		hint = "; put it in quotes"
	}
	d.fail(node, path, "is "+is+", want "+want+hint)
}

func (d decoder) fail(node ast.Node, path, text string) {
	line, ok := d.doc.lines[path]
	if !ok {
		line = lineOf(node)
	}
	d.doc.broken[path] = true
	d.doc.addAt(line, path, "%s", text)
}

func (d decoder) unknown(path, name string, known []string) string {
	if d.doc.unknown != nil {
		if text := d.doc.unknown(path); text != "" {
			return text
		}
	}
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("is not a key here; did you mean %s?", near)
	}
	return "is not a key here; known are " + strings.Join(known, ", ")
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// entriesOf gives the pairs of a mapping; false when node is none.
func entriesOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// keyOf gives a pair's key as it is written, shortened and without dots or
// brackets so that it cannot be taken for a path, and its line.
func keyOf(entry *ast.MappingValueNode) (string, int) {
	tk := entry.Key.GetToken()
	if s, ok := entry.Key.(*ast.StringNode); ok {
		tk = s.Token
	}
	if tk == nil {
		return "?", lineOf(entry)
	}
	name := tk.Value
	if len(name) > 60 {
		name = strings.ToValidUTF8(name[:60], "") + "…"
	}
	if strings.ContainsAny(name, ".[]\n\r\t ") || name == "" {
		name = fmt.Sprintf("%q", strings.NewReplacer(".", "·", "[", "(", "]", ")").Replace(name))
	}
	return name, tk.Position.Line
}

// lineOf gives the line a node begins on.
func lineOf(node ast.Node) int {
	if m, ok := node.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return lineOf(m.Values[0])
	}
	if v, ok := node.(*ast.MappingValueNode); ok && v.Key != nil {
		node = v.Key
	}
	if tk := node.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line
	}
	return 0
}

// fields are a struct's yaml keys, in the order it declares them.
type fields struct {
	names []string
	index map[string]int
}

func fieldsOf(t reflect.Type) fields {
	f := fields{index: map[string]int{}}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		f.names = append(f.names, name)
		f.index[name] = i
	}
	return f
}

// nearest finds the known key a person most likely meant: at most two letters
// away and less than half of the word.
func nearest(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if n := distance(name, k); n < least && 2*n < len(k) {
			best, least = k, n
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
