package analytics

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"qingfeng/surveys"
)

// Counts is a set of cells by business day, with sums kept beside them from
// which boards are made quickly. Use NewCounts. It is not safe for concurrent
// use.
type Counts struct{ days map[surveys.Day]*dayCounts }

type dayCounts struct {
	cells   map[Cell]int64
	tallies map[spot]*tally
	hours   map[spot]*hourTally
}

// spot is where answers of one mode and series are given.
type spot struct {
	department surveys.DepartmentID
	place      surveys.PlaceID
	mode       surveys.Mode
	series     surveys.Series
}

// tally sums up a spot: prompts offered, answers by grade (index 0 is grade 1),
// and how many of these are flagged.
type tally struct {
	offered int64
	grades  [5]int64
	flagged [5]int64
}

type hourTally [24]tally

func (t *tally) add(o *tally) {
	t.offered += o.offered
	for i := range t.grades {
		t.grades[i] += o.grades[i]
		t.flagged[i] += o.flagged[i]
	}
}

func (t *tally) answered() int64 { return total(t.grades) }

func total(grades [5]int64) (n int64) {
	for _, k := range grades {
		n += k
	}
	return n
}

// NewCounts gives an empty set.
func NewCounts() *Counts { return &Counts{days: map[surveys.Day]*dayCounts{}} }

// AddEvent adds what n events like e add.
func (c *Counts) AddEvent(e *surveys.Event, n int64) {
	Count(e, n, func(cell Cell, n int64) { c.Add(e.Day, cell, n) })
}

// Add adds n, which may be negative, to a cell of a day. A cell that comes to
// zero is gone, so equal counts have equal cells.
func (c *Counts) Add(day surveys.Day, cell Cell, n int64) {
	if n == 0 {
		return
	}
	d := c.days[day]
	if d == nil {
		d = &dayCounts{cells: map[Cell]int64{}, tallies: map[spot]*tally{}, hours: map[spot]*hourTally{}}
		c.days[day] = d
	}
	if sum := d.cells[cell] + n; sum != 0 {
		d.cells[cell] = sum
	} else {
		delete(d.cells, cell)
	}
	d.tally(cell, n)
	if len(d.cells) == 0 {
		delete(c.days, day)
	}
}

func (d *dayCounts) tally(cell Cell, n int64) {
	at := spot{cell.Department, cell.Place, cell.Mode, cell.Series}
	switch cell.Kind {
	case CellOffered:
		at.series = surveys.SeriesAsked
		d.at(at).offered += n
	case CellGrade:
		if !cell.Grade.Valid() {
			return
		}
		t := d.at(at)
		t.grades[cell.Grade-1] += n
		if cell.Flagged {
			t.flagged[cell.Grade-1] += n
		}
	case CellHour:
		if !cell.Grade.Valid() || cell.Hour < 0 || cell.Hour > 23 {
			return
		}
		h := d.hours[at]
		if h == nil {
			h = &hourTally{}
			d.hours[at] = h
		}
		h[cell.Hour].grades[cell.Grade-1] += n
		if cell.Flagged {
			h[cell.Hour].flagged[cell.Grade-1] += n
		}
	}
}

func (d *dayCounts) at(s spot) *tally {
	t := d.tallies[s]
	if t == nil {
		t = &tally{}
		d.tallies[s] = t
	}
	return t
}

// Merge adds everything in other.
func (c *Counts) Merge(other *Counts) {
	for day, d := range other.days {
		for cell, n := range d.cells {
			c.Add(day, cell, n)
		}
	}
}

// Get gives a cell's count.
func (c *Counts) Get(day surveys.Day, cell Cell) int64 {
	if d := c.days[day]; d != nil {
		return d.cells[cell]
	}
	return 0
}

// Days lists the days that have cells, oldest first.
func (c *Counts) Days() []surveys.Day { return slices.Sorted(maps.Keys(c.days)) }

// Cells gives the cells of a day in no particular order.
func (c *Counts) Cells(day surveys.Day) iter.Seq2[Cell, int64] {
	if d := c.days[day]; d != nil {
		return maps.All(d.cells)
	}
	return func(func(Cell, int64) bool) {}
}

// Len is the number of cells.
func (c *Counts) Len() (n int) {
	for _, d := range c.days {
		n += len(d.cells)
	}
	return n
}

// Drop forgets the days before day.
func (c *Counts) Drop(before surveys.Day) {
	maps.DeleteFunc(c.days, func(day surveys.Day, _ *dayCounts) bool { return day < before })
}

// SelfTests lists the devices that proved themselves on a day, and whether at
// least one of their tests saw the 非常不满意 key working.
func (c *Counts) SelfTests(day surveys.Day) map[string]bool {
	tests := map[string]bool{}
	for cell := range c.Cells(day) {
		if cell.Kind == CellSelfTest {
			tests[cell.Device] = tests[cell.Device] || cell.KeyWorked
		}
	}
	return tests
}

// Difference is a cell whose count is not what a recount says; or, with Node, a
// whole node that counts the same store under another name, where Got is the
// number of its cells.
type Difference struct {
	Node string
	Day  surveys.Day
	Cell Cell
	Want int64 // by the recount
	Got  int64
}

// String says what differs.
func (d Difference) String() string {
	if d.Node != "" {
		return fmt.Sprintf("node %s counts this store a second time, in %d cells; gateway rebuild removes it", d.Node, d.Got)
	}
	return fmt.Sprintf("%s %s: counted %d, recounted %d", d.Day, d.Cell, d.Got, d.Want)
}

// Diff lists where got differs from want, by day and then by the cell's text;
// nil when they are equal.
func Diff(want, got *Counts) []Difference {
	var found []Difference
	for day, d := range want.days {
		for cell, n := range d.cells {
			if g := got.Get(day, cell); g != n {
				found = append(found, Difference{Day: day, Cell: cell, Want: n, Got: g})
			}
		}
	}
	for day, d := range got.days {
		for cell, n := range d.cells {
			if want.Get(day, cell) == 0 {
				found = append(found, Difference{Day: day, Cell: cell, Got: n})
			}
		}
	}
	slices.SortFunc(found, func(a, b Difference) int {
		if a.Day != b.Day {
			return int(a.Day) - int(b.Day)
		}
		return compareText(a.Cell.String(), b.Cell.String())
	})
	return found
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
