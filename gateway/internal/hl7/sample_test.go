package hl7

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

var update = flag.Bool("update", false, "write the golden files anew")

const sampleFile = "testdata/adt-sample.hl7"

func shanghai(tb testing.TB) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		tb.Fatalf("load zone: %v", err)
	}
	return zone
}

// sampleMessages are the messages of the sample file, one a line.
func sampleMessages(tb testing.TB) [][]byte {
	tb.Helper()
	raw, err := os.ReadFile(sampleFile)
	if err != nil {
		tb.Fatalf("read sample: %v", err)
	}
	lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	if len(lines) != 46 {
		tb.Fatalf("the sample has %d messages, want 46", len(lines))
	}
	return lines
}

// plain is a VisitChange whose secrets are readable in a golden file.
type plain struct {
	Kind         followup.ChangeKind
	At           time.Time
	Patient      string
	Prior        string `json:",omitempty"`
	Visit        string `json:",omitempty"`
	Name         string `json:",omitempty"`
	Born         surveys.Day
	Deceased     bool                 `json:",omitempty"`
	Phone        string               `json:",omitempty"`
	Guardian     string               `json:",omitempty"`
	Ward         string               `json:",omitempty"`
	Room         string               `json:",omitempty"`
	Bed          string               `json:",omitempty"`
	Service      string               `json:",omitempty"`
	Attending    string               `json:",omitempty"`
	Inpatient    bool                 `json:",omitempty"`
	AdmittedAt   time.Time            `json:",omitzero"`
	DischargedAt time.Time            `json:",omitzero"`
	Disposition  followup.Disposition `json:",omitempty"`
}

func readable(c followup.VisitChange) plain {
	return plain{
		Kind: c.Kind, At: c.At, Patient: string(c.Patient), Prior: string(c.Prior), Visit: string(c.Visit),
		Name: string(c.Name), Born: c.Born, Deceased: c.Deceased, Phone: string(c.Phone), Guardian: string(c.Guardian),
		Ward: c.Ward, Room: c.Room, Bed: c.Bed, Service: c.Service, Attending: c.Attending, Inpatient: c.Inpatient,
		AdmittedAt: c.AdmittedAt, DischargedAt: c.DischargedAt, Disposition: c.Disposition,
	}
}

// compareGolden holds a value's JSON to a golden file.
func compareGolden(t *testing.T, file string, value any) {
	t.Helper()
	got, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatalf("write golden: %v", err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("read golden: %v", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at it with -update and git diff", file)
	}
}
