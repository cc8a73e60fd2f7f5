package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// minorAge is the age under which only a guardian's number is texted, in years.
const minorAge = 14

// minorSpan is minorAge between two days written as yyyymmdd: their difference
// is below it exactly while the birthday is still to come.
const minorSpan = minorAge * 10000

// patientRow is a person as it is kept. Beside each thing stands when it was
// so; see register.
type patientRow struct {
	id                                               int64
	name, phone, phoneIndex, guardian, guardianIndex []byte
	phoneCountry, guardianCountry                    texting.Country
	born                                             surveys.Day
	deceased                                         bool
	nameAsOf, bornAsOf, phoneAsOf, guardianAsOf      int64
}

// minor reports whether the person was under age on the day on.
func (p *patientRow) minor(on surveys.Day) bool {
	return p.born > 0 && int(on)-int(p.born) < minorSpan
}

// textNumber gives what is known of the number to text about a stay that ended
// on the day on: sealed, its index (empty: no number) and its country.
func (p *patientRow) textNumber(on surveys.Day) (sealed, index []byte, country texting.Country) {
	if p.minor(on) {
		return p.guardian, p.guardianIndex, p.guardianCountry
	}
	return p.phone, p.phoneIndex, p.phoneCountry
}

const patientColumns = `SELECT id, name, name_as_of, born, born_as_of, phone, phone_index, phone_country, phone_as_of,
	guardian, guardian_index, guardian_country, guardian_as_of, deceased FROM patients WHERE id = ?`

func (t *tx) patient(id int64) (p patientRow, err error) {
	err = t.row(patientColumns, id).Scan(&p.id, &p.name, &p.nameAsOf, &p.born, &p.bornAsOf, &p.phone, &p.phoneIndex, &p.phoneCountry,
		&p.phoneAsOf, &p.guardian, &p.guardianIndex, &p.guardianCountry, &p.guardianAsOf, &p.deceased)
	if err != nil {
		return p, fmt.Errorf("read patient: %w", err)
	}
	return p, nil
}

// patientOf finds the person a number belongs to, and makes one for a number
// that is new.
func (t *tx) patientOf(number followup.PatientNumber) (patientRow, error) {
	index := mac(t.w.store.keys.people, "patient "+string(number))
	var id int64
	err := t.row("SELECT patient FROM patient_numbers WHERE number_index = ?", index).Scan(&id)
	if err == nil {
		return t.patient(id)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return patientRow{}, fmt.Errorf("find patient: %w", err)
	}
	if id, err = t.insert("INSERT INTO patients DEFAULT VALUES"); err != nil {
		return patientRow{}, fmt.Errorf("create patient: %w", err)
	}
	if _, err := t.exec("INSERT INTO patient_numbers (number_index, patient) VALUES (?, ?)", index, id); err != nil {
		return patientRow{}, fmt.Errorf("number patient: %w", err)
	}
	return t.patient(id)
}

// describe takes over what a change says of the person.
func (t *tx) describe(p *patientRow, c *followup.VisitChange, at Placement, r *register) error {
	k := t.w.store.keys
	if c.Name != "" && r.says(&p.nameAsOf) {
		known, err := unsealText(k.person, p.name, rowID("person", p.id))
		if err != nil {
			return fmt.Errorf("read patient: %w", err)
		}
		if known != c.Name {
			p.name, r.changed = sealText(k.person, c.Name, rowID("person", p.id)), true
		}
	}
	if c.Born != 0 && r.says(&p.bornAsOf) {
		set(r, &p.born, c.Born)
	}
	if !at.Phone.IsZero() && r.says(&p.phoneAsOf) {
		if index := k.phoneIndex(at.Phone.E164()); string(index) != string(p.phoneIndex) {
			p.phone, p.phoneIndex, r.changed = sealText(k.phone, at.Phone.Secret, rowID("person", p.id)), index, true
		}
		set(r, &p.phoneCountry, at.Country)
	}
	if !at.Guardian.IsZero() && r.says(&p.guardianAsOf) {
		if index := k.phoneIndex(at.Guardian.E164()); string(index) != string(p.guardianIndex) {
			p.guardian, p.guardianIndex, r.changed = sealText(k.phone, at.Guardian.Secret, rowID("guard", p.id)), index, true
		}
		set(r, &p.guardianCountry, at.GuardianCountry)
	}
	if c.Deceased || c.Kind == followup.ChangeReportedDeceased {
		r.said = true
		set(r, &p.deceased, true)
	}
	return nil
}

