package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// TextState is where a text stands: a texting.Status, or one of those below.
type TextState string

// States of a text. Only a waiting one is ever handed to a carrier.
const (
	TextWaiting             = TextState(texting.StatusWaiting)
	TextHanding   TextState = "handing" // on its way to the carrier, right now
	TextUnknown             = TextState(texting.StatusUnknown)
	TextQueued              = TextState(texting.StatusQueued)
	TextSent                = TextState(texting.StatusSent)
	TextRefused             = TextState(texting.StatusRefused)
	TextWithdrawn TextState = "withdrawn" // no longer to be sent, and never handed over
	TextExpired   TextState = "expired"   // no longer worth sending, and never taken
)

// rank orders states as texting.Status does; what was never handed over ranks
// lowest, so that a carrier's report overrides it.
func (s TextState) rank() int {
	switch s {
	case TextWaiting, TextHanding, TextWithdrawn, TextExpired:
		return 0
	}
	return texting.Status(s).Rank()
}

// NewText is a text to be sent.
type NewText struct {
	Message    texting.Message
	Invitation followup.InvitationID // zero: none
	DueAt      time.Time             // not before; zero: now
	Segments   int                   // as it will be charged
}

// urgency 0 answers somebody who is waiting, 1 begins a survey or reminds of it.
func urgency(p texting.Purpose) int64 {
	if p == texting.PurposeInvite || p == texting.PurposeReminder {
		return 1
	}
	return 0
}

// defaultValidFor is how long a text without ValidFor may be delivered.
const defaultValidFor = 24 * time.Hour

