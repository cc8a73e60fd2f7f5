package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"golang.org/x/sync/errgroup"

	"qingfeng/surveys"
)

// Fold adds up every event the store ever wrote, in one moment of the
// database: days before fullFrom from the counts kept by day (Hour is -1),
// days from fullFrom on by recounting the facts (Hour is 0 to 23). fullFrom 0
// recounts everything. yield gets each group as an event that happened n
// times; At is zero, and e is good until yield returns. watermark is the last
// outbox sequence contained: events after it are not, all others are.
func (s *Store) Fold(ctx context.Context, fullFrom surveys.Day, yield func(e *surveys.Event, n int64) error) (watermark int64, err error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return 0, fmt.Errorf("fold: %w", err)
	}
	defer func() {
		if closed := snap.close(); err == nil && closed != nil {
			err = fmt.Errorf("fold: %w", closed)
		}
	}()
	r, err := newRecount(ctx, snap.conns[0], fullFrom, true)
	if err != nil {
		return 0, fmt.Errorf("fold: %w", err)
	}
	if fullFrom > 0 {
		err := scanCounts(ctx, snap.conns[0], fullFrom, func(c cell, n int64) error {
			e := c.event(r.names)
			return yield(&e, n)
		})
		if err != nil {
			return 0, fmt.Errorf("fold counts: %w", err)
		}
	}
	if err := r.run(ctx, snap.conns); err != nil {
		return 0, fmt.Errorf("fold facts: %w", err)
	}
	for c, n := range r.counts {
		e := c.event(r.names)
		if err := yield(&e, n); err != nil {
			return 0, err
		}
	}
	return snap.watermark, nil
}

// scanCounts reads event_counts of the days before a day; 0 reads all.
func scanCounts(ctx context.Context, conn *sql.Conn, before surveys.Day, each func(cell, int64) error) error {
	query := `SELECT day, kind, place, department, staff, version, item, mode, series, grade, flagged, tags, device, key_worked, n
		FROM event_counts WHERE ?1 = 0 OR day < ?1`
	return scan(ctx, conn, 15, query, []driver.Value{int64(before)}, func(v []driver.Value) error {
		id := func(i int) nameID { return nameID(v[i].(int64)) }
		return each(cell{
			day: surveys.Day(v[0].(int64)), hour: -1, kind: uint8(v[1].(int64)), place: id(2), department: id(3), staff: id(4), version: id(5),
			item: id(6), mode: id(7), series: uint8(v[8].(int64)), grade: uint8(v[9].(int64)), flagged: v[10].(int64) != 0, tags: id(11),
			device: id(12), keyWorked: v[13].(int64) != 0,
		}, v[14].(int64))
	})
}

// lastDay is after all days.
const lastDay surveys.Day = 99991231

// recount counts facts into cells, looking at nothing but the facts.
type recount struct {
	from, to       surveys.Day // both are counted
	hours          bool        // keep the hour; otherwise it is -1
	names          map[nameID]string
	ids            map[string]nameID
	questionnaires map[nameID]*surveys.Questionnaire
	counts         map[cell]int64
}

