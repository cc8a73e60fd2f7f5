package tabletclient

import (
	"bytes"
	"strconv"
)

// parseHead reads the head of a snapshot or delta in the server's own spelling,
// without looking at the rest of the frame. Where it says no, the frame has to
// be decoded as JSON.
func parseHead(data []byte) (h Head, ok bool) {
	rest := data
	if h.Type, rest, ok = textAfter(rest, `{"type":"`); !ok {
		return Head{}, false
	}
	if h.Epoch, rest, ok = textAfter(rest, `,"epoch":"`); !ok {
		return Head{}, false
	}
	if h.Offset, rest, ok = numberAfter(rest, `,"offset":`); !ok {
		return Head{}, false
	}
	if h.Type == "delta" {
		if h.Previous, _, ok = numberAfter(rest, `,"previous":`); !ok {
			return Head{}, false
		}
	}
	return h, true
}

// textAfter reads a string without escapes that follows prefix.
func textAfter(data []byte, prefix string) (text string, rest []byte, ok bool) {
	data, ok = bytes.CutPrefix(data, []byte(prefix))
	end := bytes.IndexByte(data, '"')
	if !ok || end < 0 || bytes.IndexByte(data[:end], '\\') >= 0 {
		return "", nil, false
	}
	return string(data[:end]), data[end+1:], true
}

func numberAfter(data []byte, prefix string) (n int64, rest []byte, ok bool) {
	data, ok = bytes.CutPrefix(data, []byte(prefix))
	end := bytes.IndexAny(data, ",}")
	if !ok || end < 0 {
		return 0, nil, false
	}
	n, err := strconv.ParseInt(string(data[:end]), 10, 64)
	return n, data[end:], err == nil
}
