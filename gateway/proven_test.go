package main

import (
	"slices"
	"testing"
	"time"

	"qingfeng/analytics"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
)

type fakeScores struct {
	behind bool
	tests  map[string]bool
}

func (f fakeScores) Position() analytics.Position              { return analytics.Position{Behind: f.behind} }
func (f fakeScores) SelfTests(day surveys.Day) map[string]bool { return f.tests }

// TestASelfTestProvesTheWholeWay asks for the faults of a device whose test is
// stored, with and without the stream having seen it.
func TestASelfTestProvesTheWholeWay(t *testing.T) {
	store := storetest.New(t)
	ctx, noon, device := t.Context(), storetest.Noon(), storetest.Device()
	e := sqlstore.Enrolment{
		ID: storetest.ID(noon, 1), PublicKey: []byte("key"), Kind: surveys.DeviceWindowTablet,
		CreatedAt: noon.AddDate(0, 0, -9), ExpiresAt: noon,
	}
	if err := store.CreateEnrolment(ctx, e); err != nil {
		t.Fatal(err)
	}
	if _, err := store.ApproveEnrolment(ctx, e.CodeHash, noon.AddDate(0, 0, -9), surveys.Device{ID: device, Kind: e.Kind, Place: "settlement-1"}, prover); err != nil {
		t.Fatal(err)
	}
	test := &surveys.SelfTest{ID: storetest.ID(noon, 2), Origin: storetest.OriginAt(noon), Place: "settlement-1", KeyWorked: true}
	if outcome, err := store.Record(ctx, test); err != nil || outcome != surveys.OutcomeStored {
		t.Fatalf("the self-test is %s, %v", outcome, err)
	}
	for _, tt := range []struct {
		name   string
		scores fakeScores
		want   bool
	}{
		{"stored and counted", fakeScores{tests: map[string]bool{device.String(): true}}, false},
		{"stored, not counted", fakeScores{tests: map[string]bool{"another": true}}, true},
		{"stored, scores are behind", fakeScores{behind: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := func() time.Time { return noon.Add(time.Minute) }
			devices, err := provenStore{store, tt.scores, storetest.Zone(), now}.Devices(ctx)
			if err != nil || len(devices) != 1 {
				t.Fatalf("devices %+v, %v", devices, err)
			}
			if got := slices.Contains(devices[0].Faults(now(), storetest.Zone()), surveys.FaultNoSelfTest); got != tt.want {
				t.Errorf("no_self_test is %v, want %v", got, tt.want)
			}
		})
	}
}