func (t *tx) savePatient(p *patientRow) error {
	_, err := t.exec(`UPDATE patients SET name = ?, name_as_of = ?, born = ?, born_as_of = ?, phone = ?, phone_index = ?, phone_country = ?,
		phone_as_of = ?, guardian = ?, guardian_index = ?, guardian_country = ?, guardian_as_of = ?, deceased = ? WHERE id = ?`,
		p.name, p.nameAsOf, int64(p.born), p.bornAsOf, p.phone, p.phoneIndex, string(p.phoneCountry), p.phoneAsOf,
		p.guardian, p.guardianIndex, string(p.guardianCountry), p.guardianAsOf, p.deceased, p.id)
	if err != nil {
		return fmt.Errorf("write patient: %w", err)
	}
	return nil
}

// merge makes one person of two: from then on prior's numbers, visits,
// invitations and opt-outs are p's, and of each thing known of both the later
// holds. Merging a person with itself changes nothing, so a merge that comes
// again, or the other way round, is harmless.
func (t *tx) merge(p *patientRow, prior patientRow, r *register) error {
	if prior.id == p.id {
		return nil
	}
	r.changed = true
	if err := t.mergeText(p, &prior); err != nil {
		return err
	}
	if prior.bornAsOf > p.bornAsOf {
		p.born, p.bornAsOf = prior.born, prior.bornAsOf
	}
	p.deceased = p.deceased || prior.deceased
	if err := t.savePatient(p); err != nil {
		return err
	}
	for _, query := range []string{
		"UPDATE patients SET merged_into = ?1 WHERE id = ?2",
		"UPDATE patient_numbers SET patient = ?1 WHERE patient = ?2",
		"UPDATE visits SET patient = ?1 WHERE patient = ?2",
		"UPDATE invitations SET patient = ?1 WHERE patient = ?2",
		"INSERT INTO opt_out_patients (patient, opt_out) SELECT ?1, opt_out FROM opt_out_patients WHERE patient = ?2 ON CONFLICT DO NOTHING",
	} {
		if _, err := t.exec(query, p.id, prior.id); err != nil {
			return fmt.Errorf("merge patients: %w", err)
		}
	}
	return nil
}

// mergeText seals the later name and numbers of prior for p.
func (t *tx) mergeText(p, prior *patientRow) error {
	k := t.w.store.keys
	if prior.nameAsOf > p.nameAsOf {
		name, err := unsealText(k.person, prior.name, rowID("person", prior.id))
		if err != nil {
			return fmt.Errorf("merge patients: %w", err)
		}
		p.name, p.nameAsOf = sealText(k.person, name, rowID("person", p.id)), prior.nameAsOf
	}
	if prior.phoneAsOf > p.phoneAsOf {
		number, err := unsealText(k.phone, prior.phone, rowID("person", prior.id))
		if err != nil {
			return fmt.Errorf("merge patients: %w", err)
		}
		p.phone, p.phoneIndex, p.phoneCountry = sealText(k.phone, number, rowID("person", p.id)), prior.phoneIndex, prior.phoneCountry
		p.phoneAsOf = prior.phoneAsOf
	}
	if prior.guardianAsOf > p.guardianAsOf {
		number, err := unsealText(k.phone, prior.guardian, rowID("guard", prior.id))
		if err != nil {
			return fmt.Errorf("merge patients: %w", err)
		}
		p.guardian, p.guardianIndex = sealText(k.phone, number, rowID("guard", p.id)), prior.guardianIndex
		p.guardianCountry, p.guardianAsOf = prior.guardianCountry, prior.guardianAsOf
	}
	return nil
}

// openTextNumber unseals the number to text about a stay that ended on the day on.
func (t *tx) openTextNumber(p *patientRow, on surveys.Day) (n texting.Number, index []byte, country texting.Country, err error) {
	sealed, index, country := p.textNumber(on)
	owner := "person"
	if p.minor(on) {
		owner = "guard"
	}
	text, err := unsealText(t.w.store.keys.phone, sealed, rowID(owner, p.id))
	return texting.Number{Secret: text}, index, country, err
}
