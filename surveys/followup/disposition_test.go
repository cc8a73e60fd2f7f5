package followup_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// cells are two weeks of two departments.
var cells = []followup.DispositionCell{
	{Mode: surveys.ModeReply, Department: "cardiology", Year: 2026, Week: 47, State: followup.InvitationComplete, Invitations: 30, Offered: 30, Answered: 30, Cost: 450},
	{Mode: surveys.ModeReply, Department: "cardiology", Year: 2026, Week: 47, State: followup.InvitationUnanswered, Invitations: 50, Offered: 50, Cost: 250},
	{Mode: surveys.ModeReply, Department: "cardiology", Year: 2026, Week: 48, State: followup.InvitationQueued, Invitations: 7},
	{Mode: surveys.ModeReply, Department: "", Year: 2026, Week: 47, State: followup.InvitationPartial, Invitations: 4, Offered: 4, Answered: 4, Cost: 40},
	{Mode: surveys.ModeCode, Department: "cardiology", Year: 2026, Week: 47, State: followup.InvitationComplete, Invitations: 2, Offered: 2, Answered: 2, Cost: 10},
	{Mode: surveys.ModeCode, Department: "orthopaedics", Year: 2025, Week: 52, State: followup.InvitationRefused, Invitations: 3},
}

func TestRollUp(t *testing.T) {
	type row struct {
		department       surveys.DepartmentID
		year, week       int
		mode             surveys.Mode
		n, asked, answer int64
		rate             float64
		any              bool
		cost             surveys.Fen
	}
	for _, tt := range []struct {
		by   followup.Grouping
		want []row
	}{
		{followup.ByMode, []row{
			{"", 0, 0, surveys.ModeCode, 5, 2, 2, 1, true, 10},
			{"", 0, 0, surveys.ModeReply, 91, 84, 34, 34.0 / 84, true, 740},
		}},
		{followup.ByDepartment, []row{
			{"", 0, 0, surveys.ModeReply, 4, 4, 4, 1, true, 40},
			{"cardiology", 0, 0, surveys.ModeCode, 2, 2, 2, 1, true, 10},
			{"cardiology", 0, 0, surveys.ModeReply, 87, 80, 30, 30.0 / 80, true, 700},
			{"orthopaedics", 0, 0, surveys.ModeCode, 3, 0, 0, 0, false, 0},
		}},
		{followup.ByWeek, []row{
			{"", 2026, 48, surveys.ModeReply, 7, 0, 0, 0, false, 0},
			{"", 2026, 47, surveys.ModeCode, 2, 2, 2, 1, true, 10},
			{"", 2026, 47, surveys.ModeReply, 84, 84, 34, 34.0 / 84, true, 740},
			{"", 2025, 52, surveys.ModeCode, 3, 0, 0, 0, false, 0},
		}},
	} {
		var got []row
		for _, r := range followup.RollUp(cells, tt.by) {
			rate, ok := r.Rate()
			got = append(got, row{r.Department, r.Year, r.Week, r.Mode, r.Invitations, r.Offered, r.Answered, rate, ok, r.Cost})
			var sum int64
			for _, n := range r.States {
				sum += n
			}
			if sum != r.Invitations {
				t.Errorf("by %s: the states of a row add up to %d of %d", tt.by, sum, r.Invitations)
			}
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(row{})); diff != "" {
			t.Errorf("by %s: %s", tt.by, diff)
		}
	}
	if got := followup.RollUp(nil, followup.ByMode); len(got) != 0 {
		t.Errorf("nothing adds up to %v", got)
	}
}

func TestDispositionTable(t *testing.T) {
	name := func(id surveys.DepartmentID) string { return "=科室 " + string(id) }
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(followup.DispositionTable(followup.RollUp(cells, followup.ByDepartment), followup.ByDepartment, "zh", name)); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"科室,方式,邀请,待发送,已发送,已送达,未送达,运营商拒绝,已退订,未回复,中途放弃,部分完成,已完成,不符合条件,转线索，已停止,已询问,已应答,应答率（%）,费用（元）",
		"未知科室,短信回复,4,0,0,0,0,0,0,0,0,4,0,0,0,4,4,100.0,0.40",
		"'=科室 cardiology,短信验证码,2,0,0,0,0,0,0,0,0,0,2,0,0,2,2,100.0,0.10",
		"'=科室 cardiology,短信回复,87,7,0,0,0,0,0,50,0,0,30,0,0,80,30,37.5,7.00",
		"'=科室 orthopaedics,短信验证码,3,0,0,0,0,3,0,0,0,0,0,0,0,0,0,,0.00",
		"",
	}, "\n")
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	weeks := followup.DispositionTable(followup.RollUp(cells, followup.ByWeek), followup.ByWeek, "en", name)
	if got := []string{weeks[0][0], weeks[1][0], weeks[4][0], weeks[1][1]}; !cmp.Equal(got, []string{"Week", "2026-W48", "2025-W52", "Text reply"}) {
		t.Errorf("the weeks begin with %v", got)
	}
	for _, row := range weeks {
		if len(row) != len(weeks[0]) {
			t.Errorf("a row has %d cells, its head %d", len(row), len(weeks[0]))
		}
	}
}

func TestNeutral(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "心内科": "心内科", "5": "5", "a=b": "a=b", "=1+1": "'=1+1", "+86": "'+86", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx",
		"\r=1": "'\r=1", " =1": "' =1", "　=1": "'　=1", "＝1": "'＝1", "＠x": "'＠x", "|cmd": "'|cmd", "'quoted": "'quoted", "   ": "   ",
	} {
		if got := followup.Neutral(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
}
