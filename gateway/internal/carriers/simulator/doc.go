// Package simulator is a carrier without a network: the texts it takes arrive on
// simulated phones, replies typed there come back as inbound texts, and each
// phone can be told to fail in the ways real ones do. It is the carrier of
// `make run`.
//
// The phones and their threads are in memory alone, bounded, and gone at
// restart. They hold patients' numbers and texts, so the handler asks its Allow
// before every answer; see Local. Nothing here speaks HTTP to the outside,
// writes a log or keeps a file.
package simulator
