package hl7

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// Source is VisitChange.Source of everything from here.
const Source = "hl7"

// events are the trigger events of chapter 3 that change a visit. A05 (a stay
// that is only planned) is not among them: nobody has come yet, and the A01 follows.
var events = map[string]followup.ChangeKind{
	"A01": followup.ChangeAdmitted, "A04": followup.ChangeAdmitted,
	"A02": followup.ChangeTransferred, "A12": followup.ChangeTransferUndone,
	"A03": followup.ChangeDischarged, "A13": followup.ChangeDischargeUndone,
	"A06": followup.ChangeUpdated, "A07": followup.ChangeUpdated, // outpatient to inpatient and back
	"A08": followup.ChangeUpdated, "A31": followup.ChangeUpdated,
	"A11": followup.ChangeAdmissionUndone,
	"A18": followup.ChangeMerged, "A34": followup.ChangeMerged, "A36": followup.ChangeMerged, "A40": followup.ChangeMerged,
}

// Refusal says why a message can never be taken, in words that quote nothing of it.
type Refusal struct{ Reason surveys.Text }

// Error implements error.
func (r *Refusal) Error() string { return "message refused: " + r.Reason.EN }

// Refused is the reason for the desk.
func (r *Refusal) Refused() surveys.Text { return r.Reason }

func refuse(zh, en string) error { return &Refusal{surveys.Text{ZH: zh, EN: en}} }

// Changes gives what an ADT message tells of visits: usually one change, one for
// each pair of a merge, and none for an event that changes no visit. The error
// is a *Refusal. received is when the message came; it stands in for a time
// the message does not tell.
//
// Message of a change is a hash over sender, time, control id and the whole
// message, because control ids may begin at 1 again: the same message sent
// twice gives the same, whatever its line ends, and no other message does.
func Changes(m *Message, s Settings, received time.Time) ([]followup.VisitChange, error) {
	s = s.withDefaults()
	kind, event := m.Type()
	if kind != "ADT" {
		return nil, refuse("不是 ADT 消息", "not an ADT message")
	}
	if s.ProductionOnly && m.Header(11, 1) != "P" {
		return nil, refuse("不是生产环境消息（MSH-11 不是 P）", "not a production message (MSH-11 is not P)")
	}
	change, ok := events[event]
	if !ok {
		if len(event) == 3 && event[0] == 'A' {
			return nil, nil
		}
		return nil, refuse("缺少触发事件（MSH-9）", "no trigger event in MSH-9")
	}
	if change == followup.ChangeMerged {
		return merges(m, s, received)
	}
	c, err := visit(m, s, change, received)
	if err != nil {
		return nil, err
	}
	return []followup.VisitChange{c}, nil
}

// visit reads a message about one visit.
func visit(m *Message, s Settings, kind followup.ChangeKind, received time.Time) (followup.VisitChange, error) {
	c := followup.VisitChange{Source: Source, Message: m.key(1), Kind: kind, At: happened(m, s, received)}
	if err := readPatient(&c, m, s); err != nil {
		return c, err
	}
	pv1 := m.Segment("PV1")
	c.Visit = followup.VisitNumber(pv1.First(19).Component(1))
	if c.Patient == "" && c.Visit == "" {
		return c, refuse("消息中没有患者号和就诊号（PID-3、PV1-19）", "neither patient nor visit number (PID-3, PV1-19)")
	}
	c.Inpatient = slices.Contains(s.InpatientClasses, pv1.First(2).Component(1))
	location := pv1.First(3)
	c.Ward, c.Room, c.Bed = location.Component(1), location.Component(2), location.Component(3)
	c.Attending = pv1.First(7).Component(1)
	c.Service = pv1.First(10).Component(1)
	c.AdmittedAt, _ = moment(pv1.First(44).Component(1), s.Zone)
	if c.AdmittedAt.IsZero() && kind == followup.ChangeAdmitted {
		c.AdmittedAt = occurred(m, s, c.At)
	}
	if kind == followup.ChangeDischarged || kind == followup.ChangeUpdated {
		c.DischargedAt, _ = moment(pv1.First(45).Component(1), s.Zone)
		c.Disposition = s.Dispositions[pv1.First(36).Component(1)]
	}
	if c.DischargedAt.IsZero() && kind == followup.ChangeDischarged {
		c.DischargedAt = occurred(m, s, c.At)
	}
	c.Deceased = c.Deceased || c.Disposition == followup.DispositionDeceased
	if c.Deceased && kind == followup.ChangeUpdated {
		c.Kind = followup.ChangeReportedDeceased
	}
	return c, nil
}

// happened is EVN-2, when the sender recorded the event: it orders changes, also
// the undoing of one, whose EVN-6 is the time of what is undone.
func happened(m *Message, s Settings, received time.Time) time.Time {
	if t, ok := moment(m.Segment("EVN").First(2).Component(1), s.Zone); ok {
		return t
	}
	if t, ok := moment(m.Header(7, 1), s.Zone); ok {
		return t
	}
	return received
}

// occurred is EVN-6, when the event took place, or else when it was recorded.
func occurred(m *Message, s Settings, recorded time.Time) time.Time {
	if t, ok := moment(m.Segment("EVN").First(6).Component(1), s.Zone); ok {
		return t
	}
	return recorded
}

// merges reads the pairs of a merge: each MRG belongs to the PID before it.
func merges(m *Message, s Settings, received time.Time) ([]followup.VisitChange, error) {
	var all []followup.VisitChange
	var pid Segment
	for _, segment := range m.Segments() {
		if segment.Name == "PID" {
			pid = segment
		}
		if segment.Name != "MRG" {
			continue
		}
		c := followup.VisitChange{Source: Source, Message: m.key(len(all) + 1), Kind: followup.ChangeMerged, At: happened(m, s, received)}
		if err := readPerson(&c, pid, s, c.At); err != nil {
			return nil, err
		}
		var err error
		if c.Prior, err = number(segment.Repetitions(1), s); err != nil {
			return nil, err
		}
		if c.Patient == "" || c.Prior == "" || c.Patient == c.Prior {
			return nil, refuse("合并消息缺少两个不同的患者号（PID-3、MRG-1）", "a merge without two different patient numbers (PID-3, MRG-1)")
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, refuse("合并消息没有 MRG 段", "a merge without an MRG segment")
	}
	return all, nil
}

// key is the idempotency key of the nth change of a message: 32 hexadecimal
// digits, and the change's place where there are several.
func (m *Message) key(n int) string {
	h := sha256.New()
	for _, part := range []string{m.Header(3, 1), m.Header(4, 1), m.Header(7, 1), m.Header(10, 1), m.text} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	key := hex.EncodeToString(h.Sum(nil)[:16])
	if n > 1 {
		key += "-" + strconv.Itoa(n)
	}
	return key
}
