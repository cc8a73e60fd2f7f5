// Package sqlstore is the store: the one place where facts, and what staff do
// with them, are kept. It runs on SQLite.
//
// One goroutine, the writer, owns every write. It takes whatever waits, writes
// it in one transaction, and only after the commit tells the callers: what was
// acknowledged is on disk. In a fact's transaction also go its event (the
// outbox row the relay publishes later), the counts by day, and the call-back a
// low rating opens.
//
// Reading goes through a small pool of its own and never waits for the writer.
//
// The follow-up after discharge works by actions that go through the same
// writer: messages about visits in any order, invitations, texts on their way
// to a carrier and back, conversations, responses. A text is marked on disk
// before it is handed over, an inbound one is on disk before it is acknowledged,
// and all that follows from it is stored together.
//
// Personal text stays here: events carry none, errors and logs carry none.
// Phone numbers, and everything else of the follow-up that names or was said by
// a person, are encrypted with keys that are not in the database.
//
// Statistics, streams and screens do not belong here.
package sqlstore
