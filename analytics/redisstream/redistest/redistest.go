// Package redistest starts the Redis servers tests break: the in-process one, a
// real one, and real ones together as Sentinel or Cluster; and it waits for
// what they bring about. Nothing in the program itself imports it, and it
// imports nothing of the program: the tests of redisstream itself use it.
package redistest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// Server is a Redis for a test, which the test may kill and start again empty.
// It ends with the test.
type Server struct {
	URL              string // for redisstream.Open
	Network, Address string // for net.Dial
	kill, start      func()
}

// Kill ends the server at once, as kill -9 does. One that has ended is fine.
func (s *Server) Kill() { s.kill() }

// Start starts a killed server, empty and at the same address, and returns when
// it takes connections.
func (s *Server) Start() { s.start() }

// OnBoth runs one test on the in-process Redis and on a real one.
func OnBoth(t *testing.T, test func(t *testing.T, s *Server)) {
	t.Run("in-process", func(t *testing.T) { test(t, StartMini(t)) })
	t.Run("RealRedis", func(t *testing.T) { test(t, StartReal(t)) })
}

// StartMini starts an in-process Redis.
func StartMini(tb testing.TB) *Server {
	tb.Helper()
	m := miniredis.NewMiniRedis()
	if err := m.StartAddr("127.0.0.1:0"); err != nil {
		tb.Fatalf("start the in-process Redis: %v", err)
	}
	address := m.Addr()
	s := &Server{URL: "redis://" + address + "/0", Network: "tcp", Address: address}
	s.kill = func() { m.Close() }
	s.start = func() {
		m = miniredis.NewMiniRedis()
		if err := m.StartAddr(address); err != nil {
			tb.Fatalf("start the in-process Redis again: %v", err)
		}
	}
	tb.Cleanup(s.Kill)
	return s
}

// StartReal starts a redis-server on a socket of its own, with further
// arguments if there are any.
func StartReal(tb testing.TB, args ...string) *Server {
	tb.Helper()
	dir, err := os.MkdirTemp("", "qf") // short: a socket's path is bounded
	if err != nil {
		tb.Fatalf("make a directory: %v", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	s := &Server{URL: "unix://" + socket, Network: "unix", Address: socket}
	s.run(tb, dir, append([]string{"--port", "0", "--unixsocket", socket}, args...))
	return s
}

// StartTCP starts a redis-server on a loopback port, with further arguments if
// there are any: for those who must reach it by address.
func StartTCP(tb testing.TB, args ...string) *Server {
	tb.Helper()
	address := FreeAddress(tb)
	s := &Server{URL: "redis://" + address + "/0", Network: "tcp", Address: address}
	s.run(tb, tb.TempDir(), append([]string{"--bind", "127.0.0.1", "--port", Port(tb, address)}, args...))
	return s
}

// run starts a redis-server that keeps nothing on disk.
func (s *Server) run(tb testing.TB, dir string, args []string) {
	tb.Helper()
	s.launch(tb, append([]string{"--save", "", "--appendonly", "no", "--dir", dir}, args...))
}

// launch starts a redis-server with these arguments, until the test ends.
func (s *Server) launch(tb testing.TB, args []string) {
	tb.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Fatal("redis-server is not installed: run `make test`, which installs it")
	}
	var cmd *exec.Cmd
	s.kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	s.start = func() {
		tb.Helper()
		cmd = exec.Command(binary, args...)
		if err := cmd.Start(); err != nil {
			tb.Fatalf("start redis-server: %v", err)
		}
		s.await(tb)
	}
	s.start()
	tb.Cleanup(s.Kill)
}

// await returns when the server takes connections.
func (s *Server) await(tb testing.TB) {
	tb.Helper()
	Until(tb, "redis-server answers", func() bool {
		c, err := net.Dial(s.Network, s.Address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// FlushAll empties a server.
func FlushAll(tb testing.TB, c redis.UniversalClient) {
	tb.Helper()
	if err := c.FlushAll(context.Background()).Err(); err != nil {
		tb.Fatalf("flush: %v", err)
	}
}

// FreeAddress gives a loopback address nobody listens on. Its port lies below
// those the system hands to outgoing connections, so that it is still free when
// a killed server comes back.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 11000+rand.IntN(4000))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	tb.Fatal("found no free address in 100 tries")
	return ""
}

// Port is the port of an address.
func Port(tb testing.TB, address string) string {
	tb.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		tb.Fatalf("split %s: %v", address, err)
	}
	return port
}

// Times of Until: how long a condition may take to hold on a busy machine, and
// how often it is looked at.
const (
	patience  = 20 * time.Second
	lookEvery = 2 * time.Millisecond
)

// Until returns when a condition holds; the test fails when it does not within
// 20 s.
func Until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-ctx.Done():
			tb.Fatalf("waited in vain until %s", what)
		}
	}
}
