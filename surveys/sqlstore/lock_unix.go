//go:build unix

package sqlstore

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// fileLock is the lock file beside a database, held.
type fileLock struct{ *os.File }

// lockShared marks the database as open. Any number of processes may hold it
// (a backup beside the gateway); a restore is refused while any does.
func lockShared(path string) (*fileLock, error) { return lockFile(path, syscall.LOCK_SH) }

// lockExclusive is for replacing the file; ErrInUse when it is open anywhere.
func lockExclusive(path string) (*fileLock, error) { return lockFile(path, syscall.LOCK_EX) }

func lockFile(path string, how int) (*fileLock, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, errors.Join(fmt.Errorf("lock database: %w", err), f.Close())
	}
	return &fileLock{f}, nil
}

// alone reports whether no other process has the database open at this moment.
// The lock stays shared, so that a newcomer may open it meanwhile.
func (l *fileLock) alone() (bool, error) {
	err := syscall.Flock(int(l.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	// Trying gives up the shared lock, won or lost.
	if back := syscall.Flock(int(l.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); back != nil {
		return false, fmt.Errorf("keep the database locked: %w", back)
	}
	if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
		return false, fmt.Errorf("lock database: %w", err)
	}
	return err == nil, nil
}
