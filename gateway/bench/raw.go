package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	_ "github.com/mattn/go-sqlite3" // the raw limit is the driver's own
	"github.com/redis/go-redis/v9"

	"qingfeng/surveys"
)

// ratingFrame is a rating as a tablet sends it, for raw echo.
const ratingFrame = `{"type":"rating","id":"019ab3f0-1c2d-7abc-8def-0123456789ab","at":"2026-11-21T02:42:07.120Z","place":"settlement-1",` +
	`"questionnaire":"906886ee30143680","grade":5,"dwell_ms":2100,"language":"zh"}`

// eventPayload is an outbox event as it goes into the stream.
const eventPayload = `{"kind":"rating_recorded","at":1763000000123,"day":20261121,"hour":10,"department":"finance","place":"settlement-1",` +
	`"staff":"0011223344556677","version":"906886ee30143680","item":"satisfaction","mode":"window","series":"asked","grade":5}`

func newID() surveys.FactID {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand aborts the program instead
	return surveys.NewFactID(time.Now(), random)
}

// echoResult is what one run of the raw echo gave.
type echoResult struct {
	perSecond float64
	p50, p99  time.Duration
}

// rawEcho has n connections exchange the rating frame with a bare gorilla
// server in closed loop for the given time.
func rawEcho(n int, length time.Duration) (echoResult, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return echoResult{}, fmt.Errorf("listen for raw echo: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(echo)}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	conns := make([]*websocket.Conn, n)
	for i := range conns {
		if conns[i], _, err = websocket.DefaultDialer.Dial("ws://"+listener.Addr().String(), nil); err != nil {
			return echoResult{}, fmt.Errorf("dial raw echo: %w", err)
		}
		defer conns[i].Close()
	}
	var latency latencies
	var total atomic.Int64
	began := time.Now()
	stop := began.Add(length)
	err = inParallel(n, func(i int) error {
		mine := make([]time.Duration, 0, 4096)
		for start := time.Now(); start.Before(stop); start = time.Now() {
			if err := conns[i].WriteMessage(websocket.TextMessage, []byte(ratingFrame)); err != nil {
				return fmt.Errorf("write raw echo: %w", err)
			}
			if _, _, err := conns[i].ReadMessage(); err != nil {
				return fmt.Errorf("read raw echo: %w", err)
			}
			mine = append(mine, time.Since(start))
		}
		total.Add(int64(len(mine)))
		latency.add(mine)
		return nil
	})
	if err != nil {
		return echoResult{}, err
	}
	return echoResult{float64(total.Load()) / time.Since(began).Seconds(), latency.quantile(0.5), latency.quantile(0.99)}, nil
}

// echo is the bare gorilla server.
func echo(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, body, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, body) != nil {
			return
		}
	}
}

// openRawSQLite opens a bare table with the same durability as the store.
func openRawSQLite(dir string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "raw-"+newID().String()+".db")+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open raw sqlite: %w", err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE facts (id BLOB PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID`); err != nil {
		db.Close()
		return nil, fmt.Errorf("create raw table: %w", err)
	}
	return db, nil
}

// rawGroupCommit inserts rows with time-ordered keys, perCommit in each durable
// commit, and gives rows per second and the median commit.
func rawGroupCommit(ctx context.Context, dir string, perCommit int, length time.Duration) (float64, time.Duration, error) {
	db, err := openRawSQLite(dir)
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	rows := 0
	var latency latencies
	started := time.Now()
	for time.Since(started) < length {
		commit := time.Now()
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, 0, fmt.Errorf("begin raw commit: %w", err)
		}
		insert, err := tx.PrepareContext(ctx, `INSERT INTO facts (id, body) VALUES (?, ?)`)
		if err != nil {
			return 0, 0, fmt.Errorf("prepare raw insert: %w", err)
		}
		for range perCommit {
			id := newID()
			if _, err := insert.ExecContext(ctx, id[:], ratingFrame); err != nil {
				return 0, 0, fmt.Errorf("insert raw row: %w", err)
			}
		}
		if err := tx.Commit(); err != nil {
			return 0, 0, fmt.Errorf("commit raw rows: %w", err)
		}
		latency.add([]time.Duration{time.Since(commit)})
		rows += perCommit
	}
	return float64(rows) / time.Since(started).Seconds(), latency.quantile(0.5), nil
}

// rawXAdd publishes entries with explicit ids, a hundred to a pipeline.
func rawXAdd(ctx context.Context, client *redis.Client, length time.Duration) (float64, error) {
	const stream = "raw:stream"
	if err := client.Del(ctx, stream).Err(); err != nil {
		return 0, fmt.Errorf("clear raw stream: %w", err)
	}
	n := 0
	started := time.Now()
	for time.Since(started) < length {
		pipe := client.Pipeline()
		for range 100 {
			n++
			pipe.XAdd(ctx, &redis.XAddArgs{Stream: stream, ID: fmt.Sprintf("%d-0", n), Values: []string{"event", eventPayload}})
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return 0, fmt.Errorf("publish raw entries: %w", err)
		}
	}
	return float64(n) / time.Since(started).Seconds(), nil
}

// rawXRead reads what rawXAdd left through a group and acknowledges it, a
// thousand at a time.
func rawXRead(ctx context.Context, client *redis.Client) (float64, error) {
	const stream, group = "raw:stream", "raw"
	if err := client.XGroupCreate(ctx, stream, group, "0").Err(); err != nil {
		return 0, fmt.Errorf("create raw group: %w", err)
	}
	n := 0
	started := time.Now()
	for {
		read, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: group, Consumer: "one", Streams: []string{stream, ">"}, Count: 1000, Block: -1}).Result()
		if err == redis.Nil || err == nil && len(read[0].Messages) == 0 {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("read raw entries: %w", err)
		}
		ids := make([]string, len(read[0].Messages))
		for i, m := range read[0].Messages {
			ids[i] = m.ID
		}
		if err := client.XAck(ctx, stream, group, ids...).Err(); err != nil {
			return 0, fmt.Errorf("acknowledge raw entries: %w", err)
		}
		n += len(ids)
	}
	return float64(n) / time.Since(started).Seconds(), nil
}

// inParallel runs n workers and gives the first error.
func inParallel(n int, work func(i int) error) error {
	var group sync.WaitGroup
	failed := make(chan error, n)
	for i := range n {
		group.Go(func() {
			if err := work(i); err != nil {
				failed <- err
			}
		})
	}
	group.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}
