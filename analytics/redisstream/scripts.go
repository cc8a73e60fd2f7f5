package redisstream

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/publish.lua
var publishLua string

//go:embed lua/apply.lua
var applyLua string

//go:embed lua/dead.lua
var deadLua string

//go:embed lua/replace.lua
var replaceLua string

// verdict is what a script that may refuse answers.
type verdict struct {
	code      string // ok, lost, stale, gap, vanished
	watermark int64  // with stale and gap
}

// judge runs a script that answers with a verdict. A server's error is sorted
// by lostIfServerSays: a script that failed half way may have left half a batch.
func judge(ctx context.Context, client redis.UniversalClient, script *redis.Script, keys []string, args []any) (verdict, error) {
	reply, err := script.Run(ctx, client, keys, args...).Slice()
	if err != nil {
		return verdict{}, lostIfServerSays(err)
	}
	if len(reply) == 0 {
		return verdict{}, fmt.Errorf("script answers nothing")
	}
	var v verdict
	v.code, _ = reply[0].(string)
	if len(reply) > 1 {
		text, _ := reply[1].(string)
		if v.watermark, err = strconv.ParseInt(text, 10, 64); err != nil {
			return verdict{}, fmt.Errorf("%w: watermark is not a number", ErrLost)
		}
	}
	return v, nil
}
