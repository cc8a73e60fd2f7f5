package httpapi

import (
	"net/http"
	"strconv"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// accountBody is an account as those who manage accounts see it: never its
// password or its hash.
type accountBody struct {
	ID                 sqlstore.AccountID   `json:"id"`
	Username           string               `json:"username"`
	Name               string               `json:"name"`
	Roles              []string             `json:"roles"`
	Department         surveys.DepartmentID `json:"department,omitempty"`
	Disabled           bool                 `json:"disabled"`
	MustChangePassword bool                 `json:"must_change_password"`
	Locked             bool                 `json:"locked"`
	LockedUntil        wireTime             `json:"locked_until,omitzero"`
	CreatedAt          wireTime             `json:"created_at"`
	LastSignInAt       wireTime             `json:"last_sign_in_at,omitzero"`
}

func accountOf(a sqlstore.Account, c *call) accountBody {
	b := accountBody{
		ID: a.ID, Username: a.Username, Name: a.Name, Roles: list(a.Roles), Department: a.Department,
		Disabled: a.Disabled, MustChangePassword: a.MustChangePassword, Locked: a.LockedUntil.After(c.now),
		CreatedAt: wireTime(a.CreatedAt), LastSignInAt: wireTime(a.LastSignInAt),
	}
	if b.Locked {
		b.LockedUntil = wireTime(a.LockedUntil)
	}
	return b
}

// pathNumber reads a number of the address; whatever is not one names nothing.
func pathNumber(c *call, name string) (int64, error) {
	n, err := strconv.ParseInt(c.r.PathValue(name), 10, 64)
	if err != nil || n <= 0 {
		return 0, notFound()
	}
	return n, nil
}

// GET /api/v1/accounts
func (s *Server) listAccounts(c *call) error {
	accounts, err := s.o.Store.Accounts(c.ctx())
	if err != nil {
		return err
	}
	bodies := make([]accountBody, len(accounts))
	locked := s.o.Auth.Locks()
	for i, a := range accounts {
		a.LockedUntil = locked(a)
		bodies[i] = accountOf(a, c)
	}
	return c.json(http.StatusOK, map[string]any{"accounts": bodies})
}

// POST /api/v1/accounts
func (s *Server) createAccount(c *call) error {
	var body struct {
		Username   string               `json:"username"`
		Name       string               `json:"name"`
		Roles      []string             `json:"roles"`
		Department surveys.DepartmentID `json:"department"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	if err := s.checkDepartment(body.Department); err != nil {
		return err
	}
	account, password, err := s.o.Auth.CreateAccount(c.ctx(),
		auth.NewAccount{Username: body.Username, Name: body.Name, Roles: body.Roles, Department: body.Department}, c.who.Actor())
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, map[string]any{"account": accountOf(account, c), "one_time_password": password})
}

func (s *Server) checkDepartment(id surveys.DepartmentID) error {
	if _, ok := s.o.Organisation.Department(id); id != "" && !ok {
		return invalid("department", "没有这个科室", "there is no such department")
	}
	return nil
}

// PATCH /api/v1/accounts/{id}
func (s *Server) changeAccount(c *call) error {
	id, err := pathNumber(c, "id")
	if err != nil {
		return err
	}
	var body struct {
		Name       *string               `json:"name"`
		Roles      *[]string             `json:"roles"`
		Department *surveys.DepartmentID `json:"department"`
		Disabled   *bool                 `json:"disabled"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	if body.Department != nil {
		if err := s.checkDepartment(*body.Department); err != nil {
			return err
		}
	}
	account, err := s.o.Auth.ChangeAccount(c.ctx(), sqlstore.AccountID(id),
		auth.AccountChange{Name: body.Name, Roles: body.Roles, Department: body.Department, Disabled: body.Disabled}, c.who.Actor())
	if err != nil {
		return err
	}
	account.LockedUntil = s.o.Auth.Locks()(account)
	return c.json(http.StatusOK, map[string]any{"account": accountOf(account, c)})
}

// POST /api/v1/accounts/{id}/reset-password
func (s *Server) resetPassword(c *call) error {
	id, err := pathNumber(c, "id")
	if err != nil {
		return err
	}
	password, err := s.o.Auth.ResetPassword(c.ctx(), sqlstore.AccountID(id), c.who.Actor())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]any{"one_time_password": password})
}

// POST /api/v1/accounts/{id}/unlock
func (s *Server) unlockAccount(c *call) error {
	id, err := pathNumber(c, "id")
	if err != nil {
		return err
	}
	if err := s.o.Auth.Unlock(c.ctx(), sqlstore.AccountID(id), c.who.Actor()); err != nil {
		return err
	}
	return c.nothing()
}

type roleBody struct {
	ID            string            `json:"id"`
	Name          surveys.Text      `json:"name"`
	Permissions   []auth.Permission `json:"permissions"`
	OwnDepartment bool              `json:"own_department"`
}

// GET /api/v1/roles
func (s *Server) listRoles(c *call) error {
	bodies := []roleBody{}
	for _, r := range s.o.Auth.Roles().List() {
		bodies = append(bodies, roleBody{r.ID, r.Name, list(r.Permissions), r.OwnDepartment})
	}
	return c.json(http.StatusOK, map[string]any{"roles": bodies})
}
