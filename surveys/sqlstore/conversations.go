package sqlstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// Conversation is an invitation with what was said on it.
type Conversation struct {
	Invitation followup.Invitation
	// Name is the patient's, to tell two on one phone apart; empty: unknown.
	Name    surveys.Secret
	Answers []followup.Answer // by time
	// Memory is what Step.Memory kept last; nil: nothing.
	Memory []byte
}

// Exchange is what is known when a text is worked on.
type Exchange struct {
	Inbound texting.Inbound
	// Open are the number's surveys that were handed to a carrier, are not over,
	// and whose window was open when the text arrived; newest first.
	Open []Conversation
	// Ended are the newest of its other surveys that were sent, at most three.
	Ended      []Conversation
	OptedOut   bool // an opt-out stands for the number
	Suppressed bool
	// Memory is what Reply.Memory kept last for the number; nil: nothing.
	Memory []byte
}

// handedOver is a condition: the first text of an invitation was handed to a
// carrier. Whether it was taken may not be known yet: an answer proves it.
const handedOver = `(i.sent_at > 0 OR EXISTS (SELECT 1 FROM texts x WHERE x.invitation = i.id AND x.purpose = 'invite' AND x.handings > 0))`

// maxEnded bounds Exchange.Ended; a late text is about one of them.
const maxEnded = 3

// OptOutChange is what a text changes about an opt-out.
type OptOutChange string

// Changes of an opt-out. Empty changes nothing.
const (
	OptOutStop  OptOutChange = "stop"
	OptOutStart OptOutChange = "start"
)

// NewClue is what a patient told of a red envelope.
type NewClue struct {
	Words       surveys.Secret
	ReceiptHash string // argon2id, in its encoded form
}

// Reply is what follows from a text. All of it is stored together.
type Reply struct {
	Outcome InboundOutcome
	Steps   []Step
	Texts   []NewText
	OptOut  OptOutChange
	Clue    *NewClue
	// Memory is what is remembered of the number; nil leaves what it was, empty
	// forgets it.
	Memory []byte
}

// converseTries bounds how often a text is worked on anew because something
// changed meanwhile.
const converseTries = 20

var errChanged = errors.New("the conversation changed meanwhile")

// Converse works on an inbound text: fn makes the reply of what is known, and
// the reply is stored in one transaction. fn runs beside the writer and may
// take its time; when something it was told has changed meanwhile, it is asked
// again, so it must have no effects of its own. Its error leaves the text
// pending. A text that was worked on already is not given to fn.
//
// OptOutStop withdraws what waits to be sent to the number, but for the reply's
// own texts, and ends its open surveys. A Clue wipes the text's body.
func (s *Store) Converse(ctx context.Context, id InboundID, fn func(*Exchange) (*Reply, error)) error {
	for range converseTries {
		x, in, mark, err := s.exchange(ctx, s.reading, id)
		if err != nil {
			return fmt.Errorf("converse: %w", err)
		}
		if in.done {
			return nil
		}
		reply, err := fn(x)
		if err != nil {
			return fmt.Errorf("converse: %w", err)
		}
		if !reply.Outcome.Valid() {
			return errors.New("converse: reply has an unknown outcome")
		}
		err = s.act(ctx, func(t *tx) error {
			_, now, current, err := s.exchange(context.Background(), t.w.conn, id)
			switch {
			case err != nil:
				return err
			case now.done:
				return nil
			case current != mark:
				return errChanged
			}
			return t.reply(id, &in, reply)
		})
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil {
			return fmt.Errorf("converse: %w", err)
		}
		s.signalTexts()
		return nil
	}
	return fmt.Errorf("converse: %w", errChanged)
}

