//go:build !unix

package sqlstore

import (
	"fmt"
	"os"
)

// Elsewhere than on Unix the lock file only marks the place: the operator sees
// to it that nothing is restored over an open database.
func lockShared(path string) (*os.File, error) { return lockFile(path) }

func lockExclusive(path string) (*os.File, error) { return lockFile(path) }

func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	return f, nil
}
