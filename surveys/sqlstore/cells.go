package sqlstore

import (
	"database/sql/driver"
	"fmt"
	"strings"

	"qingfeng/surveys"
)

// Numbers of the event kinds in event_counts.
const (
	kindRated    = 1
	kindDetailed = 2
	kindOffered  = 3
	kindTested   = 4
	kindFlagged  = 5
	kindAnswered = 6
)

var eventKinds = [...]surveys.EventKind{
	kindRated: surveys.EventRatingRecorded, kindDetailed: surveys.EventRatingDetailed,
	kindOffered: surveys.EventPromptOffered, kindTested: surveys.EventSelfTested, kindFlagged: surveys.EventRatingFlagged,
	kindAnswered: surveys.EventAnswerRecorded,
}

var eventSeries = [...]surveys.Series{0: surveys.SeriesAsked, 1: surveys.SeriesUnasked, 2: ""}

func seriesNumber(s surveys.Series) uint8 {
	switch s {
	case surveys.SeriesAsked:
		return 0
	case surveys.SeriesUnasked:
		return 1
	}
	return 2
}

// nameID is a word's number in the table names.
type nameID int32

// cell is an event without its moment and identity: events of one cell count
// together. hour is -1 where the hour is not kept. grade holds the value where an
// event has one instead.
type cell struct {
	day                                                         surveys.Day
	department, place, staff, version, item, mode, tags, device nameID
	hour                                                        int8
	kind, series, grade                                         uint8
	flagged, keyWorked                                          bool
}

func (c *cell) event(names map[nameID]string) surveys.Event {
	e := surveys.Event{
		Kind: eventKinds[c.kind], Day: c.day, Hour: int(c.hour),
		Department: surveys.DepartmentID(names[c.department]), Place: surveys.PlaceID(names[c.place]),
		Staff: surveys.StaffRef(names[c.staff]), Version: surveys.VersionID(names[c.version]), Item: surveys.ItemID(names[c.item]),
		Mode: surveys.Mode(names[c.mode]), Series: eventSeries[c.series], Grade: surveys.Grade(c.grade), Flagged: c.flagged,
		Tags: parseTags(names[c.tags]), Device: names[c.device], KeyWorked: c.keyWorked,
	}
	if c.kind == kindAnswered {
		e.Grade, e.Value = 0, int(c.grade)
	}
	return e
}

// columns are the cell's values in the order of insertCount, without n.
func (c *cell) columns() []driver.Value {
	return []driver.Value{
		int64(c.day), int64(c.kind), int64(c.place), int64(c.department), int64(c.staff), int64(c.version), int64(c.item), int64(c.mode),
		int64(c.series), int64(c.grade), number(c.flagged), int64(c.tags), int64(c.device), number(c.keyWorked),
	}
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// tagText writes tags as "item:tag item:tag"; names hold neither sign.
func tagText(tags []surveys.Tag) string {
	var b strings.Builder
	for i, t := range tags {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(t.Item))
		b.WriteByte(':')
		b.WriteString(t.ID)
	}
	return b.String()
}

func parseTags(text string) []surveys.Tag {
	var tags []surveys.Tag
	for part := range strings.FieldsSeq(text) {
		item, id, _ := strings.Cut(part, ":")
		tags = append(tags, surveys.Tag{Item: surveys.ItemID(item), ID: id})
	}
	return tags
}

// cache is what the writer remembers between transactions. All of it can be
// read again, so a rolled back transaction simply forgets it.
type cache struct {
	names          map[string]nameID
	texts          map[int64]string
	counts         map[cell]int64    // number of the row in event_counts
	pending        map[cell]int64    // events counted in the open transaction
	events         []driver.Value    // their texts, in order
	waiting        int64             // details whose rating has not arrived; unknown: ask
	unasked        map[deviceDay]int // call-backs opened by unasked ratings
	questionnaires map[surveys.VersionID]*surveys.Questionnaire
}

type deviceDay struct {
	device surveys.DeviceID
	day    surveys.Day
}

// maxCached bounds each map; a hospital uses some thousands of either a day.
const maxCached = 1 << 17

const unknown = -1

func (c *cache) forget() {
	*c = cache{
		names: map[string]nameID{}, texts: map[int64]string{}, counts: map[cell]int64{}, pending: map[cell]int64{},
		unasked: map[deviceDay]int{}, questionnaires: map[surveys.VersionID]*surveys.Questionnaire{}, waiting: unknown,
	}
}

// detailsWaiting counts details that arrived before their ratings: with none,
// which is nearly always, no rating has to look for its own.
func (w *writer) detailsWaiting() (int64, error) {
	if w.cache.waiting == unknown {
		var n [1]driver.Value
		if _, err := w.st.countWaiting.row(n[:]); err != nil {
			return 0, fmt.Errorf("count waiting details: %w", err)
		}
		w.cache.waiting = n[0].(int64)
	}
	return w.cache.waiting, nil
}

