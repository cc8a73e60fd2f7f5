package surveys_test

import (
	"encoding/json"
	"testing"
	"time"

	"qingfeng/surveys"
)

func TestParseFactID(t *testing.T) {
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"a UUIDv7", "019ab3f0-1c2d-7abc-8def-0123456789ab", true},
		{"upper case", "019AB3F0-1C2D-7ABC-8DEF-0123456789AB", false},
		{"version 4", "019ab3f0-1c2d-4abc-8def-0123456789ab", false},
		{"wrong variant", "019ab3f0-1c2d-7abc-cdef-0123456789ab", false},
		{"a digit short", "019ab3f0-1c2d-7abc-8def-0123456789a", false},
		{"hyphens elsewhere", "019ab3f01c2d-7abc-8def-0123-456789ab", false},
		{"hyphen in place of a digit", "019ab3f0-1c2d-7abc-8def-01234567-9ab", false},
		{"not hexadecimal", "019ab3f0-1c2d-7abc-8def-0123456789ag", false},
		{"empty", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, err := surveys.ParseFactID(tt.text)
			if (err == nil) != tt.ok {
				t.Fatalf("ParseFactID(%q) error = %v, want ok %v", tt.text, err, tt.ok)
			}
			if tt.ok && id.String() != tt.text {
				t.Errorf("String() = %q, want %q", id, tt.text)
			}
		})
	}
}

func FuzzParseFactID(f *testing.F) {
	f.Add("019ab3f0-1c2d-7abc-8def-0123456789ab")
	f.Add("019ab3f0-1c2d-7abc-8def-01234567-9ab")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := surveys.ParseFactID(text); err == nil && id.String() != text {
			t.Errorf("%q parsed to %q", text, id)
		}
	})
}

func TestNewFactIDKeepsTheOrderOfTime(t *testing.T) {
	at := time.UnixMilli(1_763_000_000_123)
	random := [10]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	first, second := surveys.NewFactID(at, random), surveys.NewFactID(at.Add(time.Millisecond), [10]byte{})
	if first.String() >= second.String() {
		t.Errorf("%s does not sort before %s", first, second)
	}
	for _, id := range []surveys.FactID{first, second} {
		if got, err := surveys.ParseFactID(id.String()); err != nil || got != id {
			t.Errorf("ParseFactID(%s) = %s, %v", id, got, err)
		}
	}
}

func TestFactIDInJSON(t *testing.T) {
	type body struct {
		ID surveys.FactID `json:"id"`
	}
	id := surveys.NewFactID(time.UnixMilli(1_763_000_000_123), [10]byte{1, 2, 3})
	text, err := json.Marshal(body{id})
	if err != nil {
		t.Fatal(err)
	}
	var back body
	if err := json.Unmarshal(text, &back); err != nil || back.ID != id {
		t.Errorf("%s read back as %s, %v", text, back.ID, err)
	}
	if err := json.Unmarshal([]byte(`{"id":"nonsense"}`), &back); err == nil {
		t.Error("nonsense was taken for an id")
	}
	if err := json.Unmarshal([]byte(`{"id":""}`), &back); err != nil || !back.ID.IsZero() {
		t.Errorf("empty id read as %s, %v, want the zero id", back.ID, err)
	}
}

func TestCheckTransactionNumber(t *testing.T) {
	for number, ok := range map[surveys.TransactionNumber]bool{
		"88121": true, "op-019ab3f0": true, "": false, "with space": false, "缴费": false,
		surveys.TransactionNumber(make([]byte, 65)): false,
	} {
		if err := surveys.CheckTransactionNumber(number); (err == nil) != ok {
			t.Errorf("CheckTransactionNumber(%q) = %v, want ok %v", number, err, ok)
		}
	}
}
