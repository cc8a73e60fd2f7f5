package redisstream

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// server is a Redis for a test, which the test may kill and start again empty.
type server struct {
	url, network, address string
	kill, start           func()
}

// onBoth runs one test on the in-process Redis and on a real one.
func onBoth(t *testing.T, test func(t *testing.T, s *server)) {
	t.Run("in-process", func(t *testing.T) { test(t, startMini(t)) })
	t.Run("RealRedis", func(t *testing.T) { test(t, startReal(t)) })
}

func startMini(tb testing.TB) *server {
	tb.Helper()
	m := miniredis.NewMiniRedis()
	if err := m.StartAddr("127.0.0.1:0"); err != nil {
		tb.Fatalf("start the in-process Redis: %v", err)
	}
	address := m.Addr()
	s := &server{url: "redis://" + address + "/0", network: "tcp", address: address}
	s.kill = func() { m.Close() }
	s.start = func() {
		m = miniredis.NewMiniRedis()
		if err := m.StartAddr(address); err != nil {
			tb.Fatalf("start the in-process Redis again: %v", err)
		}
	}
	tb.Cleanup(func() { s.kill() })
	return s
}

func startReal(tb testing.TB) *server {
	tb.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Fatal("redis-server is not installed: run `make test`, which installs it")
	}
	dir, err := os.MkdirTemp("", "qf") // short: a socket's path is bounded
	if err != nil {
		tb.Fatalf("make a directory: %v", err)
	}
	socket := filepath.Join(dir, "s")
	s := &server{url: "unix://" + socket, network: "unix", address: socket}
	var cmd *exec.Cmd
	s.kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	s.start = func() {
		cmd = exec.Command(binary, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir)
		if err := cmd.Start(); err != nil {
			tb.Fatalf("start redis-server: %v", err)
		}
		waitFor(tb, "redis-server answers", func() bool {
			c, err := net.Dial("unix", socket)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
	}
	s.start()
	tb.Cleanup(func() {
		s.kill()
		_ = os.RemoveAll(dir)
	})
	return s
}

func (s *server) client(tb testing.TB) redis.UniversalClient { return open(tb, s.url) }

func open(tb testing.TB, url string) redis.UniversalClient {
	tb.Helper()
	c, err := Open(url)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

// waitFor waits until a condition holds, at most 20 s.
func waitFor(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain until %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// dropReply stands between a client and a server. Once armed, it passes on the
// next request that holds the needle, waits for the reply, and hangs up instead
// of delivering it.
type dropReply struct {
	url string

	mu      sync.Mutex
	needle  []byte
	dropped int
}

func (d *dropReply) arm(needle string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.needle = []byte(needle)
}

func (d *dropReply) drops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dropped
}

// meets reports whether a request is the one to drop, and disarms.
func (d *dropReply) meets(request []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.needle) == 0 || !bytes.Contains(request, d.needle) {
		return false
	}
	d.needle = nil
	d.dropped++
	return true
}

func newDropReply(tb testing.TB, s *server) *dropReply {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	d := &dropReply{url: "redis://" + l.Addr().String() + "/0"}
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			backend, err := net.Dial(s.network, s.address)
			if err != nil {
				_ = client.Close()
				continue
			}
			go d.pass(client, backend)
		}
	}()
	return d
}

func (d *dropReply) pass(client, backend net.Conn) {
	defer client.Close()
	defer backend.Close()
	armed := make(chan struct{})
	go func() {
		defer backend.Close()
		buf := make([]byte, 1<<20)
		for {
			n, err := client.Read(buf)
			if err != nil {
				return
			}
			if d.meets(buf[:n]) {
				close(armed)
			}
			if _, err := backend.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 1<<20)
	for {
		n, err := backend.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-armed:
			return
		default:
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

func flushAll(tb testing.TB, c redis.UniversalClient) {
	tb.Helper()
	if err := c.FlushAll(context.Background()).Err(); err != nil {
		tb.Fatalf("flush: %v", err)
	}
}
