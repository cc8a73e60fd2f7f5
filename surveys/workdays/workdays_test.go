package workdays

import (
	"testing"
	"time"

	"qingfeng/surveys"
)

// china is what the notices for 2025 and 2026 say of the Spring Festival and
// the National Day.
func china() *Calendar {
	c := &Calendar{Holidays: map[surveys.Day]string{}, MakeUp: map[surveys.Day]bool{}, Years: map[int]bool{2025: true, 2026: true}}
	holiday := func(name string, from, to surveys.Day) {
		for d := from; d <= to; d = d.AddDays(1) {
			c.Holidays[d] = name
		}
	}
	holiday("春节", 20250128, 20250204)
	holiday("国庆节、中秋节", 20251001, 20251008)
	holiday("元旦", 20260101, 20260103)
	holiday("春节", 20260215, 20260223)
	holiday("中秋节", 20260925, 20260927)
	holiday("国庆节", 20261001, 20261007)
	for _, d := range []surveys.Day{
		20250126, 20250208, 20250928, 20251011, 20260104, 20260214, 20260228, 20260920, 20261010,
	} {
		c.MakeUp[d] = true
	}
	return c
}

func TestIsWorkday(t *testing.T) {
	c := china()
	for _, tt := range []struct {
		day  surveys.Day
		why  string
		want bool
	}{
		{20260213, "Friday before the Spring Festival", true},
		{20260214, "make-up Saturday before the Spring Festival", true},
		{20260215, "first day of the Spring Festival, a Sunday", false},
		{20260216, "eve, a Monday", false},
		{20260217, "New Year, a Tuesday", false},
		{20260223, "last day of the Spring Festival, a Monday", false},
		{20260224, "Tuesday after it", true},
		{20260228, "make-up Saturday after it", true},
		{20260301, "the Sunday after that", false},
		{20260104, "make-up Sunday", true},
		{20260920, "make-up Sunday before National Day", true},
		{20260930, "Wednesday before National Day", true},
		{20261001, "National Day", false},
		{20261008, "Thursday after it", true},
		{20261010, "make-up Saturday after it", true},
		{20261011, "plain Sunday", false},
		{20270101, "a year that is not covered: a Friday", true},
		{20270102, "a year that is not covered: a Saturday", false},
	} {
		if got := c.IsWorkday(tt.day); got != tt.want {
			t.Errorf("%s (%s) is a working day: %v, want %v", tt.day, tt.why, got, tt.want)
		}
	}
}

func TestAddWorkdays(t *testing.T) {
	c := china()
	for _, tt := range []struct {
		name string
		cal  *Calendar
		from surveys.Day
		n    int
		want surveys.Day
	}{
		{"none", c, 20261002, 0, 20261002},
		{"one, over a weekend", c, 20261113, 1, 20261116},
		{"from a Saturday", c, 20261114, 1, 20261116},
		{"15 in a plain month", c, 20261102, 15, 20261123},
		// 22 23 24 28 29 30 September, 8 9 10 12 13 14 15 16 19 October.
		{"15 across National Day 2026", c, 20260921, 15, 20261019},
		// 25 26 28 29 30 September, 9 10 11 13 14 15 16 17 20 21 October.
		{"15 across National Day 2025", c, 20250924, 15, 20251021},
		{"into the make-up Saturday before the Spring Festival", c, 20260213, 1, 20260214},
		{"across the Spring Festival 2026", c, 20260214, 1, 20260224},
		{"onto the make-up Saturday after it", c, 20260224, 4, 20260228},
		{"across the turn of the year", c, 20251231, 1, 20260104},
		{"back across the Spring Festival", c, 20260224, -1, 20260214},
		{"back over a weekend", c, 20261116, -1, 20261113},
		{"without a calendar", nil, 20260930, 1, 20261001},
	} {
		if got := tt.cal.AddWorkdays(tt.from, tt.n); got != tt.want {
			t.Errorf("%s: %s and %d working days is %s, want %s", tt.name, tt.from, tt.n, got, tt.want)
		}
	}
}

func TestWorkdaysBetween(t *testing.T) {
	c := china()
	for _, tt := range []struct {
		name     string
		from, to surveys.Day
		want     int
	}{
		{"the same day", 20261121, 20261121, 0},
		{"the same holiday", 20261001, 20261001, 0},
		{"over a weekend", 20261113, 20261116, 1},
		{"onto a Sunday", 20261113, 20261115, 0},
		{"over the Spring Festival", 20260213, 20260224, 2},
		{"within the Spring Festival", 20260215, 20260223, 0},
		{"a call-back overdue since Thursday, on Monday", 20261123, 20261119, -2},
	} {
		if got := c.WorkdaysBetween(tt.from, tt.to); got != tt.want {
			t.Errorf("%s: from %s to %s are %d working days, want %d", tt.name, tt.from, tt.to, got, tt.want)
		}
	}
}

func TestBetweenUndoesAdd(t *testing.T) {
	c := china()
	for day := surveys.Day(20250101); day <= 20261231; day = day.AddDays(1) {
		for _, n := range []int{0, 1, 2, 3, 7, 15, 40} {
			due := c.AddWorkdays(day, n)
			if got := c.WorkdaysBetween(day, due); got != n {
				t.Fatalf("from %s, %d working days on is %s, which is %d away", day, n, due, got)
			}
			if n > 0 && !c.IsWorkday(due) {
				t.Fatalf("from %s, %d working days on is %s, which is none", day, n, due)
			}
		}
	}
}

// TestWorkingDaysOfAYear counts 2026 once more by hand: its weekdays, and the
// holidays and make-up days of china.
func TestWorkingDaysOfAYear(t *testing.T) {
	c := china()
	want := 0
	for d := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() == 2026; d = d.AddDate(0, 0, 1) {
		if wd := d.Weekday(); wd != time.Saturday && wd != time.Sunday {
			want++
		}
	}
	// Weekdays off: 2 (New Year), 6 (Spring Festival: 16 to 20 and 23
	// February), 1 (Mid-Autumn), 5 (National Day). Weekend days worked: 5.
	want += 5 - 2 - 6 - 1 - 5
	if got := c.WorkdaysBetween(20251231, 20261231); got != want {
		t.Errorf("2026 has %d working days, want %d", got, want)
	}
}

func TestCovers(t *testing.T) {
	var none *Calendar
	for _, tt := range []struct {
		cal  *Calendar
		day  surveys.Day
		want bool
	}{
		{china(), 20261231, true}, {china(), 20270101, false}, {china(), 20241231, false}, {none, 20260101, false},
	} {
		if got := tt.cal.Covers(tt.day); got != tt.want {
			t.Errorf("covers %s: %v, want %v", tt.day, got, tt.want)
		}
	}
}
