package analytics

import (
	"fmt"

	"qingfeng/surveys"
)

// Count calls add for every cell that event e, having happened n times, adds n
// to; a correction takes from one cell what it gives to another. It is the one
// place that decides what an event adds; the cells belong to the business day
// e.Day. A negative Hour means the hour is not known: nothing is added by hour.
// Events that CheckEvent refuses add nothing.
func Count(e *surveys.Event, n int64, add func(c Cell, n int64)) {
	if n == 0 || CheckEvent(e) != nil {
		return
	}
	switch e.Kind {
	case surveys.EventRatingRecorded:
		countRating(e, n, add)
	case surveys.EventRatingFlagged:
		before := *e
		before.Flagged = false
		countRating(&before, -n, add)
		countRating(e, n, add)
	case surveys.EventRatingDetailed:
		for _, tag := range e.Tags {
			add(Cell{
				Kind: CellTag, Department: e.Department, Place: e.Place, Version: e.Version,
				Item: tag.Item, Mode: e.Mode, Series: e.Series, Tag: tag.ID,
			}, n)
		}
	case surveys.EventPromptOffered:
		add(Cell{Kind: CellOffered, Department: e.Department, Place: e.Place, Mode: e.Mode}, n)
	case surveys.EventAnswerRecorded:
		add(Cell{
			Kind: CellAnswer, Department: e.Department, Place: e.Place, Version: e.Version, Item: e.Item,
			Mode: e.Mode, Value: e.Value, Flagged: e.Flagged,
		}, n)
	case surveys.EventSelfTested:
		add(Cell{Kind: CellSelfTest, Device: e.Device, KeyWorked: e.KeyWorked}, n)
	}
}

func countRating(e *surveys.Event, n int64, add func(c Cell, n int64)) {
	c := Cell{
		Kind: CellGrade, Department: e.Department, Place: e.Place, Version: e.Version, Item: e.Item,
		Mode: e.Mode, Series: e.Series, Grade: e.Grade, Flagged: e.Flagged,
	}
	add(c, n)
	if e.Staff != "" {
		c.Kind, c.Place, c.Staff = CellStaff, "", e.Staff
		add(c, n)
	}
	if e.Hour >= 0 {
		add(Cell{
			Kind: CellHour, Department: e.Department, Place: e.Place, Mode: e.Mode,
			Series: e.Series, Hour: e.Hour, Grade: e.Grade, Flagged: e.Flagged,
		}, n)
	}
}

// CheckEvent reports why an event cannot be counted: an unknown kind, a day
// that is none, a grade or hour out of range. The error holds none of the
// event's content.
func CheckEvent(e *surveys.Event) error {
	if !validDay(e.Day) {
		return fmt.Errorf("%s names no business day", kindText(e.Kind))
	}
	if e.Hour < -1 || e.Hour > 23 {
		return fmt.Errorf("%s has an hour outside 0 to 23", kindText(e.Kind))
	}
	if tooLong(e) {
		return fmt.Errorf("%s has an identifier that is too long", kindText(e.Kind))
	}
	switch e.Kind {
	case surveys.EventRatingRecorded, surveys.EventRatingFlagged:
		if !e.Grade.Valid() {
			return fmt.Errorf("%s has a grade outside 1 to 5", e.Kind)
		}
		if e.Series != surveys.SeriesAsked && e.Series != surveys.SeriesUnasked {
			return fmt.Errorf("%s is neither asked nor unasked", e.Kind)
		}
		if e.Kind == surveys.EventRatingFlagged && !e.Flagged {
			return fmt.Errorf("%s is not flagged", e.Kind)
		}
	case surveys.EventAnswerRecorded:
		if e.Value < 0 || e.Value > MaxValue {
			return fmt.Errorf("%s has a value outside 0 to %d", e.Kind, MaxValue)
		}
	case surveys.EventRatingDetailed, surveys.EventPromptOffered, surveys.EventSelfTested:
	default:
		return fmt.Errorf("event is of an unknown kind")
	}
	return nil
}

// MaxValue is the highest value of an answer; 0 is "not applicable".
const MaxValue = 10

// maxName bounds every identifier of an event, in bytes. Real ones have at most
// 40; escaped, those of one cell stay within maxCellText.
const maxName = 64

func tooLong(e *surveys.Event) bool {
	for _, name := range [...]string{
		string(e.Department), string(e.Place), string(e.Staff), string(e.Version), string(e.Item),
		string(e.Mode), string(e.Series), e.Device,
	} {
		if len(name) > maxName {
			return true
		}
	}
	for _, tag := range e.Tags {
		if len(tag.Item) > maxName || len(tag.ID) > maxName {
			return true
		}
	}
	return false
}

func kindText(k surveys.EventKind) string {
	switch k {
	case surveys.EventRatingRecorded, surveys.EventRatingFlagged, surveys.EventRatingDetailed, surveys.EventPromptOffered, surveys.EventSelfTested,
		surveys.EventAnswerRecorded:
		return string(k)
	}
	return "event"
}

// validDay accepts 20000101 to 29991231, dates of the calendar only.
func validDay(d surveys.Day) bool {
	return d >= 20000101 && d <= 29991231 && d.AddDays(0) == d
}
