package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// SourceFHIR is VisitChange.Source of FHIR resources.
const SourceFHIR = "fhir"

// Bounds of a request.
const (
	MaxFHIR    = 1 << 20 // bytes
	maxEntries = 1000    // of a bundle
)

// ApplyFHIR takes an Encounter with its Patient contained, or a Bundle of
// both, and applies what it tells. Nothing is applied of a request that
// is refused. When the store fails in a bundle, the changes before are on disk;
// sending it again is safe.
func (in *Intake) ApplyFHIR(ctx context.Context, body io.Reader) ([]Result, error) {
	raw, err := io.ReadAll(io.LimitReader(body, MaxFHIR+1))
	if err != nil {
		return nil, fmt.Errorf("read resource: %w", err)
	}
	changes, err := ReadFHIR(raw, in.opt.Zone, in.opt.Authorities)
	if err != nil {
		return nil, err
	}
	for i := range changes {
		if err := check(&changes[i]); err != nil {
			return nil, err
		}
	}
	results := make([]Result, 0, len(changes))
	for _, c := range changes {
		result, err := in.Apply(ctx, c)
		if err != nil {
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}

// ReadFHIR gives what an Encounter or a Bundle of R4 tells of visits. A planned
// encounter tells nothing yet. authorities choose the patient's number, see
// Options. The error is a *Refusal.
func ReadFHIR(raw []byte, zone *time.Location, authorities []string) ([]followup.VisitChange, error) {
	if len(raw) > MaxFHIR {
		return nil, refuse("内容超过 1 MiB", "the content is longer than 1 MiB")
	}
	var head fhirHead
	if json.Unmarshal(raw, &head) != nil {
		return nil, refuse("不是有效的 FHIR JSON", "not valid FHIR JSON")
	}
	pool := fhirPool{}
	encounters := []json.RawMessage{raw}
	switch head.ResourceType {
	case "Encounter":
	case "Bundle":
		var err error
		if encounters, err = unbundle(raw, pool); err != nil {
			return nil, err
		}
	default:
		return nil, refuse("只接受 Encounter 或 Bundle", "only an Encounter or a Bundle is taken")
	}
	var changes []followup.VisitChange
	for _, e := range encounters {
		c, told, err := readEncounter(e, pool, zone, authorities)
		if err != nil {
			return nil, err
		}
		if told {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

// unbundle gives a bundle's encounters and fills the pool with the rest.
func unbundle(raw []byte, pool fhirPool) ([]json.RawMessage, error) {
	var bundle fhirBundle
	if json.Unmarshal(raw, &bundle) != nil {
		return nil, refuse("不是有效的 FHIR JSON", "not valid FHIR JSON")
	}
	if len(bundle.Entry) > maxEntries {
		return nil, refuse("Bundle 超过 1,000 项", "a Bundle of more than 1,000 entries")
	}
	var encounters []json.RawMessage
	for _, entry := range bundle.Entry {
		var head fhirHead
		if json.Unmarshal(entry.Resource, &head) != nil {
			return nil, refuse("不是有效的 FHIR JSON", "not valid FHIR JSON")
		}
		if head.ResourceType == "Encounter" {
			encounters = append(encounters, entry.Resource)
		} else {
			pool.add(head, entry.FullURL, entry.Resource)
		}
	}
	if len(encounters) == 0 {
		return nil, refuse("Bundle 中没有 Encounter", "a Bundle without an Encounter")
	}
	return encounters, nil
}

// statuses are what Encounter.status tells of a visit.
var statuses = map[string]followup.ChangeKind{
	"arrived": followup.ChangeAdmitted, "triaged": followup.ChangeAdmitted, "in-progress": followup.ChangeAdmitted, "onleave": followup.ChangeAdmitted,
	"finished": followup.ChangeDischarged, "cancelled": followup.ChangeAdmissionUndone, "entered-in-error": followup.ChangeAdmissionUndone,
	"unknown": followup.ChangeUpdated,
}

// fhirDispositions are R4's discharge-disposition codes; "oth" and codes of
// other systems are unknown.
var fhirDispositions = map[string]followup.Disposition{
	"home": followup.DispositionHome, "alt-home": followup.DispositionHome, "aadvice": followup.DispositionHome,
	"other-hcf": followup.DispositionTransferred, "hosp": followup.DispositionTransferred, "long": followup.DispositionTransferred,
	"psy": followup.DispositionTransferred, "rehab": followup.DispositionTransferred, "snf": followup.DispositionTransferred,
	"exp": followup.DispositionDeceased,
}

// readEncounter gives the change of one encounter; told is false for a planned one.
func readEncounter(raw json.RawMessage, pool fhirPool, zone *time.Location, authorities []string) (c followup.VisitChange, told bool, err error) {
	var e fhirEncounter
	if json.Unmarshal(raw, &e) != nil {
		return c, false, refuse("Encounter 不符合 FHIR R4", "the Encounter is not of FHIR R4")
	}
	if e.Status == "planned" {
		return c, false, nil
	}
	kind, ok := statuses[e.Status]
	if !ok {
		return c, false, refuse("Encounter.status 无法识别", "Encounter.status is not one of R4's")
	}
	var p fhirPatient
	patientRaw, found := pool.find(&e, e.Subject, "Patient", &p)
	if !found {
		p.Identifier = []fhirIdentifier{e.Subject.Identifier}
	}
	c = followup.VisitChange{Source: SourceFHIR, Kind: kind, Message: hashOf(raw, patientRaw), Visit: visitNumber(&e)}
	if err := e.moments(&c, zone); err != nil {
		return c, false, err
	}
	if err := p.describe(&c, authorities, zone); err != nil {
		return c, false, err
	}
	if c.Patient == "" {
		return c, false, refuse("找不到患者（subject 须为内含或同一 Bundle 中的 Patient，且有 identifier）",
			"no patient: subject must be a contained or bundled Patient with an identifier")
	}
	c.Inpatient = slices.Contains([]string{"IMP", "ACUTE", "NONAC", "SS"}, e.Class.Code)
	c.Service = e.ServiceType.code()
	e.place(&c, pool)
	e.attending(&c)
	c.Disposition = fhirDispositions[e.Hospitalization.DischargeDisposition.code()]
	c.Deceased = c.Deceased || c.Disposition == followup.DispositionDeceased
	return c, true, nil
}

func hashOf(parts ...[]byte) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// visitNumber is the identifier of type VN, or the first one, or the resource's id.
func visitNumber(e *fhirEncounter) followup.VisitNumber {
	number := e.ID
	for i := len(e.Identifier) - 1; i >= 0; i-- {
		if v := e.Identifier[i].Value; v != "" {
			number = v
		}
	}
	for _, id := range e.Identifier {
		if id.Value != "" && id.Type.is("VN") {
			number = id.Value
			break
		}
	}
	return followup.VisitNumber(number)
}

// moments reads the period. A change happened when the server says it was
// updated, or else when the stay began or ended.
func (e *fhirEncounter) moments(c *followup.VisitChange, zone *time.Location) error {
	for _, m := range []struct {
		text, name string
		to         *time.Time
	}{{e.Period.Start, "period.start", &c.AdmittedAt}, {e.Period.End, "period.end", &c.DischargedAt}, {e.Meta.LastUpdated, "meta.lastUpdated", &c.At}} {
		if m.text == "" {
			continue
		}
		t, ok := moment(m.text, zone)
		if !ok {
			return Refuse(surveys.Text{ZH: m.name + " 不是有效时间", EN: m.name + " is not a moment"})
		}
		*m.to = t
	}
	if c.Kind == followup.ChangeDischarged && c.DischargedAt.IsZero() {
		return refuse("已结束的 Encounter 没有 period.end", "a finished Encounter without period.end")
	}
	if c.Kind != followup.ChangeDischarged {
		c.DischargedAt = time.Time{} // an open stay's end is a plan
	}
	for _, t := range []time.Time{c.DischargedAt, c.AdmittedAt} {
		if c.At.IsZero() {
			c.At = t
		}
	}
	if c.At.IsZero() {
		return refuse("没有时间（meta.lastUpdated 或 period）", "no moment in meta.lastUpdated or period")
	}
	return nil
}

// place reads the locations; where several are of one type the last counts.
// Without a type a location is the ward.
func (e *fhirEncounter) place(c *followup.VisitChange, pool fhirPool) {
	for _, l := range e.Location {
		if l.Status == "planned" || l.Status == "reserved" {
			continue
		}
		var full fhirLocation
		pool.find(e, l.Location, "Location", &full)
		code := l.Location.Identifier.Value
		for _, id := range full.Identifier {
			if code == "" {
				code = id.Value
			}
		}
		for _, other := range []string{l.Location.tail(), full.Name, l.Location.Display} {
			if code == "" {
				code = other
			}
		}
		kind := l.PhysicalType
		if kind.code() == "" {
			kind = full.PhysicalType
		}
		switch {
		case kind.is("bd"):
			c.Bed = code
		case kind.is("ro"):
			c.Room = code
		case kind.is("wa"), kind.code() == "":
			c.Ward = code
		}
	}
}

// attending is the participant of type ATND.
func (e *fhirEncounter) attending(c *followup.VisitChange) {
	for _, p := range e.Participant {
		if !slices.ContainsFunc(p.Type, func(t fhirConcept) bool { return t.is("ATND") }) {
			continue
		}
		c.Attending = p.Individual.Identifier.Value
		if c.Attending == "" {
			c.Attending = p.Individual.tail()
		}
		return
	}
}

// describe reads the patient.
func (p *fhirPatient) describe(c *followup.VisitChange, authorities []string, zone *time.Location) error {
	var err error
	if c.Patient, err = p.number(authorities); err != nil {
		return err
	}
	c.Name = p.name()
	if p.BirthDate != "" {
		var ok bool
		if c.Born, ok = birthday(p.BirthDate, surveys.DayOf(c.At, zone)); !ok {
			return refuse("birthDate 不是有效日期", "birthDate is not a date")
		}
	}
	c.Deceased = p.DeceasedBoolean || p.DeceasedDateTime != ""
	c.Phone = telecoms(p.Telecom)
	for _, contact := range p.Contact {
		if len(contact.Relationship) > 0 && !slices.ContainsFunc(contact.Relationship, isGuardian) {
			continue
		}
		if c.Guardian = telecoms(contact.Telecom); c.Guardian != "" {
			break
		}
	}
	return nil
}

// isGuardian reports whether a relationship (v3 RoleCode, v2 table 0131 or
// words) answers for a child. N, next of kin, may: table 0131 has no parents.
func isGuardian(c fhirConcept) bool {
	return c.is("GUARD", "PRN", "FTH", "MTH", "NFTH", "NMTH", "GRPRN", "GRFTH", "GRMTH", "N", "guardian", "parent", "father", "mother", "监护人", "父亲", "母亲", "父母")
}

// number is the identifier of the first authority that is there, by its system
// or type; without authorities of type MR, then PI, then the first.
func (p *fhirPatient) number(authorities []string) (followup.PatientNumber, error) {
	wanted := authorities
	if len(wanted) == 0 {
		wanted = []string{"MR", "MRN", "PI"}
	}
	first := ""
	for _, id := range p.Identifier {
		if first == "" {
			first = strings.TrimSpace(id.Value)
		}
	}
	for _, w := range wanted {
		for _, id := range p.Identifier {
			if value := strings.TrimSpace(id.Value); value != "" && (id.System == w || id.Type.is(w)) {
				return followup.PatientNumber(value), nil
			}
		}
	}
	if first != "" && len(authorities) > 0 {
		return "", refuse("患者号不属于所配置的编号机构", "no patient number of a configured authority")
	}
	return followup.PatientNumber(first), nil
}

// name is the official or usual name as one reads it.
func (p *fhirPatient) name() surveys.Secret {
	if len(p.Name) == 0 {
		return ""
	}
	chosen := p.Name[0]
	for _, n := range p.Name {
		if n.Use == "official" {
			chosen = n
			break
		}
	}
	given := strings.Join(chosen.Given, "")
	switch {
	case chosen.Text != "":
		return surveys.Secret(chosen.Text)
	case strings.ContainsFunc(chosen.Family+given, func(r rune) bool { return unicode.Is(unicode.Han, r) }):
		return surveys.Secret(chosen.Family + given)
	}
	return surveys.Secret(strings.TrimSpace(strings.Join(chosen.Given, " ") + " " + chosen.Family))
}

// telecoms gives phone numbers, mobiles first, separated by semicolons.
func telecoms(all []fhirTelecom) surveys.Secret {
	var mobiles, others []string
	for _, t := range all {
		value := strings.ReplaceAll(strings.TrimSpace(t.Value), ";", " ")
		switch {
		case value == "" || t.System != "phone" && t.System != "sms" || t.Use == "old":
		case t.Use == "mobile" || t.System == "sms":
			mobiles = append(mobiles, value)
		default:
			others = append(others, value)
		}
	}
	return surveys.Secret(strings.Join(append(mobiles, others...), ";"))
}
