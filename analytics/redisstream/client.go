package redisstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Time limits towards Redis. It stands in the same machine room; what takes
// longer is dead, and the supervisor begins anew.
const (
	dialTimeout = 2 * time.Second
	ioTimeout   = 3 * time.Second
)

// The clients made here never repeat a command by themselves: a repeated XADD
// could add an entry twice. They connect when first used.

// NewClient gives a client of one server. It changes o.
func NewClient(o *redis.Options) redis.UniversalClient {
	o.MaxRetries, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = -1, dialTimeout, ioTimeout, ioTimeout
	o.DialerRetries, o.DisableIdentity = 1, true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o)
}

// NewSentinelClient gives a client of a server that Sentinel watches. It
// changes o.
func NewSentinelClient(o *redis.FailoverOptions) redis.UniversalClient {
	o.MaxRetries, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = -1, dialTimeout, ioTimeout, ioTimeout
	o.DialerRetries, o.DisableIdentity = 1, true
	return redis.NewFailoverClient(o)
}

// NewClusterClient gives a client of a cluster. It changes o. Redirects of a
// cluster are answers, not lost replies; they stay.
func NewClusterClient(o *redis.ClusterOptions) redis.UniversalClient {
	o.MaxRetries, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = -1, dialTimeout, ioTimeout, ioTimeout
	o.DialerRetries, o.DisableIdentity = 1, true
	return redis.NewClusterClient(o)
}

// Open gives a client for the URL of one server: redis://, rediss:// with TLS,
// or unix:///path for a socket. The error does not quote the URL, which may
// hold a password.
func Open(address string) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, errURL
	}
	return NewClient(o), nil
}

var errURL = errors.New("parse Redis URL: want redis://host:port/database, rediss:// or unix://")

// LogTo sends what the Redis client itself has to say to a logger, at level
// debug: what matters of it comes back as errors. The client has one log for
// the whole process, so call this once, while wiring.
func LogTo(logger *slog.Logger) { redis.SetLogger(clientLog{logger}) }

type clientLog struct{ logger *slog.Logger }

// Printf implements the client's logging interface.
func (l clientLog) Printf(ctx context.Context, format string, v ...any) {
	l.logger.DebugContext(ctx, "Redis client: "+fmt.Sprintf(format, v...))
}
