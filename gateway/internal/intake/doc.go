// Package intake takes visits in from every source: HL7 messages already read
// by another package, CSV files and FHIR R4 resources. One use case, Apply, maps
// the sender's codes of wards, services and physicians to the hospital's own
// places, checks phone numbers, and hands the change to the store.
//
// It keeps nothing itself, and knows no protocol below a file or a JSON
// document. What it refuses it names by line and reason in both languages,
// never by content.
package intake
