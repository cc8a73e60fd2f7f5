// Package carriers holds nothing itself: each folder below is one way of
// getting texts to phones and replies back, named after what it speaks to.
//
// An adapter knows its carrier's protocol, what its errors mean and how its
// webhooks prove where they come from. It declares the Receiver it reports to
// and imports no sibling. When to send, what a reply means and what is stored
// is decided elsewhere.
package carriers
