package invite

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"time"

	"qingfeng/surveys"
)

const (
	// tokenBytes is the length of a survey's token: 128 bits cannot be guessed.
	tokenBytes = 16
	// codeDigits is the length of a code. A hospital has some thousand open ones
	// and a source ten tries an hour, so one in a thousand sources hits one in a
	// decade.
	codeDigits = 8
)

// Token draws a survey's token: its text for the link, 22 characters, and what
// is kept of it.
func Token() (text string, hash [32]byte) {
	raw := make([]byte, tokenBytes)
	rand.Read(raw) // never fails: it ends the program instead
	text = base64.RawURLEncoding.EncodeToString(raw)
	return text, sha256.Sum256([]byte(text))
}

// HashToken gives what is kept of a token, by which the store finds its
// invitation: the SHA-256 of its text, as the phone page has it. false for what
// is no token.
func HashToken(text string) (hash [32]byte, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != tokenBytes {
		return hash, false
	}
	return sha256.Sum256([]byte(text)), true
}

// code draws a one-time code.
func code() (surveys.Secret, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1e8))
	if err != nil {
		return "", fmt.Errorf("draw code: %w", err)
	}
	return surveys.Secret(fmt.Sprintf("%0*d", codeDigits, n)), nil
}

func newID(at time.Time) surveys.FactID {
	var random [10]byte
	rand.Read(random[:]) // never fails: it ends the program instead
	return surveys.NewFactID(at, random)
}
