package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
)

const (
	// codeSigns has neither 0, 1, I nor O. 32 signs: a code of eight has 40 bits.
	codeSigns  = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	codeLength = 8
	// secretBytes is the length of enrolment secrets, tokens and tickets.
	secretBytes = 32
)

// ErrCode is returned for text that cannot be an enrolment code.
var ErrCode = errors.New("not an enrolment code")

// NewCode makes an enrolment code, each sign drawn evenly.
func NewCode() string {
	var b [codeLength]byte
	for i := range b {
		b[i] = randomSign(codeSigns)
	}
	return string(b[:])
}

// ParseCode reads a code as a person types it: in either case, with or without
// the hyphen or spaces of its shown form.
func ParseCode(text string) (string, error) {
	if len(text) > 4*codeLength {
		return "", ErrCode
	}
	var b strings.Builder
	for _, r := range text {
		if 'a' <= r && r <= 'z' { // not ToUpper: it makes an S of the long ſ
			r -= 'a' - 'A'
		}
		switch {
		case r == '-' || r == ' ':
		case r < 0x80 && strings.ContainsRune(codeSigns, r):
			b.WriteRune(r)
		default:
			return "", ErrCode
		}
	}
	if b.Len() != codeLength {
		return "", ErrCode
	}
	return b.String(), nil
}

// HashCode is the form of a parsed code the store keeps.
func HashCode(code string) [32]byte { return sha256.Sum256([]byte("enrolment code\n" + code)) }

// NewSecret makes 32 random bytes and their text, base64url without padding.
func NewSecret() (text string, hash [32]byte) {
	b := make([]byte, secretBytes)
	rand.Read(b) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b), sha256.Sum256(b)
}

// HashSecret gives the hash of a secret's text; ok is false for text that
// NewSecret cannot have made.
func HashSecret(text string) (hash [32]byte, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(secretBytes) {
		return hash, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return hash, false
	}
	return sha256.Sum256(b), true
}
