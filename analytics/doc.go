// Package analytics is the statistics of patient feedback: what an event adds
// to the counts (Cell, Count), how counts add up (Counts), and how a board is
// read from them (BuildBoard) with scores, intervals and suppression.
//
// Counts are histograms, so they only ever add up: nodes merge by sum, in any
// order, and every figure is derived from them when it is asked for.
//
// Everything here is a value. There is no I/O, clock, randomness or logging;
// Redis lives in analytics/redisstream.
package analytics
