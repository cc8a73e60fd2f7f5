package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// slower is by how much every sync of the disk is made slower.
const slower = 10 * time.Millisecond

// slowDiskScene is a hundred tablets on a disk that is slow to make things
// durable: whoever waits shares a sync, and nobody waits for more than the one
// under way and the next.
func slowDiskScene() scene {
	return scene{
		figures: []figure{{name: "slow-disk", what: "every fdatasync 10 ms slower: ack p50, 100 tablets", beside: "one fdatasync", unit: seconds, target: 3}},
		run:     runSlowDisk,
	}
}

func runSlowDisk(ctx context.Context, b *bench, record func(string, sample)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s, err := b.newSite(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	identities, _, err := s.enrol(ctx, 100, 0)
	if err != nil {
		return err
	}
	slow, err := s.putSlowDisk()
	if err != nil {
		return err
	}
	if _, err := s.start(ctx, b); err != nil {
		return err
	}
	tablets, err := s.connect(ctx, identities)
	if err != nil {
		return err
	}
	for range b.rounds {
		one, err := rawSync(s.dir)
		if err != nil {
			return err
		}
		if err := slow(slower); err != nil {
			return err
		}
		ours, err := closedLoop(ctx, tablets, b.length(2*time.Second))
		if err != nil {
			return err
		}
		if err := slow(0); err != nil {
			return err
		}
		record("slow-disk", sample{ours.p50.Seconds(), (one + slower).Seconds()})
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// putSlowDisk has the next gateway run on the fault disk of the proofs, and
// gives what steers it: see gateway/testdata/faultdisk.c.
func (s *site) putSlowDisk() (slow func(time.Duration) error, err error) {
	library, board := filepath.Join(s.dir, "faultdisk.so"), filepath.Join(s.dir, "faultdisk")
	out, err := exec.Command("gcc", "-O2", "-shared", "-fPIC", "-o", library, filepath.Join("gateway", "testdata", "faultdisk.c"), "-ldl").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("compile the fault disk: %w\n%s", err, out)
	}
	if err := os.WriteFile(board, make([]byte, 32), 0o600); err != nil {
		return nil, err
	}
	s.env = append(s.env, "LD_PRELOAD="+library, "QINGFENG_FAULT_DISK="+board)
	return func(by time.Duration) error {
		file, err := os.OpenFile(board, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(by.Microseconds())), 8)
		return err
	}, nil
}

// rawSync is the median of writing a page and making it durable.
func rawSync(dir string) (time.Duration, error) {
	file, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	var latency latencies
	page := make([]byte, 4096)
	for i := range 200 {
		if _, err := file.WriteAt(page, int64(i)*4096); err != nil {
			return 0, fmt.Errorf("write a page: %w", err)
		}
		began := time.Now()
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return 0, fmt.Errorf("sync a page: %w", err)
		}
		latency.add([]time.Duration{time.Since(began)})
	}
	return latency.quantile(0.5), nil
}
