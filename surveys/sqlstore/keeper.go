package sqlstore

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// checkPages of log, as the writer guesses them, make the keeper move it: 8 MB.
	checkPages = 2048
	// pagesEach and jobsEach are the guess: a commit changes the last page of
	// each table and index, and one more for so many facts in it.
	pagesEach, jobsEach = 7, 10
	// restartBytes of log make the writer stand still for the last pages of a
	// checkpoint. Without that, a writer that never rests would let the log
	// grow for ever, since it starts over only when all of it has been moved.
	// A log that starts over writes where it has written before, which takes the
	// disk half the time of making the file longer.
	restartBytes = 8 << 20
	// checkpointEvery bounds how long a quiet store leaves facts in the log
	// alone.
	checkpointEvery = time.Minute
	pageSize        = 4096
	// probeEvery is how often a store that cannot write tries to.
	probeEvery = 2 * time.Second
	// probeBytes is what it tries to write: about a small batch.
	probeBytes = 8 << 10
)

// keeper moves the write-ahead log into the database from a connection of its
// own, so that no commit waits for it, and notices when a store that could not
// write can write again, though nobody sends anything.
type keeper struct {
	store    *Store
	written  atomic.Int64 // pages of log since the last look
	walBytes atomic.Int64
	wake     chan struct{}
	quit     chan struct{}
	ended    chan struct{}
}

func newKeeper(s *Store) *keeper {
	return &keeper{store: s, wake: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{})}
}

// noticed is called by the writer after each batch.
func (k *keeper) noticed(jobs int) {
	if k.written.Add(int64(pagesEach+jobs/jobsEach)) < checkPages {
		return
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) run() {
	defer close(k.ended)
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	probe := time.NewTicker(probeEvery)
	defer probe.Stop()
	for {
		select {
		case <-k.quit:
			return
		case <-probe.C:
			k.probe()
			continue
		case <-k.wake:
		case <-tick.C:
			if k.written.Load() == 0 {
				continue
			}
		}
		k.written.Store(0)
		if err := k.look(); err != nil {
			k.store.opt.Logger.Warn("checkpoint failed; it is tried again after the next commits", "error", err)
		}
	}
}

// probe tries a real commit while the store fails. What comes of it is the
// writer's to note.
func (k *keeper) probe() {
	if k.store.writer.failing() == nil {
		return
	}
	_ = k.store.act(context.Background(), func(t *tx) error {
		_, err := t.exec("INSERT INTO settings (name, value) VALUES ('write_probe', randomblob(?1)) ON CONFLICT (name) DO UPDATE SET value = excluded.value", probeBytes)
		return err
	})
}

// look checkpoints without stopping anybody and, when the log has still grown
// too large, moves its last pages while the writer stands still.
func (k *keeper) look() error {
	// What was moved now says little: a writer that never rests has written on.
	log, err := k.checkpoint("PASSIVE")
	if err != nil || log*pageSize < restartBytes {
		return err
	}
	k.store.writer.gate.Lock()
	defer k.store.writer.gate.Unlock()
	_, err = k.checkpoint("PASSIVE")
	return err
}

func (k *keeper) checkpoint(mode string) (log int64, err error) {
	var busy, moved int64
	err = k.store.keeping.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &log, &moved)
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	k.walBytes.Store(log * pageSize)
	return log, nil // busy: a reader or another process needs the log; what is left of it does no harm
}

func (k *keeper) stop() {
	close(k.quit)
	<-k.ended
}

// finish moves the log at the end. It empties the file only when nobody else
// has the store open: a reader elsewhere would hold the emptying up, and the
// emptying would hold up every commit of the process beside.
func (k *keeper) finish() error {
	alone, err := k.store.lock.alone()
	if err != nil {
		return err
	}
	if !alone {
		_, err = k.checkpoint("PASSIVE")
		return err
	}
	if _, err := k.store.keeping.ExecContext(context.Background(), "PRAGMA busy_timeout = 0"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	_, err = k.checkpoint("TRUNCATE")
	return err
}