// exchange reads all that is known of an inbound text, and a mark of it: as
// long as nothing changes, the mark is the same.
func (s *Store) exchange(ctx context.Context, db querier, id InboundID) (*Exchange, inbound, [32]byte, error) {
	fail := func(err error) (*Exchange, inbound, [32]byte, error) { return nil, inbound{}, [32]byte{}, err }
	in, err := s.inbound(db.QueryRowContext(ctx, inboundColumns, int64(id)), id)
	if err != nil {
		return fail(err)
	}
	x := &Exchange{Inbound: in.text}
	at := milliseconds(in.text.ReceivedAt)
	if x.Open, err = conversations(ctx, s, db, "i.number_index = ? AND "+handedOver+
		" AND i.ended_at = 0 AND i.closes_at > ? ORDER BY i.sent_at = 0 DESC, i.sent_at DESC, i.id DESC",
		in.index, at); err != nil {
		return fail(err)
	}
	if x.Ended, err = conversations(ctx, s, db, `i.number_index = ? AND i.sent_at > 0 AND (i.ended_at > 0 OR i.closes_at <= ?)
		ORDER BY i.sent_at DESC, i.id DESC LIMIT ?`, in.index, at, maxEnded); err != nil {
		return fail(err)
	}
	err = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM opt_outs o WHERE o.number_index = ?1 AND o.ended_at = 0),
		EXISTS (SELECT 1 FROM suppressions WHERE number_index = ?1)`, in.index).Scan(&x.OptedOut, &x.Suppressed)
	if err != nil {
		return fail(err)
	}
	var memory []byte
	err = db.QueryRowContext(ctx, "SELECT memory FROM number_memories WHERE number_index = ?", in.index).Scan(&memory)
	if err == nil {
		x.Memory, err = unseal(s.keys.memory, memory, surveys.FactID(in.index[:16]))
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fail(err)
	}
	return x, in, x.mark(), nil
}

// mark is the hash of everything in x that fn may have looked at.
func (x *Exchange) mark() [32]byte {
	h := sha256.New()
	text := func(parts ...string) {
		for _, p := range parts {
			var n [8]byte
			binary.BigEndian.PutUint64(n[:], uint64(len(p)))
			h.Write(n[:])
			h.Write([]byte(p))
		}
	}
	for _, list := range [][]Conversation{x.Open, x.Ended} {
		text("list")
		for _, c := range list {
			i := c.Invitation
			text(string(i.ID[:]), string(i.State), fmt.Sprint(milliseconds(i.EndedAt), milliseconds(i.AnsweredAt), milliseconds(i.SentAt)), string(c.Memory))
			for _, a := range c.Answers {
				text(string(a.Question), fmt.Sprint(a.Value, milliseconds(a.At)), string(a.Text))
			}
		}
	}
	text(fmt.Sprint(x.OptedOut, x.Suppressed), string(x.Memory))
	return [32]byte(h.Sum(nil))
}

// conversations reads invitations with their answers; where may end with an
// order and a limit.
func conversations(ctx context.Context, s *Store, db querier, where string, args ...any) ([]Conversation, error) {
	rows, err := db.QueryContext(ctx, "SELECT i.memory, p.name, p.id, "+invitationColumns[len("SELECT "):]+
		" JOIN visits v ON v.id = i.visit JOIN patients p ON p.id = v.patient WHERE "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read conversations: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (c Conversation, err error) {
		var memory, name []byte
		var patient int64
		if c.Invitation, err = scanInvitation(behind{rows, []any{&memory, &name, &patient}}); err != nil {
			return c, err
		}
		if len(memory) > 0 {
			if c.Memory, err = unseal(s.keys.memory, memory, c.Invitation.ID); err != nil {
				return c, err
			}
		}
		c.Name, err = unsealText(s.keys.person, name, rowID("person", patient))
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("read conversations: %w", err)
	}
	for n := range list {
		if list[n].Invitation.AnsweredAt.IsZero() {
			continue
		}
		if list[n].Answers, err = s.answers(ctx, db, list[n].Invitation.ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *Store) answers(ctx context.Context, db querier, id followup.InvitationID) ([]followup.Answer, error) {
	rows, err := db.QueryContext(ctx, "SELECT n.text, a.item, a.value, a.comment, a.at FROM answers a JOIN names n ON n.id = a.item WHERE a.invitation = ?", id[:])
	if err != nil {
		return nil, fmt.Errorf("read answers: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (a followup.Answer, err error) {
		var item, at int64
		var comment []byte
		if err = rows.Scan(&a.Question, &item, &a.Value, &comment, &at); err != nil {
			return a, err
		}
		a.At = moment(at)
		a.Text, err = unsealText(s.keys.answer, comment, answerID(id, item))
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("read answers: %w", err)
	}
	slices.SortStableFunc(list, func(a, b followup.Answer) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Question, b.Question))
	})
	return list, nil
}

// reply stores what follows from an inbound text and ends it.
func (t *tx) reply(id InboundID, in *inbound, r *Reply) error {
	at := in.text.ReceivedAt
	if err := t.takeSteps(r.Steps, r.Clue, at); err != nil {
		return err
	}
	switch r.OptOut {
	case OptOutStop:
		if err := t.optOut(in.text.From, "reply", t.now()); err != nil {
			return err
		}
	case OptOutStart:
		if err := t.optIn(in.index, "reply", t.now()); err != nil {
			return err
		}
	}
	if err := t.queueTexts(r.Texts); err != nil { // after what is withdrawn
		return err
	}
	if r.Memory != nil {
		if err := t.rememberNumber(in.index, r.Memory); err != nil {
			return err
		}
	}
	outcome, invitation := r.place()
	_, err := t.exec("UPDATE inbounds SET done_at = ?, outcome = ?, invitation = ? WHERE id = ?", milliseconds(t.now()), string(outcome), invitation, int64(id))
	if err == nil && r.Clue != nil {
		_, err = t.exec("UPDATE inbounds SET body = x'' WHERE id = ?", int64(id))
	}
	if err != nil {
		return fmt.Errorf("end inbound: %w", err)
	}
	return nil
}

// place gives what became of the text, and the invitation it belongs to; empty:
// none. A text with a comment is one for a person to read. A clue leads nowhere.
func (r *Reply) place() (outcome InboundOutcome, invitation []byte) {
	if r.Clue != nil || len(r.Steps) == 0 {
		return r.Outcome, []byte{}
	}
	if n := slices.IndexFunc(r.Steps, func(s Step) bool { return s.Comment != "" }); n >= 0 {
		return InboundUnlinked, r.Steps[n].Invitation[:]
	}
	return r.Outcome, r.Steps[0].Invitation[:]
}

func (t *tx) rememberNumber(index, memory []byte) error {
	if len(memory) == 0 {
		_, err := t.exec("DELETE FROM number_memories WHERE number_index = ?", index)
		return err
	}
	_, err := t.exec(`INSERT INTO number_memories (number_index, memory, at) VALUES (?, ?, ?) ON CONFLICT (number_index) DO UPDATE
		SET memory = excluded.memory, at = excluded.at`, index, seal(t.w.store.keys.memory, memory, surveys.FactID(index[:16])), milliseconds(t.now()))
	if err != nil {
		return fmt.Errorf("remember number: %w", err)
	}
	return nil
}
