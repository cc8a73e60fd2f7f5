package texting

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
)

func TestMeasure(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		want Length
	}{
		{"empty", "", Length{GSM7, 0, 0}},
		// The vectors of the domain.
		{"70 请", strings.Repeat("请", 70), Length{UCS2, 70, 1}},
		{"71 请", strings.Repeat("请", 71), Length{UCS2, 71, 2}},
		{"134 请", strings.Repeat("请", 134), Length{UCS2, 134, 2}},
		{"135 请", strings.Repeat("请", 135), Length{UCS2, 135, 3}},
		{"69 请 and a pair", strings.Repeat("请", 69) + "😀", Length{UCS2, 71, 2}},
		{"68 请 and a pair", strings.Repeat("请", 68) + "😀", Length{UCS2, 70, 1}},
		// 134 units fill two parts only when no pair lies across their border.
		{"a pair across the border", strings.Repeat("请", 66) + "😀" + strings.Repeat("请", 66), Length{UCS2, 134, 3}},
		{"a pair at the border", strings.Repeat("请", 65) + "😀" + strings.Repeat("请", 67), Length{UCS2, 134, 2}},
		{"160 letters", strings.Repeat("a", 160), Length{GSM7, 160, 1}},
		{"161 letters", strings.Repeat("a", 161), Length{GSM7, 161, 2}},
		{"306 letters", strings.Repeat("a", 306), Length{GSM7, 306, 2}},
		{"307 letters", strings.Repeat("a", 307), Length{GSM7, 307, 3}},
		{"80 euros", strings.Repeat("€", 80), Length{GSM7, 160, 1}},
		{"81 euros", strings.Repeat("€", 81), Length{GSM7, 162, 2}},
		{"an escape across the border", strings.Repeat("a", 152) + "[" + strings.Repeat("a", 152), Length{GSM7, 306, 3}},
		{"an escape at the border", strings.Repeat("a", 151) + "[" + strings.Repeat("a", 153), Length{GSM7, 306, 2}},
		{"accents of the alphabet", "àèéìòùÄÖÑÜ§¿¡ÇØøΔΩ", Length{GSM7, 18, 1}},
		{"a small c with cedilla", "ça va", Length{UCS2, 5, 1}},
		{"a curly quote", "it’s", Length{UCS2, 4, 1}},
		{"brackets of a signature", "【Q】 hello", Length{UCS2, 9, 1}},
		{"not UTF-8", "a\xff", Length{UCS2, 2, 1}},
	} {
		if diff := cmp.Diff(tt.want, Measure(tt.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestGSMAlphabetIsComplete(t *testing.T) {
	// 128 places, without the escape that opens the extension.
	if n := utf8.RuneCountInString(gsmBasic); n != 127 {
		t.Errorf("the default alphabet has %d characters, want 127", n)
	}
	if n := utf8.RuneCountInString(gsmExtension); n != 10 {
		t.Errorf("the extension has %d characters, want 10", n)
	}
}

func TestPrice(t *testing.T) {
	for _, tt := range []struct {
		text string
		per  surveys.Fen
		want surveys.Fen
	}{
		{"", 5, 0},
		{"请", 5, 5},
		{strings.Repeat("请", 135), 5, 15},
	} {
		if got := Price(Measure(tt.text), tt.per); got != tt.want {
			t.Errorf("%d characters at %d fen cost %d, want %d", utf8.RuneCountInString(tt.text), tt.per, got, tt.want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, text := range []string{
		"", "请", strings.Repeat("请", 66) + "😀" + strings.Repeat("请", 70), strings.Repeat("a", 152) + "[]" + strings.Repeat("€", 99), "a\xffb",
		strings.Repeat("😀", 100), strings.Repeat("👩‍👩‍👧", 30),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		length := Measure(text)
		parts := Split(text)
		if len(parts) != length.Segments {
			t.Fatalf("%d parts, %d segments", len(parts), length.Segments)
		}
		if joined := strings.Join(parts, ""); joined != string([]rune(text)) {
			t.Fatalf("joined %q, want %q", joined, text)
		}
		total := 0
		for i, p := range parts {
			n := unitsByHand(p, length.Encoding)
			total += n
			single, part := limits(length.Encoding)
			switch {
			case len(parts) == 1 && n > single, len(parts) > 1 && n > part:
				t.Fatalf("part %d has %d units", i, n)
			case !utf8.ValidString(p) || p == "":
				t.Fatalf("part %d is %q", i, p)
			}
		}
		if total != length.Units {
			t.Fatalf("parts have %d units, the text %d", total, length.Units)
		}
		// Greedy is least: no two neighbours would fit into one part.
		_, part := limits(length.Encoding)
		for i := 1; i < len(parts); i++ {
			first, _ := utf8.DecodeRuneInString(parts[i])
			if unitsByHand(parts[i-1]+string(first), length.Encoding) <= part {
				t.Fatalf("part %d ends early", i-1)
			}
		}
	})
}

// unitsByHand counts units in another way than the package does.
func unitsByHand(text string, e Encoding) int {
	if e == UCS2 {
		return len(utf16.Encode([]rune(text)))
	}
	n := utf8.RuneCountInString(text)
	for _, r := range text {
		if strings.ContainsRune("\f^{}\\[~]|€", r) {
			n++
		}
	}
	return n
}
