package intake

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"qingfeng/surveys"
)

// column is what a column of a file holds.
type column string

// Columns. A file needs discharged_at and one of the two numbers; the rest helps.
const (
	columnPatient     column = "patient_number"
	columnVisit       column = "visit_number"
	columnName        column = "name"
	columnBorn        column = "born"
	columnPhone       column = "phone"
	columnGuardian    column = "guardian_phone"
	columnWard        column = "ward"
	columnRoom        column = "room"
	columnBed         column = "bed"
	columnService     column = "department"
	columnAttending   column = "attending"
	columnClass       column = "class"
	columnAdmitted    column = "admitted_at"
	columnDischarged  column = "discharged_at"
	columnDisposition column = "disposition"
	columnDeceased    column = "deceased"
	columnRecorded    column = "recorded_at"
)

// headings are the names a column may have, as hospitals' exports write them.
// The column's own name is one too.
var headings = map[column]string{
	columnPatient:     "病案号 病历号 患者号 患者编号 患者id 病人id 登记号 门诊号 patientid mrn medicalrecordnumber",
	columnVisit:       "住院号 就诊号 住院流水号 就诊流水号 流水号 住院id visit visitid encounter encounterid admissionnumber",
	columnName:        "姓名 患者姓名 病人姓名 patientname fullname",
	columnBorn:        "出生日期 出生年月 出生年月日 生日 birthdate dateofbirth birthday dob",
	columnPhone:       "手机 手机号 手机号码 电话 联系电话 电话号码 本人电话 患者电话 患者手机 mobile mobilephone telephone phonenumber",
	columnGuardian:    "监护人电话 监护人手机 监护人联系电话 家长电话 家长手机 guardian guardianmobile parentphone",
	columnWard:        "病区 出院病区 护理单元 病房区 wardname wardcode pointofcare unit",
	columnRoom:        "病房 房间 房间号 房号 roomnumber",
	columnBed:         "床号 床位 床位号 出院床号 bednumber",
	columnService:     "科室 出院科室 所在科室 服务 service departmentname specialty",
	columnAttending:   "主治医师工号 主管医师工号 主治医生工号 经治医师工号 医师工号 医生工号 attendingnumber physician doctor",
	columnClass:       "就诊类型 就诊类别 患者类型 patientclass visittype encounterclass",
	columnAdmitted:    "入院时间 入院日期 admitted admission admissiondate admissiontime admitdate",
	columnDischarged:  "出院时间 出院日期 discharged discharge dischargedate dischargetime",
	columnDisposition: "离院方式 出院方式 去向 出院去向 dischargedisposition dischargedto",
	columnDeceased:    "死亡 是否死亡 died dead",
	columnRecorded:    "更新时间 修改时间 记录时间 updated updatedat lastupdated",
}

var columnsByHeading = func() map[string]column {
	all := map[string]column{}
	for c, names := range headings {
		all[heading(string(c))] = c
		for name := range strings.FieldsSeq(names) {
			all[heading(name)] = c
		}
	}
	return all
}()

// heading makes headings comparable: no case, width, spaces, underscores,
// hyphens, and nothing from a bracket on, as in 出院时间（年月日）.
func heading(text string) string {
	text, _, _ = strings.Cut(strings.ToLower(norm.NFKC.String(text)), "(")
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-*:\t\u200b\ufeff", r) {
			return -1
		}
		return r
	}, text)
}

// readHeader finds the columns of a file. The error is a *Refusal.
func readHeader(fields []string) (map[column]int, error) {
	at := map[column]int{}
	for i, f := range fields {
		c, ok := columnsByHeading[heading(f)]
		if !ok {
			continue // columns nobody asked for are left alone
		}
		if _, twice := at[c]; twice {
			return nil, Refuse(surveys.Text{ZH: "表头有两列都是 " + string(c), EN: "two columns of the header are " + string(c)})
		}
		at[c] = i
	}
	_, discharged := at[columnDischarged]
	_, patient := at[columnPatient]
	_, visit := at[columnVisit]
	if !discharged || !patient && !visit {
		return nil, refuse("第一行必须是表头，至少有“出院时间”，以及“病案号”或“住院号”",
			"the first line must be a header with discharged_at and one of patient_number and visit_number")
	}
	return at, nil
}
