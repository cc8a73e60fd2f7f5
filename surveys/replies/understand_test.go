package replies

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// scales are what the tables name. "letters" is a four-level item of the
// national questionnaire, whose E is not applicable and not 5.
var scales = map[string]Scale{
	"grades": Grades(),
	"ten":    Numbered(0, 10),
	"yesno":  YesNo(),
	"letters": {Worst: 1, Best: 4, Choices: []Choice{
		{4, "A", []string{"非常满意", "Very satisfied"}},
		{3, "B", []string{"满意", "Satisfied"}},
		{2, "C", []string{"一般", "Average"}},
		{1, "D", []string{"不满意", "Dissatisfied"}},
		{0, "E", []string{"不适用", "Not applicable"}},
	}},
	"reversed": {Worst: 5, Best: 1, Choices: []Choice{
		{1, "1", []string{"非常满意"}},
		{2, "2", []string{"满意"}},
		{3, "3", []string{"一般"}},
		{4, "4", []string{"不满意"}},
		{5, "5", []string{"非常不满意"}},
	}},
}

// rows reads a table of testdata: fields between tabs, # for comments, \n and
// \u escapes.
func rows(tb testing.TB, name string, fields int) [][]string {
	tb.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var out [][]string
	sc := bufio.NewScanner(f)
	for line := 1; sc.Scan(); line++ {
		if strings.HasPrefix(sc.Text(), "# ") || sc.Text() == "" {
			continue
		}
		row := strings.Split(sc.Text(), "\t")
		if len(row) != fields {
			tb.Fatalf("%s:%d: has %d fields, want %d", name, line, len(row), fields)
		}
		if strings.Contains(row[0], `\`) {
			if row[0], err = strconv.Unquote(`"` + row[0] + `"`); err != nil {
				tb.Fatalf("%s:%d: %v", name, line, err)
			}
		}
		out = append(out, row)
	}
	if err := sc.Err(); err != nil {
		tb.Fatal(err)
	}
	return out
}

// told writes a reading as the tables do.
func told(r Reading) string {
	if r.Ask() {
		return "ask:" + string(r.Why)
	}
	if r.Comment == "" {
		return strconv.Itoa(r.Value)
	}
	return strconv.Itoa(r.Value) + "|" + string(r.Comment)
}

func TestUnderstand(t *testing.T) {
	table := rows(t, "replies.tsv", 3)
	if len(table) < 150 {
		t.Fatalf("the table has %d replies, want 150 or more", len(table))
	}
	for _, row := range table {
		text, scale, want := row[0], row[1], row[2]
		s, ok := scales[scale]
		if !ok {
			t.Fatalf("%q: no scale %q", text, scale)
		}
		if got := told(Understand(text, s)); got != want {
			t.Errorf("Understand(%q, %s) = %q, want %q", text, scale, got, want)
		}
	}
}

// Every script's five is five, and nothing but its value counts.
func TestUnderstandDigitsOfEveryScript(t *testing.T) {
	for name, zero := range map[string]rune{
		"full width": '０', "Arabic-Indic": '٠', "Persian": '۰', "Devanagari": '०', "Bengali": '০', "Tamil": '௦', "Thai": '๐', "Tibetan": '༠',
		"Mongolian": '᠐', "Khmer": '០', "Myanmar": '၀', "Lao": '໐', "bold": '𝟎', "monospace": '𝟶', "Adlam": '𞥐', "Chakma": '𑄶',
	} {
		for v := range 10 {
			want := "ask:range"
			if v >= 1 && v <= 5 {
				want = strconv.Itoa(v)
			}
			if got := told(Understand(string(zero+rune(v)), Grades())); got != want {
				t.Errorf("%s %d (%c) = %q, want %q", name, v, zero+rune(v), got, want)
			}
		}
	}
}

func TestUnderstandBoundsItsWork(t *testing.T) {
	long := "5，" + strings.Repeat("护士很好", 5000)
	if got := Understand(long, Grades()); got.Value != 5 || got.Ask() {
		t.Errorf("a long comment: %q, want 5", got.Why)
	}
	for name, text := range map[string]string{
		"digits":     strings.Repeat("5", 100_000),
		"wrappers":   strings.Repeat("我给", 50_000),
		"spaces":     strings.Repeat(" ", 100_000),
		"combining":  "5" + strings.Repeat("\u0301", 100_000),
		"negations":  strings.Repeat("没有", 50_000),
		"not UTF-8":  "5\xff",
		"ligature":   strings.Repeat("\ufdfa", 20_000),
		"surrogates": "\xed\xa0\xbd\xed\xb8\x80",
	} {
		for scale, s := range scales {
			if r := Understand(text, s); !r.Ask() && name != "combining" && !(name == "negations" && scale == "yesno") {
				t.Errorf("%s: read as %d, want it asked back", name, r.Value)
			}
		}
	}
}

func FuzzUnderstand(f *testing.F) {
	for _, row := range rows(f, "replies.tsv", 3) {
		f.Add(row[0])
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, s := range scales {
			r := Understand(text, s)
			if r.Ask() {
				if r.Comment != "" || r.Value != 0 {
					t.Errorf("%s: %q is asked back and has a value or a comment", name, text)
				}
			} else if !offers(s, r.Value) {
				t.Errorf("%s: %q is read as %d, which is not offered", name, text, r.Value)
			}
			if again := Understand(norm.NFKC.String(text), s); again != r {
				t.Errorf("%s: %q is read as %q, its NFKC as %q", name, text, told(r), told(again))
			}
			if ClueIn(text, s) && !Clue(text) && !(s.YesNo && r.Value == Yes) {
				t.Errorf("%s: %q is a clue in its question and has no word of one", name, text)
			}
		}
		if StopWord(text) && StartWord(text) {
			t.Errorf("%q stops and starts", text)
		}
		HelpWord(text)
	})
}

func offers(s Scale, value int) bool {
	if s.YesNo {
		return value == No || value == Yes
	}
	for _, c := range s.Choices {
		if c.Value == value {
			return true
		}
	}
	return false
}
