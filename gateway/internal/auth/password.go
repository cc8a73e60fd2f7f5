package auth

import (
	"crypto/rand"
	_ "embed"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// MinPassword is the least length of a password in characters.
	MinPassword = 12
	// MaxPassword is the most: a bound on hashing work, far above what
	// anybody types.
	MaxPassword = 128
	// minDistinct is how many different characters a password must have.
	minDistinct = 5
	// maxUsername bounds a sign-in name in characters.
	maxUsername = 40
)

//go:embed common_passwords.txt
var commonPasswords string

// PasswordProblem is why a password is refused; it is safe to show.
type PasswordProblem string

// Problems of a password.
const (
	PasswordTooShort  PasswordProblem = "too_short"
	PasswordTooLong   PasswordProblem = "too_long"
	PasswordIsName    PasswordProblem = "contains_username"
	PasswordCommon    PasswordProblem = "too_common"
	PasswordRepeats   PasswordProblem = "too_few_different_characters"
	PasswordNotText   PasswordProblem = "not_text"
	PasswordUnchanged PasswordProblem = "unchanged"
)

// WeakPasswordError says which rule a new password breaks.
type WeakPasswordError struct{ Problem PasswordProblem }

func (e *WeakPasswordError) Error() string { return "weak password: " + string(e.Problem) }

// CheckPassword reports why password cannot be the new password of username,
// as a *WeakPasswordError.
func CheckPassword(username, password string) error {
	if !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl) {
		return &WeakPasswordError{PasswordNotText}
	}
	normal := string(normalPassword(password))
	folded := strings.ToLower(normal)
	distinct := map[rune]bool{}
	for _, r := range folded {
		distinct[r] = true
	}
	switch n := utf8.RuneCountInString(normal); {
	case n < MinPassword:
		return &WeakPasswordError{PasswordTooShort}
	case n > MaxPassword:
		return &WeakPasswordError{PasswordTooLong}
	case containsName(folded, NormalUsername(username)):
		return &WeakPasswordError{PasswordIsName}
	case len(distinct) < minDistinct:
		return &WeakPasswordError{PasswordRepeats}
	}
	for line := range strings.Lines(commonPasswords) {
		if strings.TrimRight(line, "\r\n") == folded {
			return &WeakPasswordError{PasswordCommon}
		}
	}
	return nil
}

// containsName holds for the name itself, and for a name of four or more
// characters anywhere inside; shorter ones turn up by chance.
func containsName(password, name string) bool {
	if name == "" {
		return false
	}
	return password == name || utf8.RuneCountInString(name) >= 4 && strings.Contains(password, name)
}

// NormalUsername folds the ways to type a sign-in name into the one that is
// stored: NFKC, lower case, no space around it.
func NormalUsername(username string) string {
	return strings.ToLower(strings.TrimSpace(norm.NFKC.String(username)))
}

// ValidUsername reports whether a normal username can be given to an account:
// letters of any script, digits, and . _ - inside, at most 40 characters.
func ValidUsername(username string) bool {
	if username == "" || utf8.RuneCountInString(username) > maxUsername || !utf8.ValidString(username) || username != NormalUsername(username) {
		return false
	}
	for i, r := range username {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && (i == 0 || !strings.ContainsRune("._-", r)) {
			return false
		}
	}
	return true
}

// oneTimeSigns has no letter or digit that is taken for another when read from
// a screen or over the phone.
const oneTimeSigns = "abcdefghjkmnpqrstuvwxyz23456789"

// NewOneTimePassword makes a random password to be told once and changed at
// the first sign-in: five groups of four signs, 99 bits.
func NewOneTimePassword() string {
	var b strings.Builder
	for i := range 20 {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(randomSign(oneTimeSigns))
	}
	return b.String()
}

// randomSign draws evenly from signs (at most 256): a byte beyond the last
// whole multiple is drawn again, so no sign is likelier than another.
func randomSign(signs string) byte {
	limit := 256 - 256%len(signs)
	for {
		var b [1]byte
		rand.Read(b[:]) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
		if int(b[0]) < limit {
			return signs[int(b[0])%len(signs)]
		}
	}
}
