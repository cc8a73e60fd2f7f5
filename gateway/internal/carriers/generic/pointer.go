package generic

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// pointAt follows a JSON pointer (RFC 6901) to a text, number or truth.
func pointAt(raw []byte, pointer string) (string, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // ids are longer than a float is exact
	var at any
	if dec.Decode(&at) != nil {
		return "", false
	}
	return follow(at, pointer)
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

func follow(at any, pointer string) (string, bool) {
	for _, step := range strings.Split(pointer, "/")[1:] {
		step = unescape.Replace(step)
		switch inside := at.(type) {
		case map[string]any:
			next, ok := inside[step]
			if !ok {
				return "", false
			}
			at = next
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(inside) {
				return "", false
			}
			at = inside[n]
		default:
			return "", false
		}
	}
	switch value := at.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	case bool:
		return strconv.FormatBool(value), true
	}
	return "", false
}
