package tabletclient

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
)

var update = flag.Bool("update", false, "write the golden frames a screen sends")

var noon = time.Date(2026, 11, 21, 2, 42, 7, 120e6, time.UTC)

func factID(n int) surveys.FactID {
	return surveys.NewFactID(noon, [10]byte{7: 1, 8: byte(n >> 8), 9: byte(n)})
}

func TestGoldenFramesOfScreens(t *testing.T) {
	const at = "2026-11-21T02:42:07.120Z"
	device := surveys.NewFactID(noon.AddDate(0, -1, 0), [10]byte{9: 1})
	signature := sha512.Sum512([]byte("stands in for r and s, which no two runs share"))
	tests := []struct {
		name  string
		frame any
	}{
		{"hello", helloFrame{
			Type: "hello", DeviceID: device, ClientTime: at, Instance: "6f0c1f0e-6a44-4f6b-9d0a-0d3f5c1b7a11", Language: "zh", QueueOK: true, UIVersion: "1.0.0",
			Signature: base64.RawURLEncoding.EncodeToString(signature[:]),
		}},
		{"ticket", ticketFrame{Type: "ticket", Ticket: "tZ0Jq3bGm1yJm8k2sY5x4w"}},
		{"subscribe", subscribeFrame{Type: "subscribe", Period: "today"}},
		{"rating", json.RawMessage(appendRating(nil, &Rating{
			ID: factID(1), At: noon, Place: "settlement-2", Prompt: factID(501), Questionnaire: "c3de95c9bf6cbc80",
			Grade: surveys.Dissatisfied, Dwell: 2300 * time.Millisecond, Language: "zh",
		}))},
		{"rating_detail", detailFrame{
			Type: "rating_detail", ID: factID(2), At: at, RatingID: factID(1), Tags: []string{"queue"},
			Comment: "等了四十分钟，\n没有人解释 “为什么”。", CallbackPhone: "139 0000 0000",
		}},
		{"prompt_shown", shownFrame{Type: "prompt_shown", ID: factID(3), At: at, PromptID: factID(501)}},
		{"self_test", selfTestFrame{Type: "self_test", ID: factID(4), At: at, Place: "settlement-2", KeyWorked: true}},
		{"status", statusFrame{Type: "status", Queued: 3, QueueOK: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join("..", "live", "testdata", "protocol", tt.name+".json")
			frame, err := json.MarshalIndent(tt.frame, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			frame = append(frame, '\n')
			if *update {
				if err := os.WriteFile(path, frame, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(frame)); diff != "" {
				t.Errorf("(-golden +sent):\n%s", diff)
			}
		})
	}
}

func TestParseFrameAgreesWithJSON(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "live", "testdata", "protocol", "*.json"))
	if err != nil || len(files) < 17 {
		t.Fatalf("found %d examples (%v), want all", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, data); err != nil {
			t.Fatal(err)
		}
		var want, got serverFrame
		wantErr := json.Unmarshal(data, &want)
		gotErr := parseFrame(compact.Bytes(), &got)
		if (wantErr == nil) != (gotErr == nil) {
			t.Errorf("%s: %v, encoding/json says %v", file, gotErr, wantErr)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-json +parsed):\n%s", file, diff)
		}
		var wantHead Head
		if err := json.Unmarshal(data, &wantHead); err != nil {
			continue
		}
		if head, ok := parseHead(compact.Bytes()); ok != (want.Type == "snapshot" || want.Type == "delta") || ok && head != wantHead {
			t.Errorf("%s: head %+v %v, want %+v", file, head, ok, wantHead)
		}
	}
}
