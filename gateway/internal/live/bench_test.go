package live_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"qingfeng/gateway/internal/live"
	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

// forgetfulStore answers at once and keeps nothing, so that a benchmark
// measures the sockets alone.
type forgetfulStore struct{ *fakeStore }

func (forgetfulStore) Submit(_ surveys.Fact, done func(surveys.Outcome, error)) {
	done(surveys.OutcomeStored, nil)
}

func withForgetfulStore(t *live.TabletOptions, _ *live.BoardOptions) {
	t.Store = forgetfulStore{t.Store.(*fakeStore)}
	t.Limits = live.Limits{Sockets: 20_000, PendingPerAddress: 20_000, FactsPerSecond: 1e9, FactBurst: 1e9}
}

// BenchmarkRatings is 100 tablets in a closed loop, client included. Its limit
// is BenchmarkEcho.
func BenchmarkRatings(b *testing.B) {
	s := start(b, withForgetfulStore)
	tablets := make([]*tabletclient.Tablet, 100)
	for i := range tablets {
		tablets[i] = s.window(i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	each(b, len(tablets), func(i int) error {
		_, err := tablets[i].Rate(context.Background(), tabletclient.Rating{Grade: 5, Dwell: 2 * time.Second})
		return err
	})
}

// BenchmarkEcho is 100 bare connections in a closed loop, with messages of the
// same size.
func BenchmarkEcho(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = ws.Close() }()
		for {
			kind, data, err := ws.ReadMessage()
			if err != nil || ws.WriteMessage(kind, data) != nil {
				return
			}
		}
	}))
	defer server.Close()
	conns := make([]*websocket.Conn, 100)
	for i := range conns {
		ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = ws.Close() }()
		conns[i] = ws
	}
	message := []byte(strings.Repeat("x", 230))
	b.ReportAllocs()
	b.ResetTimer()
	each(b, len(conns), func(i int) error {
		if err := conns[i].WriteMessage(websocket.TextMessage, message); err != nil {
			return err
		}
		_, _, err := conns[i].ReadMessage()
		return err
	})
}

// each shares b.N calls of f among n workers.
func each(b *testing.B, n int, f func(worker int) error) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for range (b.N + n - 1 - i) / n {
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkIdleTablet reports the memory the server keeps for each of 4,000
// connected tablets; the clients' own share, the same in both, is within.
// Its limit is BenchmarkIdleBare.
func BenchmarkIdleTablet(b *testing.B) {
	s := start(b, withForgetfulStore)
	id := s.enrol(0, surveys.DeviceWindowTablet, "settlement-2")
	s.store.change(func() {
		for i := range 4000 {
			d := s.store.devices[deviceID(0)]
			d.ID = deviceID(i)
			s.store.devices[d.ID] = d
		}
	})
	idle(b, func(i int) *websocket.Conn {
		sc := s.open("/ws/device")
		sc.sendJSON(sc.hello(tabletclient.Identity{Device: deviceID(i), Key: id.Key}, "page-1"))
		sc.expect("welcome")
		return sc.ws
	})
}

// BenchmarkIdleBare is a bare connection that has left net/http's handler.
func BenchmarkIdleBare(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{}, CheckOrigin: func(*http.Request) bool { return true }}
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = ws.Close() }()
			for {
				if _, _, err := ws.ReadMessage(); err != nil {
					return
				}
			}
		}()
	}))
	defer server.Close()
	idle(b, func(int) *websocket.Conn {
		ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
		if err != nil {
			b.Fatal(err)
		}
		return ws
	})
}

func idle(b *testing.B, connect func(i int) *websocket.Conn) {
	const n = 4000
	inUse := func() (heap, stacks float64) {
		for range 6 { // stacks shrink by half with each collection
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc), float64(m.StackInuse)
	}
	for b.Loop() {
		heap, stacks := inUse()
		conns := make([]*websocket.Conn, n)
		for i := range conns {
			conns[i] = connect(i)
		}
		heapNow, stacksNow := inUse()
		b.ReportMetric((heapNow-heap)/n, "heap-B/connection")
		b.ReportMetric((stacksNow-stacks)/n, "stack-B/connection")
		runtime.KeepAlive(conns)
		for _, ws := range conns {
			_ = ws.Close()
		}
	}
}
