package followup

import "qingfeng/surveys"

// Reason says why a visit is not asked about. The empty Reason says that it is.
type Reason string

// Reasons, in the order Decide looks for them.
const (
	ReasonCancelled     Reason = "cancelled"
	ReasonDeceased      Reason = "deceased"
	ReasonNotDischarged Reason = "not_discharged"
	ReasonOutpatient    Reason = "outpatient"
	ReasonTransferred   Reason = "transferred"
	ReasonReadmitted    Reason = "readmitted"
	ReasonAhead         Reason = "discharge_ahead"
	ReasonInvited       Reason = "invited_already"
	ReasonOptedOut      Reason = "opted_out"
	ReasonSuppressed    Reason = "suppressed"
	ReasonNoGuardian    Reason = "no_guardian"
	ReasonNoNumber      Reason = "no_number"
	ReasonCountry       Reason = "country"
	ReasonTooLate       Reason = "too_late"
	ReasonCoolDown      Reason = "cool_down"
	ReasonNotSampled    Reason = "not_sampled"
)

// Reasons lists every reason, in the order Decide looks for them.
func Reasons() []Reason {
	return []Reason{
		ReasonCancelled, ReasonDeceased, ReasonNotDischarged, ReasonOutpatient, ReasonTransferred, ReasonReadmitted, ReasonAhead, ReasonInvited,
		ReasonOptedOut, ReasonSuppressed, ReasonNoGuardian, ReasonNoNumber, ReasonCountry, ReasonTooLate, ReasonCoolDown, ReasonNotSampled,
	}
}

// Text says the reason to the officer who reads the dry run.
func (r Reason) Text() surveys.Text {
	switch r {
	case ReasonCancelled:
		return surveys.Text{ZH: "入院已撤销", EN: "The admission was cancelled"}
	case ReasonDeceased:
		return surveys.Text{ZH: "患者已去世", EN: "The patient has died"}
	case ReasonNotDischarged:
		return surveys.Text{ZH: "尚未出院", EN: "Not discharged"}
	case ReasonOutpatient:
		return surveys.Text{ZH: "门诊或急诊，不属于出院随访", EN: "An outpatient or emergency visit, which this survey is not for"}
	case ReasonTransferred:
		return surveys.Text{ZH: "已转往其他医院", EN: "Transferred to another hospital"}
	case ReasonReadmitted:
		return surveys.Text{ZH: "出院后又再次入院", EN: "Admitted again since"}
	case ReasonAhead:
		return surveys.Text{ZH: "出院时间在将来，请核对", EN: "The discharge lies in the future: check it"}
	case ReasonInvited:
		return surveys.Text{ZH: "本次住院已经邀请过", EN: "Asked about this visit already"}
	case ReasonOptedOut:
		return surveys.Text{ZH: "已退订医院短信", EN: "Told the hospital to stop texting"}
	case ReasonSuppressed:
		return surveys.Text{ZH: "运营商不再向该号码发送", EN: "The carrier no longer delivers to the number"}
	case ReasonNoGuardian:
		return surveys.Text{ZH: "未满14岁，没有监护人号码", EN: "Under 14 and no guardian's number"}
	case ReasonNoNumber:
		return surveys.Text{ZH: "没有可用的手机号码", EN: "No number that can be texted"}
	case ReasonCountry:
		return surveys.Text{ZH: "号码所属国家或地区不在发送范围", EN: "The number's country is not texted"}
	case ReasonTooLate:
		return surveys.Text{ZH: "出院已久，超过随访期限", EN: "Too long since the discharge"}
	case ReasonCoolDown:
		return surveys.Text{ZH: "近期已经邀请过该患者", EN: "The patient was asked a short while ago"}
	case ReasonNotSampled:
		return surveys.Text{ZH: "未被抽中", EN: "Not in the sample"}
	}
	return surveys.Text{}
}
