package redisstream

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrLost says that what Redis holds is missing, foreign or damaged.
	ErrLost = errors.New("the counts in Redis are lost")
	// ErrGap says that events are missing between the watermark and the next
	// entry, and nobody has them in hand.
	ErrGap = errors.New("events are missing from the stream")
)

// NeedsRebuild reports whether only Replace can help.
func NeedsRebuild(err error) bool { return errors.Is(err, ErrLost) || errors.Is(err, ErrGap) }

// passing are the beginnings of server errors that pass by themselves or with
// an operator's help, and leave what Redis holds as it was.
var passing = []string{
	"OOM", "LOADING", "READONLY", "MASTERDOWN", "BUSY ", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "MISCONF",
	"NOAUTH", "NOPERM", "WRONGPASS", "MOVED", "ASK", "UNKILLABLE", "ERR max number of clients",
}

// lostIfServerSays wraps a server's error in ErrLost unless it is one that
// passes. Errors of the network stay as they are.
func lostIfServerSays(err error) error {
	var fromServer redis.Error
	if !errors.As(err, &fromServer) || errors.Is(err, redis.Nil) {
		return err
	}
	for _, p := range passing {
		if strings.HasPrefix(fromServer.Error(), p) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}