// name gives a word its number, writing it on first use.
func (w *writer) name(text string) (nameID, error) {
	if text == "" {
		return 0, nil
	}
	if id, ok := w.cache.names[text]; ok {
		return id, nil
	}
	var dest [1]driver.Value
	found, err := w.st.findName.row(dest[:], text)
	if err == nil && !found {
		_, err = w.st.insertName.row(dest[:], text)
	}
	if err != nil {
		return 0, fmt.Errorf("number a name: %w", err)
	}
	if len(w.cache.names) >= maxCached {
		clear(w.cache.names)
	}
	id := nameID(dest[0].(int64))
	w.cache.names[text] = id
	return id, nil
}

// texts gives the words of numbers read from the database; number 0 is "".
func (w *writer) texts(ids ...int64) ([]string, error) {
	out := make([]string, len(ids))
	for i, id := range ids {
		if id == 0 {
			continue
		}
		text, ok := w.cache.texts[id]
		if !ok {
			var dest [1]driver.Value
			if _, err := w.st.findText.row(dest[:], id); err != nil {
				return nil, fmt.Errorf("read a name: %w", err)
			}
			if len(w.cache.texts) >= maxCached {
				clear(w.cache.texts)
			}
			text = textOf(dest[0])
			w.cache.texts[id] = text
		}
		out[i] = text
	}
	return out, nil
}

// textOf reads a text column; a joined row that is missing reads as "".
func textOf(v driver.Value) string {
	switch t := v.(type) {
	case string:
		return t
	case []byte:
		return string(t)
	}
	return ""
}

// cellOf finds the cell an event is counted in, by day.
func (w *writer) cellOf(e *surveys.Event) (cell, error) {
	c := cell{day: e.Day, hour: -1, series: seriesNumber(e.Series), grade: uint8(e.Grade), flagged: e.Flagged, keyWorked: e.KeyWorked}
	for n, kind := range eventKinds {
		if kind == e.Kind {
			c.kind = uint8(n)
		}
	}
	if c.kind == kindAnswered {
		c.grade = uint8(e.Value)
	}
	for _, f := range []struct {
		id   *nameID
		text string
	}{
		{&c.department, string(e.Department)}, {&c.place, string(e.Place)}, {&c.staff, string(e.Staff)}, {&c.version, string(e.Version)},
		{&c.item, string(e.Item)}, {&c.mode, string(e.Mode)}, {&c.tags, tagText(e.Tags)}, {&c.device, e.Device},
	} {
		id, err := w.name(f.text)
		if err != nil {
			return cell{}, err
		}
		*f.id = id
	}
	return c, nil
}

// emit gives an event to the outbox and counts it, in the open transaction.
// Every event goes through here, so the outbox and the counts cannot differ.
func (w *writer) emit(e *surveys.Event) error {
	c, err := w.cellOf(e)
	if err != nil {
		return err
	}
	w.eventText = surveys.AppendEvent(w.eventText[:0], e)
	w.cache.events = append(w.cache.events, string(w.eventText))
	w.cache.pending[c]++
	w.wrote++
	return nil
}

// flush writes the open transaction's events to the outbox and adds their
// counts to event_counts.
func (w *writer) flush() error {
	events := w.cache.events
	for len(events) > 0 {
		n, insert := 1, &w.st.insertEvent
		if len(events) >= eventsAtOnce {
			n, insert = eventsAtOnce, &w.st.insertEvents
		}
		if _, err := insert.insert(events[:n]...); err != nil {
			return fmt.Errorf("write events: %w", err)
		}
		events = events[n:]
	}
	clear(w.cache.events)
	w.cache.events = w.cache.events[:0]
	for c, n := range w.cache.pending {
		if err := w.addCount(c, n); err != nil {
			return fmt.Errorf("count events: %w", err)
		}
	}
	clear(w.cache.pending)
	return nil
}

func (w *writer) addCount(c cell, n int64) error {
	if id, ok := w.cache.counts[c]; ok {
		changed, err := w.st.addCount.exec(id, n)
		if err != nil || changed == 1 {
			return err
		}
		// The row went when the counts were rebuilt; its number is not reused.
	}
	var dest [1]driver.Value
	if _, err := w.st.insertCount.row(dest[:], append(c.columns(), n)...); err != nil {
		return err
	}
	if len(w.cache.counts) >= maxCached {
		clear(w.cache.counts)
	}
	w.cache.counts[c] = dest[0].(int64)
	return nil
}
