package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"

	"qingfeng/surveys"
)

// maxBatch bounds one transaction, so that the first in it does not wait long
// for the last.
const maxBatch = 512

// job is a fact to record or an action of staff.
type job struct {
	fact    surveys.Fact
	hash    [32]byte
	invalid error // what fact.Check said
	done    func(surveys.Outcome, error)

	act    func(*tx) error
	finish func(error)

	outcome surveys.Outcome
	err     error
}

// writer owns the only connection that writes. Fields below mu are shared;
// those below conn belong to the goroutine of run.
type writer struct {
	store *Store

	mu     sync.Mutex
	queue  []job
	closed bool
	wake   chan struct{} // capacity one
	ended  chan struct{}

	gate sync.Mutex // held while a transaction is open

	commits, facts, failed atomic.Int64
	lastError              atomic.Pointer[writeError]
	failingNow             atomic.Bool

	conn      *sql.Conn
	raw       *sqlite3.SQLiteConn
	st        statements
	cache     cache
	eventText []byte
	wrote     int  // events written in the open transaction
	tell      bool // a transaction that wrote events was committed
}

type writeError struct {
	err error
	at  time.Time
}

func newWriter(ctx context.Context, s *Store) (*writer, error) {
	conn, err := s.writing.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open writing connection: %w", err)
	}
	w := &writer{store: s, conn: conn, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	w.cache.forget()
	// The connection is checked out of its pool for as long as the writer
	// lives and used by its goroutine alone, so the driver's own statements may
	// be used beside database/sql: they cost a third per row.
	err = conn.Raw(func(c any) error {
		w.raw = c.(*sqlite3.SQLiteConn)
		return w.st.prepare(w.raw)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare statements: %w", err), conn.Close())
	}
	return w, nil
}

// put queues a job, or says why it cannot be taken.
func (w *writer) put(j job) error {
	w.mu.Lock()
	switch {
	case w.closed:
		w.mu.Unlock()
		return ErrClosed
	case len(w.queue) >= w.store.opt.QueueLimit:
		w.mu.Unlock()
		return ErrBusy
	}
	w.queue = append(w.queue, j)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return nil
}

// close refuses new jobs and waits until the queued ones are written. It
// reports false when the writer was closed already.
func (w *writer) close() bool {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	<-w.ended
	return first
}

// take swaps the queue against an empty one; ok is false when the writer is
// closed and nothing is left.
func (w *writer) take(empty []job) (jobs []job, ok bool) {
	for {
		w.mu.Lock()
		if len(w.queue) > 0 {
			jobs, w.queue = w.queue, empty
			w.mu.Unlock()
			return jobs, true
		}
		closed := w.closed
		w.mu.Unlock()
		if closed {
			return nil, false
		}
		<-w.wake
	}
}

func (w *writer) run() {
	defer close(w.ended)
	defer w.st.close()
	var spare []job
	for {
		jobs, ok := w.take(spare)
		if !ok {
			return
		}
		for rest := jobs; len(rest) > 0; {
			n := min(len(rest), maxBatch)
			w.commit(rest[:n])
			rest = rest[n:]
		}
		clear(jobs)
		spare = jobs[:0]
	}
}

// commit writes a batch and answers its callers. A batch that fails by the
// fault of one job is written job by job, so that only that one is refused.
func (w *writer) commit(batch []job) {
	err := w.attempt(batch)
	switch {
	case err == nil:
	case environmental(err):
		w.fail(batch, err)
	case len(batch) == 1:
		w.refuse(batch, err)
	default:
		for i := range batch {
			one := batch[i : i+1]
			if err := w.attempt(one); err != nil {
				w.refuse(one, err)
			}
		}
	}
	for i := range batch {
		j := &batch[i]
		if j.act != nil {
			j.finish(j.err)
			continue
		}
		if j.outcome.Final() {
			w.facts.Add(1)
		}
		j.done(j.outcome, j.err)
	}
	if w.tell {
		// Only now: whoever follows the outbox would take the processor away
		// from those who wait for their answer.
		w.tell = false
		select {
		case w.store.events <- struct{}{}:
		default:
		}
	}
	w.store.keeper.noticed(len(batch))
}

// refuse answers one job that could not be written. A fact the database itself
// refuses is set aside, or its device would offer it for ever and send nothing
// after it.
func (w *writer) refuse(one []job, err error) {
	if one[0].fact != nil && !environmental(err) {
		one[0].invalid = errRefused
		if err = w.attempt(one); err == nil {
			return
		}
	}
	w.fail(one, err)
}

var errRefused = errors.New("the database refuses the fact")

// fail answers jobs that are to be tried again. The store counts as failing
// only when any other job would have met the same.
func (w *writer) fail(batch []job, err error) {
	failing := environmental(err)
	err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	w.failed.Add(1)
	w.lastError.Store(&writeError{err: err, at: w.store.opt.Now()})
	if failing {
		w.failingNow.Store(true)
	}
	w.store.opt.Logger.Error("store cannot write; devices keep their facts and try again: check disk space and disk health", "error", err)
	for i := range batch {
		batch[i].outcome, batch[i].err = surveys.OutcomeRetry, err
	}
}

// attempt writes the batch in one transaction; an error means nothing of it
// was written.
func (w *writer) attempt(batch []job) error {
	w.gate.Lock()
	defer w.gate.Unlock()
	w.wrote = 0
	if err := w.rollBack(); err != nil { // left open when it could not be rolled back the last time
		return err
	}
	if err := w.writeAll(batch); err != nil {
		w.cache.forget()
		return errors.Join(err, w.rollBack())
	}
	w.commits.Add(1)
	if slices.ContainsFunc(batch, func(j job) bool { return j.err == nil }) {
		w.failingNow.Store(false)
	}
	w.tell = w.tell || w.wrote > 0
	return nil
}

// rollBack ends the open transaction, if there is one.
func (w *writer) rollBack() error {
	if w.raw.AutoCommit() {
		return nil
	}
	if _, err := w.raw.Exec("ROLLBACK", nil); err != nil {
		return fmt.Errorf("%w: roll back: %w", errTransaction, err)
	}
	return nil
}

func (w *writer) writeAll(batch []job) error {
	if _, err := w.st.begin.exec(); err != nil {
		return fmt.Errorf("%w: begin: %w", errTransaction, err)
	}
	for i := range batch {
		j := &batch[i]
		var err error
		if j.act != nil {
			j.err, err = w.actSaved(j.act)
		} else {
			j.outcome, err = w.record(j)
			j.err = nil
		}
		if err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	if _, err := w.st.commit.exec(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// actSaved runs an action in a savepoint. refused is the action's own error,
// err one that spoils the transaction.
func (w *writer) actSaved(act func(*tx) error) (refused, err error) {
	if err := w.flush(); err != nil { // an action may read or rebuild the counts
		return nil, err
	}
	if _, err := w.st.savepoint.exec(); err != nil {
		return nil, fmt.Errorf("savepoint: %w", err)
	}
	wrote := w.wrote
	refused = act(&tx{w: w})
	if refused != nil {
		if w.raw.AutoCommit() { // SQLite has rolled everything back itself
			return nil, refused
		}
		w.wrote = wrote
		w.cache.forget()
		if _, err := w.st.rollbackTo.exec(); err != nil {
			return nil, fmt.Errorf("roll back to savepoint: %w", err)
		}
	}
	if _, err := w.st.release.exec(); err != nil {
		return nil, fmt.Errorf("release savepoint: %w", err)
	}
	return refused, nil
}

// errTransaction marks what goes wrong before or after any job is looked at.
var errTransaction = errors.New("transaction")

// environmental reports errors that would meet any job: a full disk, an I/O
// error, a locked or damaged file, a schema that is not the one expected.
func environmental(err error) bool {
	if errors.Is(err, errTransaction) {
		return true
	}
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrNomem, sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrCantOpen,
		sqlite3.ErrReadonly, sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrPerm, sqlite3.ErrInterrupt, sqlite3.ErrError,
		sqlite3.ErrInternal, sqlite3.ErrAbort, sqlite3.ErrProtocol, sqlite3.ErrSchema, sqlite3.ErrMisuse, sqlite3.ErrAuth:
		return true
	}
	return false
}

func (w *writer) failing() error {
	if !w.failingNow.Load() {
		return nil
	}
	return w.lastError.Load().err
}

func (w *writer) stats() Stats {
	w.mu.Lock()
	waiting := len(w.queue)
	w.mu.Unlock()
	st := Stats{Commits: w.commits.Load(), Facts: w.facts.Load(), Failed: w.failed.Load(), Queue: waiting, Failing: w.failingNow.Load()}
	if e := w.lastError.Load(); e != nil {
		st.LastError, st.LastErrorAt = e.err.Error(), e.at
	}
	return st
}

// tx is what an action of staff writes with. Statements run to their end
// whatever becomes of the caller: interrupting one would undo the whole batch.
type tx struct{ w *writer }

func (t *tx) exec(query string, args ...any) (changed int64, err error) {
	r, err := t.w.conn.ExecContext(context.Background(), query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *tx) insert(query string, args ...any) (id int64, err error) {
	r, err := t.w.conn.ExecContext(context.Background(), query, args...)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

func (t *tx) row(query string, args ...any) *sql.Row {
	return t.w.conn.QueryRowContext(context.Background(), query, args...)
}

func (t *tx) rows(query string, args ...any) (*sql.Rows, error) {
	return t.w.conn.QueryContext(context.Background(), query, args...)
}

// now is the server's clock.
func (t *tx) now() time.Time { return t.w.store.opt.Now() }
