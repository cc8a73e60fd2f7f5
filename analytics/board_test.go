package analytics_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/analytics"
	"qingfeng/surveys"
)

const (
	yesterday = surveys.Day(20261120)
	today     = surveys.Day(20261121)
)

// hospital has departments d0, d1, … with places d0-p0, d0-p1, …
func hospital(departments, places int) *surveys.Organisation {
	var ds []surveys.Department
	var ps []surveys.Place
	for d := range departments {
		id := surveys.DepartmentID(fmt.Sprintf("d%d", d))
		ds = append(ds, surveys.Department{ID: id, Name: surveys.Text{ZH: "科" + string(id), EN: string(id)}, Level: surveys.LevelClinical})
		for p := range places {
			ps = append(ps, surveys.Place{
				ID: surveys.PlaceID(fmt.Sprintf("%s-p%d", id, p)), Kind: surveys.PlaceWindow, Department: id,
				WindowKind: surveys.WindowSettlement, Name: surveys.Text{ZH: "窗口", EN: "Window"},
			})
		}
	}
	return surveys.NewOrganisation(surveys.Text{ZH: "医院", EN: "Hospital"}, nil, ds, ps, nil)
}

func period(from, to surveys.Day) analytics.BoardOptions {
	return analytics.BoardOptions{From: from, To: to, Today: today, Hour: 23, Audience: analytics.AudienceOffice}
}

// answers says how often each grade, 1 to 5, was given at a place.
type answers struct {
	day    surveys.Day
	hour   int
	place  string // "d0-p1"; "d0" names no place, "" no department either
	mode   surveys.Mode
	grades [5]int64
	flag   bool
	series surveys.Series
}

func countsOf(all ...answers) *analytics.Counts {
	c := analytics.NewCounts()
	for _, a := range all {
		for i, n := range a.grades {
			e := rating()
			e.Day, e.Hour, e.Place, e.Grade, e.Flagged = a.day, a.hour, surveys.PlaceID(a.place), surveys.Grade(i+1), a.flag
			e.Department = surveys.DepartmentID(a.place[:min(2, len(a.place))])
			if len(a.place) <= 2 {
				e.Place = ""
			}
			if a.mode != "" {
				e.Mode = a.mode
			}
			if a.series != "" {
				e.Series = a.series
			}
			c.AddEvent(&e, n)
		}
	}
	return c
}

func good(n int64) [5]int64 { return [5]int64{4: n} }

