package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// row is one row of a file and where its columns are.
type row struct {
	fields  []string
	columns map[column]int
	width   int // of the header
}

// get gives a column's text without the marks by which spreadsheets keep
// digits from becoming numbers: ="138…" and a leading apostrophe.
func (r row) get(c column) string {
	i, ok := r.columns[c]
	if !ok || i >= len(r.fields) {
		return ""
	}
	text := strings.TrimSpace(r.fields[i])
	if inner, ok := strings.CutPrefix(text, `="`); ok {
		text = strings.TrimSuffix(inner, `"`)
	}
	text = strings.TrimSpace(strings.TrimPrefix(text, "'"))
	if text == "-" || strings.EqualFold(text, "null") {
		return ""
	}
	return text
}

func (r row) empty() bool { return strings.TrimSpace(strings.Join(r.fields, "")) == "" }

// change makes a discharge of a row. The error is a *Refusal.
func (r row) change(zone *time.Location) (followup.VisitChange, error) {
	c := followup.VisitChange{
		Source: SourceCSV, Kind: followup.ChangeDischarged, Message: r.key(),
		Patient: followup.PatientNumber(r.get(columnPatient)), Visit: followup.VisitNumber(r.get(columnVisit)),
		Name: surveys.Secret(r.get(columnName)), Phone: surveys.Secret(r.get(columnPhone)), Guardian: surveys.Secret(r.get(columnGuardian)),
		Ward: r.get(columnWard), Room: r.get(columnRoom), Bed: r.get(columnBed), Service: r.get(columnService), Attending: r.get(columnAttending),
		Inpatient: inpatient(r.get(columnClass)),
	}
	if strings.TrimSpace(strings.Join(r.fields[min(r.width, len(r.fields)):], "")) != "" {
		return c, refuse("列数多于表头，可能有未加引号的分隔符", "more columns than the header; perhaps a separator without quotation marks")
	}
	if len(r.fields) < r.width {
		return c, refuse("列数少于表头", "fewer columns than the header")
	}
	if err := r.moments(&c, zone); err != nil {
		return c, err
	}
	var known bool
	if c.Disposition, known = dispositions[fold(r.get(columnDisposition))]; !known {
		c.Disposition = followup.DispositionUnknown
	}
	c.Deceased = yes(r.get(columnDeceased)) || c.Disposition == followup.DispositionDeceased
	return c, nil
}

// moments reads the dates. A change happened when the file says it was
// recorded, or else at the discharge: an old file must not undo what is newer.
func (r row) moments(c *followup.VisitChange, zone *time.Location) error {
	for _, m := range []struct {
		column column
		zh     string
		to     *time.Time
	}{{columnDischarged, "出院时间", &c.DischargedAt}, {columnAdmitted, "入院时间", &c.AdmittedAt}, {columnRecorded, "更新时间", &c.At}} {
		text := r.get(m.column)
		if text == "" {
			continue
		}
		t, ok := moment(text, zone)
		if !ok {
			return Refuse(surveys.Text{ZH: m.zh + "无法识别", EN: string(m.column) + " is not a date and time"})
		}
		*m.to = t
	}
	if c.DischargedAt.IsZero() {
		return refuse("没有出院时间", "no time of discharge")
	}
	if c.At.IsZero() {
		c.At = c.DischargedAt
	}
	text := r.get(columnBorn)
	if text == "" {
		return nil
	}
	var ok bool
	if c.Born, ok = birthday(text, surveys.DayOf(c.DischargedAt, zone)); !ok {
		return refuse("出生日期无法识别", "born is not a date before the discharge")
	}
	return nil
}

// key is the same for the same row, in whatever order and under whatever names
// its columns stand.
func (r row) key() string {
	h := sha256.New()
	for _, c := range []column{
		columnPatient, columnVisit, columnName, columnBorn, columnPhone, columnGuardian, columnWard, columnRoom, columnBed, columnService,
		columnAttending, columnClass, columnAdmitted, columnDischarged, columnDisposition, columnDeceased, columnRecorded,
	} {
		text := norm.NFKC.String(r.get(c))
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// dispositions are the ways of leaving as exports write them: the codes of
// the first page of Chinese inpatient records, and words. What is not here is unknown.
var dispositions = map[string]followup.Disposition{
	"1": followup.DispositionHome, "医嘱离院": followup.DispositionHome, "正常出院": followup.DispositionHome, "回家": followup.DispositionHome,
	"4": followup.DispositionHome, "非医嘱离院": followup.DispositionHome, "自动出院": followup.DispositionHome, "home": followup.DispositionHome,
	"治愈": followup.DispositionHome, "好转": followup.DispositionHome,
	"2": followup.DispositionTransferred, "医嘱转院": followup.DispositionTransferred, "转院": followup.DispositionTransferred,
	"3": followup.DispositionTransferred, "医嘱转社区卫生服务机构/乡镇卫生院": followup.DispositionTransferred, "转社区": followup.DispositionTransferred,
	"transferred": followup.DispositionTransferred,
	"5":           followup.DispositionDeceased, "死亡": followup.DispositionDeceased, "deceased": followup.DispositionDeceased, "died": followup.DispositionDeceased,
}

// yes reads a mark in a yes-or-no column.
func yes(text string) bool {
	switch fold(text) {
	case "y", "yes", "true", "1", "是", "死亡", "√":
		return true
	}
	return false
}

// inpatient reads the class of a visit. A file of discharges is one of
// inpatients unless it says otherwise.
func inpatient(text string) bool {
	switch fold(text) {
	case "门诊", "急诊", "o", "e", "amb", "emer", "outpatient", "emergency", "门诊患者", "急诊患者", "体检", "日间门诊":
		return false
	}
	return true
}
