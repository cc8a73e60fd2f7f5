// Package surveys is the domain of patient feedback: the hospital's
// organisation, questionnaires, the facts patients make (ratings and what they
// add to them), the prompts that ask for them, and the events that leave the
// store once a fact is on disk.
//
// Everything here is a value. There is no I/O, clock, randomness or logging:
// time and identifiers come in as arguments, and a test in gateway holds the
// package to the standard library and x/text.
package surveys
