package redisstream

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Embedded is a Redis inside this process, for trials and a single small site.
// It keeps nothing over a restart, and need not: the counts are made again from
// the store.
type Embedded struct {
	// URL is for Open. It holds a password made for this process, since other
	// users of the machine can reach its loopback port.
	URL    string
	server *miniredis.Miniredis
	stop   context.CancelFunc
	ended  chan struct{}
}

// embeddedTick is how often the embedded Redis is told that time goes by; by
// itself it would never expire a key.
const embeddedTick = time.Second

// StartEmbedded starts one on a free loopback port. It ends with ctx or Close.
func StartEmbedded(ctx context.Context) (*Embedded, error) {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails
	password := hex.EncodeToString(random)
	server := miniredis.NewMiniRedis()
	server.RequireAuth(password)
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start embedded Redis: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	e := &Embedded{
		URL: "redis://:" + password + "@" + server.Addr() + "/0", server: server, stop: stop, ended: make(chan struct{}),
	}
	go e.tick(ctx)
	return e, nil
}

func (e *Embedded) tick(ctx context.Context) {
	defer close(e.ended)
	t := time.NewTicker(embeddedTick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			e.server.Close()
			return
		case <-t.C:
			e.server.FastForward(embeddedTick)
		}
	}
}

// Close stops it.
func (e *Embedded) Close() {
	e.stop()
	<-e.ended
}