func TestFigureOfAskedAnswers(t *testing.T) {
	c := countsOf(
		answers{day: today, hour: 9, place: "d0-p0", grades: [5]int64{2, 0, 1, 3, 10}},
		answers{day: today, hour: 10, place: "d0-p0", grades: [5]int64{0, 0, 0, 0, 4}, flag: true},
		answers{day: today, hour: 9, place: "d0-p0", grades: [5]int64{7, 0, 0, 0, 0}, series: surveys.SeriesUnasked},
	)
	offered := rating()
	offered.Kind, offered.Department, offered.Place = surveys.EventPromptOffered, "d0", "d0-p0"
	c.AddEvent(&offered, 40)

	got := analytics.BuildBoard(hospital(1, 1), c, period(today, today)).Departments[0].Places[0]
	number := func(x float64) *float64 { return &x }
	four := int64(4)
	figure := analytics.Figure{
		Offered: 40, Answered: 20, ResponseRate: number(0.5), Shown: true,
		Score: number(83.75), ScoreLow: number(62.54), ScoreHigh: number(94.09), CleanedScore: number(79.69), Flagged: &four,
		Satisfied: number(0.9), Dissatisfied: number(0.1), DissatisfiedLow: number(0.0279), DissatisfiedHigh: number(0.301),
		Grades: []int64{2, 0, 1, 3, 14},
	}
	want := analytics.Unit{
		ID: "d0-p0", Kind: "window", Name: surveys.Text{ZH: "窗口", EN: "Window"}, WindowKind: surveys.WindowSettlement,
		Figure: figure, Modes: []analytics.ModeFigure{{Mode: "window", Figure: figure}},
		Unasked: analytics.Figure{Answered: 7, Withheld: analytics.WithheldNotEnough},
		Hours:   []analytics.HourFigure{{Hour: 9, Answered: 16, Score: number(79.69)}, {Hour: 10, Answered: 4}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("unit (-want +got):\n%s", d)
	}
}

func TestNobodyAnsweredIsNoDataAndEveryDepartmentWithAPlaceIsListed(t *testing.T) {
	org := hospital(2, 1)
	org = surveys.NewOrganisation(org.Name, nil, append(org.Departments, surveys.Department{ID: "hq"}), org.Places, nil)
	c := countsOf(answers{day: yesterday, place: "zz-gone", mode: surveys.ModeBedside, grades: good(12)})
	board := analytics.BuildBoard(org, c, period(yesterday, today))
	var listed []string
	for _, d := range board.Departments {
		listed = append(listed, fmt.Sprintf("%s %s %d %s", d.ID, d.Kind, len(d.Places), d.Figure.Withheld))
	}
	want := []string{"d0 department 1 no_data", "d1 department 1 no_data", "zz department 1 "}
	if d := cmp.Diff(want, listed); d != "" {
		t.Errorf("departments (-want +got):\n%s", d)
	}
	if p := board.Departments[2].Places[0]; p.ID != "zz-gone" || p.Kind != "ward" || p.Figure.Answered != 12 {
		t.Errorf("the answers of a place that is gone: %+v", p)
	}
	if f := board.Departments[0].Figure; f.ResponseRate != nil || f.Shown || f.Grades != nil {
		t.Errorf("a unit nobody answered at shows a figure: %+v", f)
	}
	empty := analytics.BuildBoard(org, c, period(today, today))
	if got := len(empty.Departments); got != 2 {
		t.Errorf("%d departments listed for a day without answers, want the 2 with places", got)
	}
}

func TestPeriodIsBounded(t *testing.T) {
	c := countsOf(
		answers{day: 20261119, place: "d0-p0", grades: good(100)},
		answers{day: yesterday, place: "d0-p0", grades: good(20)},
		answers{day: today, hour: 8, place: "d0-p0", grades: good(3)},
		answers{day: 20261122, place: "d0-p0", grades: good(1000)},
	)
	u := analytics.BuildBoard(hospital(1, 1), c, period(yesterday, today)).Hospital
	if u.Figure.Answered != 23 {
		t.Errorf("answered %d, want 23", u.Figure.Answered)
	}
	if len(u.Hours) != 1 || u.Hours[0].Hour != 8 || u.Hours[0].Answered != 3 {
		t.Errorf("hours are %+v, want today's", u.Hours)
	}
}

// BenchmarkBuildBoard is the hub's call: 24 departments, 16 places, 30 days.
func BenchmarkBuildBoard(b *testing.B) {
	org, c := monthOfAnswers()
	opt := period(today.AddDays(-29), today)
	for b.Loop() {
		analytics.BuildBoard(org, c, opt)
	}
}

func BenchmarkBuildBoardForADepartment(b *testing.B) {
	org, c := monthOfAnswers()
	opt := period(today.AddDays(-29), today)
	opt.Audience, opt.Department = analytics.AudienceDepartment, "d3"
	for b.Loop() {
		analytics.BuildBoard(org, c, opt)
	}
}

func monthOfAnswers() (*surveys.Organisation, *analytics.Counts) {
	org := hospital(24, 1)
	org = surveys.NewOrganisation(org.Name, nil, org.Departments, org.Places[:16], nil)
	c := analytics.NewCounts()
	for back := range 30 {
		for i, p := range org.Places {
			for hour := 8; hour < 18; hour++ {
				c.Merge(countsOf(
					answers{day: today.AddDays(-back), hour: hour, place: string(p.Department) + string(p.ID[2:]), grades: [5]int64{1, 1, 2, 5, int64(10 + i)}},
					answers{day: today.AddDays(-back), hour: hour, place: string(p.Department) + string(p.ID[2:]), grades: [5]int64{1, 0, 0, 0, 1}, series: surveys.SeriesUnasked},
				))
			}
		}
	}
	return org, c
}
