package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

// faultDisk steers testdata/faultdisk.c, which stands between the gateway and
// its disk.
type faultDisk struct{ board []byte }

// faultBoardSize is five numbers of 8 bytes; see faultdisk.c.
const faultBoardSize = 40

// putFaultDisk makes the site's next lives run on such a disk.
func (s *site) putFaultDisk() *faultDisk {
	s.t.Helper()
	library := filepath.Join(s.t.TempDir(), "faultdisk.so")
	out, err := exec.Command("gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, "testdata/faultdisk.c", "-ldl").CombinedOutput()
	if err != nil {
		s.t.Fatalf("compile the fault disk: %v\n%s", err, out)
	}
	name := filepath.Join(s.dir, "faultdisk")
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(faultBoardSize); err != nil {
		s.t.Fatal(err)
	}
	board, err := syscall.Mmap(int(file.Fd()), 0, faultBoardSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		s.t.Fatalf("map the fault disk: %v", err)
	}
	s.t.Cleanup(func() { _ = syscall.Munmap(board) })
	s.preload = []string{"LD_PRELOAD=" + library, "QINGFENG_FAULT_DISK=" + name}
	return &faultDisk{board}
}

func (d *faultDisk) at(offset int) *uint64 { return (*uint64)(unsafe.Pointer(&d.board[offset])) }

// syncs is how often the gateway made its disk durable so far.
func (d *faultDisk) syncs() int64 { return int64(atomic.LoadUint64(d.at(0))) }

// slow makes each sync take so much longer.
func (d *faultDisk) slow(by time.Duration) {
	atomic.StoreUint64(d.at(8), uint64(by.Microseconds()))
}

// slowWrites makes each write take so much longer.
func (d *faultDisk) slowWrites(by time.Duration) {
	atomic.StoreUint64(d.at(32), uint64(by.Microseconds()))
}

// full makes every write that would grow a file fail, or lets it pass again.
func (d *faultDisk) full(on bool) {
	value := uint64(0)
	if on {
		value = 1
	}
	atomic.StoreUint64(d.at(16), value)
}

func (d *faultDisk) refused() int64 { return int64(atomic.LoadUint64(d.at(24))) }

// one enrols a tablet and connects it to a running gateway.
func (s *site) one(place surveys.PlaceID, opt tabletclient.Options) *tabletclient.Tablet {
	s.t.Helper()
	opt.Server, opt.Identity = s.server(), s.enrol(1, surveys.DeviceWindowTablet, place)[0]
	tablet := tabletclient.New(opt)
	go func() { _ = tablet.Run(s.t.Context()) }()
	if err := tablet.Ready(within(s.t, patience)); err != nil {
		s.t.Fatalf("a tablet was not welcomed: %v", err)
	}
	return tablet
}

// An acknowledgement comes after a sync of its own. One tablet rates, one
// rating at a time, so between sending a rating and its ack there has to be a
// sync that was not there before.
//
// With synchronous NORMAL a commit in WAL mode syncs nothing, and with OFF
// nothing ever does: the counter would stand still at the first ack, while a
// kill -9 loses nothing with either, because the system still writes what the
// process had handed to it. Only this proof, not the killing, tells them from
// FULL.
func TestProofAckComesAfterItsSync(t *testing.T) {
	s := newSite(t, "")
	disk := s.putFaultDisk()
	running := s.start()
	tablet := s.one("settlement-1", tabletclient.Options{})
	const ratings = 200
	commits, first := running.metric("qingfeng_store_commits_total"), disk.syncs()
	early := 0
	for range ratings {
		before := disk.syncs()
		ack, err := tablet.Rate(within(t, patience), tabletclient.Rating{Grade: surveys.Satisfied, Dwell: 2 * time.Second})
		if err != nil || ack.Outcome != surveys.OutcomeStored {
			t.Fatalf("rate: %v %v", ack, err)
		}
		if disk.syncs() == before {
			early++
		}
	}
	if early > 0 {
		t.Errorf("%d of %d ratings were acknowledged without a sync since they were sent", early, ratings)
	}
	commits, syncs := running.metric("qingfeng_store_commits_total")-commits, disk.syncs()-first
	t.Logf("%d ratings, %d commits, %d syncs", ratings, commits, syncs)
	if syncs < commits || commits < ratings {
		t.Errorf("%d ratings one after another made %d commits and %d syncs, want at least one commit each and a sync for each commit", ratings, commits, syncs)
	}
}

// On a slow disk acknowledgements wait for it, and those who wait share it.
func TestProofSlowDiskIsWaitedForAndShared(t *testing.T) {
	const slower = 10 * time.Millisecond
	s := newSite(t, "")
	disk := s.putFaultDisk()
	load := newLoad(t, s, 50, 0)
	running := s.start()
	load.connect()
	disk.slow(slower)
	for range 20 {
		began := time.Now()
		if _, err := load.tablets[0].Rate(within(t, patience), tabletclient.Rating{Grade: surveys.Satisfied}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < slower {
			t.Errorf("acknowledged after %s, before the sync that takes %s can have been over", took, slower)
		}
	}
	const each = 20
	facts, commits, began := running.metric("qingfeng_store_facts_total"), running.metric("qingfeng_store_commits_total"), time.Now()
	var rating sync.WaitGroup
	for _, tablet := range load.tablets {
		rating.Go(func() {
			for range each {
				if _, err := tablet.Rate(within(t, patience), tabletclient.Rating{Grade: surveys.Satisfied}); err != nil {
					t.Errorf("rate: %v", err)
				}
			}
		})
	}
	rating.Wait()
	facts, commits = running.metric("qingfeng_store_facts_total")-facts, running.metric("qingfeng_store_commits_total")-commits
	t.Logf("%d facts of %d tablets in %d commits and %s", facts, len(load.tablets), commits, time.Since(began).Round(time.Millisecond))
	if want := int64(len(load.tablets) * each); facts != want || commits > want/4 {
		t.Errorf("%d facts in %d commits, want %d in a quarter as many or fewer", facts, commits, want)
	}
	running.stop()
	s.verify()
}

// A full disk is said clearly and takes nothing: what was acknowledged is in
// the store, what could not be kept stays on the tablets and arrives once
// there is room, without anybody's doing.
func TestProofFullDiskRefusesAndRecovers(t *testing.T) {
	s := newSite(t, "")
	disk := s.putFaultDisk()
	load := newLoad(t, s, 6, 300)
	running := s.start()
	load.connect()
	load.begin()
	eventually(t, "the tablets rate", func() bool { acked, _ := load.ledger.count(); return acked > 200 })

	// First between two ratings, so that not a single write is under way: then
	// nothing at all can be acknowledged.
	load.drain()
	before := load.acks.Load()
	disk.full(true)
	load.begin()
	body := running.await("/readyz", 503, "disk")
	if !strings.Contains(body, "cannot be written") {
		t.Errorf("/readyz does not say what is wrong: %s", body)
	}
	running.await("/healthz", 200, "")
	eventually(t, "every tablet was told to try again later", func() bool { return load.retries.Load() >= int64(len(load.tablets)) })
	if n := load.acks.Load() - before; n > 0 {
		t.Errorf("%d facts were acknowledged while the disk was full", n)
	}
	if disk.refused() == 0 {
		t.Error("the disk was not asked for room: nothing was proved")
	}
	s.proveKept(load.ledger.ackedIDs())
	disk.full(false)
	running.await("/readyz", 200, "ready")

	// Then in the middle of everything.
	acked, _ := load.ledger.count()
	eventually(t, "the tablets rate again", func() bool { now, _ := load.ledger.count(); return now > acked+200 })
	disk.full(true)
	running.await("/readyz", 503, "disk")
	s.proveKept(load.ledger.ackedIDs())
	disk.full(false)
	running.await("/readyz", 200, "ready")
	load.drain()
	t.Logf("%d refused writes, %d retries", disk.refused(), load.retries.Load())
	if !strings.Contains(running.out.String(), "check disk space") {
		t.Error("the log does not say what to do")
	}
	running.stop()
	load.prove()
}
