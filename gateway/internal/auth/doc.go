// Package auth says who may do what: passwords, sign-in and its lock-out,
// desk sessions, roles and their permissions, board tickets, enrolment codes
// and window-system tokens.
//
// It knows nothing of HTTP routes or JSON: what asks it is
// gateway/internal/httpapi. It keeps nothing itself that must survive a
// restart; accounts and sessions live in the store.
package auth
