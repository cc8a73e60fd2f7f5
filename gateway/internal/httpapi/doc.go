// Package httpapi answers every HTTP request: the desk, window systems,
// enrolment, the screens' files, probes and metrics. docs/protocol.md says what
// goes over the wire; routes.go is the one table of endpoints with the
// permission each needs.
//
// It is the only package of gateway/internal that may import its siblings. No
// rule of the domain lives here, no SQL and no statistics: a handler reads the
// request, asks, and writes the answer. Nothing personal goes into a log line,
// a metric, an error text or an address.
package httpapi
