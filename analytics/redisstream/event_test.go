package redisstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

func TestEventReadsBack(t *testing.T) {
	for n := int64(1); n <= 33; n++ {
		want := eventAt(n).Event
		got, err := DecodeEvent(string(EncodeEvent(&want)))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("event %d (-want +got):\n%s", n, d)
		}
	}
}

func TestDecodeEventRefusesWithoutQuoting(t *testing.T) {
	for _, body := range []string{
		"", "null", "{}", "[]", `{"kind":"13800138000"}`, `{"kind":"rating_recorded","day":20261121,"grade":9,"series":"asked"}`,
		`{"kind":"rating_recorded","day":20261121,"grade":"13800138000"}`, `{"kind":"self_tested","day":20261121}x13800138000`,
		`{"kind":"self_tested","day":20261121,"device":"` + strings.Repeat("1", 9000) + `"}`,
	} {
		_, err := DecodeEvent(body)
		if err == nil {
			t.Errorf("%.60q is read", body)
			continue
		}
		if strings.Contains(err.Error(), "138") || len(err.Error()) > 60 {
			t.Errorf("the error quotes the entry: %v", err)
		}
	}
	if _, err := DecodeEvent(`{"kind":"self_tested","day":20261121,"hour":3,"of_a_newer_node":1}`); err != nil {
		t.Errorf("a field of a newer node is refused: %v", err)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	for n := int64(1); n <= 11; n++ {
		e := eventAt(n)
		f.Add(EncodeEvent(&e.Event))
	}
	f.Add([]byte(`{"kind":"self_tested","day":20261121,"hour":-1}`))
	f.Add([]byte(`{"kind":"rating_recorded","day":99999999}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := DecodeEvent(string(body))
		if err != nil {
			return
		}
		// What is taken can be counted, and every cell of it reads back.
		analytics.Count(&e, 1, func(c analytics.Cell, _ int64) {
			text := c.String()
			got, err := analytics.ParseCell(text)
			if err != nil || got != c {
				t.Errorf("%q counts in %+v, which reads back as %+v, %v", body, c, got, err)
			}
		})
	})
}

func TestNamesAndIDsReadBack(t *testing.T) {
	for _, test := range []struct {
		name string
		day  surveys.Day
		ok   bool
	}{{"day:20261121", today, true}, {"hours:20261121", today, true}, {"day:", 0, false}, {"night:20261121", today, false}, {"day:020261121", today, false}} {
		if day, ok := parseName(test.name); ok != test.ok || ok && day != test.day {
			t.Errorf("parseName(%q) = %d, %v", test.name, day, ok)
		}
	}
	for id, want := range map[string]int64{"12-0": 12, "12-1": 0, "12": 0, "-1-0": 0, "x-0": 0, entryID(7): 7} {
		if got := sequenceOf(id); got != want {
			t.Errorf("sequenceOf(%q) = %d, want %d", id, got, want)
		}
	}
}

func TestServerErrorsAreSorted(t *testing.T) {
	for text, lost := range map[string]bool{
		"OOM command not allowed when used memory > 'maxmemory'.": false, "LOADING Redis is loading the dataset in memory": false,
		"READONLY You can't write against a read only replica.": false, "NOGROUP No such key": true,
		"WRONGTYPE Operation against a key": true, "ERR hash value is not an integer": true,
	} {
		if got := NeedsRebuild(lostIfServerSays(serverError(text))); got != lost {
			t.Errorf("%q asks for a rebuild: %v, want %v", text, got, lost)
		}
	}
	if NeedsRebuild(lostIfServerSays(fmt.Errorf("dial: %w", errors.New("refused")))) {
		t.Error("an error of the network asks for a rebuild")
	}
}

func TestOpenNeverQuotesThePassword(t *testing.T) {
	for _, url := range []string{"http://u:geheim@h", "redis://u:geheim@h:x/0", "redis://u:geheim@h/0?nonsense=1", "redis://u:geheim@h?addr=1&nonsense=2", "redis://u:geheim@h?master_name=m&nonsense=1", "\x7f:geheim"} {
		if _, err := Open(url); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("opening a wrong URL gives %v", err)
		}
	}
}

func TestEmbeddedAsksForItsPasswordAndEnds(t *testing.T) {
	ctx := context.Background()
	e, err := StartEmbedded(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, e.URL)
	if err := c.Ping(ctx).Err(); err != nil {
		t.Errorf("ping: %v", err)
	}
	_, address, _ := strings.Cut(e.URL, "@")
	if err := open(t, "redis://"+address).Ping(ctx).Err(); err == nil {
		t.Error("anybody on this machine is let in")
	}
	e.Close()
	if err := c.Ping(ctx).Err(); err == nil {
		t.Error("it answers after Close")
	}
}
