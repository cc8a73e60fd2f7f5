package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"qingfeng/surveys/followup"
)

// dischargedAgain is how long after a discharge another one without a visit's
// number may be about the same stay: the first was undone in between, and the
// message that says so is late.
const dischargedAgain = 7 * 24 * time.Hour

// visitBegan is when a visit began, as far as it is known.
const visitBegan = `CASE WHEN admitted_at > 0 THEN admitted_at WHEN discharged_at > 0 THEN discharged_at ELSE patient_as_of END`

// meantSQL ranks a patient's visits that had begun by the moment ?2, the newest
// first: those in the state ?3, and those of which it is not known what they
// were then, because they are in theirs as of that moment or later; behind them
// those in the state ?4 as of a moment after ?5. Nothing in it depends on which
// message came first: visits that began together are told apart by their numbers.
const meantSQL = `SELECT number_index FROM (SELECT number_index, ` + visitBegan + ` AS began, CASE
		WHEN ?3 = '' AND state <> 'cancelled' OR ?3 = state OR ?3 <> '' AND state_as_of >= ?2 THEN 0
		WHEN ?4 = state AND state_as_of > ?5 THEN 1 END AS rank
	FROM visits WHERE patient = ?1) WHERE rank IS NOT NULL AND began <= ?2 ORDER BY rank, began DESC, number_index DESC LIMIT 1`

// visitMeant gives the index of the visit a change is about; nil: none. Hospital
// systems leave the number out, above all of discharges and their undoing: then
// it is the patient's newest visit that the kind of change can mean. What comes
// before the message it follows finds the visit too: an undoing the stay that
// is still to be discharged, a discharge the one still to be undone.
func (t *tx) visitMeant(c *followup.VisitChange, patient, at int64) (index []byte, err error) {
	if c.Visit != "" {
		return t.w.store.keys.visitIndex(c.Visit), nil
	}
	var state, early followup.VisitState
	since := int64(0)
	switch c.Kind {
	case followup.ChangeMerged, followup.ChangeReportedDeceased:
		return nil, nil
	case followup.ChangeUpdated: // any that was not cancelled
	case followup.ChangeDischargeUndone:
		state, early = followup.VisitDischarged, followup.VisitAdmitted
	case followup.ChangeDischarged:
		state, early, since = followup.VisitAdmitted, followup.VisitDischarged, at-dischargedAgain.Milliseconds()
	default:
		state = followup.VisitAdmitted
	}
	err = t.row(meantSQL, patient, at, string(state), string(early), since).Scan(&index)
	switch {
	case err == nil:
		return index, nil
	case !errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("find the visit a change means: %w", err)
	case c.Kind == followup.ChangeUpdated: // of the person alone
		return nil, nil
	}
	return nil, ErrNoVisitNumber
}
