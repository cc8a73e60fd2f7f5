package sqlstore

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// Placement is what intake made of a change's codes and numbers. Zero fields
// say nothing.
type Placement struct {
	Department surveys.DepartmentID
	Place      surveys.PlaceID
	Bed        surveys.BedID
	// UnknownPlace is the sender's code of a place that maps nowhere; it is
	// counted in UnknownPlaces, and the visit's place is unknown from then on.
	UnknownPlace string
	// Phone and Guardian are checked numbers, with their countries. Which of
	// them is texted follows from the age at discharge.
	Phone           texting.Number
	Country         texting.Country
	Guardian        texting.Number
	GuardianCountry texting.Country
}

// VisitOutcome is what a change did.
type VisitOutcome string

// Outcomes of a change.
const (
	VisitRecorded VisitOutcome = "recorded" // something is known that was not
	VisitRepeated VisitOutcome = "repeated" // all of it was known
	VisitStale    VisitOutcome = "stale"    // what is new in it is older than what is known
)

// VisitApplied is a visit after a change. Visit is zero when the change was
// about the person alone.
type VisitApplied struct {
	Visit   followup.Visit
	Outcome VisitOutcome
	Created bool
	// Withdrawn are the invitations that were ended because of the change.
	Withdrawn []followup.InvitationID
}

// register takes a change over field by field. Each field remembers as of when
// it holds, by the sender's clock; what is said as of an earlier moment does
// not overwrite it. So changes may come in any order and leave the same.
type register struct {
	at                   int64
	said, changed, stale bool
}

// says reports whether the change's word on a field holds, and notes its moment.
func (r *register) says(asOf *int64) bool {
	r.said = true
	if r.at < *asOf {
		r.stale = true
		return false
	}
	*asOf = r.at
	return true
}

func set[T comparable](r *register, field *T, value T) {
	if *field != value {
		*field, r.changed = value, true
	}
}

func (r *register) outcome() VisitOutcome {
	switch {
	case r.changed:
		return VisitRecorded
	case r.stale:
		return VisitStale
	}
	return VisitRepeated
}

// ApplyVisitChange takes one message about a visit into what is known of it and
// of the patient. The same message with the same content changes nothing, and
// messages may come in any order. Invitations that must no longer be sent (the
// admission or discharge undone, a readmission, a death, another hospital,
// another number) are withdrawn in the same transaction, with their texts.
//
// A change without a visit's number is about the patient's newest visit that
// its kind can mean: the newest that was discharged for the undoing of that, the
// newest that goes on for a discharge, a transfer and the undoing of an
// admission, the newest for an update. ErrNoVisitNumber says that there is none,
// or that it is an admission; a merge, a death, and an update of somebody who
// was never here are about the person alone. ErrNoPatientNumber: no patient.
func (s *Store) ApplyVisitChange(ctx context.Context, c followup.VisitChange, at Placement) (VisitApplied, error) {
	var done VisitApplied
	if err := checkChange(&c); err != nil {
		return done, fmt.Errorf("apply visit change: %w", err)
	}
	message := s.keys.changeHash(&c, &at)
	err := s.act(ctx, func(t *tx) (err error) {
		done, err = t.applyChange(&c, at, message)
		return err
	})
	if err != nil {
		return VisitApplied{}, fmt.Errorf("apply visit change: %w", err)
	}
	return done, nil
}

func checkChange(c *followup.VisitChange) error {
	if c.Patient == "" {
		return ErrNoPatientNumber
	}
	switch c.Kind {
	case followup.ChangeMerged:
		if c.Prior == "" {
			return ErrNoPatientNumber
		}
	case followup.ChangeUpdated, followup.ChangeReportedDeceased, followup.ChangeTransferred, followup.ChangeTransferUndone,
		followup.ChangeDischarged, followup.ChangeAdmissionUndone, followup.ChangeDischargeUndone:
	case followup.ChangeAdmitted:
		if c.Visit == "" {
			return ErrNoVisitNumber
		}
	default:
		return errors.New("change is of an unknown kind")
	}
	return nil
}

