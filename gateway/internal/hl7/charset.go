package hl7

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Charset is the character set a message was written in.
type Charset string

// Character sets that are read.
const (
	CharsetUTF8    Charset = "UTF-8"
	CharsetGB18030 Charset = "GB18030" // GBK and GB 2312 are parts of it
)

// ErrCharset says that a message is in neither of the character sets.
var ErrCharset = errors.New("neither UTF-8 nor GB18030")

var byteOrderMark = []byte("\xef\xbb\xbf")

// decode gives a whole message as UTF-8. It comes before anything is split: the
// second byte of a GB18030 character may be any of | ^ ~ \.
//
// What MSH-18 declares is a hint, because senders lie in it:
//
//   - Bytes that are valid UTF-8 are UTF-8, whatever is declared. One case is
//     not clear: a few pairs of GB18030 bytes are valid UTF-8 too (模 is also ģ).
//     There the declaration decides, unless a character of three bytes, as
//     every Chinese one has, shows UTF-8.
//   - Bytes that are not are GB18030 if every one of them can be, declared or not.
//   - Everything else is ErrCharset, rather than names with holes.
func decode(raw []byte) (string, Charset, error) {
	raw = bytes.TrimPrefix(raw, byteOrderMark)
	if utf8.Valid(raw) {
		text := string(raw)
		if !declaresGB(raw) || isASCII(raw) || strings.ContainsFunc(text, func(r rune) bool { return r >= 0x800 }) {
			return text, CharsetUTF8, nil
		}
		if gb, ok := fromGB18030(raw); ok {
			return gb, CharsetGB18030, nil
		}
		return text, CharsetUTF8, nil
	}
	if gb, ok := fromGB18030(raw); ok {
		return gb, CharsetGB18030, nil
	}
	return "", "", ErrCharset
}

// declaresGB reports whether MSH-18 names a Chinese character set. It reads raw
// bytes: the fields of MSH before the 18th are ASCII in practice, and a wrong
// guess only costs the hint.
func declaresGB(raw []byte) bool {
	if len(raw) < 4 {
		return false
	}
	header, _, _ := bytes.Cut(bytes.TrimLeft(raw, "\r\n"), []byte("\r"))
	header, _, _ = bytes.Cut(header, []byte("\n"))
	if len(header) < 4 {
		return false
	}
	fields := bytes.Split(header, header[3:4])
	if len(fields) < 18 {
		return false
	}
	return strings.Contains(strings.ToUpper(string(fields[17])), "GB")
}

func fromGB18030(raw []byte) (string, bool) {
	out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(raw)
	if err != nil || bytes.ContainsRune(out, utf8.RuneError) {
		return "", false
	}
	return string(out), true
}

// encode gives text in the character set of the message it answers.
func encode(text string, c Charset) []byte {
	if c == CharsetGB18030 {
		if out, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(text)); err == nil {
			return out
		}
	}
	return []byte(text)
}

func isASCII(raw []byte) bool {
	return !bytes.ContainsFunc(raw, func(r rune) bool { return r >= utf8.RuneSelf })
}
