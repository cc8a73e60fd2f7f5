// Package workdays counts the hospital's working days: Monday to Friday, less
// the public holidays, plus the make-up days (调休上班) that the State Council's
// yearly notice puts on weekends.
//
// It holds values and arithmetic only. Reading a calendar file, and warning
// that a year is missing from it, happens elsewhere.
package workdays
