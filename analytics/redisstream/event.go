package redisstream

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

// maxEvent bounds an event's JSON, in bytes; real ones have about 250.
const maxEvent = 8 << 10

// EncodeEvent gives the bytes an event has in the stream.
func EncodeEvent(e *surveys.Event) []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic("event: plain values always encode: " + err.Error())
	}
	return b
}

// Errors of DecodeEvent. They never quote the entry.
var (
	errTooLong = errors.New("entry is longer than an event can be")
	errNotJSON = errors.New("entry is not an event's JSON")
)

// DecodeEvent reads an entry's event and refuses what cannot be counted.
// Fields it does not know are ignored, so that a newer node can add some.
func DecodeEvent(body []byte) (surveys.Event, error) {
	if len(body) > maxEvent {
		return surveys.Event{}, errTooLong
	}
	var e surveys.Event
	if err := json.Unmarshal(body, &e); err != nil {
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
