// Package hl7 hears the hospital information system: HL7 v2 messages over MLLP,
// read, turned into followup.VisitChange values, handed on, and acknowledged.
// The lines each rule rests on are those of the HL7 v2.3 to v2.8 standards,
// chapters 2 (control), 3 (patient administration) and 2.A (data types), and
// of the MLLP transport specification, release 1.
//
// It stores nothing, knows no ward of this hospital and texts nobody: a change
// leaves with the sender's own codes. A payload is in no log line, error or
// metric; only KeepRejected receives one, as a Secret.
package hl7
