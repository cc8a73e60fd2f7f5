package httpapi

import (
	"net/http"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

type ownAccount struct {
	ID                 sqlstore.AccountID   `json:"id"`
	Username           string               `json:"username"`
	Name               string               `json:"name"`
	Roles              []string             `json:"roles"`
	Department         surveys.DepartmentID `json:"department,omitempty"`
	MustChangePassword bool                 `json:"must_change_password"`
}

func ownAccountOf(a sqlstore.Account) ownAccount {
	return ownAccount{a.ID, a.Username, a.Name, list(a.Roles), a.Department, a.MustChangePassword}
}

type sessionBody struct {
	Account     ownAccount        `json:"account"`
	Permissions []auth.Permission `json:"permissions"`
	// Sections are the optional parts of the desk this gateway has.
	Sections []string `json:"sections"`
}

func (s *Server) sessionOf(who *auth.Identity) sessionBody {
	return sessionBody{ownAccountOf(who.Account), list(who.Permissions), s.sections()}
}

// list gives an empty list where there is none, so that the wire has [] and
// never null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// POST /api/v1/session
func (s *Server) signIn(c *call) error {
	if wait, ok := s.signIns.Allow(c.address, c.now); !ok {
		return tooMany(wait)
	}
	var body struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	who, err := s.o.Auth.SignIn(c.ctx(), c.address, body.Username, body.Password)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.sessionOf(who))
}

// GET /api/v1/session
func (s *Server) showSession(c *call) error { return c.json(http.StatusOK, s.sessionOf(c.who)) }

// DELETE /api/v1/session
func (s *Server) signOut(c *call) error {
	if err := s.o.Auth.SignOut(c.ctx(), c.who); err != nil {
		return err
	}
	return c.nothing()
}

// POST /api/v1/session/password
func (s *Server) changePassword(c *call) error {
	if wait, ok := s.signIns.Allow(c.address, c.now); !ok {
		return tooMany(wait)
	}
	var body struct {
		Current string `json:"current"`
		New     string `json:"new"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	if err := s.o.Auth.ChangePassword(c.ctx(), c.address, c.who, body.Current, body.New); err != nil {
		return err
	}
	return c.nothing()
}
