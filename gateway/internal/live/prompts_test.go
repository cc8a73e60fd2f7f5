package live_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"qingfeng/gateway/internal/live"
	"qingfeng/surveys"
)

func withdrawnFrame(n int, reason live.WithdrawReason) string {
	return fmt.Sprintf(`{"type":"prompt_withdrawn","prompt_id":"%s","reason":"%s"}`, factID(n), reason)
}

func TestRatedPromptLeavesTheOtherTablets(t *testing.T) {
	for _, outcome := range []surveys.Outcome{surveys.OutcomeStored, surveys.OutcomeDuplicate, surveys.OutcomeAlreadyRated} {
		t.Run(string(outcome), func(t *testing.T) {
			s := start(t)
			rates := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
			watches := s.welcomed("/ws/device", s.enrol(2, surveys.DeviceWindowTablet, "settlement-2"), "page-2")
			elsewhere := s.welcomed("/ws/device", s.enrol(3, surveys.DeviceWindowTablet, "settlement-3"), "page-3")
			if n := s.tablets.Prompt(samplePrompt(501)); n != 2 {
				t.Fatalf("the prompt went to %d tablets, want the window's 2", n)
			}
			rates.expect("prompt")
			watches.expect("prompt")
			s.store.change(func() {
				s.store.answer = func(surveys.Fact) (surveys.Outcome, error) { return outcome, nil }
			})
			rates.send(rating(t, 1, map[string]any{"prompt_id": factID(501).String()}))
			if got := rates.answer(); got != ack(1, outcome) {
				t.Errorf("the rating tablet got %s, want its ack", got)
			}
			if got := watches.answer(); got != withdrawnFrame(501, live.WithdrawRated) {
				t.Errorf("the other tablet got %s, want the prompt withdrawn", got)
			}
			// Neither the rating tablet nor the other window hears of it.
			for i, sc := range []*screen{rates, elsewhere} {
				sc.send(rating(t, 20+i, nil))
				if got := sc.answer(); got != ack(20+i, outcome) {
					t.Errorf("got %s, want the next ack", got)
				}
			}
			later := s.open("/ws/device")
			later.sendJSON(later.hello(s.enrol(4, surveys.DeviceWindowTablet, "settlement-2"), "page-4"))
			if welcome := later.expect("welcome"); strings.Contains(string(welcome), `"prompt":`) {
				t.Errorf("a later tablet is welcomed with the rated prompt: %s", welcome)
			}
		})
	}
}

func TestRefusedRatingLeavesThePrompt(t *testing.T) {
	s := start(t)
	rates := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	s.tablets.Prompt(samplePrompt(501))
	rates.expect("prompt")
	s.store.change(func() {
		s.store.answer = func(surveys.Fact) (surveys.Outcome, error) { return surveys.OutcomeRetry, errBusy }
	})
	rates.send(rating(t, 1, map[string]any{"prompt_id": factID(501).String()}))
	rates.expect("retry")
	later := s.open("/ws/device")
	later.sendJSON(later.hello(s.enrol(2, surveys.DeviceWindowTablet, "settlement-2"), "page-2"))
	var welcome struct{ Prompt struct{ ID string } }
	later.into(later.expect("welcome"), &welcome)
	if welcome.Prompt.ID != factID(501).String() {
		t.Errorf("the welcome carries prompt %q, want the open one", welcome.Prompt.ID)
	}
}

func TestPromptThatIsOverGoesToNobody(t *testing.T) {
	s := start(t)
	s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	expired, rated := samplePrompt(1), samplePrompt(2)
	expired.ExpiresAt, rated.RatedAt = noon, noon
	for name, p := range map[string]surveys.Prompt{"expired": expired, "rated": rated} {
		if n := s.tablets.Prompt(p); n != 0 {
			t.Errorf("an %s prompt went to %d tablets", name, n)
		}
	}
	if n := s.tablets.Prompt(samplePrompt(3)); n != 1 {
		t.Errorf("an open prompt went to %d tablets, want 1", n)
	}
	s.clock.set(noon.Add(2 * time.Minute))
	late := s.open("/ws/device")
	late.sendJSON(late.hello(s.enrol(2, surveys.DeviceWindowTablet, "settlement-2"), "page-2"))
	var welcome struct{ Prompt *struct{ ID string } }
	if late.into(late.expect("welcome"), &welcome); welcome.Prompt != nil {
		t.Errorf("the welcome carries the expired prompt %s", welcome.Prompt.ID)
	}
}

func TestWithdrawTakesOnlyThePromptThatIsShown(t *testing.T) {
	s := start(t)
	sc := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceWindowTablet, "settlement-2"), "page-1")
	s.tablets.Prompt(samplePrompt(501))
	sc.expect("prompt")
	s.tablets.Withdraw(factID(77), "settlement-2", live.WithdrawRated)
	s.tablets.Withdraw(factID(501), "settlement-3", live.WithdrawRated)
	s.tablets.Withdraw(factID(501), "settlement-2", live.WithdrawRated)
	s.tablets.Withdraw(factID(501), "settlement-2", live.WithdrawRated)
	if got := sc.answer(); got != withdrawnFrame(501, live.WithdrawRated) {
		t.Errorf("got %s, want the prompt withdrawn", got)
	}
	sc.send(rating(t, 1, nil))
	if got := sc.answer(); got != ack(1, surveys.OutcomeStored) {
		t.Errorf("got %s, want the prompt withdrawn once only", got)
	}
}

func TestBedsideTabletIsNotPrompted(t *testing.T) {
	s := start(t)
	bedside := s.welcomed("/ws/device", s.enrol(1, surveys.DeviceBedsideTablet, "ward-7a"), "page-1")
	p := samplePrompt(501)
	p.Transaction.Window = "ward-7a"
	if n := s.tablets.Prompt(p); n != 0 {
		t.Errorf("a bedside tablet was prompted")
	}
	bedside.send(rating(t, 1, map[string]any{"place": "ward-7a"}))
	bedside.expect("ack")
}
