package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// CandidateWindow chooses visits by when they ended: From or later, before To.
type CandidateWindow struct {
	From, To time.Time
	// Uninvited leaves out visits that have an invitation.
	Uninvited bool
}

// Candidate is a visit that ended, with what decides whether its patient is
// asked about it.
type Candidate struct {
	Visit followup.Visit
	// LastInvitedAt is when the person was last sent a survey, about any visit.
	LastInvitedAt time.Time
	OptedOut      bool
	Suppressed    bool      // a carrier will not text the number
	ReadmittedAt  time.Time // first return as an inpatient; zero: none
	// Invitation is the state of the visit's own invitation; empty: it has none.
	Invitation followup.InvitationState
}

// candidatePage is how many candidates are held at a time.
const candidatePage = 4000

// Facts about a candidate that the query packs into one number: each column a
// row hands over costs as much as several shifts inside SQLite.
const (
	packedInpatient = 1 << iota
	packedDeceased
	packedPhone
	packedOptedOut
	packedSuppressed
)

const candidateColumns = 14

func candidateSQL(uninvited bool) string {
	under := fmt.Sprintf("p.born > 0 AND v.discharged_on - p.born < %d", minorSpan)
	number := "CASE WHEN " + under + " THEN p.guardian_index ELSE p.phone_index END"
	state, but := "coalesce((SELECT i.state FROM invitations i WHERE i.visit = v.id AND i.state <> 'ineligible'), '')", ""
	if uninvited {
		state, but = "''", " AND NOT EXISTS (SELECT 1 FROM invitations i WHERE i.visit = v.id AND i.state <> 'ineligible')"
	}
	packed := fmt.Sprintf(`(v.inpatient <> 0) * %d + (p.deceased <> 0) * %d + (length(`+number+`) > 0) * %d + (`+optedOut(number, "v.patient")+`) * %d +
		EXISTS (SELECT 1 FROM suppressions s WHERE s.number_index = `+number+`) * %d`,
		packedInpatient, packedDeceased, packedPhone, packedOptedOut, packedSuppressed)
	return `SELECT v.id, v.discharged_at, v.patient, v.department, v.place, v.bed, v.admitted_at, v.disposition, p.born,
		CASE WHEN ` + under + ` THEN p.guardian_country ELSE p.phone_country END, ` + packed + `,
		coalesce((SELECT max(i.sent_at) FROM invitations i WHERE i.patient = v.patient), 0),
		coalesce((SELECT min(r.admitted_at) FROM visits r WHERE r.patient = v.patient AND r.admitted_at >= v.discharged_at AND r.id <> v.id
			AND r.inpatient = 1 AND r.state <> 'cancelled'), 0),
		` + state + ` FROM visits v JOIN patients p ON p.id = v.patient
		WHERE v.state = 'discharged' AND v.discharged_at < ? AND (v.discharged_at, v.id) > (?, ?)` + but + `
		ORDER BY v.discharged_at, v.id LIMIT ?`
}

// Candidates gives the visits of a window in the order they ended. They are
// read page by page, so any number of them takes the memory of one page, and
// nothing is held open meanwhile: what changes behind the reader is seen next
// time. The candidate is good until yield returns; yield's error ends it.
func (s *Store) Candidates(ctx context.Context, w CandidateWindow, yield func(*Candidate) error) error {
	query, names := candidateSQL(w.Uninvited), map[nameID]string{0: ""}
	at, id := milliseconds(w.From), int64(0)
	page := make([]candidateRow, 0, candidatePage)
	for {
		var err error
		if page, err = s.readCandidates(ctx, page[:0], names, query, milliseconds(w.To), at, id, int64(candidatePage)); err != nil {
			return fmt.Errorf("list candidates: %w", err)
		}
		for n := range page {
			if err := yield(&page[n].Candidate); err != nil {
				return err
			}
		}
		if len(page) < candidatePage {
			return nil
		}
		last := &page[len(page)-1].Visit
		at, id = milliseconds(last.DischargedAt), int64(last.ID)
	}
}

// candidateRow is a candidate whose words are numbers yet.
type candidateRow struct {
	Candidate
	department, place nameID
}

// readCandidates reads a page, with the words in names and those it adds there.
func (s *Store) readCandidates(ctx context.Context, page []candidateRow, names map[nameID]string, query string, args ...driver.Value) ([]candidateRow, error) {
	conn, err := s.reading.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open reading connection: %w", err)
	}
	err = scan(ctx, conn, candidateColumns, query, args, func(v []driver.Value) error {
		page = append(page, candidateOf(v))
		return nil
	})
	if err = errors.Join(err, conn.Close()); err != nil {
		return nil, err
	}
	for n := range page {
		c := &page[n]
		department, err := s.word(ctx, names, c.department)
		if err != nil {
			return nil, err
		}
		place, err := s.word(ctx, names, c.place)
		if err != nil {
			return nil, err
		}
		c.Visit.Department, c.Visit.Place = surveys.DepartmentID(department), surveys.PlaceID(place)
	}
	return page, nil
}

// word gives the word of a number, from known or else from the database.
func (s *Store) word(ctx context.Context, known map[nameID]string, id nameID) (string, error) {
	text, ok := known[id]
	if ok {
		return text, nil
	}
	err := s.reading.QueryRowContext(ctx, "SELECT text FROM names WHERE id = ?", int64(id)).Scan(&text)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read name: %w", err)
	}
	known[id] = text
	return text, nil
}

// candidateOf makes a candidate of a row of candidateSQL, as scanVisit would.
func candidateOf(v []driver.Value) candidateRow {
	num := func(i int) int64 { return v[i].(int64) }
	is := func(bit int64) bool { return num(10)&bit != 0 }
	c := candidateRow{department: nameID(num(3)), place: nameID(num(4))}
	c.Visit = followup.Visit{
		ID: followup.VisitID(num(0)), Patient: followup.PatientID(num(2)), State: followup.VisitDischarged, Bed: surveys.BedID(textOf(v[5])),
		Inpatient: is(packedInpatient), AdmittedAt: moment(num(6)), DischargedAt: moment(num(1)), Disposition: followup.Disposition(textOf(v[7])),
		Born: surveys.Day(num(8)), HasPhone: is(packedPhone),
	}
	c.Visit.Deceased = is(packedDeceased) || c.Visit.Disposition == followup.DispositionDeceased
	if c.Visit.HasPhone {
		c.Visit.Country = texting.Country(textOf(v[9]))
	}
	c.OptedOut, c.Suppressed = is(packedOptedOut), is(packedSuppressed)
	c.LastInvitedAt, c.ReadmittedAt, c.Invitation = moment(num(11)), moment(num(12)), followup.InvitationState(textOf(v[13]))
	return c
}
