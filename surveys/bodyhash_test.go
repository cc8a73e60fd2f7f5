package surveys_test

import (
	"encoding/hex"
	"testing"
	"time"

	"qingfeng/surveys"
)

// Hashes are kept in the store: a program that hashed otherwise would take
// every fact that is sent again for another one.
func TestBodyHashesStayWhatTheyAre(t *testing.T) {
	at := time.UnixMilli(1795484518430)
	origin := surveys.Origin{Device: surveys.NewFactID(at, [10]byte{1}), ClientAt: at, OccurredAt: at.Add(time.Hour), ReceivedAt: at.Add(time.Minute)}
	id, other := surveys.NewFactID(at, [10]byte{2}), surveys.NewFactID(at, [10]byte{3})
	for _, tt := range []struct {
		fact surveys.Fact
		want string
	}{
		{&surveys.Rating{ID: id, Origin: origin, Place: "settlement-1", Prompt: other, Questionnaire: "7f3cce91474b1780", Grade: 4, Mode: "window", Language: "zh", Dwell: 2500 * time.Millisecond}, "bd240033e5727e5d3f8f8eaa264b7265a80e5066cf5c272e910a773c6207d053"},
		{&surveys.RatingDetail{ID: id, Origin: origin, Rating: other, Tags: []string{"finer_service", "less_queueing"}, Comment: "谢谢", Phone: "000-5550-1001"}, "81177d4770418e2f0cde90f3d27f94c48ee5465e01a8ffe0be332f72910358e9"},
		{&surveys.PromptShown{ID: id, Origin: origin, Prompt: other}, "75b5530b7997d344087cfa0e6448270713ad3d167bde5d764fa828461ff6f42b"},
		{&surveys.SelfTest{ID: id, Origin: origin, Place: "settlement-1", KeyWorked: true}, "8972450e7d0ca87afd9899e819b101851d55b84668eb188a5b59e94df65cdc14"},
	} {
		sum := tt.fact.BodyHash()
		if got := hex.EncodeToString(sum[:]); got != tt.want {
			t.Errorf("%T hashes to %s, want %s", tt.fact, got, tt.want)
		}
	}
}
