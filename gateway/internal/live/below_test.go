package live_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/analytics"
	"qingfeng/gateway/internal/live"
	"qingfeng/surveys"
)

// TestHeadSeesWhatLiesBelow puts a head over a department without places of its
// own, whose wards belong to the department below it.
func TestHeadSeesWhatLiesBelow(t *testing.T) {
	base := sampleHospital()
	departments := append([]surveys.Department{{ID: "internal", Name: text("大内科", "Internal Medicine"), Level: surveys.LevelFunctional}}, base.Departments...)
	for i := range departments {
		if departments[i].ID == "cardiology" {
			departments[i].Parent = "internal"
		}
	}
	org := surveys.NewOrganisation(base.Name, base.ReportingPhones, departments, base.Places, base.Staff)
	s := start(t, func(tablets *live.TabletOptions, boards *live.BoardOptions) {
		tablets.Organisation, boards.Organisation = org, org
	})
	s.lists.change(func() {
		s.lists.dev = []live.BoardDevice{
			{ID: deviceID(1), Name: "七病区A", Kind: surveys.DeviceBedsideTablet, Place: "ward-7a"},
			{ID: deviceID(2), Name: "2号窗口", Kind: surveys.DeviceWindowTablet, Place: "settlement-2"},
		}
	})
	counts := analytics.NewCounts()
	for _, at := range []struct {
		department surveys.DepartmentID
		place      surveys.PlaceID
		mode       surveys.Mode
	}{{"cardiology", "ward-7a", surveys.ModeBedside}, {"finance", "settlement-2", surveys.ModeWindow}} {
		for hour := range 2 {
			counts.AddEvent(&surveys.Event{
				Kind: surveys.EventRatingRecorded, At: noon.UnixMilli(), Day: 20261121, Hour: 8 + hour, Place: at.place, Department: at.department,
				Version: samplePaper().Version(), Item: "grade", Mode: at.mode, Series: surveys.SeriesAsked, Grade: 5,
			}, 30)
		}
	}
	s.scores.counts, s.scores.org = counts, org
	sc := s.board(live.Viewer{ID: "head", Audience: analytics.AudienceDepartment, Department: "internal"})
	sc.send(`{"type":"subscribe","period":"today"}`)
	var snapshot struct {
		Departments []struct {
			ID     string
			Figure struct{ Shown bool }
		}
		Devices []struct{ ID string }
	}
	sc.into(sc.expect("snapshot"), &snapshot)
	if len(snapshot.Departments) != 1 || snapshot.Departments[0].ID != "cardiology" || !snapshot.Departments[0].Figure.Shown {
		t.Errorf("the head sees %+v, want cardiology with its figure", snapshot.Departments)
	}
	if diff := cmp.Diff([]struct{ ID string }{{deviceID(1).String()}}, snapshot.Devices); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}
