package redisstream

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
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

// roundTrips lets a client ask Redis so many times and no more: whoever goes
// round in circles is told so, where it would never end.
type roundTrips struct{ left atomic.Int64 }

var errCircles = errors.New("asks Redis again and again without getting any further")

func boundRoundTrips(c redis.UniversalClient, n int64) {
	r := &roundTrips{}
	r.left.Store(n)
	c.AddHook(r)
}

// DialHook implements redis.Hook.
func (r *roundTrips) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (r *roundTrips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if r.left.Add(-1) < 0 {
			cmd.SetErr(errCircles)
			return errCircles
		}
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements redis.Hook.
func (r *roundTrips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if r.left.Add(-1) < 0 {
			for _, cmd := range cmds {
				cmd.SetErr(errCircles)
			}
			return errCircles
		}
		return next(ctx, cmds)
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
