package followup

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"qingfeng/surveys"
)

// InvitationStates lists the states in the order a disposition table shows them.
func InvitationStates() []InvitationState {
	return []InvitationState{
		InvitationQueued, InvitationSent, InvitationDelivered, InvitationUndelivered, InvitationRefused, InvitationOptedOut, InvitationUnanswered,
		InvitationBreakOff, InvitationPartial, InvitationComplete, InvitationWithdrawn, InvitationStopped,
	}
}

// Text names the state to the officer.
func (s InvitationState) Text() surveys.Text {
	switch s {
	case InvitationQueued:
		return surveys.Text{ZH: "待发送", EN: "Queued"}
	case InvitationSent:
		return surveys.Text{ZH: "已发送", EN: "Sent"}
	case InvitationDelivered:
		return surveys.Text{ZH: "已送达", EN: "Delivered"}
	case InvitationUndelivered:
		return surveys.Text{ZH: "未送达", EN: "Undelivered"}
	case InvitationRefused:
		return surveys.Text{ZH: "运营商拒绝", EN: "Refused by the carrier"}
	case InvitationOptedOut:
		return surveys.Text{ZH: "已退订", EN: "Opted out"}
	case InvitationUnanswered:
		return surveys.Text{ZH: "未回复", EN: "Unanswered"}
	case InvitationBreakOff:
		return surveys.Text{ZH: "中途放弃", EN: "Broken off"}
	case InvitationPartial:
		return surveys.Text{ZH: "部分完成", EN: "Partial"}
	case InvitationComplete:
		return surveys.Text{ZH: "已完成", EN: "Complete"}
	case InvitationWithdrawn:
		return surveys.Text{ZH: "不符合条件", EN: "Ineligible"}
	case InvitationStopped:
		return surveys.Text{ZH: "转线索，已停止", EN: "Stopped for a clue"}
	}
	return surveys.Text{}
}

// ModeText names a mode of a survey after discharge.
func ModeText(m surveys.Mode) surveys.Text {
	switch m {
	case surveys.ModeReply:
		return surveys.Text{ZH: "短信回复", EN: "Text reply"}
	case surveys.ModeLink:
		return surveys.Text{ZH: "短信链接", EN: "Link by text"}
	case surveys.ModeCode:
		return surveys.Text{ZH: "短信验证码", EN: "Code by text"}
	}
	return surveys.Text{ZH: string(m), EN: string(m)}
}

// DispositionCell counts invitations that are alike in everything a table may
// show. Year and Week are ISO 8601's.
type DispositionCell struct {
	Mode       surveys.Mode
	Department surveys.DepartmentID
	Year, Week int
	State      InvitationState
	// Offered are those whose first text a carrier has taken, Answered those
	// with at least one answer.
	Invitations, Offered, Answered int64
	Cost                           surveys.Fen
}

// Grouping is what the rows of a disposition table are, beside the mode.
type Grouping string

// Groupings. Modes stand apart in every one of them.
const (
	ByMode       Grouping = "mode"
	ByDepartment Grouping = "department"
	ByWeek       Grouping = "week"
)

// DispositionRow is one row of the table. Department and Week are set where the
// rows are grouped by them.
type DispositionRow struct {
	Department  surveys.DepartmentID      `json:"department,omitempty"`
	Year        int                       `json:"year,omitempty"`
	Week        int                       `json:"week,omitempty"`
	Mode        surveys.Mode              `json:"mode"`
	States      map[InvitationState]int64 `json:"states"`
	Invitations int64                     `json:"invitations"`
	Offered     int64                     `json:"offered"`
	Answered    int64                     `json:"answered"`
	Cost        surveys.Fen               `json:"cost_fen"`
}

// Rate is the response rate, answered/offered, 0 to 1; false when nobody was
// offered, which is no data and not zero.
func (r *DispositionRow) Rate() (float64, bool) {
	if r.Offered == 0 {
		return 0, false
	}
	return float64(r.Answered) / float64(r.Offered), true
}

