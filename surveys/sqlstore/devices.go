package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys"
)

// Enrolment is a screen that asks to become a device. Code and secret are kept
// as SHA-256 only.
type Enrolment struct {
	ID         surveys.FactID
	PublicKey  []byte
	Kind       surveys.DeviceKind // as the screen wishes
	CodeHash   [32]byte
	SecretHash [32]byte
	CreatedAt  time.Time
	ExpiresAt  time.Time
	// DeviceID is set once an administrator has approved it.
	DeviceID surveys.DeviceID
}

// enrolmentKept is how long an enrolment is kept after it expired, so that a
// slow screen still learns what became of it.
const enrolmentKept = 24 * time.Hour

// CreateEnrolment keeps an enrolment; ErrExists when its id or code is taken.
func (s *Store) CreateEnrolment(ctx context.Context, e Enrolment) error {
	err := s.act(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM enrolments WHERE expires_at < ?", milliseconds(e.CreatedAt.Add(-enrolmentKept))); err != nil {
			return err
		}
		n, err := t.exec(`INSERT INTO enrolments (id, public_key, kind, code_hash, secret_hash, created_at, expires_at)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			e.ID[:], e.PublicKey, string(e.Kind), e.CodeHash[:], e.SecretHash[:], milliseconds(e.CreatedAt), milliseconds(e.ExpiresAt))
		if err == nil && n == 0 {
			return ErrExists
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("create enrolment: %w", err)
	}
	return nil
}

const enrolmentColumns = "SELECT id, public_key, kind, code_hash, secret_hash, created_at, expires_at, device FROM enrolments"

func scanEnrolment(row *sql.Row) (e Enrolment, err error) {
	var id, code, secret, device []byte
	var created, expires int64
	if err := row.Scan(&id, &e.PublicKey, &e.Kind, &code, &secret, &created, &expires, &device); err != nil {
		return Enrolment{}, orNotFound(err)
	}
	copy(e.ID[:], id)
	copy(e.CodeHash[:], code)
	copy(e.SecretHash[:], secret)
	copy(e.DeviceID[:], device)
	e.CreatedAt, e.ExpiresAt = moment(created), moment(expires)
	return e, nil
}

// FindEnrolment finds an enrolment by id, or ErrNotFound.
func (s *Store) FindEnrolment(ctx context.Context, id surveys.FactID) (Enrolment, error) {
	e, err := scanEnrolment(s.reading.QueryRowContext(ctx, enrolmentColumns+" WHERE id = ?", id[:]))
	if err != nil {
		return Enrolment{}, fmt.Errorf("find enrolment: %w", err)
	}
	return e, nil
}

// CountWaitingEnrolments counts those neither approved nor expired.
func (s *Store) CountWaitingEnrolments(ctx context.Context, now time.Time) (int64, error) {
	var n int64
	err := s.reading.QueryRowContext(ctx, "SELECT count(*) FROM enrolments WHERE expires_at > ? AND device = x''", milliseconds(now)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count enrolments: %w", err)
	}
	return n, nil
}

// ApproveEnrolment turns the enrolment with this code into device d, whose ID
// the caller has made; its key is the enrolment's and EnrolledAt is now. A
// code that is unknown, used or expired at now is ErrNotFound.
func (s *Store) ApproveEnrolment(ctx context.Context, codeHash [32]byte, now time.Time, d surveys.Device, by Actor) (surveys.Device, error) {
	if d.ID.IsZero() {
		return surveys.Device{}, errors.New("approve enrolment: device has no id")
	}
	err := s.act(ctx, func(t *tx) error {
		e, err := scanEnrolment(t.row(enrolmentColumns+" WHERE code_hash = ? AND expires_at > ? AND device = x''", codeHash[:], milliseconds(now)))
		if err != nil {
			return err
		}
		d.PublicKey, d.EnrolledAt = e.PublicKey, moment(milliseconds(now))
		n, err := t.exec(`INSERT INTO devices (id, kind, name, place, bed, public_key, mirrored, enrolled_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, d.ID[:], string(d.Kind), d.Name, string(d.Place), string(d.Bed), d.PublicKey, d.Mirrored, milliseconds(now))
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrExists
		}
		if _, err := t.exec("UPDATE enrolments SET device = ? WHERE id = ?", d.ID[:], e.ID[:]); err != nil {
			return err
		}
		return t.audit(by, "device.enrol", d.ID.String(), string(d.Kind)+" "+string(d.Place))
	})
	if err != nil {
		return surveys.Device{}, fmt.Errorf("approve enrolment: %w", err)
	}
	return d, nil
}

