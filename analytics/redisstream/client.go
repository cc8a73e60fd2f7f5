package redisstream

import (
	"fmt"
	"net/url"
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

// Open gives a client for a URL and connects when first used:
//
//	redis://user:password@host:6379/0     one server (rediss:// with TLS, unix:///path for a socket)
//	redis://host:26379?master_name=m      Sentinel; more with &addr=host:port
//	redis://host:6379?addr=host:port      Cluster
//
// The client never repeats a command by itself: a repeated XADD could add an
// entry twice. The error does not quote the URL, which may hold a password.
func Open(address string) (redis.UniversalClient, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("parse Redis URL: it is not a URL")
	}
	query := u.Query()
	switch {
	case query.Has("master_name"):
		o, err := redis.ParseFailoverURL(address)
		if err != nil {
			return nil, errURL
		}
		o.MaxRetries, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = -1, dialTimeout, ioTimeout, ioTimeout
		o.DialerRetries, o.DisableIdentity = 1, true
		return redis.NewFailoverClient(o), nil
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(address)
		if err != nil {
			return nil, errURL
		}
		// Redirects of a cluster are answers, not lost replies; they stay.
		o.MaxRetries, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = -1, dialTimeout, ioTimeout, ioTimeout
		o.DialerRetries, o.DisableIdentity = 1, true
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, errURL
	}
	o.MaxRetries, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = -1, dialTimeout, ioTimeout, ioTimeout
	o.DialerRetries, o.DisableIdentity = 1, true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o), nil
}

var errURL = fmt.Errorf("parse Redis URL: want redis://host:port/database, rediss:// or unix://, with master_name= for Sentinel or addr= for a cluster")
