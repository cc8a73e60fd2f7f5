package hl7

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// maxNumbers is how many phone numbers of a person are handed on.
const maxNumbers = 5

// guardians are the relationships (NK1-3: HL7 table 0063, GB/T 4761, words) whose
// phone stands for a child's.
var guardians = []string{
	"FTH", "MTH", "PAR", "GRD", "GRP",
	"5", "50", "51", "52", "57", "58", "59", "6", "60", "61", "62", "63", "64",
	"父亲", "母亲", "父", "母", "父母", "父子", "母子", "父女", "母女", "监护人", "祖父", "祖母", "外祖父", "外祖母", "爷爷", "奶奶", "外公", "外婆",
	"FATHER", "MOTHER", "PARENT", "GUARDIAN", "GRANDPARENT",
}

// readPatient reads PID and NK1 into a change.
func readPatient(c *followup.VisitChange, m *Message, s Settings) error {
	if err := readPerson(c, m.Segment("PID"), s, c.At); err != nil {
		return err
	}
	for _, nk1 := range m.Segments() {
		if nk1.Name != "NK1" || !isGuardian(nk1.First(3)) {
			continue
		}
		if phone := phones(nk1.Repetitions(5), nk1.Repetitions(6)); phone != "" {
			c.Guardian = phone
			break
		}
	}
	return nil
}

// isGuardian reports whether NK1-3 names somebody who may answer for a child:
// one of guardians, or a next of kin whose relationship is not said.
func isGuardian(relationship Repetition) bool {
	code, text := strings.ToUpper(relationship.Component(1)), strings.ToUpper(relationship.Component(2))
	if code == "" && text == "" {
		return true
	}
	return slices.Contains(guardians, code) || slices.Contains(guardians, text)
}

func readPerson(c *followup.VisitChange, pid Segment, s Settings, at time.Time) error {
	var err error
	if c.Patient, err = number(pid.Repetitions(3), s); err != nil {
		return err
	}
	if c.Patient == "" && len(s.Authorities) == 0 {
		c.Patient = followup.PatientNumber(pid.First(2).Component(1)) // before v2.3.1
	}
	c.Name = name(pid.Repetitions(5))
	c.Born = birthday(pid.First(7).Component(1), at, s.Zone)
	c.Phone = phones(pid.Repetitions(13), pid.Repetitions(14))
	c.Deceased = pid.First(30).Component(1) == "Y" || pid.First(29).Component(1) != ""
	return nil
}

// number picks the patient number among the repetitions of a CX field.
func number(all []Repetition, s Settings) (followup.PatientNumber, error) {
	wanted := s.Authorities
	if len(wanted) == 0 {
		wanted = []string{"MR", "MRN", "PI"}
	}
	first := followup.PatientNumber("")
	for _, r := range all {
		if r.Component(1) != "" {
			first = followup.PatientNumber(r.Component(1))
			break
		}
	}
	for _, w := range wanted {
		for _, r := range all {
			if id := r.Component(1); id != "" && (r.Component(4) == w || r.Component(5) == w) {
				return followup.PatientNumber(id), nil
			}
		}
	}
	if first != "" && len(s.Authorities) > 0 {
		return "", refuse("患者号不属于所配置的编号机构", "no patient number of a configured authority")
	}
	return first, nil
}

// name gives a person's name as one reads it: the ideographic repetition where
// there are several (XPN.8), family name first and without a space in Chinese.
func name(all []Repetition) surveys.Secret {
	if len(all) == 0 {
		return ""
	}
	chosen := all[0]
	for _, r := range all {
		if r.Component(8) == "I" {
			chosen = r
			break
		}
	}
	family, given := chosen.Component(1), chosen.Component(2)
	if strings.ContainsFunc(family+given, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		return surveys.Secret(family + given)
	}
	return surveys.Secret(strings.TrimSpace(given + " " + family))
}

// phones gives the numbers of XTN fields as they were written, mobiles first,
// separated by semicolons. Faxes, pagers and addresses of mail are left out.
func phones(fields ...[]Repetition) surveys.Secret {
	var mobiles, others []string
	for _, field := range fields {
		for _, r := range field {
			text := telephone(r)
			if text == "" || slices.Contains(mobiles, text) || slices.Contains(others, text) {
				continue
			}
			switch strings.ToUpper(r.Component(3)) {
			case "FX", "BP", "MD", "INTERNET", "X.400", "TDD", "TTY", "SAT":
			case "CP":
				mobiles = append(mobiles, text)
			default:
				others = append(others, text)
			}
		}
	}
	all := append(mobiles, others...)
	return surveys.Secret(strings.Join(all[:min(len(all), maxNumbers)], ";"))
}

// telephone is XTN.1, or XTN.12, or the parts of v2.5 and later put together.
func telephone(r Repetition) string {
	text := r.Component(1)
	if text == "" {
		text = r.Component(12)
	}
	if text == "" && r.Component(7) != "" {
		if country := strings.TrimLeft(r.Component(5), "+"); country != "" {
			text = "+" + country
		}
		text += r.Component(6) + r.Component(7)
	}
	return strings.ReplaceAll(text, ";", " ")
}
