// Package twilio sends texts through Twilio and receives what comes back.
//
// It holds what is Twilio's own: the form of a send, what an answer or its
// absence means, the table of error codes, how a text whose answer was lost is
// found again, and the two webhooks with their signature. What to do with any
// of it (queue, budget, conversation, store) is not decided here: Send answers
// with a value or a *texting.SendError, and webhooks end in a Receiver.
//
// A send is made once. Neither redirects nor retries repeat it, and a send
// whose answer never came is ambiguous, never failed.
//
// Nothing personal is logged or put into an error: Twilio's own error messages
// quote phone numbers, so only their codes are kept.
package twilio
