package texting

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"qingfeng/surveys"
)

// Parameters of argon2id, from the OWASP Password Storage Cheat Sheet
// ("Argon2id: m=19456 (19 MiB), t=2, p=1"), salt and key lengths from RFC 9106
// section 4.
const (
	receiptMemoryKiB  = 19 * 1024
	receiptIterations = 2
	receiptLanes      = 1
	receiptSaltBytes  = 16
	receiptKeyBytes   = 32
)

// receiptDigits is the length of a receipt code: with 53 bits and argon2id,
// nobody guesses one from a stolen database in a lifetime.
const receiptDigits = 16

// NewReceipt draws the receipt code of a clue. code is for the one text or page
// that shows it, in groups of four digits; hash, a PHC string of argon2id over
// the digits alone, is what is kept. It takes some ten milliseconds and 19 MiB.
func NewReceipt() (code surveys.Secret, hash string, err error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1e16))
	if err != nil {
		return "", "", fmt.Errorf("draw receipt code: %w", err)
	}
	digits := fmt.Sprintf("%0*d", receiptDigits, n)
	salt := make([]byte, receiptSaltBytes)
	rand.Read(salt) // never fails: it ends the program instead
	b64 := base64.RawStdEncoding
	hash = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, receiptMemoryKiB, receiptIterations, receiptLanes,
		b64.EncodeToString(salt), b64.EncodeToString(receiptKey(digits, salt)))
	return surveys.Secret(digits[:4] + " " + digits[4:8] + " " + digits[8:12] + " " + digits[12:]), hash, nil
}

func receiptKey(digits string, salt []byte) []byte {
	return argon2.IDKey([]byte(digits), salt, receiptIterations, receiptMemoryKiB, receiptLanes, receiptKeyBytes)
}

// CheckReceipt reports whether a code, as somebody typed it, is the one a hash
// of NewReceipt was made of. Its time does not tell where they differ.
func CheckReceipt(typed surveys.Secret, hash string) bool {
	digits := strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, norm.NFKC.String(string(typed)))
	wanted := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, receiptMemoryKiB, receiptIterations, receiptLanes)
	salt64, key64, ok := strings.Cut(strings.TrimPrefix(hash, wanted), "$")
	salt, saltErr := base64.RawStdEncoding.DecodeString(salt64)
	key, keyErr := base64.RawStdEncoding.DecodeString(key64)
	if !ok || !strings.HasPrefix(hash, wanted) || saltErr != nil || keyErr != nil || len(digits) != receiptDigits {
		return false
	}
	return subtle.ConstantTimeCompare(receiptKey(digits, salt), key) == 1
}
