package intake

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys/followup"
)

// patientJSON and encounterJSON are an inpatient who went home.
const (
	patientJSON = `{"resourceType":"Patient","id":"p1",
		"identifier":[{"system":"urn:health-card","value":"S1"},{"system":"urn:hospital","type":{"coding":[{"code":"MR"}]},"value":"M1"}],
		"name":[{"use":"nickname","text":"小明"},{"use":"official","family":"王","given":["小","明"]}],
		"telecom":[{"system":"phone","value":"010-55500101","use":"home"},{"system":"phone","value":"19900000101","use":"mobile"},
			{"system":"email","value":"a@b"},{"system":"phone","value":"1","use":"old"}],
		"birthDate":"1980-01-05",
		"contact":[{"relationship":[{"coding":[{"code":"C"}]}],"telecom":[{"system":"phone","value":"2"}]},
			{"relationship":[{"text":"母亲"}],"telecom":[{"system":"phone","value":"19900000102"}]}]}`
	encounterJSON = `{"resourceType":"Encounter","id":"e1","meta":{"lastUpdated":"2026-11-21T12:00:00+08:00"},
		"identifier":[{"value":"other"},{"type":{"coding":[{"code":"VN"}]},"value":"V1"}],
		"status":"finished","class":{"code":"IMP"},"serviceType":{"coding":[{"code":"CAR"}]},
		"subject":{"reference":"Patient/p1"},
		"participant":[{"type":[{"coding":[{"code":"PPRF"}]}],"individual":{"reference":"Practitioner/9"}},
			{"type":[{"coding":[{"code":"ATND"}]}],"individual":{"reference":"Practitioner/2001"}}],
		"period":{"start":"2026-11-18T09:00:00+08:00","end":"2026-11-21T10:00:00+08:00"},
		"hospitalization":{"dischargeDisposition":{"coding":[{"code":"home"}]}},
		"location":[{"location":{"reference":"Location/old-ward"},"status":"completed","physicalType":{"coding":[{"code":"wa"}]}},
			{"location":{"reference":"Location/cardiology-ward"},"status":"active","physicalType":{"coding":[{"code":"wa"}]}},
			{"location":{"display":"301"},"physicalType":{"coding":[{"code":"ro"}]}},
			{"location":{"identifier":{"value":"12"}},"physicalType":{"coding":[{"code":"bd"}]}},
			{"location":{"reference":"Location/next"},"status":"planned"}]}`
)

// contained puts the patient into the encounter.
func contained(encounter, patient string) string {
	encounter = strings.Replace(encounter, `"Patient/p1"`, `"#p1"`, 1)
	return strings.TrimSuffix(encounter, "}") + `,"contained":[` + patient + `]}`
}

