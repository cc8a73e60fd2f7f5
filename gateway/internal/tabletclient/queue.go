package tabletclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"qingfeng/surveys"
)

// ErrNotConnected is returned for what cannot wait in the queue.
var ErrNotConnected = errors.New("the tablet is not connected")

// Rate queues a tap and waits until it is acknowledged. When ctx ends first the
// tap stays in the queue. The tablet must have been welcome once, unless the
// rating says its place and questionnaire itself.
func (t *Tablet) Rate(ctx context.Context, r Rating) (Ack, error) {
	p := pendings.Get().(*pending)
	p.frame = t.encodeRating(p.frame[:0], &r)
	p.id = r.ID
	return t.deliver(ctx, p)
}

// Queue queues a tap without waiting; OnAck tells of its ack.
func (t *Tablet) Queue(r Rating) surveys.FactID {
	p := &pending{}
	p.frame = t.encodeRating(nil, &r)
	p.id = r.ID
	t.push(p)
	return r.ID
}

func (t *Tablet) encodeRating(b []byte, r *Rating) []byte {
	if r.At.IsZero() {
		r.At = t.opt.Now()
	}
	if r.ID.IsZero() {
		r.ID = newID(r.At)
	}
	if r.Language == "" {
		r.Language = "zh"
	}
	if w := t.Welcome(); w != nil {
		if r.Place == "" {
			r.Place = w.Place.ID
		}
		if r.Questionnaire == "" {
			r.Questionnaire = w.Questionnaire.Version
		}
	}
	return appendRating(b, r)
}

// Detail is what a patient adds to a rating.
type Detail struct {
	Rating         surveys.FactID
	Tags           []string
	Comment, Phone string
}

// AddDetail queues a detail and waits until it is acknowledged.
func (t *Tablet) AddDetail(ctx context.Context, d Detail) (Ack, error) {
	now := t.opt.Now()
	id := newID(now)
	if d.Tags == nil {
		d.Tags = []string{}
	}
	return t.deliverJSON(ctx, id, detailFrame{
		Type: "rating_detail", ID: id, At: now.UTC().Format(timeLayout), RatingID: d.Rating,
		Tags: d.Tags, Comment: d.Comment, CallbackPhone: d.Phone,
	})
}

// Shown queues that a prompt stood on the screen and waits for the ack.
func (t *Tablet) Shown(ctx context.Context, prompt surveys.FactID) (Ack, error) {
	now := t.opt.Now()
	id := newID(now)
	return t.deliverJSON(ctx, id, shownFrame{Type: "prompt_shown", ID: id, At: now.UTC().Format(timeLayout), PromptID: prompt})
}

// SelfTest queues the day's proof and waits for the ack.
func (t *Tablet) SelfTest(ctx context.Context, keyWorked bool) (Ack, error) {
	now := t.opt.Now()
	id := newID(now)
	var place surveys.PlaceID
	if w := t.Welcome(); w != nil {
		place = w.Place.ID
	}
	return t.deliverJSON(ctx, id, selfTestFrame{Type: "self_test", ID: id, At: now.UTC().Format(timeLayout), Place: place, KeyWorked: keyWorked})
}

func (t *Tablet) deliverJSON(ctx context.Context, id surveys.FactID, frame any) (Ack, error) {
	data, err := json.Marshal(frame)
	if err != nil {
		return Ack{}, fmt.Errorf("encode fact: %w", err)
	}
	p := pendings.Get().(*pending)
	p.id, p.frame = id, append(p.frame[:0], data...)
	return t.deliver(ctx, p)
}

func (t *Tablet) deliver(ctx context.Context, p *pending) (Ack, error) {
	p.sent, p.held = false, false
	id := p.id
	t.push(p)
	select {
	case ack := <-p.done:
		pendings.Put(p)
		return ack, nil
	case <-ctx.Done():
		return Ack{}, fmt.Errorf("wait for the ack of %s: %w", id, ctx.Err())
	}
}

func (t *Tablet) push(p *pending) {
	t.mu.Lock()
	if t.head > 0 && t.head == len(t.queue) {
		t.queue, t.head = t.queue[:0], 0
	}
	t.queue = append(t.queue, p)
	t.mu.Unlock()
	t.pump()
}

// pump writes what may be sent, oldest first. One pump runs at a time, on
// whoever came first; the others leave their work to it.
func (t *Tablet) pump() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pumping {
		return
	}
	t.pumping = true
	for t.ws != nil && t.takeLocked() {
		ws, frame := t.ws, t.scratch
		t.mu.Unlock()
		_ = ws.SetWriteDeadline(time.Now().Add(writeTimeout))
		err := ws.WriteMessage(websocket.TextMessage, frame)
		if err != nil {
			_ = ws.NetConn().Close() // the reader sees it and comes back
		}
		t.mu.Lock()
		if err != nil && t.ws == ws {
			t.ws = nil
		}
	}
	t.pumping = false
}

// takeLocked copies the next frame to be sent to scratch, which belongs to the
// pump: an ack may free a fact for other use before its write is over.
func (t *Tablet) takeLocked() bool {
	if len(t.aside) > 0 {
		t.scratch = append(t.scratch[:0], t.aside[0]...)
		t.aside = t.aside[1:]
		return true
	}
	p := t.nextLocked()
	if p == nil {
		return false
	}
	p.sent = true
	t.flying++
	t.scratch = append(t.scratch[:0], p.frame...)
	return true
}

// nextLocked gives the oldest fact that may be sent now, or nil.
func (t *Tablet) nextLocked() *pending {
	if t.flying >= maxInFlight {
		return nil
	}
	for _, p := range t.queue[t.head:] {
		if p.held {
			return nil // what is younger waits too, to stay in order
		}
		if !p.sent {
			return p
		}
	}
	return nil
}

// findLocked gives where a fact that was sent stands in the queue.
func (t *Tablet) findLocked(id surveys.FactID) (int, bool) {
	for i := t.head; i < len(t.queue); i++ {
		if t.queue[i].id == id {
			return i, true
		}
	}
	return 0, false
}

func (t *Tablet) acked(a Ack) {
	t.mu.Lock()
	i, ok := t.findLocked(a.ID)
	if !ok {
		t.mu.Unlock()
		return
	}
	p := t.queue[i]
	copy(t.queue[t.head+1:i+1], t.queue[t.head:i])
	t.queue[t.head] = nil
	t.head++
	if p.sent {
		t.flying--
	}
	waits := t.flying < len(t.queue)-t.head
	t.mu.Unlock()
	if t.opt.OnAck != nil {
		t.opt.OnAck(a)
	}
	if p.done != nil {
		p.done <- a
	}
	if waits {
		t.pump()
	}
}

// retry keeps a fact and sends it, and what is younger, again after a while.
func (t *Tablet) retry(id surveys.FactID, after time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.findLocked(id)
	if !ok || !t.queue[i].sent {
		return
	}
	p, ws := t.queue[i], t.ws
	p.sent, p.held = false, true
	t.flying--
	time.AfterFunc(after, func() {
		t.mu.Lock()
		same := t.ws == ws
		if same {
			p.held = false
		}
		t.mu.Unlock()
		if same {
			t.pump()
		}
	})
}

// writeAside sends a frame that is no fact, before the facts that wait.
func (t *Tablet) writeAside(frame []byte) error {
	t.mu.Lock()
	if t.ws == nil {
		t.mu.Unlock()
		return ErrNotConnected
	}
	t.aside = append(t.aside, frame)
	t.mu.Unlock()
	t.pump()
	return nil
}
