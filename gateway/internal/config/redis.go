package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

// RedisEmbedded is the setting that runs Redis inside the gateway.
const RedisEmbedded = "embedded"

// RedisTarget is the parsed setting redis. The zero value is the embedded one;
// otherwise exactly one of the pointers is set. Its password comes from
// QINGFENG_REDIS or QINGFENG_REDIS_PASSWORD, never from the file.
type RedisTarget struct {
	Single   *redis.Options
	Sentinel *redis.FailoverOptions
	Cluster  *redis.ClusterOptions
}

// Embedded reports whether Redis runs inside the gateway.
func (t RedisTarget) Embedded() bool {
	return t.Single == nil && t.Sentinel == nil && t.Cluster == nil
}

// String names the target for logs: its kind and addresses, never its
// credentials.
func (t RedisTarget) String() string {
	switch {
	case t.Single != nil:
		return "redis " + t.Single.Addr
	case t.Sentinel != nil:
		return "redis sentinel " + strings.Join(t.Sentinel.SentinelAddrs, ",") + " master " + t.Sentinel.MasterName
	case t.Cluster != nil:
		return "redis cluster " + strings.Join(t.Cluster.Addrs, ",")
	}
	return RedisEmbedded
}

// setPassword gives the data nodes their password.
func (t RedisTarget) setPassword(password string) {
	switch {
	case t.Single != nil:
		t.Single.Password = password
	case t.Sentinel != nil:
		t.Sentinel.Password = password
	case t.Cluster != nil:
		t.Cluster.Password = password
	}
}

// parseRedis reads a redis setting. Its errors never repeat the setting, which
// may hold a password.
func parseRedis(setting string) (RedisTarget, error) {
	if setting == RedisEmbedded {
		return RedisTarget{}, nil
	}
	u, err := url.Parse(setting)
	if err != nil {
		return RedisTarget{}, errors.New("is not a URL")
	}
	scheme, kind, _ := strings.Cut(u.Scheme, "+")
	if (scheme != "redis" && scheme != "rediss") || u.Hostname() == "" {
		return RedisTarget{}, errors.New(`must be "embedded" or a URL that begins with redis://, rediss://, redis+sentinel:// or redis+cluster:// and names a host`)
	}
	u.Scheme = scheme
	var t RedisTarget
	switch kind {
	case "":
		t.Single, err = redis.ParseURL(u.String())
	case "sentinel":
		t.Sentinel, err = redis.ParseFailoverURL(u.String())
		if err == nil && t.Sentinel.MasterName == "" {
			err = errors.New("the sentinel URL must name its master: add ?master_name=…")
		}
	case "cluster":
		t.Cluster, err = redis.ParseClusterURL(u.String())
	default:
		return RedisTarget{}, fmt.Errorf("knows redis+sentinel and redis+cluster, not %q", u.Scheme+"+"+kind)
	}
	if err != nil {
		return RedisTarget{}, errors.New(strings.TrimPrefix(err.Error(), "redis: "))
	}
	return t, nil
}

// redisPassword reports whether a redis URL carries a password.
func redisPassword(setting string) bool {
	u, err := url.Parse(setting)
	if err != nil {
		return false
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password") || u.Query().Has("sentinel_password")
}