func bundle(resources ...string) string {
	return `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + strings.Join(resources, `},{"resource":`) + `}]}`
}

func readOne(t *testing.T, text string, authorities ...string) followup.VisitChange {
	t.Helper()
	all, err := ReadFHIR([]byte(text), shanghai(t), authorities)
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d changes and %v, want one", len(all), err)
	}
	return all[0]
}

func TestReadFHIR(t *testing.T) {
	zone := shanghai(t)
	byURL := strings.Replace(encounterJSON, `"Patient/p1"`, `"urn:uuid:1"`, 1)
	tests := []struct{ name, text string }{
		{"contained", contained(encounterJSON, patientJSON)},
		{"bundled", bundle(encounterJSON, patientJSON)},
		{"the patient first", bundle(patientJSON, encounterJSON)},
		{"an absolute reference", bundle(strings.Replace(encounterJSON, "Patient/p1", "https://his.example/fhir/Patient/p1/_history/2", 1), patientJSON)},
		{"by full URL", `{"resourceType":"Bundle","entry":[{"resource":` + byURL + `},{"fullUrl":"urn:uuid:1","resource":` + patientJSON + `}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := readOne(t, tt.text)
			secrets := []string{string(c.Patient), string(c.Visit), string(c.Name), string(c.Phone), string(c.Guardian)}
			if diff := cmp.Diff([]string{"M1", "V1", "王小明", "19900000101;010-55500101", "19900000102"}, secrets); diff != "" {
				t.Errorf("person (-want +got):\n%s", diff)
			}
			if len(c.Message) != 32 {
				t.Errorf("key %q", c.Message)
			}
			c.Patient, c.Visit, c.Name, c.Phone, c.Guardian, c.Message = "", "", "", "", "", ""
			want := followup.VisitChange{
				Source: SourceFHIR, Kind: followup.ChangeDischarged, Born: 19800105, Ward: "cardiology-ward", Room: "301", Bed: "12", Service: "CAR",
				Attending: "2001", Inpatient: true, Disposition: followup.DispositionHome, At: time.Date(2026, 11, 21, 12, 0, 0, 0, zone),
				AdmittedAt: time.Date(2026, 11, 18, 9, 0, 0, 0, zone), DischargedAt: time.Date(2026, 11, 21, 10, 0, 0, 0, zone),
			}
			if diff := cmp.Diff(want, c); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFHIRStatuses(t *testing.T) {
	for status, want := range map[string]followup.ChangeKind{
		"arrived": followup.ChangeAdmitted, "triaged": followup.ChangeAdmitted, "in-progress": followup.ChangeAdmitted, "onleave": followup.ChangeAdmitted,
		"finished": followup.ChangeDischarged, "cancelled": followup.ChangeAdmissionUndone, "entered-in-error": followup.ChangeAdmissionUndone, "unknown": followup.ChangeUpdated,
	} {
		c := readOne(t, bundle(strings.Replace(encounterJSON, "finished", status, 1), patientJSON))
		if c.Kind != want || c.DischargedAt.IsZero() != (status != "finished") {
			t.Errorf("%s: got %s, discharged %v", status, c.Kind, c.DischargedAt)
		}
	}
	all, err := ReadFHIR([]byte(bundle(strings.Replace(encounterJSON, "finished", "planned", 1), patientJSON)), shanghai(t), nil)
	if len(all) != 0 || err != nil {
		t.Errorf("planned: got %d changes and %v", len(all), err)
	}
}

func TestFHIRVariations(t *testing.T) {
	replace := func(pairs ...string) string {
		return strings.NewReplacer(pairs...).Replace(bundle(encounterJSON, patientJSON))
	}
	ward := `{"resourceType":"Location","id":"w","identifier":[{"value":"RenalWard"}],"physicalType":{"coding":[{"code":"wa"}]}}`
	tests := []struct {
		name string
		text string
		got  func(c followup.VisitChange) string
		want string
	}{
		{"outpatient", replace(`"IMP"`, `"AMB"`), func(c followup.VisitChange) string { return map[bool]string{true: "in", false: "out"}[c.Inpatient] }, "out"},
		{"died", replace(`"home"}`, `"exp"}`), func(c followup.VisitChange) string { return string(c.Disposition) }, "deceased"},
		{"to another hospital", replace(`"home"}`, `"other-hcf"}`), func(c followup.VisitChange) string { return string(c.Disposition) }, "transferred"},
		{"another code", replace(`"home"}`, `"x"}`), func(c followup.VisitChange) string { return string(c.Disposition) }, ""},
		{"a name in Latin letters", replace(`"family":"王","given":["小","明"]`, `"family":"Green","given":["Nicola","Stella"]`), func(c followup.VisitChange) string { return string(c.Name) }, "Nicola Stella Green"},
		{"the visit by its id", replace(`"identifier":[{"value":"other"},{"type":{"coding":[{"code":"VN"}]},"value":"V1"}],`, ""), func(c followup.VisitChange) string { return string(c.Visit) }, "e1"},
		{"the visit's first identifier", replace(`"VN"`, `"AN"`), func(c followup.VisitChange) string { return string(c.Visit) }, "other"},
		{"the patient by identifier alone", strings.Replace(encounterJSON, `"reference":"Patient/p1"`, `"identifier":{"value":"M7"}`, 1), func(c followup.VisitChange) string { return string(c.Patient) }, "M7"},
		{"no update known", replace(`"meta":{"lastUpdated":"2026-11-21T12:00:00+08:00"},`, ""), func(c followup.VisitChange) string { return c.At.Format(time.RFC3339) }, "2026-11-21T10:00:00+08:00"},
		{"a bundled location", bundle(strings.Replace(encounterJSON, "Location/next\"},\"status\":\"planned\"", "Location/w\"}", 1), patientJSON, ward), func(c followup.VisitChange) string { return c.Ward }, "RenalWard"},
		{"year of birth", replace("1980-01-05", "1980"), func(c followup.VisitChange) string { return c.Born.String() }, "1980-12-31"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.got(readOne(t, tt.text)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for name, change := range map[string][2]string{
		"deceasedBoolean":  {`"birthDate"`, `"deceasedBoolean":true,"birthDate"`},
		"deceasedDateTime": {`"birthDate"`, `"deceasedDateTime":"2026-11-21","birthDate"`},
		"disposition":      {`"home"}`, `"exp"}`},
	} {
		if c := readOne(t, replace(change[0], change[1])); !c.Deceased {
			t.Errorf("%s: not dead", name)
		}
	}
	if c := readOne(t, bundle(encounterJSON, patientJSON), "urn:nothing", "urn:health-card"); c.Patient != "S1" {
		t.Errorf("by authority: got %q", string(c.Patient))
	}
}

func TestFHIRRefuses(t *testing.T) {
	replace := func(old, new string) string {
		return strings.Replace(bundle(encounterJSON, patientJSON), old, new, 1)
	}
	tests := []struct{ name, text, want string }{
		{"nothing", "", "not valid FHIR JSON"},
		{"no JSON", "MSH|", "not valid FHIR JSON"},
		{"two documents", encounterJSON + encounterJSON, "not valid FHIR JSON"},
		{"deep", strings.Repeat("[", 20_000), "not valid FHIR JSON"},
		{"too long", strings.Repeat(" ", MaxFHIR+1), "the content is longer than 1 MiB"},
		{"another resource", patientJSON, "only an Encounter or a Bundle is taken"},
		{"null", "null", "only an Encounter or a Bundle is taken"},
		{"no encounter", bundle(patientJSON), "a Bundle without an Encounter"},
		{"an empty entry", `{"resourceType":"Bundle","entry":[{}]}`, "not valid FHIR JSON"},
		{"many entries", bundle(strings.Repeat(`{}},{"resource":`, maxEntries) + "{}"), "a Bundle of more than 1,000 entries"},
		{"R5's class", replace(`{"code":"IMP"}`, `[{"coding":[{"code":"IMP"}]}]`), "the Encounter is not of FHIR R4"},
		{"no status", replace(`"finished"`, `""`), "Encounter.status is not one of R4's"},
		{"R5's status", replace(`"finished"`, `"completed"`), "Encounter.status is not one of R4's"},
		{"finished without an end", replace(`,"end":"2026-11-21T10:00:00+08:00"`, ""), "a finished Encounter without period.end"},
		{"an end that is none", replace("2026-11-21T10:00:00+08:00", "yesterday"), "period.end is not a moment"},
		{"a birthday that is none", replace("1980-01-05", "1980-02-30"), "birthDate is not a date"},
		{"no patient", encounterJSON, "no patient: subject must be a contained or bundled Patient with an identifier"},
		{"a patient that is another thing", bundle(encounterJSON, strings.Replace(patientJSON, `"Patient"`, `"Group"`, 1)), "no patient: subject must be a contained or bundled Patient with an identifier"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &fakeStore{}
			_, err := newIntake(t, s).ApplyFHIR(t.Context(), strings.NewReader(tt.text))
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Reason.EN != tt.want || refusal.Reason.ZH == "" || len(s.all) != 0 {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	_, err := ReadFHIR([]byte(bundle(encounterJSON, patientJSON)), shanghai(t), []string{"urn:nothing"})
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("another authority: got %v", err)
	}
}

func TestApplyFHIRAllOrNothingOfARefusedBundle(t *testing.T) {
	second := strings.NewReplacer(`"V1"`, `"V2"`, `"e1"`, `"e2"`).Replace(encounterJSON)
	s := &fakeStore{}
	in := newIntake(t, s)
	results, err := in.ApplyFHIR(t.Context(), strings.NewReader(bundle(encounterJSON, second, patientJSON)))
	if err != nil || len(results) != 2 || len(s.all) != 2 || s.all[0].at.Place != "cardiology-ward" || s.all[0].at.Phone.E164() != "+8619900000101" {
		t.Fatalf("got %+v and %v", results, err)
	}
	results, err = in.ApplyFHIR(t.Context(), strings.NewReader(bundle(encounterJSON, second, patientJSON)))
	if err != nil || results[0].Outcome != OutcomeRepeated || results[1].Outcome != OutcomeRepeated {
		t.Errorf("again: got %+v and %v", results, err)
	}
	s = &fakeStore{}
	long := strings.Replace(second, `"V2"`, `"`+strings.Repeat("9", 65)+`"`, 1)
	if _, err := newIntake(t, s).ApplyFHIR(t.Context(), strings.NewReader(bundle(encounterJSON, long, patientJSON))); err == nil || len(s.all) != 0 {
		t.Errorf("half a bundle was taken: %d, %v", len(s.all), err)
	}
	s = &fakeStore{fail: 2}
	results, err = newIntake(t, s).ApplyFHIR(t.Context(), strings.NewReader(bundle(encounterJSON, second, patientJSON)))
	if !errors.Is(err, errDown) || len(results) != 1 {
		t.Errorf("store fails: got %+v and %v", results, err)
	}
}
