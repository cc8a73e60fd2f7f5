package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"qingfeng/surveys/followup"
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
const candidatePage = 1000

func candidateSQL(uninvited bool) string {
	const index = "CASE WHEN p.born > 0 AND v.discharged_on - p.born < %d THEN p.guardian_index ELSE p.phone_index END"
	number := fmt.Sprintf(index, minorSpan)
	query := visitColumns + `, v.discharged_at,
		coalesce((SELECT max(i.sent_at) FROM invitations i WHERE i.patient = v.patient), 0),
		` + optedOut(number, "v.patient") + `,
		EXISTS (SELECT 1 FROM suppressions s WHERE s.number_index = ` + number + `),
		coalesce((SELECT min(r.admitted_at) FROM visits r WHERE r.patient = v.patient AND r.admitted_at >= v.discharged_at AND r.id <> v.id
			AND r.inpatient = 1 AND r.state <> 'cancelled'), 0),
		coalesce((SELECT i.state FROM invitations i WHERE i.visit = v.id AND i.state <> 'ineligible'), '')` + visitTables + `
		WHERE v.state = 'discharged' AND v.discharged_at < ? AND (v.discharged_at, v.id) > (?, ?)`
	if uninvited {
		query += " AND NOT EXISTS (SELECT 1 FROM invitations i WHERE i.visit = v.id AND i.state <> 'ineligible')"
	}
	return query + " ORDER BY v.discharged_at, v.id LIMIT ?"
}

// Candidates gives the visits of a window in the order they ended. They are
// read page by page, so any number of them takes the memory of one page, and
// nothing is held open meanwhile: what changes behind the reader is seen next
// time. The candidate is good until yield returns; yield's error ends it.
func (s *Store) Candidates(ctx context.Context, w CandidateWindow, yield func(*Candidate) error) error {
	query := candidateSQL(w.Uninvited)
	at, id := milliseconds(w.From), int64(0)
	page := make([]Candidate, 0, candidatePage)
	for {
		rows, err := s.reading.QueryContext(ctx, query, milliseconds(w.To), at, id, candidatePage)
		if err != nil {
			return fmt.Errorf("list candidates: %w", err)
		}
		if page, err = s.scanCandidates(rows, page[:0], &at); err != nil {
			return fmt.Errorf("list candidates: %w", err)
		}
		for n := range page {
			if err := yield(&page[n]); err != nil {
				return err
			}
		}
		if len(page) < candidatePage {
			return nil
		}
		id = int64(page[len(page)-1].Visit.ID)
	}
}

func (s *Store) scanCandidates(rows *sql.Rows, page []Candidate, last *int64) ([]Candidate, error) {
	defer rows.Close()
	now := s.opt.Now()
	for rows.Next() {
		var c Candidate
		var invited, readmitted int64
		var err error
		c.Visit, err = scanVisit(rows, s.opt.Zone, now, last, &invited, &c.OptedOut, &c.Suppressed, &readmitted, &c.Invitation)
		if err != nil {
			return nil, err
		}
		c.LastInvitedAt, c.ReadmittedAt = moment(invited), moment(readmitted)
		page = append(page, c)
	}
	return page, rows.Err()
}
