// Package live keeps the websockets of tablets and boards: it lets screens in,
// takes facts from tablets and acknowledges them once they are on disk, shows
// prompts, and sends boards a snapshot and then deltas. The frames are those of
// docs/protocol.md; testdata/protocol holds an example of each.
//
// What may not live here: SQL, Redis, statistics and HTTP endpoints other than
// the two upgrades. What the package needs from those it declares as small
// interfaces beside their use.
//
// Locks, in this order: devices.mu, then Tablets.mu or Boards.mu, then hub.mu or a
// socket's own. Nothing blocks while holding one; a full
// send queue closes its socket instead.
package live
