package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// eventsAtOnce events are written by one statement while a batch has as many.
const eventsAtOnce = 16

// statement is a prepared statement of the writer's connection.
type statement struct {
	stmt *sqlite3.SQLiteStmt
	args []driver.NamedValue
	// repeat is the constraint whose violation means "there already".
	repeat sqlite3.ErrNoExtended
}

func (s *statement) bind(values []driver.Value) []driver.NamedValue {
	s.args = s.args[:0]
	for i, v := range values {
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return s.args
}

// exec runs the statement and reports how many rows it changed.
func (s *statement) exec(values ...driver.Value) (changed int64, err error) {
	r, err := s.stmt.ExecContext(context.Background(), s.bind(values))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// insert adds a row; fresh is false when the statement's own constraint says
// that the row is there already. It goes the driver's query way, which binds
// all values in one call into C.
func (s *statement) insert(values ...driver.Value) (fresh bool, err error) {
	rows, err := s.stmt.QueryContext(context.Background(), s.bind(values))
	if err == nil {
		err = rows.Close()
	}
	var refused sqlite3.Error
	if s.repeat != 0 && errors.As(err, &refused) && refused.ExtendedCode == s.repeat {
		return false, nil
	}
	return err == nil, err
}

// row reads the first row into dest and reports whether there was one.
func (s *statement) row(dest []driver.Value, values ...driver.Value) (found bool, err error) {
	rows, err := s.stmt.QueryContext(context.Background(), s.bind(values))
	if err != nil {
		return false, err
	}
	err = rows.Next(dest)
	if closed := rows.Close(); err == nil {
		err = closed
	}
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}

// statements are those of the hot path; actions of staff bring their own.
type statements struct {
	begin, commit, savepoint, rollbackTo, release statement

	insertFact, findFact, markFact         statement
	insertRating, findRating, flagRating   statement
	insertDetail, findDetail, applyDetail  statement
	countWaiting                           statement
	findPrompt, markShown, markRated       statement
	insertShowing, insertTest, touchTested statement
	insertCallback, insertSetAside         statement
	callWhereAsked                         statement
	countUnasked, takeDetail, dropDetail   statement
	insertEvent, insertEvents              statement
	findName, findText, insertName         statement
	addCount, insertCount                  statement
	findQuestionnaire                      statement
}

func (st *statements) list() map[*statement]string {
	return map[*statement]string{
		&st.begin: "BEGIN IMMEDIATE", &st.commit: "COMMIT",
		&st.savepoint: "SAVEPOINT action", &st.rollbackTo: "ROLLBACK TO action", &st.release: "RELEASE action",

		&st.insertFact: `INSERT INTO facts (id, kind, body_hash, outcome, day, device, client_at, received_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		&st.findFact: `SELECT kind, body_hash, outcome, day FROM facts WHERE id = ?`,
		&st.markFact: `UPDATE facts SET outcome = ?2 WHERE id = ?1`,

		&st.insertRating: `INSERT INTO ratings (day, id, dedupe_key, hour, occurred_at, department, place, staff, version, mode, series,
			grade, flags, dwell_ms, language) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		&st.findRating: `SELECT d.text, p.text, s.text, v.text, m.text, r.series, r.grade, r.flags FROM ratings r
			LEFT JOIN names d ON d.id = r.department LEFT JOIN names p ON p.id = r.place LEFT JOIN names s ON s.id = r.staff
			LEFT JOIN names v ON v.id = r.version LEFT JOIN names m ON m.id = r.mode WHERE r.day = ? AND r.id = ?`,
		&st.flagRating: `UPDATE ratings SET flags = flags | ?2 WHERE dedupe_key = ?1 AND flags & ?2 = 0
			RETURNING flags, day, hour, department, place, staff, version, mode, series, grade`,

		&st.insertDetail: `INSERT INTO details (day, id, rating, rating_day, hour, occurred_at, tags, comment, phone, phone_index)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		&st.findDetail: `SELECT day, id, hour, occurred_at, tags, length(phone) FROM details WHERE rating = ?`,
		&st.takeDetail: `SELECT d.day, d.id, d.occurred_at, d.tags, d.comment, d.phone, f.device, f.client_at, f.body_hash
			FROM details d JOIN facts f ON f.id = d.id WHERE d.rating = ? AND d.rating_day = 0`,
		&st.dropDetail:   `DELETE FROM details WHERE day = ?1 AND id = ?2`,
		&st.countWaiting: `SELECT count(*) FROM details WHERE rating_day = 0`,
		&st.applyDetail:  `UPDATE details SET rating_day = ?3 WHERE day = ?1 AND id = ?2`,

		&st.findPrompt: `SELECT p.window, p.department, p.mode, p.staff_ref, p.expires_at, p.shown_at FROM prompts p WHERE p.id = ?`,
		&st.markShown:  `UPDATE prompts SET shown_at = ?2, shown_day = ?3, shown_hour = ?4 WHERE id = ?1`,
		&st.markRated:  `UPDATE prompts SET rated_at = ?2 WHERE id = ?1`,

		&st.insertShowing: `INSERT INTO prompt_showings (id, prompt, occurred_at) VALUES (?, ?, ?)`,
		&st.insertTest: `INSERT INTO self_tests (day, id, hour, occurred_at, department, place, device, key_worked)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		&st.touchTested: `UPDATE devices SET last_test_at = ?2, last_test_key_worked = ?3 WHERE id = ?1 AND last_test_at <= ?2`,

		&st.insertCallback: `INSERT INTO callbacks (rating, at, opened_on, due_on, department, place, grade, state)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		&st.callWhereAsked: `INSERT INTO callbacks (rating, at, opened_on, due_on, department, place, grade, state)
			SELECT id, occurred_at, ?3, ?4, department, place, grade, ?5 FROM ratings WHERE day = ?2 AND id = ?1
			ON CONFLICT (rating) DO NOTHING`,
		&st.countUnasked: `SELECT count(*) FROM callbacks c JOIN facts f ON f.id = c.rating JOIN ratings r ON r.day = f.day AND r.id = f.id
			WHERE c.opened_on = ?1 AND f.device = ?2 AND r.series = 1`,
		&st.insertSetAside: `INSERT INTO set_asides (fact, body_hash, device, kind, reason, at, body)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fact, body_hash) DO NOTHING`,

		&st.insertEvent:  `INSERT INTO outbox (event) VALUES (?)`,
		&st.insertEvents: `INSERT INTO outbox (event) VALUES (?)` + strings.Repeat(", (?)", eventsAtOnce-1),
		&st.findName:     `SELECT id FROM names WHERE text = ?`,
		&st.findText:     `SELECT text FROM names WHERE id = ?`,
		&st.insertName:   `INSERT INTO names (text) VALUES (?) RETURNING id`,
		&st.addCount:     `UPDATE event_counts SET n = n + ?2 WHERE id = ?1`,
		&st.insertCount: `INSERT INTO event_counts (day, kind, place, department, staff, version, item, mode, series, grade, flagged,
			tags, device, key_worked, n) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (day, kind, place, department, staff, version, item, mode, series, grade, flagged, tags, device, key_worked)
			DO UPDATE SET n = n + excluded.n RETURNING id`,

		&st.findQuestionnaire: `SELECT content FROM questionnaires WHERE version = ?`,
	}
}

func (st *statements) prepare(conn *sqlite3.SQLiteConn) error {
	for s, query := range st.list() {
		prepared, err := conn.Prepare(query)
		if err != nil {
			return fmt.Errorf("prepare %.40q: %w", query, err)
		}
		s.stmt = prepared.(*sqlite3.SQLiteStmt)
	}
	st.insertFact.repeat = sqlite3.ErrConstraintPrimaryKey
	st.insertRating.repeat = sqlite3.ErrConstraintUnique // dedupe_key
	st.insertDetail.repeat = sqlite3.ErrConstraintUnique // rating
	return nil
}

func (st *statements) close() {
	for s := range st.list() {
		_ = s.stmt.Close() // the connection is closed next, which frees it anyway
	}
}
