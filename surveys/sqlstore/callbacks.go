package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/registers"
)

// Callback is a call-back with what its rating's detail added and what its
// rating was about.
type Callback struct {
	registers.Callback
	// Tags are the chosen reasons in the words of the questionnaire version the
	// rating was given on: those the patient saw.
	Tags     []surveys.Option
	Comment  surveys.Secret
	HasPhone bool
	// Kind and Staff are those of the transaction the patient was asked about:
	// empty when nobody asked, Staff also when the window's system named nobody.
	Kind  surveys.WindowKind
	Staff surveys.StaffID
	// Mode is how a survey after discharge was answered; empty: the patient
	// rated on a tablet. Then Rating is the invitation's id, Comment all that
	// the patient wrote, and the number is the one given in the answer or else
	// the one the survey went to.
	Mode surveys.Mode
	// Wish reports that the patient asked in a survey to be called. Without a
	// grade, Grade is 0.
	Wish bool
}

// CallbackFilter chooses call-backs; zero fields choose all.
type CallbackFilter struct {
	// State CallbackOpen chooses the unfinished: open and being called.
	State       registers.CallbackState
	Day         surveys.Day // opened on
	Departments []surveys.DepartmentID
	// After goes on behind this call-back in the order of the list; 0 begins.
	After registers.CallbackID
	Limit int // 0: 500
}

const callbackColumns = `SELECT c.id, c.rating, c.at, c.opened_on, c.due_on, coalesce(d.text, ''), coalesce(p.text, ''), c.grade, c.state,
	c.outcome, c.note, c.closed_at, coalesce(t.tags, ''), coalesce(t.comment, ''), coalesce(length(t.phone), 0) > 0,
	coalesce(v.text, ''), coalesce(m.kind, ''), coalesce(m.staff, ''), coalesce(w.text, ''), coalesce(s.wants_call, 0)
	FROM callbacks c LEFT JOIN names d ON d.id = c.department LEFT JOIN names p ON p.id = c.place LEFT JOIN details t ON t.rating = c.rating
	LEFT JOIN facts f ON f.id = c.rating LEFT JOIN ratings r ON r.day = f.day AND r.id = c.rating LEFT JOIN names v ON v.id = r.version
	LEFT JOIN prompts m ON m.id = r.dedupe_key -- of an unasked rating it is the rating's own id, which no prompt has
	LEFT JOIN responses s ON s.invitation = c.rating LEFT JOIN invitations i ON i.id = s.invitation LEFT JOIN names w ON w.id = i.mode`

// callbackRow is a call-back as it is kept: its tags have no words yet.
type callbackRow struct {
	Callback
	tags    []string
	version surveys.VersionID
}

func scanCallback(row interface{ Scan(...any) error }) (c callbackRow, err error) {
	var rating []byte
	var at, closed int64
	var tags string
	err = row.Scan(&c.ID, &rating, &at, &c.OpenedOn, &c.DueOn, &c.Department, &c.Place, &c.Grade, &c.State, &c.Outcome, &c.Note, &closed,
		&tags, &c.Comment, &c.HasPhone, &c.version, &c.Kind, &c.Staff, &c.Mode, &c.Wish)
	if err != nil {
		return callbackRow{}, orNotFound(err)
	}
	copy(c.Rating[:], rating)
	c.HasPhone = c.HasPhone || c.Mode != ""
	c.At, c.ClosedAt = moment(at), moment(closed)
	c.tags = strings.Fields(tags)
	return c, nil
}

// worded gives the call-backs with their tags in words. Call it with no
// transaction and no rows open: it may read.
func (s *Store) worded(ctx context.Context, rows ...callbackRow) ([]Callback, error) {
	list := make([]Callback, len(rows))
	for i, r := range rows {
		list[i] = r.Callback
		if r.Mode != "" {
			comment, err := s.surveyComment(ctx, r.Rating)
			if err != nil {
				return nil, err
			}
			list[i].Comment = comment
		}
		if len(r.tags) == 0 {
			continue
		}
		q, err := s.frozen(ctx, r.version)
		if err != nil {
			return nil, err
		}
		list[i].Tags = q.TagWords(r.Grade, r.tags)
	}
	return list, nil
}

