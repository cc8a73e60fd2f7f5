package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func configIn(dir string) *Config {
	c := Default()
	c.DataDir = filepath.Join(dir, "data")
	return c
}

func TestPhoneKeyIsMadeOnceAndKept(t *testing.T) {
	c := configIn(t.TempDir())
	first, err := c.PhoneKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.PhoneKey()
	if err != nil || !bytes.Equal(first, again) || len(first) != PhoneKeySize {
		t.Errorf("the second key is %x, %v; want the first, %x", again, err, first)
	}
	other, err := configIn(t.TempDir()).PhoneKey()
	if err != nil || bytes.Equal(first, other) {
		t.Errorf("another directory got the same key, or %v", err)
	}
	for path, want := range map[string]fs.FileMode{c.PhoneKeyPath(): 0o600, filepath.Dir(c.PhoneKeyPath()): 0o700, c.DataDir: 0o700} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(c.PhoneKeyPath()))
	if err != nil || len(entries) != 1 {
		t.Errorf("the key's directory holds %v, %v; want the key alone", entries, err)
	}
}

func TestPhoneKeyIsOneForAllWhoAskAtOnce(t *testing.T) {
	c := configIn(t.TempDir())
	var keys [8][]byte
	var errs [8]error
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() { keys[i], errs[i] = c.PhoneKey() })
	}
	all.Wait()
	for i := range keys {
		if errs[i] != nil || !bytes.Equal(keys[i], keys[0]) {
			t.Errorf("asker %d got %x, %v; asker 0 got %x", i, keys[i], errs[i], keys[0])
		}
	}
}

func TestPhoneKeyIsNotReplaced(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(c *Config) error
		want    string
	}{
		{"readable by everybody", func(c *Config) error { return os.Chmod(c.PhoneKeyPath(), 0o644) }, "chmod 600"},
		{"damaged", func(c *Config) error { return os.WriteFile(c.PhoneKeyPath(), []byte("c2hvcnQ=\n"), 0o600) }, "holds 5 bytes, want 32"},
		{"gone, with a store", func(c *Config) error {
			return errors.Join(os.Remove(c.PhoneKeyPath()), os.WriteFile(c.StorePath(), []byte("SQLite"), 0o600))
		}, "bring the key back from the backup"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := configIn(t.TempDir())
			if _, err := c.PhoneKey(); err != nil {
				t.Fatal(err)
			}
			if err := tt.prepare(c); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(c.PhoneKeyPath())
			key, err := c.PhoneKey()
			if err == nil || !strings.Contains(err.Error(), tt.want) || key != nil {
				t.Errorf("key %x, error %v; want an error about %q", key, err, tt.want)
			}
			after, _ := os.ReadFile(c.PhoneKeyPath())
			if !bytes.Equal(before, after) {
				t.Error("the key file was changed")
			}
		})
	}
}

func TestPhoneKeyNeedsAWritableDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "data"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := configIn(dir).PhoneKey(); err == nil || !strings.Contains(err.Error(), "phone key") {
		t.Errorf("error is %v, want one about the phone key", err)
	}
}
