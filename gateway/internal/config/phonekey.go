package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// PhoneKeyPath is where the phone key is kept when the environment gives none.
func (c *Config) PhoneKeyPath() string { return filepath.Join(c.DataDir, "keys", "phone.key") }

// PhoneKey gives the key that seals phone numbers and what is set aside: the
// one of QINGFENG_PHONE_KEY or QINGFENG_PHONE_KEY_FILE, or the one at
// PhoneKeyPath. When there is none at all it makes one there, readable by the
// owner alone, whole and on disk before it is returned; of two processes that
// do so at once both get the same key.
//
// A store without its key is refused, not given a new one: the numbers in it
// could never be read again, and nobody would notice until they were needed.
func (c *Config) PhoneKey() ([]byte, error) {
	if c.loaded.secrets != nil && c.loaded.secrets.phoneKey != nil {
		return c.loaded.secrets.phoneKey, nil
	}
	path := c.PhoneKeyPath()
	key, err := readKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if info, err := os.Stat(c.StorePath()); err == nil && info.Size() > 0 {
		return nil, fmt.Errorf("find the phone key: %s exists, but its key %s is gone; bring the key back from the backup, "+
			"or set QINGFENG_PHONE_KEY_FILE to a new one and lose the sealed phone numbers", c.StorePath(), path)
	}
	if err := createKeyFile(path); err != nil {
		return nil, fmt.Errorf("create the phone key: %w", err)
	}
	return readKeyFile(path)
}

// readKeyFile reads the key at path. When there is no file the error is
// fs.ErrNotExist.
func readKeyFile(path string) ([]byte, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fs.ErrNotExist
	}
	data, err := readSecretFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the phone key: %s %w", path, err)
	}
	key, err := parseKey(string(data))
	if err != nil {
		return nil, fmt.Errorf("read the phone key: %s %w", path, err)
	}
	return key, nil
}

// createKeyFile writes a fresh key under a temporary name and links it to path,
// which fails when somebody else was first; then theirs is the key.
func createKeyFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key := make([]byte, PhoneKeySize)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".phone.key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a new name in dir survive a power cut.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
