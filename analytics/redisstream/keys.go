package redisstream

import (
	"strconv"
	"strings"

	"qingfeng/surveys"
)

// All keys, with their types. Those of one node share a hash tag, so that one
// script may touch them in a Redis Cluster.
//
//	qingfeng:nodes                        set     names of all nodes that ever had counts
//	qingfeng:{<node>}:stream              stream  "<sequence>-0" → event: the event's JSON;
//	                                              or kind: "rebuilt", a mark left by Replace
//	qingfeng:{<node>}:state               hash    epoch, store, watermark, mark, applied_at, rebuilt_at, dead
//	qingfeng:{<node>}:days                set     names of the count hashes that exist: "day:20261121"
//	qingfeng:{<node>}:day:<yyyymmdd>      hash    cell → count
//	qingfeng:{<node>}:hours:<yyyymmdd>    hash    cell with an hour → count; today and yesterday
//	qingfeng:{<node>}:dead                stream  entries given up on: sequence, reason, event
//	qingfeng:{<node>}:staging             set     hashes a Replace under way has written
//	qingfeng:{<node>}:new:<epoch>:…       hash    those hashes
//	qingfeng:{<node>}:applied             channel what each apply added, as JSON
const (
	nodesKey       = "qingfeng:nodes"
	appliedPattern = "qingfeng:{*}:applied"
)

// Fields of a stream entry and of the state hash.
const (
	fieldEvent = "event"

	stateEpoch     = "epoch"      // random; changes with every Replace
	stateStore     = "store"      // random name of the store the counts are of
	stateWatermark = "watermark"  // the last sequence counted
	stateMark      = "mark"       // Mark of the event at the watermark
	stateAppliedAt = "applied_at" // Unix ms
	stateRebuiltAt = "rebuilt_at" // Unix ms
	stateDead      = "dead"       // entries given up on since the last Replace
)

// group is the one consumer group of every stream. It is created at "0".
const group = "scores"

type keys struct{ prefix, stream, state, days, dead, staging, channel string }

func keysOf(node string) keys {
	p := "qingfeng:{" + node + "}:"
	return keys{p, p + "stream", p + "state", p + "days", p + "dead", p + "staging", p + "applied"}
}

// hash is the key of a count hash by the name it has in the days set.
func (k keys) hash(name string) string { return k.prefix + name }

func (k keys) staged(epoch, name string) string { return k.prefix + "new:" + epoch + ":" + name }

func dayName(d surveys.Day) string { return "day:" + strconv.Itoa(int(d)) }

func hoursName(d surveys.Day) string { return "hours:" + strconv.Itoa(int(d)) }

// parseName reads a name of the days set.
func parseName(name string) (day surveys.Day, ok bool) {
	_, text, found := strings.Cut(name, ":")
	n, err := strconv.Atoi(text)
	if !found || err != nil {
		return 0, false
	}
	day = surveys.Day(n)
	return day, name == dayName(day) || name == hoursName(day)
}

func entryID(sequence int64) string { return strconv.FormatInt(sequence, 10) + "-0" }

// sequenceOf reads an entry's id; 0 when it is not one of ours.
func sequenceOf(id string) int64 {
	text, ok := strings.CutSuffix(id, "-0")
	n, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || n < 0 {
		return 0
	}
	return n
}
