package sqlstore_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore/storetest"
)

// logStarts reads how often the write-ahead log of a store has started over:
// the checkpoint sequence number in its header.
func logStarts(t *testing.T, path string) uint32 {
	t.Helper()
	f, err := os.Open(path + "-wal")
	must(t, err)
	defer f.Close()
	var number [4]byte
	if _, err := f.ReadAt(number[:], 12); err != nil {
		t.Fatalf("read the log's header: %v", err)
	}
	return binary.BigEndian.Uint32(number[:])
}

// A writer that never rests must not make the log longer and longer: no
// checkpoint ever finds it standing still. How soon the log starts over depends
// on the machine's load; that it does, again and again, must not.
func TestLogStartsOverUnderSteadyWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qingfeng.db")
	s := storetest.Open(t, path)
	const often, look, most = 3, 100, 9000 // as many commits would make a log of 240 MB, thirty times what is wanted
	first := logStarts(t, path)
	for n := range uint64(most) {
		if outcome, err := s.Record(context.Background(), storetest.Rating(n+1, storetest.Noon(), surveys.Satisfied)); err != nil || outcome != surveys.OutcomeStored {
			t.Fatalf("record rating %d: %s, %v", n, outcome, err)
		}
		if n%look == 0 && logStarts(t, path)-first >= often {
			return
		}
	}
	t.Errorf("after %d commits without a pause the log has started over %d times, want %d", most, logStarts(t, path)-first, often)
}
