package sqlstore

import (
	"database/sql/driver"
	"errors"
	"fmt"

	"qingfeng/surveys"
)

// flagRatedTwice marks the rating a transaction has when another comes: which of
// the two the patient meant, or whether it was the patient both times, nobody
// can tell. A third one finds the mark and changes nothing.
func (w *writer) flagRatedTwice(r *received, transaction surveys.FactID) error {
	var v [10]driver.Value
	found, err := w.st.flagRating.row(v[:], transaction[:], int64(surveys.FlagRatedTwice))
	if err != nil {
		return fmt.Errorf("flag rating: %w", err)
	}
	if !found || surveys.Flags(v[0].(int64)) != surveys.FlagRatedTwice {
		return nil // marked before, or counted as flagged from the start
	}
	texts, err := w.texts(v[3].(int64), v[4].(int64), v[5].(int64), v[6].(int64), v[7].(int64))
	if err != nil {
		return err
	}
	version := surveys.VersionID(texts[3])
	q, err := w.questionnaire(version)
	if err != nil {
		return err
	}
	if q == nil {
		return errUnpublished
	}
	item, _ := q.GradeItem()
	return w.emit(&surveys.Event{
		Kind: surveys.EventRatingFlagged, At: milliseconds(r.at), Day: surveys.Day(v[1].(int64)), Hour: int(v[2].(int64)),
		Department: surveys.DepartmentID(texts[0]), Place: surveys.PlaceID(texts[1]), Staff: surveys.StaffRef(texts[2]), Version: version,
		Item: item.ID, Mode: surveys.Mode(texts[4]), Series: eventSeries[v[8].(int64)], Grade: surveys.Grade(v[9].(int64)), Flagged: true,
	})
}

var errUnpublished = errors.New("questionnaire of a stored rating is not published: run verify")
