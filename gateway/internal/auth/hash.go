package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Parameters of argon2id, from the OWASP Password Storage Cheat Sheet
// ("Argon2id: m=19456 (19 MiB), t=2, p=1"), salt and key lengths from RFC 9106
// section 4.
const (
	argonMemoryKiB  = 19 * 1024
	argonIterations = 2
	argonLanes      = 1
	argonSaltBytes  = 16
	argonKeyBytes   = 32
)

const (
	// hashSlots is how many passwords are hashed at one time: 4 × 19 MiB is
	// the most memory a flood of sign-ins can hold.
	hashSlots = 4
	// hashWaiting is how many sign-ins may wait for a slot before further ones
	// are turned away; at about 30 ms each on one core this is a second or two.
	hashWaiting = 64
	// argonMaxMemoryKiB and argonMaxIterations bound what a stored hash may
	// ask for, so that a tampered row cannot take the machine down.
	argonMaxMemoryKiB  = 256 * 1024
	argonMaxIterations = 16
)

// ErrBusy is returned when too many sign-ins wait already.
var ErrBusy = errors.New("too many sign-ins at once")

// errHashFormat is returned for a stored hash that is not a PHC string of
// argon2id within bounds.
var errHashFormat = errors.New("password hash is not argon2id in PHC form")

type argonParams struct {
	memory     uint32 // KiB
	iterations uint32
	lanes      uint8
}

// Hasher makes and compares password hashes, a few at a time.
type Hasher struct {
	params  argonParams
	slots   chan struct{}
	waiting atomic.Int64
}

// NewHasher gives a hasher with the parameters above.
func NewHasher() *Hasher { return NewHasherWith(argonMemoryKiB, argonIterations) }

// NewHasherWith gives a hasher with other parameters: more for a machine that
// can bear it, next to nothing for a test that signs many people in.
func NewHasherWith(memoryKiB, iterations uint32) *Hasher {
	return newHasher(argonParams{memoryKiB, iterations, argonLanes})
}

func newHasher(p argonParams) *Hasher {
	return &Hasher{params: p, slots: make(chan struct{}, hashSlots)}
}

// Hash gives the PHC string of a password under a new salt.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSaltBytes)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make salt: %w", err)
	}
	key, err := h.derive(ctx, password, salt, h.params, argonKeyBytes)
	if err != nil {
		return "", err
	}
	return h.phc(salt, key), nil
}

// HashOfNobody gives the PHC string of no password anybody knows. Nothing is
// hashed for it; comparing a password with it takes as long as with any other.
func (h *Hasher) HashOfNobody() string {
	random := make([]byte, argonSaltBytes+argonKeyBytes)
	_, _ = rand.Read(random) // never fails
	return h.phc(random[:argonSaltBytes], random[argonSaltBytes:])
}

func (h *Hasher) phc(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.params.memory, h.params.iterations, h.params.lanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// Verify reports whether password is the one hash was made of. Its time does
// not depend on where they differ.
func (h *Hasher) Verify(ctx context.Context, password, hash string) (bool, error) {
	p, salt, want, err := parseHash(hash)
	if err != nil {
		return false, err
	}
	got, err := h.derive(ctx, password, salt, p, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// Outdated reports whether hash was made with other parameters than today's,
// so that it is made anew at the next sign-in.
func (h *Hasher) Outdated(hash string) bool {
	p, _, want, err := parseHash(hash)
	return err == nil && (p != h.params || len(want) != argonKeyBytes)
}

func (h *Hasher) derive(ctx context.Context, password string, salt []byte, p argonParams, length uint32) ([]byte, error) {
	if h.waiting.Add(1) > hashWaiting+hashSlots {
		h.waiting.Add(-1)
		return nil, ErrBusy
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash: %w", ctx.Err())
	}
	defer func() { <-h.slots }()
	return argon2.IDKey(normalPassword(password), salt, p.iterations, p.memory, p.lanes, length), nil
}

// normalPassword makes one password of the ways a keyboard can write it (full
// and half width letters, composed and decomposed signs), as NIST SP 800-63B
// section 5.1.1.2 asks.
func normalPassword(password string) []byte { return norm.NFKC.Bytes([]byte(password)) }

func parseHash(hash string) (p argonParams, salt, key []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return p, nil, nil, errHashFormat
	}
	var version int
	if n, scanErr := fmt.Sscanf(parts[2], "v=%d", &version); n != 1 || scanErr != nil || version != argon2.Version {
		return p, nil, nil, errHashFormat
	}
	if n, scanErr := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.iterations, &p.lanes); n != 3 || scanErr != nil {
		return p, nil, nil, errHashFormat
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	key, keyErr := base64.RawStdEncoding.DecodeString(parts[5])
	switch {
	case saltErr != nil, keyErr != nil, len(salt) < 8, len(salt) > 64, len(key) < 16, len(key) > 64,
		p.lanes < 1, p.memory < 8*uint32(p.lanes), p.memory > argonMaxMemoryKiB,
		p.iterations < 1, p.iterations > argonMaxIterations:
		return p, nil, nil, errHashFormat
	}
	return p, salt, key, nil
}
