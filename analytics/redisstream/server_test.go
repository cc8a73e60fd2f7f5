package redisstream

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"qingfeng/analytics/redisstream/redistest"
)

func open(tb testing.TB, url string) redis.UniversalClient {
	tb.Helper()
	c, err := Open(url)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
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

func newDropReply(tb testing.TB, s *redistest.Server) *dropReply {
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
			backend, err := net.Dial(s.Network, s.Address)
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
