package analytics

import (
	"slices"
	"strings"

	"qingfeng/surveys"
)

// group is a set of answers that may become a figure.
type group struct {
	live tally // everything
	step tally // the pieces complete; see steps.go
	// visible is live or step, whichever the audience sees.
	visible  tally
	withheld string
	// unlisted says that it never becomes a figure; see branch.listed.
	unlisted bool
}

// branch is a unit while the board is being built.
type branch struct {
	unit      Unit
	all       group
	modes     []modeGroup
	unasked   group
	hours     hourTally
	stepHours hourTally // of hours, what is made of whole pieces
	children  []*branch
	stepped   bool
}

type modeGroup struct {
	mode surveys.Mode
	group
}

func (b *branch) mode(m surveys.Mode) *group {
	for i := range b.modes {
		if b.modes[i].mode == m {
			return &b.modes[i].group
		}
	}
	b.modes = append(b.modes, modeGroup{mode: m})
	return &b.modes[len(b.modes)-1].group
}

// listed reports whether the branch is a row of the board. The answers of a stay
// whose ward, or department, the hospital does not know have a branch without an
// id: they count in the units above, and what is left of those when the rows are
// taken away is protected like a row, but they are no row.
func (b *branch) listed() bool { return b.unit.ID != "" }

// add counts a spot's tally in.
func (b *branch) add(at spot, t *tally) {
	if at.series == surveys.SeriesUnasked {
		b.unasked.live.add(t)
		return
	}
	b.all.live.add(t)
	b.mode(at.mode).live.add(t)
}

// each calls f for every group of the branch itself.
func (b *branch) each(f func(g *group)) {
	f(&b.all)
	f(&b.unasked)
	for i := range b.modes {
		f(&b.modes[i].group)
	}
}

type builder struct {
	org         *surveys.Organisation
	opt         BoardOptions
	hospital    *branch
	departments map[surveys.DepartmentID]*branch
	places      map[placeKey]*branch
}

type placeKey struct {
	department surveys.DepartmentID
	place      surveys.PlaceID
}

// BuildBoard makes a board from counts. Departments with at least one place or
// with any count are listed, in the organisation's order, and always all of
// them; a place that has moved is listed where its answers were given. Answers
// without a place count in their department, and without that in the hospital.
//
// A figure from fewer than MinAnswers answers is withheld, and with it as many
// others as it takes that it cannot be worked out: see suppress. For a
// department's head all figures move in steps: see steps.go.
func BuildBoard(org *surveys.Organisation, c *Counts, opt BoardOptions) BoardView {
	if opt.MinAnswers <= 0 {
		opt.MinAnswers = DefaultMinAnswers
	}
	if opt.BatchStep <= 0 {
		opt.BatchStep = DefaultBatchStep
	}
	b := newBuilder(org, opt)
	for _, day := range c.Days() {
		if day >= opt.From && day <= opt.To {
			b.addDay(c.days[day])
		}
	}
	if today := c.days[opt.Today]; today != nil {
		b.addHours(today)
	}
	b.addSteps(c)
	b.settle()
	b.suppress()
	return b.view()
}

func newBuilder(org *surveys.Organisation, opt BoardOptions) *builder {
	b := &builder{
		org: org, opt: opt,
		hospital:    &branch{unit: Unit{ID: "hospital", Kind: "hospital", Name: org.Name}},
		departments: make(map[surveys.DepartmentID]*branch, len(org.Departments)),
		places:      make(map[placeKey]*branch, len(org.Places)),
	}
	for _, p := range org.Places {
		b.place(placeKey{p.Department, p.ID}, p.Kind)
	}
	return b
}

// department finds or makes the branch of a department, known or not.
func (b *builder) department(id surveys.DepartmentID) *branch {
	if d := b.departments[id]; d != nil {
		return d
	}
	name := surveys.Text{ZH: string(id), EN: string(id)}
	if known, ok := b.org.Department(id); ok {
		name = known.Name
	}
	d := &branch{
		unit:    Unit{ID: string(id), Kind: "department", Name: name},
		stepped: b.opt.covers(id),
	}
	b.departments[id] = d
	b.hospital.children = append(b.hospital.children, d)
	return d
}

