package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"qingfeng/surveys"
)

// SetAside is something a device sent that could not become a fact. It is kept
// for a person; its body is sealed in the database.
type SetAside struct {
	ID     surveys.FactID // as the frame named it
	Device surveys.DeviceID
	Kind   string // the frame's type
	Reason string
	Body   []byte // as received
	At     time.Time
}

// SetAsideEntry is a set-aside as the desk lists it, without its body.
type SetAsideEntry struct {
	Number     int64
	ID         surveys.FactID
	Device     surveys.DeviceID
	Kind       string
	Reason     string
	At         time.Time
	ResolvedAt time.Time
	ResolvedBy string
	Note       string
}

// keepAside seals the fact's body into set_asides; the same body twice is one
// row.
func (w *writer) keepAside(r *received, reason string) error {
	return w.keepBody(r.fact, r.hash[:], reason)
}

func (w *writer) keepBody(f surveys.Fact, hash []byte, reason string) error {
	kind, body, err := clearBody(f)
	if err != nil {
		return fmt.Errorf("encode set-aside: %w", err)
	}
	id, device := f.FactID(), f.Source().Device
	_, err = w.st.insertSetAside.exec(id[:], hash, device[:], kind, reason, milliseconds(w.store.opt.Now()),
		seal(w.store.keys.setAside, body, id))
	if err != nil {
		return fmt.Errorf("set aside: %w", err)
	}
	return nil
}

// setWaitingAside sets the detail aside that waited for the rating id, now that
// no rating will come under that id. Its text moves from the row of its kind
// into the sealed body.
func (w *writer) setWaitingAside(id surveys.FactID, reason string) error {
	waiting, err := w.detailsWaiting()
	if err != nil || waiting == 0 {
		return err
	}
	var v [9]driver.Value
	found, err := w.st.takeDetail.row(v[:], id[:])
	if err != nil {
		return fmt.Errorf("find waiting detail: %w", err)
	}
	if !found {
		return nil
	}
	detail := surveys.RatingDetail{
		ID: surveys.FactID(v[1].([]byte)), Rating: id, Tags: strings.Fields(textOf(v[3])), Comment: surveys.Secret(textOf(v[4])),
		Origin: surveys.Origin{Device: surveys.DeviceID(v[6].([]byte)), ClientAt: moment(v[7].(int64)), OccurredAt: moment(v[2].(int64))},
	}
	if sealed, _ := v[5].([]byte); len(sealed) > 0 {
		phone, err := unseal(w.store.keys.phone, sealed, detail.ID)
		if err != nil {
			return fmt.Errorf("move phone of waiting detail: %w", err)
		}
		detail.Phone = surveys.Secret(phone)
	}
	hash := v[8].([]byte)
	if _, err := w.st.dropDetail.exec(v[0], detail.ID[:]); err != nil {
		return fmt.Errorf("move waiting detail: %w", err)
	}
	if _, err := w.st.markFact.exec(detail.ID[:], int64(outcomeInvalid)); err != nil {
		return fmt.Errorf("mark waiting detail: %w", err)
	}
	w.cache.waiting--
	return w.keepBody(&detail, hash, reason)
}

// clearBody writes a fact as JSON with its personal text in clear: it is
// sealed before it is kept.
func clearBody(f surveys.Fact) (kind string, body []byte, err error) {
	fields := map[string]any{"id": f.FactID(), "at": f.Source().ClientAt, "device": f.Source().Device, "occurred_at": f.Source().OccurredAt}
	switch f := f.(type) {
	case *surveys.Rating:
		kind = "rating"
		fields["place"], fields["prompt_id"], fields["questionnaire"] = f.Place, f.Prompt, f.Questionnaire
		fields["grade"], fields["dwell_ms"], fields["language"] = f.Grade, f.Dwell.Milliseconds(), f.Language
	case *surveys.RatingDetail:
		kind = "rating_detail"
		fields["rating_id"], fields["tags"] = f.Rating, f.Tags
		fields["comment"], fields["callback_phone"] = string(f.Comment), string(f.Phone)
	case *surveys.PromptShown:
		kind = "prompt_shown"
		fields["prompt_id"] = f.Prompt
	case *surveys.SelfTest:
		kind = "self_test"
		fields["place"], fields["key_worked"] = f.Place, f.KeyWorked
	}
	fields["type"] = kind
	body, err = json.Marshal(fields)
	return kind, body, err
}

