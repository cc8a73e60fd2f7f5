// Package invite plans who is asked after a discharge: it streams the visits
// that ended from the store, has surveys/followup decide, words the first text,
// draws its token or code, and queues both. A dry run adds up what that would
// do and cost, and stores nothing.
//
// Sending is the texting package's. Nothing here knows a patient's number or
// name; tokens and codes go to the store and into the one text alone.
package invite