const deviceColumns = `SELECT id, kind, name, place, bed, public_key, mirrored, enrolled_at, revoked_at, last_seen_at, last_test_at,
	last_test_key_worked, shared_key_at FROM devices`

func scanDevice(row interface{ Scan(...any) error }) (d surveys.Device, err error) {
	var id []byte
	var enrolled, revoked, seen, test, shared int64
	err = row.Scan(&id, &d.Kind, &d.Name, &d.Place, &d.Bed, &d.PublicKey, &d.Mirrored, &enrolled, &revoked, &seen, &test, &d.LastTestKeyWorked, &shared)
	if err != nil {
		return surveys.Device{}, orNotFound(err)
	}
	copy(d.ID[:], id)
	d.EnrolledAt, d.RevokedAt, d.LastSeenAt = moment(enrolled), moment(revoked), moment(seen)
	d.LastTestAt, d.SharedKeyAt = moment(test), moment(shared)
	return d, nil
}

// Devices lists every device ever enrolled, oldest first.
func (s *Store) Devices(ctx context.Context) ([]surveys.Device, error) {
	rows, err := s.reading.QueryContext(ctx, deviceColumns+" ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	list, err := collect(rows, func(rows *sql.Rows) (surveys.Device, error) { return scanDevice(rows) })
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return list, nil
}

// FindDevice finds a device, revoked or not, or ErrNotFound.
func (s *Store) FindDevice(ctx context.Context, id surveys.DeviceID) (surveys.Device, error) {
	d, err := scanDevice(s.reading.QueryRowContext(ctx, deviceColumns+" WHERE id = ?", id[:]))
	if err != nil {
		return surveys.Device{}, fmt.Errorf("find device: %w", err)
	}
	return d, nil
}

// changeDevice runs one UPDATE of a device; ErrNotFound when it met none.
func (s *Store) changeDevice(ctx context.Context, what string, by *Actor, id surveys.DeviceID, detail, query string, args ...any) error {
	err := s.act(ctx, func(t *tx) error {
		n, err := t.exec(query, args...)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		if by == nil {
			return nil
		}
		return t.audit(*by, what, id.String(), detail)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// UpdateDevice changes kind, name, place, bed and mirroring.
func (s *Store) UpdateDevice(ctx context.Context, d surveys.Device, by Actor) error {
	return s.changeDevice(ctx, "device.update", &by, d.ID, string(d.Kind)+" "+string(d.Place),
		"UPDATE devices SET kind = ?, name = ?, place = ?, bed = ?, mirrored = ? WHERE id = ?",
		string(d.Kind), d.Name, string(d.Place), string(d.Bed), d.Mirrored, d.ID[:])
}

// RevokeDevice ends a device's life; revoking again keeps the first moment.
func (s *Store) RevokeDevice(ctx context.Context, id surveys.DeviceID, at time.Time, by Actor) error {
	return s.changeDevice(ctx, "device.revoke", &by, id, "",
		"UPDATE devices SET revoked_at = CASE revoked_at WHEN 0 THEN ? ELSE revoked_at END WHERE id = ?", milliseconds(at), id[:])
}

// MarkSharedKey notes that two sessions used the device's key.
func (s *Store) MarkSharedKey(ctx context.Context, id surveys.DeviceID, at time.Time) error {
	program := Actor{Username: "gateway"}
	return s.changeDevice(ctx, "device.shared_key", &program, id, "", "UPDATE devices SET shared_key_at = ? WHERE id = ?", milliseconds(at), id[:])
}

// ClearSharedKey lets the device connect again.
func (s *Store) ClearSharedKey(ctx context.Context, id surveys.DeviceID, by Actor) error {
	return s.changeDevice(ctx, "device.clear_shared_key", &by, id, "", "UPDATE devices SET shared_key_at = 0 WHERE id = ?", id[:])
}

// TouchDevices notes when devices were last heard from; unknown ids and
// moments earlier than the noted one are passed over.
func (s *Store) TouchDevices(ctx context.Context, seen map[surveys.DeviceID]time.Time) error {
	if len(seen) == 0 {
		return nil
	}
	err := s.act(ctx, func(t *tx) error {
		for id, at := range seen {
			if _, err := t.exec("UPDATE devices SET last_seen_at = ?1 WHERE id = ?2 AND last_seen_at < ?1", milliseconds(at), id[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("touch devices: %w", err)
	}
	return nil
}
