package intake

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// stored is a change as the fake store was given it.
type stored struct {
	change followup.VisitChange
	at     Placement
}

// fakeStore keeps changes like the store: a message it has is a repeat.
type fakeStore struct {
	mu   sync.Mutex
	all  []stored
	seen map[string]bool // by message and by visit
	err  error           // fails every call
	fail int             // fails from this call on; 0: never
}

var errDown = errors.New("store is down")

func (s *fakeStore) ApplyVisitChange(_ context.Context, c followup.VisitChange, at Placement) (Applied, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return Applied{}, s.err
	}
	if s.fail > 0 && len(s.all)+1 >= s.fail {
		return Applied{}, errDown
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	if s.seen[c.Message] {
		return Applied{Outcome: OutcomeRepeated}, nil
	}
	created := !s.seen["visit "+string(c.Visit)]
	s.seen[c.Message], s.seen["visit "+string(c.Visit)] = true, true
	s.all = append(s.all, stored{c, at})
	return Applied{Outcome: OutcomeRecorded, Created: created}, nil
}

func shanghai(tb testing.TB) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		tb.Fatalf("load zone: %v", err)
	}
	return zone
}

// organisation is the sample hospital.
func organisation(tb testing.TB) *surveys.Organisation {
	tb.Helper()
	raw, err := os.ReadFile("../../../configs/hospital.yaml")
	if err != nil {
		tb.Fatalf("read hospital: %v", err)
	}
	var file struct {
		Departments []surveys.Department `yaml:"departments"`
		Wards       []struct {
			ID         surveys.PlaceID      `yaml:"id"`
			Name       surveys.Text         `yaml:"name"`
			Department surveys.DepartmentID `yaml:"department"`
			Beds       []surveys.BedID      `yaml:"beds"`
		} `yaml:"wards"`
		Staff []struct {
			Number     surveys.StaffID      `yaml:"number"`
			Department surveys.DepartmentID `yaml:"department"`
		} `yaml:"staff"`
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		tb.Fatalf("parse hospital: %v", err)
	}
	places := []surveys.Place{{ID: "inpatient-lobby", Kind: surveys.PlaceLobby, Name: surveys.Text{ZH: "住院部大厅", EN: "Inpatient lobby"}, Department: "inpatient-service"}}
	for _, w := range file.Wards {
		places = append(places, surveys.Place{ID: w.ID, Kind: surveys.PlaceWard, Name: w.Name, Department: w.Department, Beds: w.Beds})
	}
	var staff []surveys.Staff
	for _, s := range file.Staff {
		staff = append(staff, surveys.Staff{ID: s.Number, Department: s.Department})
	}
	return surveys.NewOrganisation(surveys.Text{}, nil, file.Departments, places, staff)
}

// sampleAliases are those of configs/samples/intake-aliases.yaml.
func sampleAliases(tb testing.TB) Aliases {
	tb.Helper()
	raw, err := os.ReadFile("../../../configs/samples/intake-aliases.yaml")
	if err != nil {
		tb.Fatalf("read aliases: %v", err)
	}
	type unit struct {
		Code       string               `yaml:"code"`
		Department surveys.DepartmentID `yaml:"department"`
	}
	var file struct {
		Intake struct {
			Wards []struct {
				Code string          `yaml:"code"`
				Ward surveys.PlaceID `yaml:"ward"`
			} `yaml:"wards"`
			Services   []unit `yaml:"services"`
			Attendings []unit `yaml:"attendings"`
		} `yaml:"intake"`
	}
	if err := yaml.UnmarshalWithOptions(raw, &file, yaml.Strict()); err != nil {
		tb.Fatalf("parse aliases: %v", err)
	}
	a := Aliases{Wards: map[string]surveys.PlaceID{}, Services: map[string]surveys.DepartmentID{}, Attendings: map[string]surveys.DepartmentID{}}
	for _, w := range file.Intake.Wards {
		a.Wards[w.Code] = w.Ward
	}
	for _, s := range file.Intake.Services {
		a.Services[s.Code] = s.Department
	}
	for _, s := range file.Intake.Attendings {
		a.Attendings[s.Code] = s.Department
	}
	return a
}

func mapping(tb testing.TB, a Aliases) *Mapping {
	tb.Helper()
	m, err := NewMapping(organisation(tb), a)
	if err != nil {
		tb.Fatalf("NewMapping: %v", err)
	}
	return m
}

func newIntake(tb testing.TB, s Store) *Intake {
	tb.Helper()
	in, err := New(Options{Store: s, Mapping: mapping(tb, sampleAliases(tb)), Region: "CN", Zone: shanghai(tb)})
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	return in
}