// changeHash recognises a message that comes again. The content is part of it,
// since some systems begin their control ids anew, and so is what intake made
// of it: once a ward is mapped, its messages can be sent again.
func (k *keys) changeHash(c *followup.VisitChange, at *Placement) []byte {
	h := hmac.New(sha256.New, k.content)
	var n [8]byte
	num := func(v int64) {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	for _, text := range []string{
		c.Source, c.Message, string(c.Kind), string(c.Patient), string(c.Prior), string(c.Visit), string(c.Name), string(c.Phone), string(c.Guardian),
		c.Ward, c.Room, c.Bed, c.Service, c.Attending, string(c.Disposition), string(at.Department), string(at.Place), string(at.Bed),
		at.UnknownPlace, at.Phone.E164(), string(at.Country), at.Guardian.E164(), string(at.GuardianCountry),
	} {
		num(int64(len(text)))
		h.Write([]byte(text))
	}
	for _, v := range []int64{
		milliseconds(c.At), int64(c.Born), number(c.Deceased), number(c.Inpatient), milliseconds(c.AdmittedAt), milliseconds(c.DischargedAt),
	} {
		num(v)
	}
	return h.Sum(nil)[:16]
}

func (t *tx) applyChange(c *followup.VisitChange, at Placement, message []byte) (done VisitApplied, err error) {
	now := milliseconds(t.now())
	r := &register{at: milliseconds(c.At)}
	if r.at == 0 {
		r.at = now
	}
	fresh, err := t.exec("INSERT INTO visit_changes (message, at) VALUES (?, ?) ON CONFLICT DO NOTHING", message, now)
	if err != nil {
		return done, fmt.Errorf("register message: %w", err)
	}
	if fresh == 0 {
		return t.changeAgain(c)
	}
	p, err := t.applyPerson(c, at, r)
	if err != nil {
		return done, err
	}
	index, err := t.visitMeant(c, p.id, r.at)
	if err != nil {
		return done, err
	}
	var v visitRow
	moved := int64(0) // the person the visit was another's before
	if index != nil {
		if v, done.Created, moved, err = t.applyVisit(c, index, at, &p, r); err != nil {
			return done, err
		}
	}
	if at.UnknownPlace != "" {
		if err := t.noteUnknownPlace(c.Source, at.UnknownPlace, now); err != nil {
			return done, err
		}
	}
	for _, patient := range []int64{p.id, moved} {
		if patient == 0 {
			continue
		}
		withdrawn, err := t.withdrawUnfit(patient, now)
		if err != nil {
			return done, err
		}
		done.Withdrawn = append(done.Withdrawn, withdrawn...)
	}
	done.Outcome = r.outcome()
	if v.id != 0 {
		done.Visit, err = scanVisit(t.row(visitColumns+visitTables+" WHERE v.id = ?", v.id), t.w.store.opt.Zone, t.now())
	}
	return done, err
}

// changeAgain answers a message that was applied before. Of one without a
// visit's number it gives no visit: by now that would be another.
func (t *tx) changeAgain(c *followup.VisitChange) (VisitApplied, error) {
	done := VisitApplied{Outcome: VisitRepeated}
	if c.Visit == "" {
		return done, nil
	}
	v, err := scanVisit(t.row(visitColumns+visitTables+" WHERE v.number_index = ?", t.w.store.keys.visitIndex(c.Visit)), t.w.store.opt.Zone, t.now())
	done.Visit = v
	return done, err
}

// applyPerson takes over what the change says of the person, and merges.
func (t *tx) applyPerson(c *followup.VisitChange, at Placement, r *register) (patientRow, error) {
	p, err := t.patientOf(c.Patient)
	if err != nil {
		return p, err
	}
	if c.Kind == followup.ChangeMerged {
		r.said = true
		prior, err := t.patientOf(c.Prior)
		if err != nil {
			return p, err
		}
		if err := t.merge(&p, prior, r); err != nil {
			return p, err
		}
	}
	if err := t.describe(&p, c, at, r); err != nil {
		return p, err
	}
	return p, t.savePatient(&p)
}

// visitRow is a visit as it is kept.
type visitRow struct {
	id, patient                       int64
	state                             followup.VisitState
	department, place                 nameID
	bed                               surveys.BedID
	inpatient                         bool
	admittedAt, dischargedAt          int64
	dischargedOn                      surveys.Day
	disposition                       followup.Disposition
	patientAsOf, stateAsOf, placeAsOf int64
	admittedAsOf, dischargedAsOf      int64
	dispositionAsOf                   int64
}

func (k *keys) visitIndex(n followup.VisitNumber) []byte { return mac(k.people, "visit "+string(n)) }

// visitOf finds the visit with an index, and makes one for a number that is new.
func (t *tx) visitOf(index []byte, number followup.VisitNumber, patient int64) (v visitRow, created bool, err error) {
	read := func() error {
		return t.row(`SELECT id, patient, patient_as_of, state, state_as_of, department, place, bed, place_as_of, inpatient,
			admitted_at, admitted_as_of, discharged_at, discharged_on, discharged_as_of, disposition, disposition_as_of
			FROM visits WHERE number_index = ?`, index).Scan(&v.id, &v.patient, &v.patientAsOf, &v.state, &v.stateAsOf, &v.department, &v.place,
			&v.bed, &v.placeAsOf, &v.inpatient, &v.admittedAt, &v.admittedAsOf, &v.dischargedAt, &v.dischargedOn,
			&v.dischargedAsOf, &v.disposition, &v.dispositionAsOf)
	}
	if err = read(); !errors.Is(err, sql.ErrNoRows) {
		return v, false, err
	}
	id, err := t.insert("INSERT INTO visits (number_index, patient) VALUES (?, ?)", index, patient)
	if err != nil {
		return v, false, fmt.Errorf("create visit: %w", err)
	}
	if _, err := t.exec("UPDATE visits SET number = ? WHERE id = ?", sealText(t.w.store.keys.person, number, rowID("visit", id)), id); err != nil {
		return v, false, fmt.Errorf("number visit: %w", err)
	}
	return v, true, read()
}

func (t *tx) applyVisit(c *followup.VisitChange, index []byte, at Placement, p *patientRow, r *register) (v visitRow, created bool, moved int64, err error) {
	if v, created, err = t.visitOf(index, c.Visit, p.id); err != nil {
		return v, false, 0, fmt.Errorf("find visit: %w", err)
	}
	r.changed = r.changed || created
	if c.Visit != "" && r.says(&v.patientAsOf) && v.patient != p.id {
		moved = v.patient
		set(r, &v.patient, p.id)
	}
	if err := t.place(&v, at, r); err != nil {
		return v, false, 0, err
	}
	t.stay(&v, c, r)
	_, err = t.exec(`UPDATE visits SET patient = ?, patient_as_of = ?, state = ?, state_as_of = ?, department = ?, place = ?, bed = ?,
		place_as_of = ?, inpatient = ?, admitted_at = ?, admitted_as_of = ?, discharged_at = ?, discharged_on = ?,
		discharged_as_of = ?, disposition = ?, disposition_as_of = ? WHERE id = ?`,
		v.patient, v.patientAsOf, string(v.state), v.stateAsOf, int64(v.department), int64(v.place), string(v.bed), v.placeAsOf, v.inpatient,
		v.admittedAt, v.admittedAsOf, v.dischargedAt, int64(v.dischargedOn), v.dischargedAsOf, string(v.disposition),
		v.dispositionAsOf, v.id)
	if err != nil {
		return v, false, 0, fmt.Errorf("write visit: %w", err)
	}
	// What waits to be sent follows the visit; what was sent stays as it was asked.
	_, err = t.exec(`UPDATE invitations SET patient = ?2, department = CASE WHEN sent_at = 0 THEN ?3 ELSE department END,
		place = CASE WHEN sent_at = 0 THEN ?4 ELSE place END WHERE visit = ?1 AND state <> 'ineligible'`,
		v.id, v.patient, int64(v.department), int64(v.place))
	if err != nil {
		return v, false, 0, fmt.Errorf("follow visit: %w", err)
	}
	return v, created, moved, nil
}

func (t *tx) place(v *visitRow, at Placement, r *register) error {
	said := at.Department != "" || at.Place != "" || at.Bed != "" || at.UnknownPlace != ""
	if !said || !r.says(&v.placeAsOf) {
		return nil
	}
	department, err := t.w.name(string(at.Department))
	if err != nil {
		return err
	}
	place, err := t.w.name(string(at.Place))
	if err != nil {
		return err
	}
	set(r, &v.department, department)
	set(r, &v.place, place)
	set(r, &v.bed, at.Bed)
	return nil
}

// stay takes over what the change says of coming and going.
func (t *tx) stay(v *visitRow, c *followup.VisitChange, r *register) {
	admitted, discharged := milliseconds(c.AdmittedAt), milliseconds(c.DischargedAt)
	switch c.Kind {
	case followup.ChangeAdmitted:
		if admitted == 0 {
			admitted = r.at
		}
	case followup.ChangeDischarged:
		if discharged == 0 {
			discharged = r.at
		}
	}
	if state := stateAfter(c.Kind); state != "" && r.says(&v.stateAsOf) {
		set(r, &v.state, state)
	}
	// A message may call a stay an outpatient's only because it says nothing of
	// it, so what was an inpatient's once remains it.
	if c.Inpatient {
		set(r, &v.inpatient, true)
	}
	if admitted != 0 && r.says(&v.admittedAsOf) {
		set(r, &v.admittedAt, admitted)
	}
	if discharged != 0 && r.says(&v.dischargedAsOf) {
		set(r, &v.dischargedAt, discharged)
		v.dischargedOn = surveys.DayOf(moment(discharged), t.w.store.opt.Zone)
	}
	if (c.Disposition != "" || c.Kind == followup.ChangeDischarged) && r.says(&v.dispositionAsOf) {
		set(r, &v.disposition, c.Disposition)
	}
}

// stateAfter is where a change leaves a visit; empty: where it is.
func stateAfter(kind followup.ChangeKind) followup.VisitState {
	switch kind {
	case followup.ChangeAdmitted, followup.ChangeDischargeUndone:
		return followup.VisitAdmitted
	case followup.ChangeDischarged:
		return followup.VisitDischarged
	case followup.ChangeAdmissionUndone:
		return followup.VisitCancelled
	}
	return ""
}

const visitColumns = `SELECT v.id, v.patient, v.state, coalesce(d.text, ''), coalesce(l.text, ''), v.bed, v.inpatient, v.admitted_at,
	v.discharged_at, v.discharged_on, v.disposition, p.deceased, p.born, p.phone_index, p.phone_country, p.guardian_index, p.guardian_country`

const visitTables = ` FROM visits v JOIN patients p ON p.id = v.patient LEFT JOIN names d ON d.id = v.department LEFT JOIN names l ON l.id = v.place`

// scanVisit reads visitColumns, and more columns behind them into rest. Of a
// visit that goes on, the number to text is that of today's age.
func scanVisit(row interface{ Scan(...any) error }, zone *time.Location, now time.Time, rest ...any) (v followup.Visit, err error) {
	var p patientRow
	var admitted, discharged int64
	var on surveys.Day
	err = row.Scan(append([]any{&v.ID, &v.Patient, &v.State, &v.Department, &v.Place, &v.Bed, &v.Inpatient, &admitted, &discharged, &on,
		&v.Disposition, &v.Deceased, &p.born, &p.phoneIndex, &p.phoneCountry, &p.guardianIndex, &p.guardianCountry}, rest...)...)
	if err != nil {
		return followup.Visit{}, orNotFound(err)
	}
	v.AdmittedAt, v.Born = moment(admitted), p.born
	if v.State == followup.VisitDischarged {
		v.DischargedAt = moment(discharged)
		v.Deceased = v.Deceased || v.Disposition == followup.DispositionDeceased
	} else {
		v.Disposition, on = followup.DispositionUnknown, surveys.DayOf(now, zone)
	}
	_, index, country := p.textNumber(on)
	if v.HasPhone = len(index) > 0; v.HasPhone {
		v.Country = country
	}
	return v, nil
}

// FindVisit finds a visit, or ErrNotFound.
func (s *Store) FindVisit(ctx context.Context, id followup.VisitID) (followup.Visit, error) {
	v, err := scanVisit(s.reading.QueryRowContext(ctx, visitColumns+visitTables+" WHERE v.id = ?", int64(id)), s.opt.Zone, s.opt.Now())
	if err != nil {
		return v, fmt.Errorf("find visit: %w", err)
	}
	return v, nil
}

// FindVisitByNumber finds a visit by the number its source gave it, or
// ErrNotFound.
func (s *Store) FindVisitByNumber(ctx context.Context, n followup.VisitNumber) (followup.Visit, error) {
	v, err := scanVisit(s.reading.QueryRowContext(ctx, visitColumns+visitTables+" WHERE v.number_index = ?", s.keys.visitIndex(n)), s.opt.Zone, s.opt.Now())
	if err != nil {
		return v, fmt.Errorf("find visit: %w", err)
	}
	return v, nil
}

// PruneVisitChanges forgets messages that were applied before a moment. One of
// them that comes again is older than what is known and changes nothing.
func (s *Store) PruneVisitChanges(ctx context.Context, before time.Time) error {
	for {
		var n int64
		err := s.act(ctx, func(t *tx) (err error) {
			n, err = t.exec("DELETE FROM visit_changes WHERE message IN (SELECT message FROM visit_changes WHERE at < ? LIMIT ?)",
				milliseconds(before), pruneStep)
			return err
		})
		if err != nil {
			return fmt.Errorf("prune visit changes: %w", err)
		}
		if n < pruneStep {
			return nil
		}
	}
}