// RollUp adds cells up to the rows of a table, sorted by week (newest first) or
// department, then mode. Every cell lands in exactly one row.
func RollUp(cells []DispositionCell, by Grouping) []DispositionRow {
	rows := map[DispositionCell]*DispositionRow{}
	for _, c := range cells {
		key := DispositionCell{Mode: c.Mode}
		switch by {
		case ByDepartment:
			key.Department = c.Department
		case ByWeek:
			key.Year, key.Week = c.Year, c.Week
		}
		r := rows[key]
		if r == nil {
			r = &DispositionRow{Department: key.Department, Year: key.Year, Week: key.Week, Mode: key.Mode, States: map[InvitationState]int64{}}
			rows[key] = r
		}
		r.States[c.State] += c.Invitations
		r.Invitations += c.Invitations
		r.Offered += c.Offered
		r.Answered += c.Answered
		r.Cost += c.Cost
	}
	out := make([]DispositionRow, 0, len(rows))
	for _, r := range rows {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b DispositionRow) int {
		return cmp.Or(cmp.Compare(b.Year, a.Year), cmp.Compare(b.Week, a.Week), cmp.Compare(a.Department, b.Department), cmp.Compare(a.Mode, b.Mode))
	})
	return out
}

// DispositionTable gives the rows as a table of text in a language, "zh" or
// "en", headed, with every cell fit for a spreadsheet. name gives a
// department's name.
func DispositionTable(rows []DispositionRow, by Grouping, language string, name func(surveys.DepartmentID) string) [][]string {
	var head []string
	title := func(t surveys.Text) { head = append(head, in(language, t)) }
	switch by {
	case ByDepartment:
		title(surveys.Text{ZH: "科室", EN: "Department"})
	case ByWeek:
		title(surveys.Text{ZH: "周", EN: "Week"})
	}
	title(surveys.Text{ZH: "方式", EN: "Mode"})
	title(surveys.Text{ZH: "邀请", EN: "Invitations"})
	for _, s := range InvitationStates() {
		title(s.Text())
	}
	title(surveys.Text{ZH: "已询问", EN: "Offered"})
	title(surveys.Text{ZH: "已应答", EN: "Answered"})
	title(surveys.Text{ZH: "应答率（%）", EN: "Response rate (%)"})
	title(surveys.Text{ZH: "费用（元）", EN: "Cost (yuan)"})
	table := [][]string{head}
	for _, r := range rows {
		table = append(table, r.cells(by, language, name))
	}
	return table
}

func (r *DispositionRow) cells(by Grouping, language string, name func(surveys.DepartmentID) string) []string {
	var out []string
	switch by {
	case ByDepartment:
		words := in(language, surveys.Text{ZH: "未知科室", EN: "Unknown department"})
		if r.Department != "" {
			words = name(r.Department)
		}
		out = append(out, Neutral(words))
	case ByWeek:
		out = append(out, fmt.Sprintf("%04d-W%02d", r.Year, r.Week))
	}
	out = append(out, Neutral(in(language, ModeText(r.Mode))), strconv.FormatInt(r.Invitations, 10))
	for _, s := range InvitationStates() {
		out = append(out, strconv.FormatInt(r.States[s], 10))
	}
	rate := "" // no data
	if share, ok := r.Rate(); ok {
		rate = strconv.FormatFloat(100*share, 'f', 1, 64)
	}
	return append(out, strconv.FormatInt(r.Offered, 10), strconv.FormatInt(r.Answered, 10), rate, r.Cost.String())
}

// Neutral makes a cell of words safe to open in a spreadsheet: what begins like
// a formula, also in full width or behind blanks, gets an apostrophe before it
// (OWASP, CSV injection). Figures of ours are written without it.
func Neutral(cell string) string {
	for _, r := range cell {
		switch r {
		case ' ', '\u3000', '\u00a0', '\ufeff':
			continue
		case '=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠':
			return "'" + cell
		}
		return cell
	}
	return cell
}
