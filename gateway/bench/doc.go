// Command bench measures Qingfeng beside raw limits taken in the same run, on
// the same cores, with the generator included, and prints ratios: a ratio says
// something on a noisy machine, a figure alone does not.
//
// Every figure runs in five interleaved rounds (raw, ours, raw, ours, …) and the
// median of the rounds' ratios counts. The real gateway binary is measured
// through its real sockets, with a real redis-server and a real disk.
//
//	go run ./gateway/bench [-only names] [-rounds 5] [-quick] [-gateway bin/gateway]
//
// Each figure belongs to a scene: a gateway, a Redis and tablets that several
// figures share. A scene's file says what it does to both sides. What has to be
// a process of its own, because its memory, time or start is measured, is this
// program started again: see child.go. Nothing here is imported by the product.
package main
