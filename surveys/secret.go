package surveys

import (
	"fmt"
	"log/slog"
)

// Secret is personal text: a comment, a phone number. It prints as "[redacted]"
// wherever it is formatted or logged; string(s) is the only way to the content.
type Secret string

const redacted = "[redacted]"

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return redacted }

// Format implements fmt.Formatter, so that no verb prints the content.
func (Secret) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler: encoding a Secret by accident
// gives the redaction. Code that must send the content converts it first.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
