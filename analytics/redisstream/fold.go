package redisstream

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

// recentArrivals is how many of the newest ratings are kept for boards.
const recentArrivals = 12

// hoursKept says from which day on counts by hour are kept: yesterday, so that
// a board just after midnight still has the evening.
func hoursKept(today surveys.Day) surveys.Day { return today.AddDays(-1) }

// Kept reports whether Redis keeps a cell of that day: all but those by hour of
// days before yesterday.
func Kept(day surveys.Day, c analytics.Cell, today surveys.Day) bool {
	return c.Kind != analytics.CellHour || day >= hoursKept(today)
}

// applied is the message that says what an apply added. It has only what boards
// show, and nothing else leaves the node's keys.
type applied struct {
	Node      string `json:"node"`
	Epoch     string `json:"epoch"`
	First     int64  `json:"first"`
	Last      int64  `json:"last"`
	AppliedAt int64  `json:"applied_at"` // Unix ms
	// Rebuilt says that everything was replaced: First and Last are the
	// watermark, and Days is empty.
	Rebuilt  bool                        `json:"rebuilt,omitempty"`
	Days     map[string]map[string]int64 `json:"days,omitempty"`
	Arrivals []arrivalMessage            `json:"arrivals,omitempty"` // newest first
}

type arrivalMessage struct {
	At         int64                `json:"at"` // Unix ms
	Department surveys.DepartmentID `json:"department"`
	Place      surveys.PlaceID      `json:"place"`
	Grade      surveys.Grade        `json:"grade"`
	Series     surveys.Series       `json:"series"`
	Mode       surveys.Mode         `json:"mode,omitempty"`
}

func arrivalOf(e *surveys.Event) arrivalMessage {
	return arrivalMessage{e.At, e.Department, e.Place, e.Grade, e.Series, e.Mode}
}

func (a arrivalMessage) arrival() analytics.Arrival {
	return analytics.Arrival{At: time.UnixMilli(a.At).UTC(), Department: a.Department, Place: a.Place, Grade: a.Grade, Series: a.Series, Mode: a.Mode}
}

// batch is what one apply adds.
type batch struct {
	today       surveys.Day // hours before yesterday are left out
	first, last int64
	ids         []string
	mark        string
	hashes      map[string]map[analytics.Cell]int64 // by name in the days set
	arrivals    []arrivalMessage                    // oldest first

	// The hashes of the day that was added to last, which is nearly always the
	// next one's too; nil: not made yet, or not kept.
	day          surveys.Day
	cells, hours map[analytics.Cell]int64
}

func newBatch(today surveys.Day) *batch {
	return &batch{today: today, hashes: map[string]map[analytics.Cell]int64{}}
}

// add folds one entry in; entries come in order.
func (b *batch) add(en *entry, e *surveys.Event) {
	if b.first == 0 {
		b.first = en.sequence
	}
	b.last = en.sequence
	b.ids = append(b.ids, en.id)
	if e.Day != b.day {
		b.day, b.cells, b.hours = e.Day, nil, nil
	}
	analytics.Count(e, 1, func(c analytics.Cell, n int64) {
		h := &b.cells
		if c.Kind == analytics.CellHour {
			h = &b.hours
		}
		if *h == nil {
			*h = b.hash(hashName(e.Day, c, b.today))
		}
		if *h != nil {
			(*h)[c] += n
		}
	})
	if e.Kind == surveys.EventRatingRecorded {
		b.arrivals = append(b.arrivals, arrivalOf(e))
	}
}

// hash finds or makes the hash of a name; nil for none.
func (b *batch) hash(name string) map[analytics.Cell]int64 {
	if name == "" {
		return nil
	}
	h := b.hashes[name]
	if h == nil {
		h = map[analytics.Cell]int64{}
		b.hashes[name] = h
	}
	return h
}

// hashName says which hash a cell of a day lives in; empty: none, its hours are
// no longer kept.
func hashName(day surveys.Day, c analytics.Cell, today surveys.Day) string {
	switch {
	case !Kept(day, c, today):
		return ""
	case c.Kind == analytics.CellHour:
		return hoursName(day)
	}
	return dayName(day)
}

// message is the batch as boards hear of it.
func (b *batch) message(node, epoch string, at time.Time) ([]byte, error) {
	m := applied{
		Node: node, Epoch: epoch, First: b.first, Last: b.last, AppliedAt: at.UnixMilli(),
		Days: map[string]map[string]int64{},
	}
	for name, cells := range b.hashes {
		day, _ := parseName(name)
		key := strconv.Itoa(int(day))
		for c, n := range cells {
			if !c.Kind.OnBoard() {
				continue
			}
			if m.Days[key] == nil {
				m.Days[key] = map[string]int64{}
			}
			m.Days[key][c.String()] += n
		}
	}
	for i := len(b.arrivals) - 1; i >= 0 && len(m.Arrivals) < recentArrivals; i-- {
		m.Arrivals = append(m.Arrivals, b.arrivals[i])
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode applied message: %w", err)
	}
	return text, nil
}
