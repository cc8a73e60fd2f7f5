// Package tlscert makes and checks the certificates the gateway serves HTTPS
// with: a local authority that tablets are told to trust, a server certificate
// it signs, or the hospital's own pair.
//
// Private keys are ECDSA P-256 in PEM files that only their owner may read.
// Every file appears whole or not at all, and none is overwritten unasked.
package tlscert
