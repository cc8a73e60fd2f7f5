package surveys

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Identifiers of the organisation. They come from the hospital's configuration
// and are short ASCII words such as "settlement-2".
type (
	// DepartmentID names a unit of the organisation tree (科室, 处室, 党支部).
	DepartmentID string
	// PlaceID names where a patient is asked: a window, a ward or a lobby.
	// Places of every kind share one name space.
	PlaceID string
	// BedID names a bed inside a ward.
	BedID string
	// StaffID is the work number (工号) printed on a member of staff's badge. It
	// is personal data and stays in the SQL store; see StaffRef.
	StaffID string
	// StaffRef is the opaque stand-in for a StaffID in events, streams and
	// scores: 16 hexadecimal digits of an HMAC with a key kept beside the store.
	StaffRef string
	// VersionID is the content hash of a published questionnaire: 16
	// hexadecimal digits (the first 8 bytes of SHA-256 of its canonical JSON).
	VersionID string
	// ItemID names one question of a questionnaire, unique inside it.
	ItemID string
	// TransactionNumber is the number the window's own system gave a
	// transaction, for example "88121". At most 64 printable ASCII characters.
	TransactionNumber string
)

// FactID is the UUIDv7 of a fact, made where the fact happened: on the tablet,
// never on the server. Its first 48 bits are Unix milliseconds, so facts of one
// device sort in the order they were made.
type FactID [16]byte

// DeviceID is the UUIDv7 the server gave a device when it was approved.
type DeviceID = FactID

// ErrFactID is returned for text that is not a UUIDv7 in canonical form.
var ErrFactID = errors.New("not a UUIDv7")

// ParseFactID reads the canonical 36-character form of a UUIDv7 (RFC 9562
// section 5.7) and refuses every other version, variant, length and upper case.
func ParseFactID(s string) (FactID, error) {
	var id FactID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return FactID{}, ErrFactID
	}
	for n, i := range hexOffsets {
		hi, lo := hexDigit(s[i]), hexDigit(s[i+1])
		if hi > 15 || lo > 15 {
			return FactID{}, ErrFactID
		}
		id[n] = hi<<4 | lo
	}
	if id[6]>>4 != 7 || id[8]>>6 != 2 {
		return FactID{}, ErrFactID
	}
	return id, nil
}

// hexOffsets is where each byte's two digits stand in the canonical form.
var hexOffsets = [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// NewFactID builds a UUIDv7 for the moment at from ten bytes of randomness.
func NewFactID(at time.Time, random [10]byte) FactID {
	var id FactID
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	copy(id[6:], random[:])
	id[6] = 0x70 | id[6]&0x0f
	id[8] = 0x80 | id[8]&0x3f
	return id
}

// String gives the canonical form, lower case.
func (id FactID) String() string {
	var b [36]byte
	id.encode(b[:])
	return string(b[:])
}

func (id FactID) encode(b []byte) {
	hex.Encode(b[0:8], id[0:4])
	b[8] = '-'
	hex.Encode(b[9:13], id[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], id[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], id[8:10])
	b[23] = '-'
	hex.Encode(b[24:36], id[10:16])
}

// IsZero reports whether the id was never set.
func (id FactID) IsZero() bool { return id == FactID{} }

// MarshalText implements encoding.TextMarshaler.
func (id FactID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return []byte{}, nil
	}
	b := make([]byte, 36)
	id.encode(b)
	return b, nil
}

// UnmarshalText implements encoding.TextUnmarshaler; empty text is the zero id.
func (id *FactID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = FactID{}
		return nil
	}
	parsed, err := ParseFactID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// CheckTransactionNumber reports what is wrong with a window system's number.
func CheckTransactionNumber(n TransactionNumber) error {
	if n == "" || len(n) > 64 {
		return fmt.Errorf("transaction number has %d characters, want 1 to 64", len(n))
	}
	for _, c := range []byte(n) {
		if c < 0x21 || c > 0x7e {
			return errors.New("transaction number has a character outside printable ASCII")
		}
	}
	return nil
}