func (t *tx) queueText(n *NewText) error {
	m, k, now := &n.Message, t.w.store.keys, t.now()
	if m.ID.IsZero() || m.To.IsZero() {
		return errors.New("text has no id or no number")
	}
	due, valid := n.DueAt, m.ValidFor
	if due.IsZero() {
		due = now
	}
	if valid <= 0 {
		valid = defaultValidFor
	}
	variables, err := marshalVariables(m.Variables)
	if err != nil {
		return err
	}
	invitation := []byte{}
	if !n.Invitation.IsZero() {
		invitation = n.Invitation[:]
	}
	fresh, err := t.exec(`INSERT INTO texts (id, invitation, purpose, urgency, language, country, number, number_index, body, variables, segments, state,
		created_at, due_at, valid_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		m.ID[:], invitation, string(m.Purpose), urgency(m.Purpose), m.Language, string(m.Country), sealText(k.phone, m.To.Secret, m.ID),
		k.phoneIndex(m.To.E164()), sealText(k.message, m.Body, m.ID), seal(k.message, variables, m.ID), n.Segments,
		milliseconds(now), milliseconds(due), milliseconds(due.Add(valid)))
	if err != nil {
		return fmt.Errorf("queue text: %w", err)
	}
	if fresh == 0 {
		return fmt.Errorf("queue text: %w", ErrExists)
	}
	return nil
}

type keptVariable struct {
	Name  string `json:"n"`
	Value string `json:"v"`
}

func marshalVariables(list []texting.Variable) ([]byte, error) {
	kept := make([]keptVariable, len(list))
	for i, v := range list {
		kept[i] = keptVariable{v.Name, string(v.Value)}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("encode variables: %w", err)
	}
	return text, nil
}

// sealedMessage is a message as it is kept.
type sealedMessage struct {
	id, number, body, variables []byte
	purpose                     texting.Purpose
	language                    string
	country                     texting.Country
	valid                       int64
}

// columns are where id, purpose, language, country, number, body, variables and
// the milliseconds of validity are scanned into.
func (m *sealedMessage) columns() []any {
	return []any{&m.id, &m.purpose, &m.language, &m.country, &m.number, &m.body, &m.variables, &m.valid}
}

func (m *sealedMessage) open(k *keys) (out texting.Message, err error) {
	copy(out.ID[:], m.id)
	out.Purpose, out.Language, out.Country, out.ValidFor = m.purpose, m.language, m.country, time.Duration(m.valid)*time.Millisecond
	if out.To.Secret, err = unsealText(k.phone, m.number, out.ID); err != nil {
		return out, err
	}
	if out.Body, err = unsealText(k.message, m.body, out.ID); err != nil {
		return out, err
	}
	variables, err := unsealText(k.message, m.variables, out.ID)
	if err != nil || variables == "" {
		return out, err
	}
	var kept []keptVariable
	if err := json.Unmarshal([]byte(variables), &kept); err != nil {
		return out, errors.New("variables of a text are damaged")
	}
	for _, v := range kept {
		out.Variables = append(out.Variables, texting.Variable{Name: v.Name, Value: surveys.Secret(v.Value)})
	}
	return out, nil
}

// withdrawTexts takes waiting texts back.
func (t *tx) withdrawTexts(where string, now int64, args ...any) error {
	_, err := t.exec("UPDATE texts SET state = 'withdrawn', ended_at = ? WHERE state = 'waiting' AND "+where, append([]any{now}, args...)...)
	if err != nil {
		return fmt.Errorf("withdraw texts: %w", err)
	}
	return nil
}

func (s *Store) signalTexts() {
	select {
	case s.texts <- struct{}{}:
	default:
	}
}

// TextsQueued is signalled after texts were queued. Its capacity is one: a
// signal means "look".
func (s *Store) TextsQueued() <-chan struct{} { return s.texts }

// Route says through whom texts to a country go, and what a segment costs.
type Route struct {
	Country    texting.Country
	Carrier    string
	PerSegment surveys.Fen
}

// Take says which texts to take. Countries without a route wait.
type Take struct {
	Now    time.Time
	Limit  int
	Routes []Route
	// Budget is what may be spent on Now's business day through all carriers;
	// 0: no bound.
	Budget surveys.Fen
}

// TakenText is a text to be handed to its carrier.
type TakenText struct {
	Message    texting.Message
	Invitation followup.InvitationID
	Carrier    string
	Handings   int // how often it was taken, this time included
	Segments   int
}

// Taken are the texts that were taken.
type Taken struct {
	Texts      []TakenText
	OverBudget bool // more was due, and the day's budget is spent
	Expired    int  // were not worth sending any more
}

// TakeTexts marks due texts as being handed over and gives them: first answers
// to people who wait, then surveys, each by the time they are due. The mark is
// on disk before they are given, so a text whose handing over was interrupted
// is never mistaken for one that waits; see RecoverTexts. The expected cost
// counts as spent from here on.
func (s *Store) TakeTexts(ctx context.Context, take Take) (Taken, error) {
	var taken Taken
	err := s.act(ctx, func(t *tx) (err error) {
		taken, err = t.takeTexts(&take)
		return err
	})
	if err != nil {
		return Taken{}, fmt.Errorf("take texts: %w", err)
	}
	return taken, nil
}

func (t *tx) takeTexts(take *Take) (taken Taken, err error) {
	if taken.Expired, err = t.expireTexts(take.Now); err != nil {
		return taken, err
	}
	day, spent := surveys.DayOf(take.Now, t.w.store.opt.Zone), int64(0)
	if take.Budget > 0 {
		if err := t.row(dayCostSQL, int64(day)).Scan(&spent); err != nil {
			return taken, fmt.Errorf("add up the day's cost: %w", err)
		}
	}
	for urgency := range 2 {
		for _, route := range take.Routes {
			if len(taken.Texts) >= take.Limit {
				return taken, nil
			}
			due, err := t.dueTexts(urgency, route.Country, take.Now, take.Limit-len(taken.Texts))
			if err != nil {
				return taken, err
			}
			for _, d := range due {
				cost := int64(d.Segments) * int64(route.PerSegment)
				if take.Budget > 0 && spent+cost > int64(take.Budget) {
					taken.OverBudget = true
					break
				}
				spent += cost
				d.Carrier = route.Carrier
				d.Handings++
				if err := t.markHanding(&d, take.Now, day, route.PerSegment); err != nil {
					return taken, err
				}
				taken.Texts = append(taken.Texts, d)
			}
		}
	}
	return taken, nil
}

const (
	dayCostSQL = "SELECT coalesce(sum(cost), 0) FROM texts WHERE spent_day > 0 AND spent_day = ?"
	expiredSQL = "SELECT id FROM texts WHERE state = 'waiting' AND valid_until <= ? LIMIT 1000"
)

const dueSQL = `SELECT id, purpose, language, country, number, body, variables, valid_until - ?3, invitation, handings, segments FROM texts
	WHERE state = 'waiting' AND urgency = ?1 AND country = ?2 AND due_at <= ?3 ORDER BY due_at LIMIT ?4`

func (t *tx) dueTexts(urgency int, country texting.Country, now time.Time, limit int) ([]TakenText, error) {
	rows, err := t.rows(dueSQL, urgency, string(country), milliseconds(now), limit)
	if err != nil {
		return nil, fmt.Errorf("find due texts: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (d TakenText, err error) { return scanTaken(rows, t.w.store.keys) })
	if err != nil {
		return nil, fmt.Errorf("read due texts: %w", err)
	}
	return list, nil
}

func scanTaken(row interface{ Scan(...any) error }, k *keys, rest ...any) (d TakenText, err error) {
	var m sealedMessage
	var invitation []byte
	if err = row.Scan(append(append(m.columns(), &invitation, &d.Handings, &d.Segments), rest...)...); err != nil {
		return d, orNotFound(err)
	}
	copy(d.Invitation[:], invitation)
	d.Message, err = m.open(k)
	return d, err
}

func (t *tx) markHanding(d *TakenText, now time.Time, day surveys.Day, perSegment surveys.Fen) error {
	_, err := t.exec(`UPDATE texts SET state = 'handing', handed_at = ?, handings = ?, carrier = ?, unit_price = ?, cost = cost + segments * ?4,
		spent_day = ? WHERE id = ?`, milliseconds(now), d.Handings, d.Carrier, int64(perSegment), int64(day), d.Message.ID[:])
	if err != nil {
		return fmt.Errorf("mark text as being handed over: %w", err)
	}
	return nil
}

// expireTexts ends waiting texts that are no longer worth sending.
func (t *tx) expireTexts(now time.Time) (n int, err error) {
	rows, err := t.rows(expiredSQL, milliseconds(now))
	if err != nil {
		return 0, fmt.Errorf("find expired texts: %w", err)
	}
	ids, err := collect(rows, func(rows *sql.Rows) (id []byte, err error) { return id, rows.Scan(&id) })
	if err != nil {
		return 0, fmt.Errorf("find expired texts: %w", err)
	}
	for _, id := range ids {
		if err := t.failText(surveys.FactID(id), TextExpired, "", now); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// RecoverTexts marks what was being handed over when the program ended as
// unknown. Call it once at start, before the first TakeTexts.
func (s *Store) RecoverTexts(ctx context.Context) (n int64, err error) {
	err = s.act(ctx, func(t *tx) (err error) {
		n, err = t.exec("UPDATE texts SET state = 'unknown', ambiguous = 1 WHERE state = 'handing'")
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("recover texts: %w", err)
	}
	return n, nil
}

// AmbiguousText is a text nobody knows to have been taken.
type AmbiguousText struct {
	TakenText
	HandedAt time.Time
}

const ambiguousSQL = `SELECT id, purpose, language, country, number, body, variables, max(valid_until - handed_at, 0), invitation,
	handings, segments, carrier, handed_at FROM texts WHERE state = 'unknown' AND ended_at = 0 AND handed_at < ? ORDER BY handed_at LIMIT ?`

// AmbiguousTexts lists up to limit texts whose carrier's answer was lost and
// which were handed over before a moment, oldest first.
func (s *Store) AmbiguousTexts(ctx context.Context, handedBefore time.Time, limit int) ([]AmbiguousText, error) {
	rows, err := s.reading.QueryContext(ctx, ambiguousSQL, milliseconds(handedBefore), limit)
	if err != nil {
		return nil, fmt.Errorf("list ambiguous texts: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (a AmbiguousText, err error) {
		var carrier string
		var handed int64
		a.TakenText, err = scanTaken(rows, s.keys, &carrier, &handed)
		a.Carrier, a.HandedAt = carrier, moment(handed)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("list ambiguous texts: %w", err)
	}
	return list, nil
}

// ReleaseText lets a text whose fate is unknown be sent once more, the same in
// every word. ErrNotFound when it is no longer unknown.
func (s *Store) ReleaseText(ctx context.Context, id surveys.FactID) error {
	err := s.act(ctx, func(t *tx) error {
		// An invitation that has ended meanwhile is not sent again.
		n, err := t.exec(`UPDATE texts SET state = CASE WHEN invitation <> x'' AND purpose IN ('invite', 'reminder') AND EXISTS (SELECT 1 FROM invitations i
			WHERE i.id = invitation AND i.ended_at > 0) THEN 'withdrawn' ELSE 'waiting' END WHERE id = ? AND state = 'unknown' AND ended_at = 0`, id[:])
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("release text: %w", err)
	}
	s.signalTexts()
	return nil
}

// GiveUpText leaves a text unknown for good; its invitation counts as
// undelivered unless a report says otherwise. ErrNotFound when it is no longer
// unknown.
func (s *Store) GiveUpText(ctx context.Context, id surveys.FactID, at time.Time) error {
	err := s.act(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE texts SET ended_at = ? WHERE id = ? AND state = 'unknown' AND ended_at = 0", milliseconds(at), id[:])
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return t.invitationFollows(id, TextState(texting.StatusUndelivered), at)
	})
	if err != nil {
		return fmt.Errorf("give text up: %w", err)
	}
	return nil
}

// TextCounts are the texts under way.
type TextCounts struct {
	Waiting, Due, Handing, Unknown int64
}

// TextCounts counts the texts under way; Due are those of the waiting whose
// time has come.
func (s *Store) TextCounts(ctx context.Context, now time.Time) (c TextCounts, err error) {
	err = s.reading.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM texts WHERE state = 'waiting'),
		(SELECT count(*) FROM texts WHERE state = 'waiting' AND due_at <= ?),
		(SELECT count(*) FROM texts WHERE state = 'handing'),
		(SELECT count(*) FROM texts WHERE state = 'unknown' AND ended_at = 0)`,
		milliseconds(now)).Scan(&c.Waiting, &c.Due, &c.Handing, &c.Unknown)
	if err != nil {
		return c, fmt.Errorf("count texts: %w", err)
	}
	return c, nil
}

// Spend is what a carrier's texts of a day cost, those included whose fate is
// not known yet.
type Spend struct {
	Carrier         string
	Texts, Segments int64
	Cost            surveys.Fen
}

// Spent adds up what was spent on a business day, by carrier.
func (s *Store) Spent(ctx context.Context, day surveys.Day) ([]Spend, error) {
	rows, err := s.reading.QueryContext(ctx, `SELECT carrier, count(*), sum(segments), sum(cost) FROM texts WHERE spent_day > 0 AND spent_day = ?
		GROUP BY carrier ORDER BY carrier`, int64(day))
	if err != nil {
		return nil, fmt.Errorf("add up what was spent: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (p Spend, err error) {
		return p, rows.Scan(&p.Carrier, &p.Texts, &p.Segments, &p.Cost)
	})
	if err != nil {
		return nil, fmt.Errorf("add up what was spent: %w", err)
	}
	return list, nil
}
