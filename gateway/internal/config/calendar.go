package config

import (
	"fmt"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/workdays"
)

// calendarFile is calendar.yaml.
type calendarFile struct {
	Years []calendarYear `yaml:"years"`
}

type calendarYear struct {
	Year     int            `yaml:"year"`
	Source   string         `yaml:"source"`
	Holidays []holidayEntry `yaml:"holidays"`
	MakeUp   []string       `yaml:"make_up"`
}

type holidayEntry struct {
	Name surveys.Text `yaml:"name"`
	From string       `yaml:"from"`
	To   string       `yaml:"to"`
}

// longestHoliday bounds one public holiday, in days. The longest so far had 9.
const longestHoliday = 15

// calendar reads and judges the working-day calendar.
func (l *loader) calendar(name string, text []byte) *workdays.Calendar {
	var file calendarFile
	doc := l.document(name, text, &file)
	k := calendarCheck{
		doc: doc, at: map[surveys.Day]string{},
		out: &workdays.Calendar{Holidays: map[surveys.Day]string{}, MakeUp: map[surveys.Day]bool{}, Years: map[int]bool{}},
	}
	for i := range file.Years {
		k.year(element("years", i), &file.Years[i])
	}
	l.done(doc)
	return k.out
}

// calendarCheck gathers the years into a calendar. at says where each day was
// named, whether as a holiday or as a make-up day.
type calendarCheck struct {
	doc *document
	at  map[surveys.Day]string
	out *workdays.Calendar
}

func (k *calendarCheck) year(at string, y *calendarYear) {
	if y.Year < 2000 || y.Year > 2200 {
		k.doc.add(at+".year", "is %d, want a year from 2000 to 2200", y.Year)
	}
	if k.out.Years[y.Year] {
		k.doc.add(at+".year", "%d is listed twice", y.Year)
	}
	k.out.Years[y.Year] = true
	if strings.TrimSpace(y.Source) == "" {
		k.doc.add(at+".source", "is empty: name the notice the days are from")
	}
	if len(y.Holidays) == 0 {
		k.doc.add(at+".holidays", "is empty: a year without its holidays is better left out, which is warned of")
	}
	for i, h := range y.Holidays {
		k.holiday(element(at+".holidays", i), y.Year, h)
	}
	for i, text := range y.MakeUp {
		path := element(at+".make_up", i)
		day, ok := k.day(path, y.Year, text)
		if !ok {
			continue
		}
		switch day.Start(time.UTC).Weekday() {
		case time.Saturday, time.Sunday:
		default:
			k.doc.add(path, "%s is a %s; make-up days are Saturdays and Sundays", text, day.Start(time.UTC).Weekday())
		}
		k.once(path, day)
		k.out.MakeUp[day] = true
	}
}

func (k *calendarCheck) holiday(at string, year int, h holidayEntry) {
	checkText(k.doc, at+".name", h.Name)
	from, ok1 := k.day(at+".from", year, h.From)
	to, ok2 := k.day(at+".to", year, h.To)
	if !ok1 || !ok2 {
		return
	}
	if to < from {
		k.doc.add(at+".to", "%s is before from, %s", h.To, h.From)
		return
	}
	days := 1
	for day := from; ; day = day.AddDays(1) {
		k.once(at, day)
		k.out.Holidays[day] = h.Name.ZH
		if day == to {
			return
		}
		if days++; days > longestHoliday {
			k.doc.add(at+".to", "makes the holiday longer than %d days", longestHoliday)
			return
		}
	}
}

// day reads yyyy-mm-dd. A notice speaks of its year, and of the last days of
// December before it.
func (k *calendarCheck) day(path string, year int, text string) (surveys.Day, bool) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		k.doc.add(path, "%q is not a date such as %q", text, fmt.Sprintf("%04d-10-01", max(year, 2000)))
		return 0, false
	}
	if t.Year() != year && !(t.Year() == year-1 && t.Month() == time.December) {
		k.doc.add(path, "%s is outside %d", text, year)
		return 0, false
	}
	return surveys.DayOf(t, time.UTC), true
}

func (k *calendarCheck) once(path string, day surveys.Day) {
	if first, twice := k.at[day]; twice {
		k.doc.add(path, "%s is named already, on line %d", day, k.doc.line(first))
		return
	}
	k.at[day] = path
}

// calendarLookahead is how far ahead the calendar should reach, in days: a
// call-back opened today is due within it, even across the Spring Festival.
const calendarLookahead = 40

// CalendarWarning says, in words for the log and the desk, that the calendar
// lacks the notice of a year that deadlines counted today reach into; "" when
// it lacks none. Deadlines there count Monday to Friday.
func (c *Config) CalendarWarning(now time.Time) string {
	today := surveys.DayOf(now, c.Location())
	for _, day := range []surveys.Day{today, today.AddDays(calendarLookahead)} {
		if !c.Workdays().Covers(day) {
			return fmt.Sprintf("the working-day calendar has no holidays for %d: deadlines in it count Monday to Friday; "+
				"add the State Council's notice for that year to the file of the setting calendar", int(day)/10000)
		}
	}
	return ""
}
