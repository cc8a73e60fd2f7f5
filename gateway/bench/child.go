package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"
)

// childFlag starts this program as one of the bare programs the gateway is
// measured beside. It is not for people.
const childFlag = "-child"

// startBare starts one of them and waits until it answers.
func (b *bench) startBare(ctx context.Context, env []string, args ...string) (p *process, url string, took time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", 0, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, "", 0, err
	}
	args = append([]string{childFlag, "-listen", address}, args...)
	p, took, err = startProcess(ctx, "http://"+address+"/readyz", append(os.Environ(), env...), self, args...)
	return p, "http://" + address, took, err
}

func runChild(ctx context.Context, args []string, _, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench "+childFlag, flag.ContinueOnError)
	listen := flags.String("listen", "", "address")
	store := flags.String("store", "", "database to open; empty: none")
	redisURL := flags.String("redis", "", "Redis to open; empty: none")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	err := openBare(ctx, *store, *redisURL)
	if err == nil {
		err = serveBare(ctx, *listen)
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench child:", err)
		return 1
	}
	return 0
}

// openBare opens what a gateway has to open.
func openBare(ctx context.Context, store, redisURL string) error {
	if store != "" {
		db, err := sql.Open("sqlite3", "file:"+store+"?_journal_mode=WAL&_synchronous=FULL")
		if err != nil {
			return err
		}
		var tables int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
			return fmt.Errorf("open database: %w", err)
		}
	}
	if redisURL != "" {
		opt, err := redis.ParseURL(redisURL)
		if err != nil {
			return err
		}
		if err := redis.NewClient(opt).Ping(ctx).Err(); err != nil {
			return fmt.Errorf("open Redis: %w", err)
		}
	}
	return nil
}

// serveBare is gorilla and net/http with nothing around them: sockets that have
// left the server's handler, and one loop that pings them all.
func serveBare(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector())
	sockets := &bareSockets{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /ws", sockets.open)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go sockets.ping(ctx)
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); ctx.Err() == nil {
		return err
	}
	return nil
}

const (
	barePing  = 25 * time.Second // as the protocol has it
	bareSlots = 100
)

type bareSockets struct {
	mu    sync.Mutex
	slots [bareSlots][]*websocket.Conn
	n     int
	pongs atomic.Int64
}

var bareUpgrader = websocket.Upgrader{
	ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{}, CheckOrigin: func(*http.Request) bool { return true },
}

func (s *bareSockets) open(w http.ResponseWriter, r *http.Request) {
	conn, err := bareUpgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	conn.SetPongHandler(func(string) error { s.pongs.Add(1); return nil })
	s.mu.Lock()
	s.slots[s.n%bareSlots] = append(s.slots[s.n%bareSlots], conn)
	s.n++
	s.mu.Unlock()
	go func() {
		defer conn.Close()
		for {
			if _, _, err := conn.NextReader(); err != nil {
				return
			}
		}
	}()
}

func (s *bareSockets) ping(ctx context.Context) {
	message, err := websocket.NewPreparedMessage(websocket.PingMessage, nil)
	if err != nil {
		return
	}
	tick := time.NewTicker(barePing / bareSlots)
	defer tick.Stop()
	var group []*websocket.Conn
	for slot := 0; ; slot = (slot + 1) % bareSlots {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		group = append(group[:0], s.slots[slot]...)
		s.mu.Unlock()
		for _, conn := range group {
			_ = conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
			_ = conn.WritePreparedMessage(message) // its reader notices
		}
	}
}
