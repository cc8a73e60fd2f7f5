// Package texting is the use case between the store and the carriers: it hands
// due texts over, finds out what became of those whose answer was lost, takes
// reports and replies in, works on replies, sends reminders and closes windows.
//
// What a text says is decided by surveys/followup and surveys/texting, who is
// invited by the invite package, and how a carrier is spoken to by the adapters
// below carriers, none of which is imported here. A text is marked on disk
// before it is handed over, and a reply is on disk before it is acknowledged;
// this package keeps nothing that a restart may not forget.
//
// No number, name or word of a text is logged, counted or put into an error.
package texting
