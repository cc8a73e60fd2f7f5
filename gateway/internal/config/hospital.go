package config

import (
	"strings"

	"qingfeng/surveys"
)

// hospitalFile is hospital.yaml.
type hospitalFile struct {
	Name            surveys.Text         `yaml:"name"`
	ReportingPhones []surveys.Phone      `yaml:"reporting_phones"`
	Departments     []surveys.Department `yaml:"departments"`
	Windows         []windowEntry        `yaml:"windows"`
	Wards           []wardEntry          `yaml:"wards"`
	Lobbies         []lobbyEntry         `yaml:"lobbies"`
	Staff           []staffEntry         `yaml:"staff"`
}

type windowEntry struct {
	ID         surveys.PlaceID      `yaml:"id"`
	Name       surveys.Text         `yaml:"name"`
	Kind       surveys.WindowKind   `yaml:"kind"`
	Department surveys.DepartmentID `yaml:"department"`
}

type wardEntry struct {
	ID         surveys.PlaceID      `yaml:"id"`
	Name       surveys.Text         `yaml:"name"`
	Department surveys.DepartmentID `yaml:"department"`
	Beds       []surveys.BedID      `yaml:"beds"`
}

type lobbyEntry struct {
	ID         surveys.PlaceID      `yaml:"id"`
	Name       surveys.Text         `yaml:"name"`
	Department surveys.DepartmentID `yaml:"department"`
}

type staffEntry struct {
	Number     surveys.StaffID      `yaml:"number"`
	Name       surveys.Text         `yaml:"name"`
	Title      surveys.Text         `yaml:"title"`
	Department surveys.DepartmentID `yaml:"department"`
}

// hospital reads and judges the organisation. It is nil only together with a
// problem.
func (l *loader) hospital(name string, text []byte) *surveys.Organisation {
	var file hospitalFile
	doc := l.document(name, text, &file)
	h := hospitalCheck{doc: doc, departments: map[surveys.DepartmentID]int{}}
	h.top(&file)
	h.units(file.Departments)
	h.tree(file.Departments)
	h.places(&file)
	h.staff(file.Staff)
	l.done(doc)
	if len(doc.problems) > 0 || text == nil {
		return nil
	}
	return surveys.NewOrganisation(file.Name, file.ReportingPhones, file.Departments, file.placeList(), file.staffList())
}

// placeList gives the places in the order windows, wards, lobbies.
func (f *hospitalFile) placeList() []surveys.Place {
	out := make([]surveys.Place, 0, len(f.Windows)+len(f.Wards)+len(f.Lobbies))
	for _, w := range f.Windows {
		out = append(out, surveys.Place{ID: w.ID, Kind: surveys.PlaceWindow, Name: w.Name, Department: w.Department, WindowKind: w.Kind})
	}
	for _, w := range f.Wards {
		out = append(out, surveys.Place{ID: w.ID, Kind: surveys.PlaceWard, Name: w.Name, Department: w.Department, Beds: w.Beds})
	}
	for _, w := range f.Lobbies {
		out = append(out, surveys.Place{ID: w.ID, Kind: surveys.PlaceLobby, Name: w.Name, Department: w.Department})
	}
	return out
}

func (f *hospitalFile) staffList() []surveys.Staff {
	out := make([]surveys.Staff, len(f.Staff))
	for i, s := range f.Staff {
		out[i] = surveys.Staff{ID: s.Number, Name: s.Name, Title: s.Title, Department: s.Department}
	}
	return out
}

// hospitalCheck judges a hospital file. departments gives the index of each
// unit by its id.
type hospitalCheck struct {
	doc         *document
	departments map[surveys.DepartmentID]int
}

func (h *hospitalCheck) top(file *hospitalFile) {
	checkText(h.doc, "name", file.Name)
	if len(file.ReportingPhones) == 0 {
		h.doc.add("reporting_phones", "is empty: patients must be shown at least one number to report to")
	}
	for i, p := range file.ReportingPhones {
		at := element("reporting_phones", i)
		checkText(h.doc, at+".label", p.Label)
		if !dialable(p.Number) {
			h.doc.add(at+".number", "%q is not a phone number (3 to 20 digits, with spaces, hyphens or a leading +)", p.Number)
		}
	}
}

// dialable reports whether a person could dial s.
func dialable(s string) bool {
	digits := 0
	for i, c := range s {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '-' || c == ' ' || c == '+' && i == 0:
		default:
			return false
		}
	}
	return digits >= 3 && digits <= 20
}

// levelRank orders the levels from the top; individuals are staff, not units.
func levelRank(l surveys.Level) int {
	switch l {
	case surveys.LevelHospital:
		return 1
	case surveys.LevelConductOffice:
		return 2
	case surveys.LevelFunctional:
		return 3
	case surveys.LevelClinical:
		return 4
	}
	return 0
}

