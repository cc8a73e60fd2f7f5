package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"qingfeng/surveys"
)

// maxBody bounds every request body.
const maxBody = 64 << 10

// decode reads a JSON body strictly: one object in UTF-8, no unknown fields,
// nothing after it. An answer names the field, never its value.
func decode(r *http.Request, into any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "not_json", "请求头 Content-Type 必须是 application/json", "Content-Type must be application/json")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return refuse(http.StatusBadRequest, "incomplete_body", "请求内容不完整", "the body broke off")
	}
	return decodeBytes(body, into)
}

func decodeBytes(body []byte, into any) error {
	if !utf8.Valid(body) {
		return badBody("不是 UTF-8", "not UTF-8")
	}
	if first := bytes.TrimLeft(body, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return badBody("不是 JSON 对象", "not a JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return decodeProblem(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badBody("JSON 之后还有内容", "something follows the JSON object")
	}
	return nil
}

func badBody(zh, en string) *problem {
	return refuse(http.StatusBadRequest, "bad_json", "请求内容"+zh, "the body is "+en)
}

func decodeProblem(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return invalid(kind.Field, "类型不对", "has the wrong type, want "+jsonKind(kind.Type.String()))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		// The name is the client's own: what looks like anything but a name is
		// not repeated, it may be somebody's number.
		name = strings.Trim(name, `"`)
		if !surveys.ValidName(name) {
			name = "?"
		}
		return invalid(name, "没有这个字段", "there is no such field")
	}
	return badBody("不是有效的 JSON", "not valid JSON")
}

func jsonKind(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "float"):
		return "a number"
	case goType == "bool":
		return "true or false"
	}
	return "a string"
}

// wireTime is a time as the wire has it: RFC 3339 in UTC with milliseconds.
// Fields that may have none are left out (omitzero).
type wireTime time.Time

// IsZero reports whether there is no time.
func (t wireTime) IsZero() bool { return time.Time(t).IsZero() }

// wireLayout is the form of wireTime.
const wireLayout = "2006-01-02T15:04:05.000Z"

// MarshalJSON implements json.Marshaler.
func (t wireTime) MarshalJSON() ([]byte, error) {
	return []byte(`"` + time.Time(t).UTC().Format(wireLayout) + `"`), nil
}

// writeJSON answers with v. Answers are plain values, so encoding cannot fail
// for a reason a caller could act on.
func writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes()) //nolint:errcheck // the client is gone; there is nobody to tell
}
