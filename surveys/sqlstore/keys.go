package sqlstore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"qingfeng/surveys"
)

// keys are the keys derived from Options.PhoneKey, one per purpose.
type keys struct {
	phone, setAside                cipher.AEAD
	person, message, answer        cipher.AEAD
	payload, memory, clue          cipher.AEAD
	index, staff, proof            []byte
	people, codes, content, source []byte
}

func deriveKeys(secret []byte) (*keys, error) {
	derive := func(purpose string) ([]byte, error) {
		return hkdf.Key(sha256.New, secret, nil, "qingfeng store v1: "+purpose, 32)
	}
	var k keys
	for _, d := range []struct {
		purpose string
		key     *[]byte
		aead    *cipher.AEAD
	}{
		{"seal phone numbers", nil, &k.phone},
		{"seal set-aside bodies", nil, &k.setAside},
		{"seal names and numbers of patients", nil, &k.person},
		{"seal text messages", nil, &k.message},
		{"seal answers", nil, &k.answer},
		{"seal messages of other systems", nil, &k.payload},
		{"seal conversations", nil, &k.memory},
		{"clue", nil, &k.clue},
		{"index phone numbers", &k.index, nil},
		{"index patients and visits", &k.people, nil},
		{"index survey codes", &k.codes, nil},
		{"recognise messages", &k.content, nil},
		{"recognise sources", &k.source, nil},
		{"refer to staff", &k.staff, nil},
		{"prove the key", &k.proof, nil},
	} {
		key, err := derive(d.purpose)
		if err != nil {
			return nil, fmt.Errorf("derive key: %w", err)
		}
		if d.key != nil {
			*d.key = key
			continue
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("derive key: %w", err)
		}
		if *d.aead, err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("derive key: %w", err)
		}
	}
	return &k, nil
}

// rowID stands for a numbered row where text is bound to what it belongs to;
// table has at most six letters, so that no UUIDv7 is like it.
func rowID(table string, number int64) (id surveys.FactID) {
	copy(id[:8], table)
	binary.BigEndian.PutUint64(id[8:], uint64(number))
	return id
}

// sealText seals text that may be empty: empty stays empty.
func sealText(a cipher.AEAD, text surveys.Secret, id surveys.FactID) []byte {
	if text == "" {
		return []byte{}
	}
	return seal(a, []byte(text), id)
}

func unsealText(a cipher.AEAD, sealed []byte, id surveys.FactID) (surveys.Secret, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	text, err := unseal(a, sealed, id)
	return surveys.Secret(text), err
}

// errSealed says nothing of the content.
var errSealed = errors.New("sealed text cannot be opened with this key")

// seal encrypts text bound to the id it belongs to: nonce, then ciphertext.
func seal(a cipher.AEAD, text []byte, id surveys.FactID) []byte {
	nonce := make([]byte, a.NonceSize(), a.NonceSize()+len(text)+a.Overhead())
	rand.Read(nonce) // never fails: it ends the program instead
	return a.Seal(nonce, nonce, text, id[:])
}

func unseal(a cipher.AEAD, sealed []byte, id surveys.FactID) ([]byte, error) {
	if len(sealed) < a.NonceSize() {
		return nil, errSealed
	}
	text, err := a.Open(nil, sealed[:a.NonceSize()], sealed[a.NonceSize():], id[:])
	if err != nil {
		return nil, errSealed
	}
	return text, nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// staffRef is the opaque stand-in of a work number; empty for none.
func (k *keys) staffRef(id surveys.StaffID) surveys.StaffRef {
	if id == "" {
		return ""
	}
	return surveys.StaffRef(hex.EncodeToString(mac(k.staff, string(id))[:8]))
}

// phoneIndex finds the same number again without knowing it.
func (k *keys) phoneIndex(number string) []byte { return mac(k.index, number) }

// normalPhone drops the spaces, hyphens and brackets of a typed number. What
// does not look like a number is kept as typed: a person will read it.
func normalPhone(typed surveys.Secret) string {
	text := strings.TrimSpace(string(typed))
	var b strings.Builder
	digits := 0
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			digits++
			b.WriteRune(c)
		case c >= '０' && c <= '９':
			digits++
			b.WriteRune(c - '０' + '0')
		case (c == '+' || c == '＋') && i == 0:
			b.WriteByte('+')
		case strings.ContainsRune(" -()　－（）", c):
		default:
			return text
		}
	}
	if digits < 5 || digits > 20 {
		return text
	}
	return b.String()
}
