package twilio

import (
	"errors"
	"net/url"
	"strings"
)

// maxFields bounds a webhook's parameters; Twilio sends about 25.
const maxFields = 200

// form is a webhook's parameters, each with its one value.
type form map[string]string

// Errors of parseForm. They name no key and no value.
var (
	errEscape    = errors.New("a parameter is not percent-encoded rightly")
	errDuplicate = errors.New("a parameter comes twice")
	errNameless  = errors.New("a parameter has no name")
	errFields    = errors.New("there are too many parameters")
)

// parseForm reads an application/x-www-form-urlencoded body. A key that comes
// twice is refused: the signature covers one of its values, and whoever reads
// the other is deceived.
func parseForm(body []byte) (form, error) {
	f := form{}
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		if len(f) >= maxFields {
			return nil, errFields
		}
		rawKey, rawValue, _ := strings.Cut(pair, "=")
		key, err := unescape(rawKey)
		if err != nil {
			return nil, err
		}
		value, err := unescape(rawValue)
		if err != nil {
			return nil, err
		}
		if key == "" {
			return nil, errNameless
		}
		if _, twice := f[key]; twice {
			return nil, errDuplicate
		}
		f[key] = value
	}
	return f, nil
}

// unescape refuses a bare semicolon, which some readers take for an ampersand.
func unescape(s string) (string, error) {
	if strings.Contains(s, ";") {
		return "", errEscape
	}
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return "", errEscape
	}
	return plain, nil
}

// first gives the first of several names of the same thing that has a value.
func (f form) first(keys ...string) string {
	for _, key := range keys {
		if f[key] != "" {
			return f[key]
		}
	}
	return ""
}
