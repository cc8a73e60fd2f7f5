// Package tabletclient is a tablet and a board without a screen, over the same
// HTTP and websockets as the real ones: it enrols with a key of its own, keeps
// its facts until each is acknowledged, and comes back when it is cut off. The
// demonstration, the crash tests and the benchmarks use it.
//
// What may not live here: anything the server needs. It knows the wire from
// docs/protocol.md alone, so that it proves the document.
package tabletclient
