package intake

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// FuzzImportCSV: no file panics; every row is counted once; what is stored is
// clean, about somebody, discharged; importing it again changes nothing.
func FuzzImportCSV(f *testing.F) {
	sample, err := os.ReadFile(sampleCSV)
	if err != nil {
		f.Fatal(err)
	}
	few := strings.Join(strings.SplitAfterN(string(sample), "\n", 5)[:4], "")
	f.Add([]byte(few))
	f.Add([]byte(gb18030(f, few)))
	for _, text := range []string{
		"", "a", "\ufeff", "PK\x03\x04", header, header + "P,V,\"a\nb\",1,2026-11-21\n,,,,\n\"", "住院号;出院时间\nV;2026年1月2日\n", "mrn\tdischarged\n1\t20260102\n\xff",
		"mrn,discharged,born\n1,2026-01-02,2013\n2,2026-01-02,2013-02-30\n", "mrn,discharged\n=\"1\",'2026-01-02\n",
	} {
		f.Add([]byte(text))
	}
	m, zone := mapping(f, sampleAliases(f)), shanghai(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := &fakeStore{}
		in, err := New(Options{Store: s, Mapping: m, Region: "CN", Zone: zone})
		if err != nil {
			t.Fatal(err)
		}
		report, err := in.ImportCSV(t.Context(), strings.NewReader(string(raw)))
		var refusal *Refusal
		if err != nil {
			if !errors.As(err, &refusal) || len(s.all) != 0 {
				t.Fatalf("got %v with %d stored", err, len(s.all))
			}
			return
		}
		if report.Rows != report.Added+report.Updated+report.Unchanged+report.Stale+report.Refused || report.Added+report.Updated != len(s.all) {
			t.Fatalf("%d stored, and the report says %+v", len(s.all), report)
		}
		for _, l := range report.Lines {
			if l.Line < 2 || l.Line > strings.Count(string(raw), "\n")+1 || l.Reason.ZH == "" || l.Reason.EN == "" {
				t.Errorf("line %+v", l)
			}
		}
		for _, got := range s.all {
			checkStored(t, got)
		}
		again, err := in.ImportCSV(t.Context(), strings.NewReader(string(raw)))
		if err != nil || again.Unchanged != report.Rows-report.Refused {
			t.Fatalf("again: %+v and %v", again, err)
		}
	})
}

func checkStored(t *testing.T, got stored) {
	t.Helper()
	c := got.change
	switch {
	case c.Patient == "" && c.Visit == "", c.At.IsZero(), len(c.Message) != 32:
		t.Errorf("change without a subject, time or key: %+v", c)
	case c.Kind == followup.ChangeDischarged && c.DischargedAt.IsZero():
		t.Error("discharge without a time")
	case got.at.Phone.IsZero() != (got.at.Country == ""), got.at.Guardian.IsZero() != (got.at.GuardianCountry == ""):
		t.Error("a number without a country, or a country without a number")
	}
	for _, text := range []string{string(c.Patient), string(c.Visit), string(c.Name), c.Ward, c.Room, c.Bed, c.Service, c.Attending, got.at.UnknownPlace} {
		if !utf8.ValidString(text) {
			t.Errorf("%q is not valid text", text)
		}
	}
}

// FuzzApplyFHIR: no document panics; it is refused with a reason and nothing is
// stored, or what is stored is whole, and the same again changes nothing.
func FuzzApplyFHIR(f *testing.F) {
	for _, text := range []string{
		"", "null", "{}", contained(encounterJSON, patientJSON), bundle(encounterJSON, patientJSON), bundle(patientJSON, encounterJSON), `{"resourceType":"Bundle","entry":[{}]}`,
		`{"resourceType":"Encounter","status":"unknown","period":{"start":"2026"},"subject":{"identifier":{"value":"1"}}}`,
		`{"resourceType":"Encounter","status":"in-progress","period":{"start":"2026-11-21"},"subject":{"reference":"#"},"contained":[{"resourceType":"Patient","id":"","identifier":[{"value":"1"}],"birthDate":"2013"}]}`,
	} {
		f.Add([]byte(text))
	}
	m, zone := mapping(f, sampleAliases(f)), shanghai(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := &fakeStore{}
		in, err := New(Options{Store: s, Mapping: m, Region: "CN", Zone: zone})
		if err != nil {
			t.Fatal(err)
		}
		_, err = in.ApplyFHIR(t.Context(), strings.NewReader(string(raw)))
		var refusal *Refusal
		if err != nil && (!errors.As(err, &refusal) || len(s.all) != 0 || refusal.Reason.ZH == "" || refusal.Reason.EN == "") {
			t.Fatalf("got %v with %d stored", err, len(s.all))
		}
		for _, got := range s.all {
			checkStored(t, got)
		}
		again, err := in.ApplyFHIR(t.Context(), strings.NewReader(string(raw)))
		for _, r := range again {
			if err != nil || r.Outcome != OutcomeRepeated {
				t.Fatalf("again: %+v and %v", r, err)
			}
		}
	})
}

// FuzzMobile: a number that is found is E.164 with its country, and finding it
// in itself gives it again.
func FuzzMobile(f *testing.F) {
	for _, text := range []string{"", "19900000101", "+852 5123 4567;1", "（0755）12345678/１９９", "0086-199-0000-0101(本人)", "+1(415)555-2671", "((((((((", "+++"} {
		f.Add(text, "CN")
	}
	f.Add("07400 123456", "GB")
	f.Fuzz(func(t *testing.T, text, region string) {
		number, country := Mobile(surveys.Secret(text), texting.Country(region))
		if number.IsZero() != (country == "") {
			t.Fatalf("got %q in %q", number.E164(), country)
		}
		if number.IsZero() {
			return
		}
		digits := strings.TrimPrefix(number.E164(), "+")
		if len(digits) == len(number.E164()) || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
			t.Errorf("%q is not E.164", number.E164())
		}
		if again, c := Mobile(number.Secret, "CN"); again != number || c != country {
			t.Errorf("%q in %q read again is %q in %q", number.E164(), country, again.E164(), c)
		}
	})
}
