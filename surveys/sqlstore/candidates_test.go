package sqlstore_test

import (
	"fmt"
	"testing"
	"time"

	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
	"qingfeng/surveys/texting"
)

// A candidate's visit, which is read past the way of all others, is the visit.
func TestACandidateIsItsVisit(t *testing.T) {
	s, now := storetest.New(t), storetest.Noon()
	guarded := storetest.Ward(phone)
	guarded.Guardian, guarded.GuardianCountry = texting.NumberOf("+85291112222"), "HK"
	for n, tt := range []struct {
		change func(*followup.VisitChange)
		at     sqlstore.Placement
	}{
		{func(*followup.VisitChange) {}, storetest.Ward(phone)},
		{func(c *followup.VisitChange) { c.Born = 20200101 }, guarded},
		{func(c *followup.VisitChange) { c.Born = 20200101 }, storetest.Ward(phone)},
		{func(c *followup.VisitChange) { c.Born, c.Inpatient, c.Disposition = 19500101, false, "" }, sqlstore.Placement{}},
		{func(c *followup.VisitChange) { c.Disposition = followup.DispositionDeceased }, guarded},
		{func(c *followup.VisitChange) { c.Deceased, c.AdmittedAt = true, time.Time{} }, sqlstore.Placement{Department: "finance"}},
	} {
		c := storetest.Discharge(followup.PatientNumber(fmt.Sprint("p", n)), now.AddDate(0, 0, -n))
		tt.change(&c)
		want := storetest.Apply(t, s, c, tt.at).Visit
		for _, uninvited := range []bool{false, true} {
			list := candidates(t, s, uninvited)
			if len(list) != n+1 || list[0].Visit != want {
				t.Errorf("visit %d of %d is %+v, want %+v", n, len(list), list[0].Visit, want)
			}
		}
	}
}

// BenchmarkCandidates gives every visit of six weeks in a hospital of a million:
// half as many people, each here twice, once as an outpatient.
func BenchmarkCandidates(b *testing.B) {
	const visits = 1_000_000
	s, ctx := storetest.New(b), b.Context()
	from := storetest.Noon().AddDate(0, 0, -42)
	storetest.Apply(b, s, storetest.Discharge("0", from.AddDate(-1, 0, 0)), storetest.Ward(phone)) // names the ward
	for _, query := range []string{
		`WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 / 2 + 1)
		INSERT INTO patients (id, born, phone, phone_index, phone_country) SELECT i, 19500101, randomblob(40), randomblob(32), 'CN' FROM n WHERE ?2`,
		`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
		INSERT INTO visits (number_index, number, patient, state, department, place, bed, inpatient, admitted_at, discharged_at, discharged_on, disposition)
		SELECT randomblob(32), randomblob(40), i / 2 + 2, 'discharged', (SELECT department FROM visits WHERE id = 1), (SELECT place FROM visits WHERE id = 1),
			i % 40, i & 1, ?2 + (i * 7919) % 3000000000, ?2 + (i * 7919) % 3000000000 + 1000000, 20261112, 'home' FROM n`,
	} {
		if err := s.Meddle(ctx, query, visits, from.UnixMilli()); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Checkpoint(); err != nil {
		b.Fatal(err)
	}
	w := sqlstore.CandidateWindow{From: from, To: storetest.Noon(), Uninvited: true}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := s.Candidates(ctx, w, func(*sqlstore.Candidate) error { n++; return nil }); err != nil || n != visits {
			b.Fatalf("%d candidates, want %d: %v", n, visits, err)
		}
	}
	b.ReportMetric(visits*float64(b.N)/b.Elapsed().Seconds(), "visits/s")
}
