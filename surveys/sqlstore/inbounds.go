package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// InboundID numbers inbound texts in the order they were stored.
type InboundID int64

// InboundOutcome is what became of an inbound text.
type InboundOutcome string

// Outcomes of an inbound text.
const (
	InboundAnswered InboundOutcome = "answered" // it belongs to a survey
	InboundUnlinked InboundOutcome = "unlinked" // to none, or not all of it: kept for a person to read
	InboundHandled  InboundOutcome = "handled"  // an opt-out, a call for help: nothing to read
	InboundFailed   InboundOutcome = "failed"   // the program could not work on it
)

// Valid reports whether o is a known outcome.
func (o InboundOutcome) Valid() bool {
	switch o {
	case InboundAnswered, InboundUnlinked, InboundHandled, InboundFailed:
		return true
	}
	return false
}

// RecordInbound keeps a text a patient sent. The same carrier's id is the same
// text: it is kept once, and fresh is false from the second time on. Once it
// returns, the carrier may forget the text.
func (s *Store) RecordInbound(ctx context.Context, in texting.Inbound) (id InboundID, fresh bool, err error) {
	if in.ProviderID == "" || in.From.IsZero() {
		return 0, false, errors.New("record inbound: text has no id or no sender")
	}
	k := s.keys
	index := k.phoneIndex(in.From.E164())
	err = s.act(ctx, func(t *tx) error {
		received := in.ReceivedAt
		if received.IsZero() {
			received = t.now()
		}
		var number int64
		err := t.row(`INSERT INTO inbounds (carrier, provider_id, sender, sender_index, receiver, body, handled, received_at)
			VALUES (?, ?, x'', ?, x'', x'', ?, ?) ON CONFLICT (carrier, provider_id) DO NOTHING RETURNING id`,
			in.Carrier, in.ProviderID, index, in.Handled, milliseconds(received)).Scan(&number)
		if errors.Is(err, sql.ErrNoRows) {
			fresh = false
			return t.row("SELECT id FROM inbounds WHERE carrier = ? AND provider_id = ?", in.Carrier, in.ProviderID).Scan(&id)
		}
		if err != nil {
			return err
		}
		id, fresh = InboundID(number), true
		_, err = t.exec("UPDATE inbounds SET sender = ?, receiver = ?, body = ? WHERE id = ?", sealText(k.phone, in.From.Secret, rowID("sender", number)),
			sealText(k.phone, in.To.Secret, rowID("recvr", number)), sealText(k.message, in.Body, rowID("inbnd", number)), number)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("record inbound: %w", err)
	}
	return id, fresh, nil
}

const pendingSQL = "SELECT id FROM inbounds WHERE done_at = 0 ORDER BY id LIMIT ?"

// PendingInbounds lists up to limit texts nobody has worked on, oldest first.
func (s *Store) PendingInbounds(ctx context.Context, limit int) ([]InboundID, error) {
	rows, err := s.reading.QueryContext(ctx, pendingSQL, limit)
	if err != nil {
		return nil, fmt.Errorf("list pending inbounds: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (id InboundID, err error) { return id, rows.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("list pending inbounds: %w", err)
	}
	return list, nil
}

// SetInboundAside ends a text that cannot be worked on, so that those behind it
// go on. Its body is kept.
func (s *Store) SetInboundAside(ctx context.Context, id InboundID) error {
	err := s.act(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE inbounds SET done_at = ?, outcome = 'failed' WHERE id = ? AND done_at = 0", milliseconds(t.now()), int64(id))
		return err
	})
	if err != nil {
		return fmt.Errorf("set inbound aside: %w", err)
	}
	return nil
}

// inbound is an inbound text as it is read, with what became of it.
type inbound struct {
	text  texting.Inbound
	index []byte
	done  bool
}

func (s *Store) inbound(row *sql.Row, id InboundID) (in inbound, err error) {
	var sender, receiver, body []byte
	var received, done int64
	err = row.Scan(&in.text.Carrier, &in.text.ProviderID, &sender, &in.index, &receiver, &body, &in.text.Handled, &received, &done)
	if err != nil {
		return in, orNotFound(err)
	}
	in.done, in.text.ReceivedAt = done > 0, moment(received)
	for _, f := range []struct {
		to     *surveys.Secret
		sealed []byte
		table  string
	}{{&in.text.From.Secret, sender, "sender"}, {&in.text.To.Secret, receiver, "recvr"}} {
		if *f.to, err = unsealText(s.keys.phone, f.sealed, rowID(f.table, int64(id))); err != nil {
			return in, err
		}
	}
	in.text.Body, err = unsealText(s.keys.message, body, rowID("inbnd", int64(id)))
	return in, err
}

const inboundColumns = `SELECT carrier, provider_id, sender, sender_index, receiver, body, handled, received_at, done_at FROM inbounds WHERE id = ?`

// UnlinkedReply is a text for a person to read: it belongs to no survey, or
// holds a comment on one.
type UnlinkedReply struct {
	ID         InboundID
	Body       surveys.Secret
	ReceivedAt time.Time
	// Department is the survey's; empty: it belongs to none, or nobody knows.
	Department surveys.DepartmentID
}

const unlinkedSQL = `SELECT b.id, b.body, b.received_at, coalesce(d.text, '') FROM inbounds b LEFT JOIN invitations i ON i.id = b.invitation
	LEFT JOIN names d ON d.id = i.department WHERE b.outcome = 'unlinked' AND (?1 = 0 OR b.id < ?1) ORDER BY b.id DESC LIMIT ?2`

// UnlinkedReplies lists up to limit texts for a person to read, newest first,
// going on behind before; 0 begins.
func (s *Store) UnlinkedReplies(ctx context.Context, before InboundID, limit int) ([]UnlinkedReply, error) {
	rows, err := s.reading.QueryContext(ctx, unlinkedSQL, int64(before), limit)
	if err != nil {
		return nil, fmt.Errorf("list unlinked replies: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (r UnlinkedReply, err error) {
		var body []byte
		var at int64
		if err = rows.Scan(&r.ID, &body, &at, &r.Department); err != nil {
			return r, err
		}
		r.ReceivedAt = moment(at)
		r.Body, err = unsealText(s.keys.message, body, rowID("inbnd", int64(r.ID)))
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("list unlinked replies: %w", err)
	}
	return list, nil
}
