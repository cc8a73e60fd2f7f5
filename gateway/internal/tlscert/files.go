package tlscert

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	certificateMode = 0o644 // tablets and proxies are given it
	keyMode         = 0o600
	dirMode         = 0o700
)

// writePair writes the key, then the certificate, each whole or not at all.
// Without force, a file that came into being meanwhile is not overwritten and
// nothing of the pair stays.
func writePair(to Pair, certificate, key []byte, force bool) error {
	if err := writeFile(to.Key, key, keyMode, force); err != nil {
		return err
	}
	if err := writeFile(to.Certificate, certificate, certificateMode, force); err != nil {
		if !force {
			err = errors.Join(err, os.Remove(to.Key))
		}
		return err
	}
	return nil
}

// writeFile writes data under a temporary name in the same directory, syncs it
// and gives it its name: by link, which fails when the name is taken, or with
// force by rename, which replaces it.
func writeFile(path string, data []byte, mode fs.FileMode, force bool) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	f, err := os.CreateTemp(dir, ".tlscert-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if force {
		err = os.Rename(f.Name(), path)
	} else if err = os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", path, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return syncDir(dir)
}

// syncDir makes a new name in dir survive a power cut.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}
