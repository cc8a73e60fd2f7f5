//go:build unix

package sqlstore

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockShared marks the database as open. Any number of processes may hold it
// (a backup beside the gateway); a restore is refused while any does.
func lockShared(path string) (*os.File, error) { return lockFile(path, syscall.LOCK_SH) }

// lockExclusive is for replacing the file; ErrInUse when it is open anywhere.
func lockExclusive(path string) (*os.File, error) { return lockFile(path, syscall.LOCK_EX) }

func lockFile(path string, how int) (*os.File, error) {
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
	return f, nil
}
