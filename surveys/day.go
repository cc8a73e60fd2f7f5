package surveys

import (
	"fmt"
	"time"
)

// Day is a business day of the hospital as the number yyyymmdd, for example
// 20261121. It sorts as it counts. The zero Day means "no day".
type Day int32

// DayOf gives the business day of t in the hospital's zone.
func DayOf(t time.Time, zone *time.Location) Day {
	y, m, d := t.In(zone).Date()
	return Day(y*10000 + int(m)*100 + d)
}

// Start is the first moment of the day in zone.
func (d Day) Start(zone *time.Location) time.Time {
	return time.Date(int(d)/10000, time.Month(int(d)/100%100), int(d)%100, 0, 0, 0, 0, zone)
}

// AddDays moves by n calendar days.
func (d Day) AddDays(n int) Day {
	return DayOf(d.Start(time.UTC).AddDate(0, 0, n), time.UTC)
}

// String gives yyyy-mm-dd.
func (d Day) String() string {
	return fmt.Sprintf("%04d-%02d-%02d", int(d)/10000, int(d)/100%100, int(d)%100)
}
