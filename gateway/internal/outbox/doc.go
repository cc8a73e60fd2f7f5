// Package outbox relays a node's events from the SQL store's outbox to its
// Redis stream, runs the worker that counts them, and makes the counts anew
// from the store whenever Redis has lost them. Nothing waits for it: ratings
// are acknowledged by the store alone.
//
// It decides when; how is in analytics/redisstream.
package outbox
