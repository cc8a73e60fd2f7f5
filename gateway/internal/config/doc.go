// Package config reads what the hospital's IT department wrote: the settings,
// the organisation, the questionnaires, the roles and the calendar, and the
// secrets that come from the environment or from key files.
//
// It reads strictly. An unknown key, a key written twice and a value of the
// wrong type are problems like a dangling department is, and Load reports all
// of them in one error, each with its file, line and key.
//
// Nothing here serves, stores or listens. The package reads files when asked
// to, and writes exactly one: the phone key, when there is none yet.
package config
