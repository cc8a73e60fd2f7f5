package outbox_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"qingfeng/analytics/redisstream"
)

func open(tb testing.TB, url string) redis.UniversalClient {
	tb.Helper()
	c, err := redisstream.Open(url)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}
