package auth

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckPassword(t *testing.T) {
	for _, tt := range []struct {
		name, username, password string
		want                     PasswordProblem // "": accepted
	}{
		{"long and mixed", "zhangwei", "correct horse battery", ""},
		{"twelve characters", "zhangwei", "k8#mQ2!vT9zp", ""},
		{"Chinese phrase of twelve", "zhangwei", "清风徐来水波不兴举酒属客", ""},
		{"eleven characters", "zhangwei", "k8#mQ2!vT9z", PasswordTooShort},
		{"eleven letters that fold into twelve", "zhangwei", "k8#mQ2!vTzﬁ", ""},
		{"empty", "zhangwei", "", PasswordTooShort},
		{"longest", "zhangwei", strings.Repeat("abcdefgh", 16), ""},
		{"too long", "zhangwei", strings.Repeat("abcdefgh", 16) + "x", PasswordTooLong},
		{"the username", "zhangwei.ward3", "zhangwei.ward3", PasswordIsName},
		{"the username in capitals", "zhangwei.ward3", "ZHANGWEI.WARD3", PasswordIsName},
		{"around the username", "zhangwei", "xxZhangWei2026!", PasswordIsName},
		{"a short username by chance", "wei", "k8#mQ2weiT9zp", ""},
		{"one character", "zhangwei", "aaaaaaaaaaaaaaaa", PasswordRepeats},
		{"four characters", "zhangwei", "abcdabcdabcdabcd", PasswordRepeats},
		{"common", "zhangwei", "qwertyuiop[]", PasswordCommon},
		{"common in capitals", "zhangwei", "QwertyUiop[]", PasswordCommon},
		{"common in full width", "zhangwei", "ｑｗｅｒｔｙｕｉｏｐ［］", PasswordCommon},
		{"common in Chinese offices", "zhangwei", "woaini1314520", PasswordCommon},
		{"control character", "zhangwei", "k8#mQ2!vT9zp\n", PasswordNotText},
		{"not UTF-8", "zhangwei", "k8#mQ2!vT9zp\xff", PasswordNotText},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckPassword(tt.username, tt.password)
			var weak *WeakPasswordError
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("CheckPassword = %v, want it accepted", err)
			case tt.want != "" && (!errors.As(err, &weak) || weak.Problem != tt.want):
				t.Errorf("CheckPassword = %v, want %s", err, tt.want)
			}
			if err != nil && len(tt.password) > 3 && strings.Contains(err.Error(), tt.password) {
				t.Errorf("the error repeats the password")
			}
		})
	}
}

func TestCommonPasswordsAreOnesTheOtherRulesLetThrough(t *testing.T) {
	n := 0
	for line := range strings.Lines(commonPasswords) {
		password := strings.TrimSuffix(line, "\n")
		if password != strings.ToLower(password) || password != strings.TrimSpace(password) || len(password) < MinPassword {
			t.Errorf("%q can never match: it must be lower case, without spaces around it, and long enough", password)
		}
		n++
	}
	if n < 100 {
		t.Errorf("the list has %d passwords, want at least 100", n)
	}
}

func TestUsernames(t *testing.T) {
	for _, tt := range []struct {
		typed, normal string
		valid         bool
	}{
		{"admin", "admin", true},
		{" Admin ", "admin", true},
		{"ＡＤＭＩＮ", "admin", true},
		{"张伟", "张伟", true},
		{"zhang.wei-3", "zhang.wei-3", true},
		{"", "", false},
		{".hidden", ".hidden", false},
		{"two words", "two words", false},
		{"a\nb", "a\nb", false},
		{strings.Repeat("x", 41), strings.Repeat("x", 41), false},
	} {
		if got := NormalUsername(tt.typed); got != tt.normal {
			t.Errorf("NormalUsername(%q) = %q, want %q", tt.typed, got, tt.normal)
		}
		if got := ValidUsername(tt.normal); got != tt.valid {
			t.Errorf("ValidUsername(%q) = %v, want %v", tt.normal, got, tt.valid)
		}
	}
}

func TestOneTimePasswordsPassTheRules(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		p := NewOneTimePassword()
		if err := CheckPassword("admin", p); err != nil {
			t.Fatalf("%q: %v", p, err)
		}
		if seen[p] {
			t.Fatalf("%q came twice", p)
		}
		seen[p] = true
	}
}

func TestRandomSignIsEven(t *testing.T) {
	// 31 signs do not divide 256: a plain remainder would favour the first
	// eight by 9 to 8. The bound is six standard deviations.
	const draws = 62_000
	counts := map[byte]int{}
	for range draws {
		counts[randomSign(oneTimeSigns)]++
	}
	want := draws / len(oneTimeSigns)
	for i := range len(oneTimeSigns) {
		if got := counts[oneTimeSigns[i]]; got < want-270 || got > want+270 {
			t.Errorf("%q came %d times of %d, want about %d", oneTimeSigns[i], got, draws, want)
		}
	}
}