// surveyComment is all that a patient wrote in a survey, a line each: with
// answers, and behind them what answers nothing.
func (s *Store) surveyComment(ctx context.Context, invitation followup.InvitationID) (surveys.Secret, error) {
	answers, err := s.answers(ctx, s.reading, invitation)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, a := range answers {
		if a.Text != "" {
			lines = append(lines, string(a.Text))
		}
	}
	comments, err := s.comments(ctx, invitation)
	if err != nil {
		return "", err
	}
	for _, c := range comments {
		lines = append(lines, string(c))
	}
	return surveys.Secret(strings.Join(lines, "\n")), nil
}

// numberToCall gives the sealed number of a call-back, and the id it is bound
// to: the one left with a rating, the one given in a survey's answer, or the
// one the survey went to.
func (t *tx) numberToCall(c *callbackRow) (sealed []byte, bound surveys.FactID, err error) {
	if c.Mode == "" {
		var detail []byte
		err := t.row("SELECT id, phone FROM details WHERE rating = ? AND length(phone) > 0", c.Rating[:]).Scan(&detail, &sealed)
		if err != nil {
			return nil, bound, orNotFound(err)
		}
		return sealed, surveys.FactID(detail), nil
	}
	err = t.row(`SELECT CASE WHEN length(s.phone) > 0 THEN s.phone ELSE i.number END FROM responses s JOIN invitations i ON i.id = s.invitation
		WHERE s.invitation = ?`, c.Rating[:]).Scan(&sealed)
	return sealed, c.Rating, orNotFound(err)
}

// Callbacks lists call-backs: unfinished ones by their due day, the one that
// has waited longest first; done ones by when they were closed, the last one
// first; any others newest first. No order moves a row while it stays in the
// list, so pages neither skip nor repeat.
func (s *Store) Callbacks(ctx context.Context, f CallbackFilter) ([]Callback, error) {
	var where []string
	var args []any
	order, behind := "c.id DESC", "c.id < ?"
	switch f.State {
	case "":
	case registers.CallbackOpen:
		where = append(where, "c.state <> 'done'")
		order, behind = "c.due_on, c.id", "(c.due_on, c.id) > (SELECT a.due_on, a.id FROM callbacks a WHERE a.id = ?)"
	case registers.CallbackDone:
		where = append(where, "c.state = 'done'")
		order = "c.closed_on DESC, c.closed_at DESC, c.id DESC" // closed_on has the index
		behind = "(c.closed_on, c.closed_at, c.id) < (SELECT a.closed_on, a.closed_at, a.id FROM callbacks a WHERE a.id = ?)"
	default:
		where, args = append(where, "c.state = ?"), append(args, string(f.State))
	}
	if f.Day != 0 {
		where, args = append(where, "c.opened_on = ?"), append(args, int64(f.Day))
	}
	if len(f.Departments) > 0 {
		where = append(where, "d.text IN (?"+strings.Repeat(", ?", len(f.Departments)-1)+")")
		for _, id := range f.Departments {
			args = append(args, string(id))
		}
	}
	if f.After != 0 {
		where, args = append(where, behind), append(args, int64(f.After))
	}
	query := callbackColumns
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 500
	}
	rows, err := s.reading.QueryContext(ctx, query+" ORDER BY "+order+" LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list call-backs: %w", err)
	}
	kept, err := collect(rows, func(rows *sql.Rows) (callbackRow, error) { return scanCallback(rows) })
	if err != nil {
		return nil, fmt.Errorf("list call-backs: %w", err)
	}
	list, err := s.worded(ctx, kept...)
	if err != nil {
		return nil, fmt.Errorf("word call-backs: %w", err)
	}
	return list, nil
}

