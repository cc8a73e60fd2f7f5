package followup

import (
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/workdays"
)

// Hours are the hours in which a first text or a reminder may leave. An answer
// to what a patient has just written leaves at any hour: she is awake.
type Hours struct {
	// From and To are offsets from midnight in Zone, From included and To not:
	// 09:00 and 20:00 by the rule.
	From, To time.Duration
	Zone     *time.Location
	// Calendar names the public holidays, on which nothing leaves. Plain
	// weekends are no holidays: people are at home then and read their texts.
	// Nil: no day is a holiday.
	Calendar *workdays.Calendar
}

// farthest bounds the search for an allowed day, in days: no run of holidays
// comes near it.
const farthest = 366

// Allowed reports whether a text may leave at t.
func (h Hours) Allowed(t time.Time) bool { return h.NextHour(t).Equal(t) }

// NextHour gives the first moment from t on at which a text may leave: t itself
// inside the hours of an allowed day, the next opening otherwise. It is the
// zero time when no day of the next year is allowed.
func (h Hours) NextHour(t time.Time) time.Time {
	day := surveys.DayOf(t, h.Zone)
	for range farthest {
		if !h.holiday(day) {
			switch open, end := h.at(day, h.From), h.at(day, h.To); {
			case t.Before(open):
				return open
			case t.Before(end):
				return t
			}
		}
		day = day.AddDays(1)
	}
	return time.Time{}
}

func (h Hours) holiday(day surveys.Day) bool {
	if h.Calendar == nil {
		return false
	}
	_, off := h.Calendar.Holidays[day]
	return off
}

// at is the clock time of an offset on a day, also where the zone's clocks
// change in between.
func (h Hours) at(day surveys.Day, offset time.Duration) time.Time {
	start := day.Start(h.Zone)
	minutes := int(offset / time.Minute)
	return time.Date(start.Year(), start.Month(), start.Day(), minutes/60, minutes%60, 0, 0, h.Zone)
}
