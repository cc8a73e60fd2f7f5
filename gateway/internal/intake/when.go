package intake

import (
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"qingfeng/surveys"
)

// layouts are the ways files and resources write a moment. A fraction of a
// second is read by Go's parser behind any of them.
var layouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
	"2006-1-2 15:04:05", "2006-1-2 15:04", "2006-1-2 15", "2006-1-2", "20060102150405", "200601021504", "20060102",
}

// chineseDate writes 2026年11月21日 10时30分 and 2026/11/21 as the layouts have it.
var chineseDate = strings.NewReplacer("年", "-", "月", "-", "日", " ", "时", ":", "分", ":", "秒", "", "/", "-", ".", "-")

// moment reads a date, with or without a time, in the hospital's zone unless it
// has an offset. Years before 1900 and after 2199 are none.
func moment(text string, zone *time.Location) (time.Time, bool) {
	text = strings.TrimSpace(norm.NFKC.String(text))
	if len(text) < 8 || len(text) > 40 {
		return time.Time{}, false
	}
	dashed := strings.TrimRight(strings.Join(strings.Fields(chineseDate.Replace(text)), " "), ": ")
	for _, form := range []string{text, dashed} {
		for _, layout := range layouts {
			if t, err := time.ParseInLocation(layout, form, zone); err == nil {
				return t, t.Year() >= 1900 && t.Year() < 2200
			}
		}
	}
	return time.Time{}, false
}

// birthday reads a date of birth, with or without a time. One of year or month
// alone is taken as its last day, so that no child is taken for older. latest is
// the last day it can be.
func birthday(text string, latest surveys.Day) (surveys.Day, bool) {
	text = strings.TrimSpace(norm.NFKC.String(text))
	first, whole := moment(text, time.UTC)
	last := first
	if !whole {
		year, err := time.Parse("2006", text)
		month, err2 := time.Parse("2006-01", strings.TrimRight(chineseDate.Replace(text), "- "))
		switch {
		case err == nil:
			first, last = year, year.AddDate(1, 0, -1)
		case err2 == nil:
			first, last = month, month.AddDate(0, 1, -1)
		default:
			return 0, false
		}
	}
	if day := dayAsWritten(first); day < 18800101 || day > latest {
		return 0, false
	}
	return min(dayAsWritten(last), latest), true
}

// dayAsWritten is the day of a moment in its own offset.
func dayAsWritten(t time.Time) surveys.Day { return surveys.DayOf(t, t.Location()) }