// SetAside keeps what a device sent under an id it could name but with content
// that is not a fact. The same id and body again changes nothing. Once it
// returns nil, the device may be told that the fact is invalid.
func (s *Store) SetAside(ctx context.Context, a SetAside) error {
	hash := sha256.Sum256(a.Body)
	sealed := seal(s.keys.setAside, a.Body, a.ID)
	at := a.At
	if at.IsZero() {
		at = s.opt.Now()
	}
	err := s.act(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO facts (id, kind, body_hash, outcome, day, device, client_at, received_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?)
			ON CONFLICT (id) DO NOTHING`, a.ID[:], factUnreadable, hash[:16], outcomeInvalid, int64(surveys.DayOf(at, s.opt.Zone)), a.Device[:], milliseconds(at))
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO set_asides (fact, body_hash, device, kind, reason, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (fact, body_hash) DO NOTHING`, a.ID[:], hash[:], a.Device[:], a.Kind, a.Reason, milliseconds(at), sealed)
		if err != nil {
			return err
		}
		return t.w.setWaitingAside(a.ID, ReasonRatingSetAside)
	})
	if err != nil {
		return fmt.Errorf("set aside: %w", err)
	}
	return nil
}

// SetAsides lists what waits for a person (open), oldest first, or has been
// resolved, newest first, at most 500.
func (s *Store) SetAsides(ctx context.Context, open bool) ([]SetAsideEntry, error) {
	order := "DESC"
	if open {
		order = "ASC"
	}
	rows, err := s.reading.QueryContext(ctx, `SELECT id, fact, device, kind, reason, at, resolved_at, resolved_by, note FROM set_asides
		WHERE (resolved_at = 0) = ? ORDER BY id `+order+` LIMIT 500`, open)
	if err != nil {
		return nil, fmt.Errorf("list set-asides: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (e SetAsideEntry, err error) {
		var id, device []byte
		var at, resolved int64
		err = rows.Scan(&e.Number, &id, &device, &e.Kind, &e.Reason, &at, &resolved, &e.ResolvedBy, &e.Note)
		copy(e.ID[:], id)
		copy(e.Device[:], device)
		e.At, e.ResolvedAt = moment(at), moment(resolved)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("list set-asides: %w", err)
	}
	return list, nil
}

// CountSetAsides counts what waits for a person.
func (s *Store) CountSetAsides(ctx context.Context) (int64, error) {
	var n int64
	if err := s.reading.QueryRowContext(ctx, "SELECT count(*) FROM set_asides WHERE resolved_at = 0").Scan(&n); err != nil {
		return 0, fmt.Errorf("count set-asides: %w", err)
	}
	return n, nil
}

// OpenSetAside unseals a set-aside's body for a person; that is audited.
func (s *Store) OpenSetAside(ctx context.Context, number int64, by Actor) ([]byte, error) {
	var body []byte
	err := s.act(ctx, func(t *tx) error {
		var fact, sealed []byte
		err := t.row("SELECT fact, body FROM set_asides WHERE id = ?", number).Scan(&fact, &sealed)
		if err != nil {
			return orNotFound(err)
		}
		if body, err = unseal(s.keys.setAside, sealed, surveys.FactID(fact)); err != nil {
			return err
		}
		return t.audit(by, "set_aside.open", fmt.Sprint(number), "")
	})
	if err != nil {
		return nil, fmt.Errorf("open set-aside: %w", err)
	}
	return body, nil
}

// ResolveSetAside notes what a person did about it. ErrNotFound when there is
// no such open set-aside.
func (s *Store) ResolveSetAside(ctx context.Context, number int64, note string, by Actor) error {
	err := s.act(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE set_asides SET resolved_at = ?, resolved_by = ?, note = ? WHERE id = ? AND resolved_at = 0",
			milliseconds(t.now()), by.Username, note, number)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		return t.audit(by, "set_aside.resolve", fmt.Sprint(number), "")
	})
	if err != nil {
		return fmt.Errorf("resolve set-aside: %w", err)
	}
	return nil
}

func orNotFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// collect reads all rows with scan and closes them.
func collect[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) ([]T, error) {
	defer rows.Close()
	var list []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}
