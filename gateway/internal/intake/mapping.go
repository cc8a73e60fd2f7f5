package intake

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// Aliases are the senders' codes for this hospital's places and units.
type Aliases struct {
	// Wards maps a ward or point of care, or "ward/room" where the room decides.
	Wards map[string]surveys.PlaceID
	// Services maps a service (PV1-10), Attendings the number of a physician.
	Services   map[string]surveys.DepartmentID
	Attendings map[string]surveys.DepartmentID
}

// Mapping says where a sender's codes are. It does not change.
type Mapping struct {
	wards                map[string]surveys.Place // by folded id, alias and name
	services, attendings map[string]surveys.DepartmentID
}

// NewMapping joins the hospital's own words with aliases. A ward is known by
// its id, its aliases and its names in both languages, in this order; a service
// by its department's id, alias and names; a physician by alias and work
// number. Upper and lower case, full and half width do not count. The error
// names every alias that leads nowhere.
func NewMapping(o *surveys.Organisation, a Aliases) (*Mapping, error) {
	m := &Mapping{wards: map[string]surveys.Place{}, services: map[string]surveys.DepartmentID{}, attendings: map[string]surveys.DepartmentID{}}
	var problems []error
	for code, id := range a.Attendings {
		if _, ok := o.Department(id); !ok {
			problems = append(problems, fmt.Errorf("attending alias %q: no department %q", code, id))
		}
		m.attendings[fold(code)] = id
	}
	for _, s := range o.Staff {
		add(m.attendings, string(s.ID), s.Department)
	}
	for _, d := range o.Departments {
		add(m.services, string(d.ID), d.ID)
	}
	for code, id := range a.Services {
		if _, ok := o.Department(id); !ok {
			problems = append(problems, fmt.Errorf("service alias %q: no department %q", code, id))
		}
		add(m.services, code, id)
	}
	for _, d := range o.Departments {
		add(m.services, d.Name.ZH, d.ID)
		add(m.services, d.Name.EN, d.ID)
	}
	if err := m.addWards(o, a.Wards); err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return nil, errors.Join(problems...)
	}
	return m, nil
}

func (m *Mapping) addWards(o *surveys.Organisation, aliases map[string]surveys.PlaceID) error {
	wards := slices.DeleteFunc(slices.Clone(o.Places), func(p surveys.Place) bool { return p.Kind != surveys.PlaceWard })
	for _, p := range wards {
		add(m.wards, string(p.ID), p)
	}
	var problems []error
	for code, id := range aliases {
		p, ok := o.Place(id)
		if !ok || p.Kind != surveys.PlaceWard {
			problems = append(problems, fmt.Errorf("ward alias %q: no ward %q", code, id))
			continue
		}
		add(m.wards, code, p)
	}
	for _, p := range wards {
		add(m.wards, p.Name.ZH, p)
		add(m.wards, p.Name.EN, p)
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
}

// add maps a code unless it is mapped already.
func add[T any](to map[string]T, code string, value T) {
	if code = fold(code); code == "" {
		return
	}
	if _, taken := to[code]; !taken {
		to[code] = value
	}
}

// fold makes codes comparable.
func fold(code string) string {
	return strings.ToLower(strings.Join(strings.Fields(norm.NFKC.String(code)), " "))
}

// Locate gives the place a change names. An unknown ward is handed on as
// UnknownPlace, beside the department that service or physician tell. A
// message without a ward says nothing of the place; only an admission, and rows
// and resources that tell all of a visit at once, are then given their
// department by service or physician.
func (m *Mapping) Locate(c *followup.VisitChange) Placement {
	ward, known := m.wards[fold(c.Ward+"/"+c.Room)]
	if !known || c.Ward == "" {
		ward, known = m.wards[fold(c.Ward)]
	}
	switch {
	case known:
		return Placement{Department: ward.Department, Place: ward.ID, Bed: bedOf(ward.Beds, c.Bed)}
	case fold(c.Ward) != "":
		return Placement{Department: m.department(c), UnknownPlace: strings.TrimSpace(c.Ward)}
	case c.Kind == followup.ChangeAdmitted || c.Source == SourceCSV || c.Source == SourceFHIR:
		return Placement{Department: m.department(c)}
	}
	return Placement{}
}

// department is the unit of a service, or else of a physician.
func (m *Mapping) department(c *followup.VisitChange) surveys.DepartmentID {
	if id, ok := m.services[fold(c.Service)]; ok {
		return id
	}
	return m.attendings[fold(c.Attending)]
}

// bedOf finds a sender's word for a bed, such as "Bed 1", "1床", "加1" or "001",
// among a ward's beds. One that the ward does not have is none.
func bedOf(beds []surveys.BedID, code string) surveys.BedID {
	code = fold(code)
	code = strings.TrimSpace(strings.TrimPrefix(code, "bed"))
	code = strings.TrimSuffix(strings.TrimSuffix(code, "床"), "号")
	if extra, ok := strings.CutPrefix(code, "加"); ok {
		code = "+" + strings.TrimPrefix(extra, "床")
	}
	short := strings.TrimLeft(code, "0")
	if short == "" {
		return ""
	}
	for _, bed := range beds {
		if b := fold(string(bed)); b == code || strings.TrimLeft(b, "0") == short {
			return bed
		}
	}
	return ""
}
