package auth

import (
	"errors"
	"strings"
	"testing"
)

func TestParseCode(t *testing.T) {
	for _, tt := range []struct {
		typed, want string // want "": refused
	}{
		{"K7PM3XQ2", "K7PM3XQ2"},
		{"K7PM-3XQ2", "K7PM3XQ2"},
		{"k7pm-3xq2", "K7PM3XQ2"},
		{" k7pm 3xq2 ", "K7PM3XQ2"},
		{"K7PM3XQ", ""},
		{"K7PM3XQ22", ""},
		{"K7PM3XQ0", ""}, // no zero
		{"K7PM3XQO", ""}, // no O
		{"K7PM3XQ1", ""},
		{"K7PM3XQI", ""},
		{"K7PM3XQ２", ""},
		{"K7PM3XQſ", ""}, // long s: its capital is S
		{"", ""},
		{strings.Repeat("-", 10_000) + "K7PM3XQ2", ""},
	} {
		got, err := ParseCode(tt.typed)
		if got != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, ErrCode) {
			t.Errorf("ParseCode(%.20q) = %q, %v, want %q", tt.typed, got, err, tt.want)
		}
	}
}

func TestNewCode(t *testing.T) {
	seen := map[string]bool{}
	for range 500 {
		code := NewCode()
		if parsed, err := ParseCode(code); err != nil || parsed != code {
			t.Fatalf("ParseCode(%q) = %q, %v", code, parsed, err)
		}
		if seen[code] {
			t.Fatalf("%s came twice in 500 of 2⁴⁰", code)
		}
		seen[code] = true
	}
}

func FuzzParseCode(f *testing.F) {
	for _, seed := range []string{"K7PM-3XQ2", "k7pm3xq2", "", "--------", "K7PM3XQſ", "\xff\xfe"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := ParseCode(typed)
		if err != nil {
			if code != "" {
				t.Errorf("a refused code gives %q", code)
			}
			return
		}
		if len(code) != codeLength || strings.Trim(code, codeSigns) != "" {
			t.Errorf("ParseCode(%q) = %q, which is no code", typed, code)
		}
		if again, err := ParseCode(code); err != nil || again != code {
			t.Errorf("ParseCode(%q) = %q, %v: parsing is not stable", code, again, err)
		}
	})
}

func TestSecrets(t *testing.T) {
	text, hash := NewSecret()
	if got, ok := HashSecret(text); !ok || got != hash {
		t.Errorf("HashSecret(%q) does not give the hash it was made with", text)
	}
	other, otherHash := NewSecret()
	if other == text || otherHash == hash {
		t.Error("two secrets are equal")
	}
	for _, wrong := range []string{"", "x", text + "A", text[:42], text[:42] + "=", text[:42] + "!", strings.Repeat("A", 10_000)} {
		if _, ok := HashSecret(wrong); ok {
			t.Errorf("HashSecret(%.50q) is accepted", wrong)
		}
	}
}
