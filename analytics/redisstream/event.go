package redisstream

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

// maxEvent bounds an event's JSON, in bytes; real ones have about 250.
const maxEvent = 8 << 10

// usualEvent is enough for nearly every event's JSON, in bytes.
const usualEvent = 320

// EncodeEvent gives the bytes an event has in the stream.
func EncodeEvent(e *surveys.Event) []byte {
	return surveys.AppendEvent(make([]byte, 0, usualEvent), e)
}

// Errors of DecodeEvent. They never quote the entry.
var (
	errTooLong = errors.New("entry is longer than an event can be")
	errNotJSON = errors.New("entry is not an event's JSON")
)

// DecodeEvent reads an entry's event and refuses what cannot be counted.
// Fields it does not know are ignored, so that a newer node can add some.
// The event's words share body's memory.
func DecodeEvent(body string) (surveys.Event, error) {
	if len(body) > maxEvent {
		return surveys.Event{}, errTooLong
	}
	var e surveys.Event
	if err := surveys.ParseEvent(body, &e); err != nil {
		return surveys.Event{}, errNotJSON
	}
	if err := analytics.CheckEvent(&e); err != nil {
		return surveys.Event{}, err
	}
	return e, nil
}

// Mark is a short fingerprint of an event. Kept beside the watermark, it tells
// whether the store's event of that sequence is still the one that was counted:
// after a restore of an older store it is not.
func Mark(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:8])
}