func newRecount(ctx context.Context, conn *sql.Conn, from surveys.Day, hours bool) (*recount, error) {
	r := &recount{
		from: from, to: lastDay, hours: hours, names: map[nameID]string{}, ids: map[string]nameID{"": 0},
		questionnaires: map[nameID]*surveys.Questionnaire{}, counts: map[cell]int64{},
	}
	err := scan(ctx, conn, 2, "SELECT id, text FROM names", nil, func(v []driver.Value) error {
		id, text := nameID(v[0].(int64)), textOf(v[1])
		r.names[id], r.ids[text] = text, id
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	err = scan(ctx, conn, 2, "SELECT version, content FROM questionnaires", nil, func(v []driver.Value) error {
		q := new(surveys.Questionnaire)
		if err := json.Unmarshal([]byte(textOf(v[1])), q); err != nil {
			return err
		}
		r.questionnaires[r.id(textOf(v[0]))] = q
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read questionnaires: %w", err)
	}
	return r, nil
}

// id numbers a word; one the database does not know gets a number below zero,
// so that a difference shows.
func (r *recount) id(text string) nameID {
	id, ok := r.ids[text]
	if !ok {
		id = -nameID(len(r.ids))
		r.ids[text], r.names[id] = id, text
	}
	return id
}

// run counts all kinds of fact; with two connections the ratings, which are
// most of them, are read by both at once (then to must be lastDay).
func (r *recount) run(ctx context.Context, conns []*sql.Conn) error {
	if err := r.ratings(ctx, conns); err != nil {
		return fmt.Errorf("count ratings: %w", err)
	}
	if err := r.details(ctx, conns[0]); err != nil {
		return fmt.Errorf("count details: %w", err)
	}
	if err := r.prompts(ctx, conns[0]); err != nil {
		return fmt.Errorf("count prompts: %w", err)
	}
	if err := r.tests(ctx, conns[0]); err != nil {
		return fmt.Errorf("count self-tests: %w", err)
	}
	if err := r.surveys(ctx, conns[0]); err != nil {
		return fmt.Errorf("count surveys: %w", err)
	}
	return nil
}

// packed is a rating's cell as three numbers, as the query puts it together:
// each column a row hands over costs as much as ten shifts inside SQLite.
type packed [3]int64

// packedColumns is a format: the column of the hour, the flags a rating was
// first counted with, and those that came later.
const packedColumns = `SELECT (mode << 37) | (day << 12) | (%s << 7) | (grade << 3) | (series << 2) | ((flags & %d <> 0) << 1) | (flags & %d <> 0),
	(department << 32) | place, (staff << 32) | version FROM ratings WHERE `

// ratingColumns are the columns of a packed rating.
func (r *recount) ratingColumns() string {
	return fmt.Sprintf(packedColumns, r.hourColumn(), surveys.AfterCounting, ^surveys.AfterCounting)
}

func (r *recount) hourColumn() string {
	if r.hours {
		return "hour"
	}
	return "31"
}

func hourOf(bits int64) int8 {
	if bits == 31 {
		return -1
	}
	return int8(bits)
}

func (r *recount) ratings(ctx context.Context, conns []*sql.Conn) error {
	type part struct {
		where string
		args  []driver.Value
	}
	parts := []part{{"day >= ? AND day <= ?", []driver.Value{int64(r.from), int64(r.to)}}}
	if len(conns) > 1 {
		day, id, err := r.middle(ctx, conns[0])
		if err != nil {
			return err
		}
		if day > 0 {
			parts = []part{
				{"day >= ? AND (day, id) < (?, ?)", []driver.Value{int64(r.from), day, id}},
				{"(day, id) >= (?, ?)", []driver.Value{day, id}},
			}
		}
	}
	counts := make([]map[packed]int64, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	for i, p := range parts {
		group.Go(func() error {
			m := make(map[packed]int64)
			counts[i] = m
			return scan(ctx, conns[i], 3, r.ratingColumns()+p.where, p.args, func(v []driver.Value) error {
				m[packed{v[0].(int64), v[1].(int64), v[2].(int64)}]++
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, m := range counts {
		for p, n := range m {
			r.addRatings(p, n)
		}
	}
	return nil
}

func (r *recount) addRatings(p packed, n int64) {
	c := cell{
		kind: kindRated, mode: nameID(p[0] >> 37), day: surveys.Day(p[0] >> 12 & (1<<25 - 1)), hour: hourOf(p[0] >> 7 & 31),
		grade: uint8(p[0] >> 3 & 15), series: uint8(p[0] >> 2 & 1), flagged: p[0]&1 != 0,
		department: nameID(p[1] >> 32), place: nameID(int32(p[1])), staff: nameID(p[2] >> 32), version: nameID(int32(p[2])),
	}
	if q := r.questionnaires[c.version]; q != nil {
		item, _ := q.GradeItem()
		c.item = r.id(string(item.ID))
	}
	r.counts[c] += n
	if later := p[0]&2 != 0; later && !c.flagged {
		c.kind, c.flagged = kindFlagged, true
		r.counts[c] += n
	}
}

// middle finds a place that splits the ratings from r.from on into halves, by
// the counts of the days and, inside a day, by the time in the ids. It only
// has to be near; day 0 means there is nothing to split.
func (r *recount) middle(ctx context.Context, conn *sql.Conn) (day int64, id []byte, err error) {
	type dayCount struct{ day, n int64 }
	var days []dayCount
	total := int64(0)
	err = scan(ctx, conn, 2, "SELECT day, sum(n) FROM event_counts WHERE kind = 1 AND day >= ? GROUP BY day ORDER BY day",
		[]driver.Value{int64(r.from)}, func(v []driver.Value) error {
			days = append(days, dayCount{v[0].(int64), v[1].(int64)})
			total += v[1].(int64)
			return nil
		})
	if err != nil || total < 10_000 {
		return 0, nil, err
	}
	left := total / 2
	for _, d := range days {
		if left > d.n {
			left -= d.n
			continue
		}
		var first, last []byte
		err := conn.QueryRowContext(ctx, "SELECT (SELECT min(id) FROM ratings WHERE day = ?1), (SELECT max(id) FROM ratings WHERE day = ?1)", d.day).Scan(&first, &last)
		if err != nil || len(first) != 16 || len(last) != 16 {
			return 0, nil, err
		}
		from, to := binary.BigEndian.Uint64(first)>>16, binary.BigEndian.Uint64(last)>>16
		at := from + uint64(float64(to-from)*float64(left)/float64(d.n))
		id = binary.BigEndian.AppendUint64(make([]byte, 0, 16), at<<16)
		return d.day, append(id, make([]byte, 8)...), nil
	}
	return 0, nil, nil
}

func (r *recount) hour(v driver.Value) int8 {
	if !r.hours {
		return -1
	}
	return int8(v.(int64))
}

func (r *recount) details(ctx context.Context, conn *sql.Conn) error {
	query := `SELECT d.day, d.hour, d.tags, r.department, r.place, r.staff, r.version, r.mode, r.series, r.grade, r.flags
		FROM details d JOIN ratings r ON r.day = d.rating_day AND r.id = d.rating WHERE d.rating_day > 0 AND d.day >= ? AND d.day <= ?`
	return scan(ctx, conn, 11, query, []driver.Value{int64(r.from), int64(r.to)}, func(v []driver.Value) error {
		id := func(i int) nameID { return nameID(v[i].(int64)) }
		c := cell{
			kind: kindDetailed, day: surveys.Day(v[0].(int64)), hour: r.hour(v[1]), department: id(3), place: id(4), staff: id(5), version: id(6),
			mode: id(7), series: uint8(v[8].(int64)), grade: uint8(v[9].(int64)),
			flagged: surveys.Flags(v[10].(int64))&^surveys.AfterCounting != 0,
		}
		if q := r.questionnaires[c.version]; q != nil {
			c.tags = r.id(tagText(knownTags(q, surveys.Grade(c.grade), textOf(v[2]))))
		}
		r.counts[c]++
		return nil
	})
}

func (r *recount) prompts(ctx context.Context, conn *sql.Conn) error {
	query := "SELECT shown_day, shown_hour, window, department, mode, staff_ref FROM prompts WHERE shown_day > 0 AND shown_day >= ? AND shown_day <= ?"
	return scan(ctx, conn, 6, query, []driver.Value{int64(r.from), int64(r.to)}, func(v []driver.Value) error {
		id := func(i int) nameID { return nameID(v[i].(int64)) }
		r.counts[cell{kind: kindOffered, day: surveys.Day(v[0].(int64)), hour: r.hour(v[1]), place: id(2), department: id(3), mode: id(4), staff: id(5)}]++
		return nil
	})
}

func (r *recount) tests(ctx context.Context, conn *sql.Conn) error {
	query := "SELECT day, hour, department, place, device, key_worked FROM self_tests WHERE day >= ? AND day <= ?"
	return scan(ctx, conn, 6, query, []driver.Value{int64(r.from), int64(r.to)}, func(v []driver.Value) error {
		id := func(i int) nameID { return nameID(v[i].(int64)) }
		r.counts[cell{kind: kindTested, series: 2, day: surveys.Day(v[0].(int64)), hour: r.hour(v[1]), department: id(2), place: id(3), device: id(4), keyWorked: v[5].(int64) != 0}]++
		return nil
	})
}

// surveys counts what left the surveys after discharge: invitations a carrier
// took, overall grades, and the answers of responses that have ended.
func (r *recount) surveys(ctx context.Context, conn *sql.Conn) error {
	const where = " > 0 AND %[1]s >= ? AND %[1]s <= ?"
	for _, part := range []struct {
		kind, series  uint8
		query, column string
	}{
		{kindOffered, 0, `SELECT i.offered_day, i.offered_hour, i.department, i.place, i.mode, 0, 0, 0, 0 FROM invitations i WHERE `, "i.offered_day"},
		{kindRated, 0, `SELECT s.graded_day, s.graded_hour, i.department, i.place, i.mode, i.form, s.grade_item, s.grade, s.grade_flagged
			FROM responses s JOIN invitations i ON i.id = s.invitation WHERE `, "s.graded_day"},
		{kindAnswered, 2, `SELECT s.ended_day, s.ended_hour, i.department, i.place, i.mode, i.form, a.item, a.value, s.flags <> 0
			FROM responses s JOIN invitations i ON i.id = s.invitation JOIN answers a ON a.invitation = s.invitation AND a.scored = 1 WHERE `, "s.ended_day"},
	} {
		query := part.query + part.column + fmt.Sprintf(where, part.column)
		err := scan(ctx, conn, 9, query, []driver.Value{int64(r.from), int64(r.to)}, func(v []driver.Value) error {
			id := func(i int) nameID { return nameID(v[i].(int64)) }
			r.counts[cell{
				kind: part.kind, series: part.series, day: surveys.Day(v[0].(int64)), hour: r.hour(v[1]), department: id(2), place: id(3), mode: id(4),
				version: id(5), item: id(6), grade: uint8(v[7].(int64)), flagged: v[8].(int64) != 0,
			}]++
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
