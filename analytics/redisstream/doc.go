// Package redisstream keeps the counts of package analytics in Redis: one
// stream and one set of hashes per gateway node, filled exactly once, and a
// merged copy in memory for the boards.
//
//	store's outbox ─ Publisher ─► stream ─ Worker ─ apply.lua ─► hashes + watermark
//	                                                     │ publish
//	                                                     └────────► Scores (boards)
//
// Nothing here is the truth. All of it can be thrown away at any moment and is
// made again from the SQL store by Replace; gateway/internal/outbox decides
// when. Nothing personal passes through: events carry no names, numbers or
// texts, and errors never quote an entry.
//
// Everything that speaks to Redis lives here. What an event adds to the counts
// does not: that is analytics.Count.
package redisstream
