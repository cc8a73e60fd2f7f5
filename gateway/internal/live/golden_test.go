package live_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/live"
	"qingfeng/surveys"
)

var update = flag.Bool("update", false, "write the golden frames the server sends")

func goldenPath(name string) string { return filepath.Join("testdata", "protocol", name+".json") }

// readGolden gives an example frame without its indentation.
func readGolden(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(goldenPath(name))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b.String()
}

// nonces vary from run to run.
var nonces = regexp.MustCompile(`"nonce":"[\w-]{43}"`)

// golden compares a frame the server sent with its example.
func golden(t *testing.T, name string, frame []byte) {
	t.Helper()
	frame = nonces.ReplaceAll(frame, []byte(`"nonce":"3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`))
	if *update {
		var b bytes.Buffer
		if err := json.Indent(&b, frame, "", "  "); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
		if err := os.WriteFile(goldenPath(name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(readGolden(t, name), string(frame)); diff != "" {
		t.Errorf("%s (-golden +sent):\n%s", name, diff)
	}
}

func samplePrompt(n int) surveys.Prompt {
	return surveys.Prompt{
		ID:          factID(n),
		Transaction: surveys.Transaction{Window: "settlement-2", Number: "88121", Kind: surveys.WindowSettlement, Staff: "1024"},
		CreatedAt:   noon.Add(time.Duration(n) * time.Millisecond), ExpiresAt: noon.Add(time.Minute),
	}
}

func TestGoldenFramesToTablets(t *testing.T) {
	s := start(t)
	id := s.enrol(1, surveys.DeviceWindowTablet, "settlement-2")
	s.store.change(func() { s.store.prompts["settlement-2"] = samplePrompt(500) })
	sc := s.dial("/ws/device")
	challenge := sc.expect("challenge")
	golden(t, "challenge", challenge)
	var c struct{ Nonce string }
	sc.into(challenge, &c)
	sc.nonce = c.Nonce
	sc.sendJSON(sc.hello(id, "page-1"))
	golden(t, "welcome", sc.expect("welcome"))

	if n := s.tablets.Prompt(samplePrompt(501)); n != 1 {
		t.Fatalf("the prompt went to %d tablets, want 1", n)
	}
	golden(t, "prompt_withdrawn", sc.expect("prompt_withdrawn"))
	golden(t, "prompt", sc.expect("prompt"))

	sc.send(readGolden(t, "rating"))
	golden(t, "ack", sc.expect("ack"))
	s.store.change(func() {
		s.store.answer = func(surveys.Fact) (surveys.Outcome, error) { return surveys.OutcomeRetry, errNotFound }
	})
	sc.send(readGolden(t, "rating"))
	golden(t, "retry", sc.expect("retry"))
}

func TestGoldenFrameOfTheDaysTurn(t *testing.T) {
	s := start(t, withTimes(live.Times{Ping: 100 * time.Millisecond, SelfTestOver: time.Millisecond}))
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	s.clock.set(noon.Add(24 * time.Hour))
	golden(t, "self_test_due", sc.expect("self_test_due"))
	golden(t, "heartbeat", sc.expect("heartbeat"))
}

func TestGoldenFramesFromTablets(t *testing.T) {
	s := start(t)
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	origin := surveys.Origin{Device: deviceID(1), ClientAt: noon, OccurredAt: noon, ReceivedAt: noon}
	tests := []struct {
		name string
		want surveys.Fact
	}{
		{"rating", &surveys.Rating{
			ID: factID(1), Origin: origin, Place: "settlement-2", Department: "finance", Prompt: factID(501),
			Questionnaire: samplePaper().Version(), Grade: 2, Mode: surveys.ModeWindow, Language: "zh", Dwell: 2300 * time.Millisecond,
		}},
		{"rating_detail", &surveys.RatingDetail{
			ID: factID(2), Origin: origin, Rating: factID(1), Tags: []string{"queue"},
			Comment: "等了四十分钟，\n没有人解释 “为什么”。", Phone: "139 0000 0000",
		}},
		{"prompt_shown", &surveys.PromptShown{ID: factID(3), Origin: origin, Prompt: factID(501)}},
		{"self_test", &surveys.SelfTest{ID: factID(4), Origin: origin, Place: "settlement-2", KeyWorked: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc.send(readGolden(t, tt.name))
			sc.expect("ack")
			got := look(s.store, func() surveys.Fact { return s.store.facts[tt.want.FactID()] })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("the store got (-want +got):\n%s", diff)
			}
		})
	}
	sc.send(readGolden(t, "status"))
	eventually(t, "the status is known", func() bool { return s.tablets.Online()[deviceID(1)].Queued == 3 })
}

func TestGoldenFramesToBoards(t *testing.T) {
	s := start(t)
	s.lists.change(func() {
		s.lists.open = 1
		s.lists.dev = []live.BoardDevice{{
			ID: deviceID(1), Name: "2号窗口平板", Kind: surveys.DeviceWindowTablet, Place: "settlement-2", Online: true, Since: noon,
			Faults: []surveys.Fault{surveys.FaultNoSelfTest},
		}}
	})
	s.scores.rate("finance", 1)
	id := s.enrol(9, surveys.DeviceWallBoard, "")
	wall := s.open("/ws/board")
	wall.sendJSON(wall.hello(id, "page-1"))
	golden(t, "welcome_board", wall.expect("welcome"))
	wall.send(readGolden(t, "subscribe"))
	golden(t, "snapshot", wall.expect("snapshot"))
	s.scores.rate("finance", 1)
	golden(t, "delta", wall.expect("delta"))
}

func TestGoldenTicketOpensABoard(t *testing.T) {
	s := start(t)
	s.tickets.give("tZ0Jq3bGm1yJm8k2sY5x4w", live.Viewer{ID: "session-1", Audience: "office"})
	sc := s.open("/ws/board")
	sc.send(readGolden(t, "ticket"))
	sc.send(readGolden(t, "subscribe"))
	sc.expect("snapshot")
}

// TestEveryFrameHasAnExample holds the folder to docs/protocol.md.
func TestEveryFrameHasAnExample(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	named, shown := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile(`\{"type":"([a-z_]+)"`).FindAllStringSubmatch(string(doc), -1) {
		named[m[1]] = true
	}
	if len(named) < 17 {
		t.Fatalf("docs/protocol.md names %d frames, want all of them", len(named))
	}
	files, err := filepath.Glob(goldenPath("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		var head struct{ Type string }
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &head); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if !named[head.Type] {
			t.Errorf("%s is an example of %q, which docs/protocol.md does not name", file, head.Type)
		}
		if strings.TrimSuffix(filepath.Base(file), ".json") == head.Type {
			shown[head.Type] = true
		}
	}
	for name := range named {
		if !shown[name] {
			t.Errorf("frame %q has no example", name)
		}
	}
}
