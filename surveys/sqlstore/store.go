package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"qingfeng/surveys"
)

// readerConnections is the size of the reading pool: two for a recount that
// splits the facts, the rest for screens.
const readerConnections = 6

// Store is an open database. Its methods are safe for concurrent use.
type Store struct {
	opt     Options
	keys    *keys
	lock    *fileLock
	writing *sql.DB // one connection, held by the writer
	reading *sql.DB
	keeping *sql.DB // one connection, for checkpoints
	writer  *writer
	keeper  *keeper
	events  chan struct{}
	texts   chan struct{} // signalled when texts were queued
	// published and forms hold the questionnaires and the forms that were read,
	// by version.
	published, forms sync.Map
}

// Open opens or creates the database at opt.Path, migrates it to this
// program's schema (opt.Existing forbids both) and starts the writer. It fails
// with ErrNewerSchema,
// ErrForeignDatabase or ErrWrongKey, leaving the file as it was, and when
// SQLite does not report the settings the store's promises rest on.
func Open(ctx context.Context, opt Options) (*Store, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	if err := assertVersion(); err != nil {
		return nil, err
	}
	k, err := deriveKeys(opt.PhoneKey)
	if err != nil {
		return nil, err
	}
	lock, err := prepareFile(opt.Path, opt.Existing)
	if err != nil {
		return nil, err
	}
	s := &Store{
		opt: opt, keys: k, lock: lock, events: make(chan struct{}, 1), texts: make(chan struct{}, 1),
		writing: openPool(opt.Path, roleWriter, 1),
		reading: openPool(opt.Path, roleReader, max(readerConnections, runtime.NumCPU())),
		keeping: openPool(opt.Path, roleKeeper, 1),
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), s.closePools())
	}
	return s, nil
}

// prepareFile makes the directory and the file readable by this user alone,
// and takes the lock that keeps a restore away while the store is open.
func prepareFile(path string, existing bool) (*fileLock, error) {
	if info, err := os.Stat(path); existing && (errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0) {
		return nil, ErrNoStore
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	lock, err := lockShared(path)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create database: %w", err), lock.Close())
	}
	if err := f.Close(); err != nil {
		return nil, errors.Join(fmt.Errorf("create database: %w", err), lock.Close())
	}
	return lock, nil
}

func (s *Store) start(ctx context.Context) error {
	prepare := migrate
	if s.opt.Existing {
		prepare = requireSchema
	}
	if err := prepare(ctx, s.writing); err != nil {
		return err
	}
	if err := s.proveKey(ctx); err != nil {
		return err
	}
	if err := s.reading.PingContext(ctx); err != nil {
		return fmt.Errorf("open reading pool: %w", err)
	}
	s.keeper = newKeeper(s)
	w, err := newWriter(ctx, s)
	if err != nil {
		return err
	}
	s.writer = w
	go s.keeper.run()
	go w.run()
	return nil
}

// proveKey keeps a proof of the key at first start, so that a wrong key is
// noticed at once and not when a patient is to be phoned.
func (s *Store) proveKey(ctx context.Context) error {
	proof := mac(s.keys.proof, "qingfeng")
	if !s.opt.Existing {
		_, err := s.writing.ExecContext(ctx, "INSERT INTO settings (name, value) VALUES ('key_proof', ?) ON CONFLICT DO NOTHING", proof)
		if err != nil {
			return fmt.Errorf("keep key proof: %w", err)
		}
	}
	var kept []byte
	if err := s.writing.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = 'key_proof'").Scan(&kept); err != nil {
		return fmt.Errorf("read key proof: %w", err)
	}
	if string(kept) != string(proof) {
		return ErrWrongKey
	}
	return nil
}

// Close writes what was accepted, checkpoints and closes the database. It does
// not wait for another process that has the store open. Facts handed over
// afterwards are answered with OutcomeRetry and ErrClosed.
func (s *Store) Close() error {
	if !s.writer.close() {
		return nil
	}
	s.keeper.stop()
	return errors.Join(s.writer.conn.Close(), s.keeper.finish(), s.closePools())
}

func (s *Store) closePools() error {
	return errors.Join(s.reading.Close(), s.writing.Close(), s.keeping.Close(), s.lock.Close())
}

// Ping proves that the store can be read, and reports why it cannot write if
// its last commit failed.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.reading.QueryRowContext(ctx, "SELECT 1 FROM settings LIMIT 1").Scan(&one); err != nil {
		return fmt.Errorf("read store: %w", err)
	}
	return s.writer.failing()
}

// Stats are the writer's counters since Open.
type Stats struct {
	Commits int64
	Facts   int64 // recorded with any final outcome
	Failed  int64 // commits that failed
	Queue   int   // waiting for the writer
	// LastError is the last failed commit's reason, kept after recovery;
	// Failing says that nothing was committed since.
	LastError   string
	LastErrorAt time.Time
	Failing     bool
	// WALBytes is the size of the write-ahead log at the last look.
	WALBytes int64
}

// Stats gives the writer's counters.
func (s *Store) Stats() Stats {
	st := s.writer.stats()
	st.WALBytes = s.keeper.walBytes.Load()
	return st
}

// Committed is signalled after commits that wrote events. Its capacity is one:
// a signal means "look", not "one more".
func (s *Store) Committed() <-chan struct{} { return s.events }

// Submit hands a fact to the writer and returns at once. done is called
// exactly once, from another goroutine, after the commit, and must not block.
// OutcomeRetry comes with the reason: ErrBusy, ErrClosed or ErrUnavailable;
// every other outcome comes with a nil error and is on disk. The fact must not
// be changed until then.
func (s *Store) Submit(f surveys.Fact, done func(surveys.Outcome, error)) {
	j := job{fact: f, hash: f.BodyHash(), invalid: f.Check(), done: done}
	if err := s.writer.put(j); err != nil {
		done(surveys.OutcomeRetry, err)
	}
}

// Record is Submit for a caller that waits. When ctx ends first, the fact may
// still be stored: the caller keeps it and sends it again, as with any retry.
func (s *Store) Record(ctx context.Context, f surveys.Fact) (surveys.Outcome, error) {
	type answer struct {
		outcome surveys.Outcome
		err     error
	}
	ch := make(chan answer, 1)
	s.Submit(f, func(o surveys.Outcome, err error) { ch <- answer{o, err} })
	select {
	case a := <-ch:
		return a.outcome, a.err
	case <-ctx.Done():
		return surveys.OutcomeRetry, ctx.Err()
	}
}

// act runs fn in the writer's next transaction, inside its own savepoint, and
// returns after the commit. fn's error undoes what fn did and nothing else.
// When ctx ends before fn has started it is not run.
func (s *Store) act(ctx context.Context, fn func(*tx) error) error {
	ch := make(chan error, 1)
	j := job{act: func(t *tx) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(t)
	}, finish: func(err error) { ch <- err }}
	if err := s.writer.put(j); err != nil {
		return err
	}
	return <-ch
}
