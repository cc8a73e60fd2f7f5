package live

import (
	"slices"

	"qingfeng/surveys"
)

// Prompt sends a prompt to its window's tablets and gives how many that were. A
// prompt the window still shows is withdrawn first. A prompt that is expired or
// rated goes to nobody.
func (t *Tablets) Prompt(p surveys.Prompt) (tablets int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.opt.Now()
	if state := p.State(now); state == surveys.PromptRated || state == surveys.PromptExpired {
		return 0
	}
	w := t.windowLocked(p.Transaction.Window)
	if old := w.current(now); old != nil && old.ID != p.ID {
		w.send(withdrawn(old.ID, WithdrawReplaced), nil)
	}
	w.open = &p
	return w.send(encode(promptFrame{Type: typePrompt, Prompt: t.promptOf(&p)}), nil)
}

// Withdraw takes a prompt off its window's tablets, if they still show it.
func (t *Tablets) Withdraw(prompt surveys.FactID, window surveys.PlaceID, reason WithdrawReason) {
	t.withdraw(prompt, window, reason, nil)
}

// withdraw does so for every tablet but one, which knows already.
func (t *Tablets) withdraw(prompt surveys.FactID, window surveys.PlaceID, reason WithdrawReason, but *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.windows[window]
	if w == nil || w.open == nil || w.open.ID != prompt {
		return
	}
	w.open = nil
	w.send(withdrawn(prompt, reason), but)
}

// Connected gives how many tablets of a window are connected.
func (t *Tablets) Connected(window surveys.PlaceID) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.windows[window]
	if w == nil {
		return 0
	}
	return len(w.tablets)
}

// send queues one frame for every tablet of the window but one.
func (w *window) send(data []byte, but *session) (n int) {
	for _, s := range w.tablets {
		if s != but && s.socket.send(outFrame{data: data}) {
			n++
		}
	}
	return n
}

// part takes a session from its window's tablets.
func (t *Tablets) part(s *session) {
	if s.place == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.windows[s.place.ID]; w != nil {
		w.tablets = slices.DeleteFunc(w.tablets, func(other *session) bool { return other == s })
	}
}

func withdrawn(prompt surveys.FactID, reason WithdrawReason) []byte {
	return encode(promptWithdrawnFrame{Type: typePromptWithdrawn, PromptID: prompt, Reason: reason})
}

// promptOf gives a prompt as it stands on the wire: never the transaction's own
// number, and of the member of staff what the badge says.
func (t *Tablets) promptOf(p *surveys.Prompt) *wirePrompt {
	out := &wirePrompt{
		ID: p.ID, TransactionKind: p.Transaction.Kind, TransactionText: p.Transaction.Kind.Text(),
		Window: p.Transaction.Window, CreatedAt: wireTime(p.CreatedAt), ExpiresAt: wireTime(p.ExpiresAt),
	}
	if staff, ok := t.opt.Organisation.FindStaff(p.Transaction.Staff); ok {
		out.Staff = &wireStaff{Number: staff.ID, Name: staff.Name, Title: staff.Title}
	}
	return out
}
