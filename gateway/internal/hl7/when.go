package hl7

import (
	"strings"
	"time"

	"qingfeng/surveys"
)

// layouts are HL7's TS and DTM, cut short at any unit from the day on.
var layouts = map[int]string{8: "20060102", 10: "2006010215", 12: "200601021504", 14: "20060102150405"}

// moment reads an HL7 timestamp, YYYYMMDD[HH[MM[SS[.S…]]]][±ZZZZ]. Without an
// offset it is in the hospital's zone. A time before 1900 or one that the
// calendar does not have is none.
func moment(text string, zone *time.Location) (time.Time, bool) {
	digits, layout := text, ""
	if i := strings.IndexAny(text, "+-"); i >= 0 {
		digits, layout = text[:i], "-0700"
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	base, ok := layouts[len(whole)]
	if !ok || len(fraction) > 9 || strings.Trim(fraction, "0123456789") != "" {
		return time.Time{}, false
	}
	t, err := time.ParseInLocation(base+layout, whole+text[len(digits):], zone)
	if err != nil || t.Year() < 1900 {
		return time.Time{}, false
	}
	return t, true
}

// birthday reads PID-7: a date, often with the zeros of a time behind it, as in
// 20020228000000. A date cut short to month or year is taken as its last day, so
// that no child is taken for older. A day the calendar does not have, one
// before 1880 and one after the message is none.
func birthday(text string, at time.Time, zone *time.Location) surveys.Day {
	var first, last time.Time
	var err error
	switch {
	case len(text) == 4:
		first, err = time.Parse("2006", text)
		last = first.AddDate(1, 0, -1)
	case len(text) == 6:
		first, err = time.Parse("200601", text)
		last = first.AddDate(0, 1, -1)
	case len(text) >= 8:
		first, err = time.Parse("20060102", text[:8])
		last = first
	default:
		return 0
	}
	today := surveys.DayOf(at, zone)
	if err != nil || first.Year() < 1880 || surveys.DayOf(first, time.UTC) > today {
		return 0
	}
	return min(surveys.DayOf(last, time.UTC), today) // a baby's year is not over
}
