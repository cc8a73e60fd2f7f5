package httpapi

import (
	"net/http"
	"slices"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys"
)

// sees reports whether the account may use the permission on something of a
// department: everywhere, or in its own department and what lies below it.
func (s *Server) sees(c *call, p auth.Permission, department surveys.DepartmentID) bool {
	if c.who.Everywhere(p) {
		return true
	}
	return c.who.May(p) && s.below(department, c.who.Account.Department)
}

// below reports whether department is top or lies below it. The walk is bounded
// by the number of units, should the tree ever hold a ring.
func (s *Server) below(department, top surveys.DepartmentID) bool {
	if top == "" {
		return false
	}
	for range len(s.o.Organisation.Departments) + 1 {
		if department == top {
			return true
		}
		unit, ok := s.o.Organisation.Department(department)
		if !ok || unit.Parent == "" {
			return false
		}
		department = unit.Parent
	}
	return false
}

// ownDepartments lists the account's department and those below it.
func (s *Server) ownDepartments(c *call) []surveys.DepartmentID {
	var ids []surveys.DepartmentID
	for _, d := range s.o.Organisation.Departments {
		if s.below(d.ID, c.who.Account.Department) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

type organisationBody struct {
	Name        surveys.Text         `json:"name"`
	Zone        string               `json:"zone"` // of the hospital's clock, by its IANA name
	Departments []surveys.Department `json:"departments"`
	Places      []surveys.Place      `json:"places"`
	StaffCount  int                  `json:"staff_count"`
}

// GET /api/v1/organisation
func (s *Server) showOrganisation(c *call) error {
	org := s.o.Organisation
	if !c.who.OwnDepartmentOnly() {
		return c.json(http.StatusOK, organisationBody{org.Name, s.o.Zone.String(), list(org.Departments), list(org.Places), len(org.Staff)})
	}
	own := s.ownDepartments(c)
	body := organisationBody{Name: org.Name, Zone: s.o.Zone.String(), Departments: []surveys.Department{}, Places: []surveys.Place{}}
	for _, d := range org.Departments {
		if slices.Contains(own, d.ID) {
			body.Departments = append(body.Departments, d)
		}
	}
	for _, p := range org.Places {
		if slices.Contains(own, p.Department) {
			body.Places = append(body.Places, p)
		}
	}
	for _, m := range org.Staff {
		if slices.Contains(own, m.Department) {
			body.StaffCount++
		}
	}
	return c.json(http.StatusOK, body)
}

// POST /api/v1/board/ticket
func (s *Server) boardTicket(c *call) error {
	text, expires, err := s.o.Auth.Ticket(c.who)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]any{"ticket": text, "expires_at": wireTime(expires)})
}

type questionnaireBody struct {
	ID          string            `json:"id"`
	Revision    int               `json:"revision"`
	Version     surveys.VersionID `json:"version"`
	Title       surveys.Text      `json:"title"`
	PublishedAt wireTime          `json:"published_at"`
	InUse       bool              `json:"in_use"`
}

// GET /api/v1/questionnaires
func (s *Server) listQuestionnaires(c *call) error {
	published, err := s.o.Store.Questionnaires(c.ctx())
	if err != nil {
		return err
	}
	used := map[surveys.VersionID]bool{}
	for _, q := range s.o.Questionnaires {
		used[q.Version()] = true
	}
	bodies := make([]questionnaireBody, len(published))
	for i := range published {
		q := &published[i].Questionnaire
		bodies[i] = questionnaireBody{q.ID, q.Revision, q.Version(), q.Title, wireTime(published[i].PublishedAt), used[q.Version()]}
	}
	return c.json(http.StatusOK, map[string]any{"questionnaires": bodies})
}