// FindCallback finds a call-back, or ErrNotFound.
func (s *Store) FindCallback(ctx context.Context, id registers.CallbackID) (Callback, error) {
	kept, err := scanCallback(s.reading.QueryRowContext(ctx, callbackColumns+" WHERE c.id = ?", int64(id)))
	if err != nil {
		return Callback{}, fmt.Errorf("find call-back: %w", err)
	}
	list, err := s.worded(ctx, kept)
	if err != nil {
		return Callback{}, fmt.Errorf("word call-back: %w", err)
	}
	return list[0], nil
}

// CallbackCounts counts the unfinished call-backs, those of them past their
// due day, and those closed today.
func (s *Store) CallbackCounts(ctx context.Context, today surveys.Day) (open, overdue, doneToday int64, err error) {
	err = s.reading.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM callbacks WHERE state <> 'done'),
		(SELECT count(*) FROM callbacks WHERE state <> 'done' AND due_on < ?1),
		(SELECT count(*) FROM callbacks WHERE state = 'done' AND closed_on = ?1)`, int64(today)).Scan(&open, &overdue, &doneToday)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("count call-backs: %w", err)
	}
	return open, overdue, doneToday, nil
}

// RevealPhone unseals the number the patient left, marks the call-back as
// being called, and audits both. ErrNotFound when there is no number.
func (s *Store) RevealPhone(ctx context.Context, id registers.CallbackID, by Actor) (surveys.Secret, error) {
	var number []byte
	err := s.act(ctx, func(t *tx) error {
		c, err := scanCallback(t.row(callbackColumns+" WHERE c.id = ?", int64(id)))
		if err != nil {
			return err
		}
		sealed, bound, err := t.numberToCall(&c)
		if err != nil {
			return err
		}
		if number, err = unseal(s.keys.phone, sealed, bound); err != nil {
			return err
		}
		if _, err := t.exec("UPDATE callbacks SET state = ? WHERE id = ?", string(c.Take().State), int64(id)); err != nil {
			return err
		}
		return t.audit(by, "callback.reveal_phone", fmt.Sprint(id), "")
	})
	if err != nil {
		return "", fmt.Errorf("reveal phone: %w", err)
	}
	return surveys.Secret(number), nil
}

// CloseCallback records the outcome of a call; done ends the call-back, which
// then refuses further outcomes with registers.ErrCallbackDone. Each call is a
// row of its own.
func (s *Store) CloseCallback(ctx context.Context, id registers.CallbackID, outcome registers.CallbackOutcome, note surveys.Secret, done bool, by Actor) (Callback, error) {
	var c callbackRow
	err := s.act(ctx, func(t *tx) (err error) {
		if c, err = scanCallback(t.row(callbackColumns+" WHERE c.id = ?", int64(id))); err != nil {
			return err
		}
		now := moment(milliseconds(t.now()))
		if c.Callback.Callback, err = c.Record(outcome, note, done, now); err != nil {
			return err
		}
		closedOn := surveys.Day(0)
		if done {
			closedOn = surveys.DayOf(now, s.opt.Zone)
		}
		_, err = t.exec("INSERT INTO callback_calls (callback, at, account, actor, outcome, note, closing) VALUES (?, ?, ?, ?, ?, ?, ?)",
			int64(id), milliseconds(now), int64(by.Account), by.Username, string(outcome), string(note), done)
		if err != nil {
			return err
		}
		_, err = t.exec("UPDATE callbacks SET state = ?, outcome = ?, note = ?, closed_at = ?, closed_on = ? WHERE id = ?",
			string(c.State), string(outcome), string(note), milliseconds(c.ClosedAt), int64(closedOn), int64(id))
		if err != nil {
			return err
		}
		return t.audit(by, "callback.outcome", fmt.Sprint(id), string(outcome))
	})
	if err != nil {
		return Callback{}, fmt.Errorf("record call: %w", err)
	}
	list, err := s.worded(ctx, c)
	if err != nil {
		return Callback{}, fmt.Errorf("word call-back: %w", err)
	}
	return list[0], nil
}