// place finds or makes the branch of a place under a department. kind is used
// for a place the organisation no longer has.
func (b *builder) place(key placeKey, kind surveys.PlaceKind) *branch {
	if p := b.places[key]; p != nil {
		return p
	}
	department := b.department(key.department)
	p := &branch{
		unit:    Unit{ID: string(key.place), Kind: string(kind), Name: surveys.Text{ZH: string(key.place), EN: string(key.place)}},
		stepped: department.stepped,
	}
	if known, ok := b.org.Place(key.place); ok {
		p.unit.Kind, p.unit.Name, p.unit.WindowKind = string(known.Kind), known.Name, known.WindowKind
	}
	b.places[key] = p
	department.children = append(department.children, p)
	return p
}

// placeKindOf is the kind of place answers of a mode belong to. A survey after
// discharge belongs to the ward the stay ended in.
func placeKindOf(m surveys.Mode) surveys.PlaceKind {
	switch m {
	case surveys.ModeBedside, surveys.ModeReply, surveys.ModeLink, surveys.ModeCode:
		return surveys.PlaceWard
	case surveys.ModeLobby:
		return surveys.PlaceLobby
	}
	return surveys.PlaceWindow
}

func (b *builder) path(at spot) [3]*branch {
	place := b.place(placeKey{at.department, at.place}, placeKindOf(at.mode))
	return [3]*branch{b.hospital, b.departments[at.department], place}
}

func (b *builder) addDay(d *dayCounts) {
	for at, t := range d.tallies {
		for _, branch := range b.path(at) {
			branch.add(at, t)
		}
	}
}

func (b *builder) addHours(d *dayCounts) {
	for at, hours := range d.hours {
		if at.series != surveys.SeriesAsked {
			continue
		}
		for _, branch := range b.path(at) {
			for hour := range hours {
				branch.hours[hour].add(&hours[hour])
			}
		}
	}
}

// sortBranches brings departments and places into the organisation's order;
// those it does not know come last, by id.
func (b *builder) sortBranches() {
	departments := make(map[string]int, len(b.org.Departments))
	for i, d := range b.org.Departments {
		departments[string(d.ID)] = i + 1
	}
	places := make(map[string]int, len(b.org.Places))
	for i, p := range b.org.Places {
		places[string(p.ID)] = i + 1
	}
	sortBy(b.hospital.children, departments)
	b.hospital.sortModes()
	for _, d := range b.hospital.children {
		sortBy(d.children, places)
		d.sortModes()
		for _, p := range d.children {
			p.sortModes()
		}
	}
}

func (b *branch) sortModes() {
	slices.SortFunc(b.modes, func(x, y modeGroup) int { return strings.Compare(string(x.mode), string(y.mode)) })
}

func sortBy(branches []*branch, rank map[string]int) {
	slices.SortFunc(branches, func(x, y *branch) int {
		i, j := rank[x.unit.ID], rank[y.unit.ID]
		switch {
		case i == 0 && j == 0:
			return strings.Compare(x.unit.ID, y.unit.ID)
		case i == 0:
			return 1
		case j == 0:
			return -1
		}
		return i - j
	})
}

func (b *builder) view() BoardView {
	v := BoardView{Departments: []Unit{}}
	if b.opt.Audience == AudienceDepartment {
		// A department's head sees the own department and what lies below it,
		// and nothing of others, not even their sum.
		v.Hospital = b.hospital.unit
		v.Hospital.Figure.Withheld, v.Hospital.Unasked.Withheld = WithheldProtected, WithheldProtected
		v.Hospital.Modes, v.Hospital.Hours = []ModeFigure{}, []HourFigure{}
		for _, d := range b.hospital.children {
			if d.listed() && b.opt.covers(surveys.DepartmentID(d.unit.ID)) {
				v.Departments = append(v.Departments, b.render(d))
			}
		}
		return v
	}
	v.Hospital = b.render(b.hospital)
	for _, d := range b.hospital.children {
		if d.listed() {
			v.Departments = append(v.Departments, b.render(d))
		}
	}
	return v
}

// render gives the unit of a branch; the hospital's children are not its
// places.
func (b *builder) render(br *branch) Unit {
	u := br.unit
	u.Figure = br.all.render(&b.opt, true)
	u.Unasked = br.unasked.render(&b.opt, false)
	u.Modes = []ModeFigure{}
	for i := range br.modes {
		m := &br.modes[i]
		u.Modes = append(u.Modes, ModeFigure{m.mode, m.render(&b.opt, true)})
	}
	u.Hours = b.renderHours(br)
	if br != b.hospital {
		for _, child := range br.children {
			if child.listed() {
				u.Places = append(u.Places, b.render(child))
			}
		}
	}
	return u
}