// units judges each unit by itself, and indexes them.
func (h *hospitalCheck) units(units []surveys.Department) {
	seen := map[string]string{}
	hospitals, offices := 0, 0
	for i, u := range units {
		at := element("departments", i)
		checkName(h.doc, at+".id", string(u.ID))
		checkOnce(h.doc, seen, at+".id", string(u.ID))
		checkText(h.doc, at+".name", u.Name)
		switch {
		case u.Level == surveys.LevelIndividual:
			h.doc.add(at+".level", "individual is the level of staff; list people under staff")
		case levelRank(u.Level) == 0:
			h.doc.add(at+".level", "%q is not a level; known are hospital, conduct_office, functional, clinical", u.Level)
		case u.Level == surveys.LevelHospital:
			hospitals++
		case u.Level == surveys.LevelConductOffice:
			offices++
		}
		if _, twice := h.departments[u.ID]; !twice {
			h.departments[u.ID] = i
		}
	}
	if hospitals != 1 {
		h.doc.add("departments", "has %d units of level hospital, want exactly one", hospitals)
	}
	if offices != 1 {
		h.doc.add("departments", "has %d units of level conduct_office, want exactly one", offices)
	}
}

// tree judges the parents: every unit but the hospital has one, of a higher
// level, and nobody is above himself.
func (h *hospitalCheck) tree(units []surveys.Department) {
	for i, u := range units {
		at := element("departments", i) + ".parent"
		if u.Level == surveys.LevelHospital {
			if u.Parent != "" {
				h.doc.add(at, "the hospital stands at the top and has no parent")
			}
			continue
		}
		above, ok := h.departments[u.Parent]
		switch {
		case u.Parent == "":
			h.doc.add(at, "is missing: every unit but the hospital names the unit above it")
		case !ok:
			h.doc.add(at, "%q is not the id of a department", u.Parent)
		case h.circular(units, i):
			h.doc.add(at, "leads in a circle back to %q", u.ID)
		case levelRank(u.Level) != 0 && levelRank(units[above].Level) >= levelRank(u.Level):
			h.doc.add(at, "%q is of level %s, which is not above %s", u.Parent, units[above].Level, u.Level)
		}
	}
}

// circular reports whether following the parents from unit i comes back to it.
func (h *hospitalCheck) circular(units []surveys.Department, i int) bool {
	at := units[i].Parent
	for range units {
		if at == units[i].ID {
			return true
		}
		next, ok := h.departments[at]
		if !ok {
			return false
		}
		at = units[next].Parent
	}
	return false
}

// department reports a unit that does not exist.
func (h *hospitalCheck) department(path string, id surveys.DepartmentID) {
	if id == "" {
		h.doc.add(path, "is missing")
	} else if _, ok := h.departments[id]; !ok {
		h.doc.add(path, "%q is not the id of a department", id)
	}
}

func (h *hospitalCheck) places(file *hospitalFile) {
	seen := map[string]string{}
	place := func(at string, id surveys.PlaceID, name surveys.Text, department surveys.DepartmentID) {
		checkName(h.doc, at+".id", string(id))
		checkOnce(h.doc, seen, at+".id", string(id))
		checkText(h.doc, at+".name", name)
		h.department(at+".department", department)
	}
	for i, w := range file.Windows {
		at := element("windows", i)
		place(at, w.ID, w.Name, w.Department)
		if w.Kind.Text() == (surveys.Text{}) {
			h.doc.add(at+".kind", "%q is not a kind of window; known are registration, settlement, admission, discharge, pharmacy", w.Kind)
		}
	}
	for i, w := range file.Wards {
		at := element("wards", i)
		place(at, w.ID, w.Name, w.Department)
		if len(w.Beds) == 0 {
			h.doc.add(at+".beds", "is empty: a ward has beds")
		}
		beds := map[string]string{}
		for j, bed := range w.Beds {
			path := element(at+".beds", j)
			if !plainCode(string(bed), 12, "+-") {
				h.doc.add(path, "%q is not a bed (1 to 12 letters, digits, + or -)", bed)
			}
			checkOnce(h.doc, beds, path, string(bed))
		}
	}
	for i, w := range file.Lobbies {
		place(element("lobbies", i), w.ID, w.Name, w.Department)
	}
	if len(file.Windows)+len(file.Wards)+len(file.Lobbies) == 0 {
		h.doc.add("windows", "is empty, and so are wards and lobbies: there is no place to ask a patient at")
	}
}

func (h *hospitalCheck) staff(people []staffEntry) {
	seen := map[string]string{}
	for i, s := range people {
		at := element("staff", i)
		if !plainCode(string(s.Number), 20, "-") {
			h.doc.add(at+".number", "%q is not a work number (1 to 20 letters, digits or -)", s.Number)
		}
		checkOnce(h.doc, seen, at+".number", string(s.Number))
		checkText(h.doc, at+".name", s.Name)
		checkText(h.doc, at+".title", s.Title)
		h.department(at+".department", s.Department)
	}
}

// plainCode reports whether s is 1 to longest ASCII letters, digits and signs
// of also.
func plainCode(s string, longest int, also string) bool {
	if s == "" || len(s) > longest {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(also, c) >= 0:
		default:
			return false
		}
	}
	return true
}
