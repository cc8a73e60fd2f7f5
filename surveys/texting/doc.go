// Package texting is the domain of text messages: what a carrier can do, what
// is sent through it and what comes back, how long a text is and what it costs,
// what makes a template unfit to be sent, and which words make a number fall
// silent.
//
// Everything here is a value. There is no I/O, clock, randomness or logging,
// and nothing of one carrier's own: those are in gateway/internal/carriers.
package texting
