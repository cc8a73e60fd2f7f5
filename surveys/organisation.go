package surveys

// Level is a level of the five-level responsibility tree of the conduct system.
type Level string

// The five levels, top to bottom.
const (
	LevelHospital      Level = "hospital"
	LevelConductOffice Level = "conduct_office"
	LevelFunctional    Level = "functional" // functional departments and party branches
	LevelClinical      Level = "clinical"   // clinical and medical-technology units
	LevelIndividual    Level = "individual" // members of staff
)

// Department is a unit of the organisation.
type Department struct {
	ID     DepartmentID `json:"id" yaml:"id"`
	Name   Text         `json:"name" yaml:"name"`
	Level  Level        `json:"level" yaml:"level"`
	Parent DepartmentID `json:"parent,omitempty" yaml:"parent"`
}

// PlaceKind says what sort of place a patient is asked at.
type PlaceKind string

// Kinds of place.
const (
	PlaceWindow PlaceKind = "window"
	PlaceWard   PlaceKind = "ward"
	PlaceLobby  PlaceKind = "lobby"
)

// Mode is the mode of a rating given at such a place.
func (k PlaceKind) Mode() Mode {
	switch k {
	case PlaceWard:
		return ModeBedside
	case PlaceLobby:
		return ModeLobby
	}
	return ModeWindow
}

// WindowKind says what a window does.
type WindowKind string

// Kinds of window; also the kinds of transaction they finish.
const (
	WindowRegistration WindowKind = "registration"
	WindowSettlement   WindowKind = "settlement"
	WindowAdmission    WindowKind = "admission"
	WindowDischarge    WindowKind = "discharge"
	WindowPharmacy     WindowKind = "pharmacy"
)

// Text names the transaction kind for the person being asked.
func (k WindowKind) Text() Text {
	switch k {
	case WindowRegistration:
		return Text{"挂号", "Registration"}
	case WindowSettlement:
		return Text{"缴费结算", "Payment"}
	case WindowAdmission:
		return Text{"办理入院", "Admission"}
	case WindowDischarge:
		return Text{"办理出院", "Discharge"}
	case WindowPharmacy:
		return Text{"取药", "Pharmacy"}
	}
	return Text{}
}

// Place is a window, a ward or a lobby point. Beds is set for wards,
// WindowKind for windows.
type Place struct {
	ID         PlaceID      `json:"id"`
	Kind       PlaceKind    `json:"kind"`
	Name       Text         `json:"name"`
	Department DepartmentID `json:"department"`
	WindowKind WindowKind   `json:"window_kind,omitempty"`
	Beds       []BedID      `json:"beds,omitempty"`
}

// Staff is a member of staff as the screens name them.
type Staff struct {
	ID         StaffID      `json:"id"` // work number
	Name       Text         `json:"name"`
	Title      Text         `json:"title"`
	Department DepartmentID `json:"department"`
}

// Phone is a reporting phone shown to patients, such as the conduct office's.
type Phone struct {
	Label  Text   `json:"label" yaml:"label"`
	Number string `json:"number" yaml:"number"`
	// Clues marks the discipline office's, which is named to whoever reports a
	// red envelope by text.
	Clues bool `json:"-" yaml:"clues"`
}

// Organisation is the hospital: one campus, its units, places and people. Build
// it with NewOrganisation, which indexes it; the slices keep the
// configuration's order and must not be changed afterwards.
type Organisation struct {
	Name            Text
	ReportingPhones []Phone
	Departments     []Department
	Places          []Place
	Staff           []Staff

	departments map[DepartmentID]int
	places      map[PlaceID]int
	staff       map[StaffID]int
}

// NewOrganisation indexes the parts. It does not judge them: a configuration
// with duplicate or dangling ids is refused before it gets here.
func NewOrganisation(name Text, phones []Phone, departments []Department, places []Place, staff []Staff) *Organisation {
	o := &Organisation{
		Name: name, ReportingPhones: phones, Departments: departments, Places: places, Staff: staff,
		departments: make(map[DepartmentID]int, len(departments)),
		places:      make(map[PlaceID]int, len(places)),
		staff:       make(map[StaffID]int, len(staff)),
	}
	for i := range departments {
		o.departments[departments[i].ID] = i
	}
	for i := range places {
		o.places[places[i].ID] = i
	}
	for i := range staff {
		o.staff[staff[i].ID] = i
	}
	return o
}

// Department finds a unit by id.
func (o *Organisation) Department(id DepartmentID) (Department, bool) {
	i, ok := o.departments[id]
	if !ok {
		return Department{}, false
	}
	return o.Departments[i], true
}

// Place finds a place by id.
func (o *Organisation) Place(id PlaceID) (Place, bool) {
	i, ok := o.places[id]
	if !ok {
		return Place{}, false
	}
	return o.Places[i], true
}

// FindStaff finds a member of staff by work number.
func (o *Organisation) FindStaff(id StaffID) (Staff, bool) {
	i, ok := o.staff[id]
	if !ok {
		return Staff{}, false
	}
	return o.Staff[i], true
}
