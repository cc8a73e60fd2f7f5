package hl7

import (
	"strings"
	"time"

	"qingfeng/surveys/followup"
)

// Settings say how this hospital's sender uses what the standard leaves open.
type Settings struct {
	// Zone is the sender's, for timestamps without an offset. Needed.
	Zone *time.Location
	// Authorities are the assigning authorities (CX.4) or identifier types
	// (CX.5) of the patient number, the preferred first. With them a message that
	// has none of them is refused: two authorities' numbers are never mixed. Empty:
	// the types MR, MRN and PI, then the first number there is.
	Authorities []string
	// InpatientClasses are the values of PV1-2 that are a stay. Empty: I.
	InpatientClasses []string
	// Dispositions map PV1-36. nil: DefaultDispositions.
	Dispositions map[string]followup.Disposition
	// ProductionOnly refuses messages that do not say P in MSH-11.
	ProductionOnly bool
}

// DefaultDispositions are HL7 table 0112 and, as single digits, the way of
// leaving (离院方式) on the first page of Chinese inpatient records: 1 home, 2 to
// another hospital, 3 to a community centre, 4 against advice, 5 died. Codes that
// are not here are DispositionUnknown.
func DefaultDispositions() map[string]followup.Disposition {
	codes := map[followup.Disposition]string{
		followup.DispositionHome:        "01 06 07 08 1 4",
		followup.DispositionTransferred: "02 03 04 05 2 3",
		followup.DispositionDeceased:    "20 40 41 42 5",
	}
	out := make(map[string]followup.Disposition)
	for disposition, list := range codes {
		for code := range strings.FieldsSeq(list) {
			out[code] = disposition
		}
	}
	return out
}

func (s Settings) withDefaults() Settings {
	if s.Zone == nil {
		panic("hl7: settings without a zone")
	}
	if len(s.InpatientClasses) == 0 {
		s.InpatientClasses = []string{"I"}
	}
	if s.Dispositions == nil {
		s.Dispositions = DefaultDispositions()
	}
	return s
}
