package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"qingfeng/analytics/redisstream"
)

// node is the gateway's name in Redis: the settings' default.
const node = "n1"

// redisServer is a redis-server of this run. It keeps nothing by itself;
// shutdown saves, and start reads that back.
type redisServer struct {
	dir, address string
	cmd          *exec.Cmd
	ended        chan struct{}
	client       *redis.Client
}

func startRedis(ctx context.Context, dir string) (*redisServer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	r := &redisServer{dir: dir, address: address}
	r.client = redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1, ReadTimeout: time.Minute})
	return r, r.start(ctx)
}

func (r *redisServer) url() string { return "redis://" + r.address + "/0" }

// start starts the server and waits until it answers.
func (r *redisServer) start(ctx context.Context) error {
	_, port, err := net.SplitHostPort(r.address)
	if err != nil {
		return err
	}
	r.cmd = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", r.dir, "--loglevel", "warning")
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	ended := make(chan struct{})
	r.ended = ended
	go func() {
		_ = r.cmd.Wait()
		close(ended)
	}()
	for until := time.Now().Add(startTimeout); time.Now().Before(until); {
		if r.client.Ping(ctx).Err() == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("redis-server ended at once")
		case <-time.After(time.Millisecond):
		}
	}
	return fmt.Errorf("redis-server does not answer")
}

// kill is kill -9.
func (r *redisServer) kill() {
	_ = r.cmd.Process.Kill() // one that has ended already is fine
	<-r.ended
}

// shutdown ends the server with its contents on disk.
func (r *redisServer) shutdown(ctx context.Context) {
	_ = r.client.ShutdownSave(ctx).Err() // the connection breaks: that is the answer
	<-r.ended
}

// watermark is the last event that is counted.
func (r *redisServer) watermark(ctx context.Context) (int64, error) {
	state, err := redisstream.ReadState(ctx, r.client, node)
	return state.Watermark, err
}

// caughtUp waits until the counts contain every event up to sequence.
func (r *redisServer) caughtUp(ctx context.Context, sequence int64) error {
	for until := time.Now().Add(startTimeout); time.Now().Before(until); {
		if at, err := r.watermark(ctx); err == nil && at >= sequence {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
	at, err := r.watermark(ctx)
	return fmt.Errorf("the counts stand at %s of %s events (%v)", strconv.FormatInt(at, 10), strconv.FormatInt(sequence, 10), err)
}
