package auth

import (
	"fmt"
	"slices"

	"qingfeng/surveys"
)

// Permission is one thing a role may do. Every endpoint of the desk names the
// one it needs.
type Permission string

// The permissions. configs/roles.yaml gives them to roles by these names.
const (
	BoardView          Permission = "board.view"          // watch the board
	DevicesView        Permission = "devices.view"        // list devices and their faults
	DevicesManage      Permission = "devices.manage"      // approve, change, revoke devices
	AccountsManage     Permission = "accounts.manage"     // create, change, unlock accounts
	TokensManage       Permission = "tokens.manage"       // create and revoke tokens of window systems
	CallbacksWork      Permission = "callbacks.work"      // phone patients back: comments and numbers
	SetAsideWork       Permission = "set_aside.work"      // settle facts the store could not accept
	AuditView          Permission = "audit.view"          // read the audit log
	QuestionnairesView Permission = "questionnaires.view" // read the published questionnaires
	TransactionsCreate Permission = "transactions.create" // report a transaction by hand (operator page)
	FollowupView       Permission = "followup.view"       // read the follow-up's figures and what it would do
	FollowupManage     Permission = "followup.manage"     // start and pause the follow-up, let a halted carrier go on
	FollowupWork       Permission = "followup.work"       // read replies, undo opt-outs and suppressions
	IntakeWork         Permission = "intake.work"         // settle messages about visits that were not taken, upload files
	IntakeOpen         Permission = "intake.open"         // read such a message: it names a patient
)

// Permissions lists every permission there is, in the order above.
func Permissions() []Permission {
	return []Permission{
		BoardView, DevicesView, DevicesManage, AccountsManage, TokensManage,
		CallbacksWork, SetAsideWork, AuditView, QuestionnairesView, TransactionsCreate,
		FollowupView, FollowupManage, FollowupWork, IntakeWork, IntakeOpen,
	}
}

// Role is a named set of permissions.
type Role struct {
	ID          string
	Name        surveys.Text
	Permissions []Permission
	// OwnDepartment limits everything the role permits to the account's own
	// department and what lies below it.
	OwnDepartment bool
}

// Roles are the hospital's roles as its configuration gives them. Build them
// with NewRoles; they do not change afterwards.
type Roles struct {
	list []Role
	byID map[string]int
}

// NewRoles indexes roles. It refuses a role without id, an id used twice and a
// permission that does not exist.
func NewRoles(roles []Role) (*Roles, error) {
	r := &Roles{list: slices.Clone(roles), byID: make(map[string]int, len(roles))}
	for i, role := range r.list {
		if role.ID == "" {
			return nil, fmt.Errorf("role %d has no id", i)
		}
		if _, twice := r.byID[role.ID]; twice {
			return nil, fmt.Errorf("role %q is given twice", role.ID)
		}
		for _, p := range role.Permissions {
			if !slices.Contains(Permissions(), p) {
				return nil, fmt.Errorf("role %q: there is no permission %q", role.ID, p)
			}
		}
		r.byID[role.ID] = i
	}
	return r, nil
}

// List gives the roles in the configuration's order.
func (r *Roles) List() []Role { return slices.Clone(r.list) }

// Has reports whether there is a role with that id.
func (r *Roles) Has(id string) bool {
	_, ok := r.byID[id]
	return ok
}

// Granted lists what an account with these role ids may do, in the order of
// Permissions; whole are those it may do for the whole hospital and not only
// for its own department. An id that no longer names a role grants nothing.
func (r *Roles) Granted(ids []string) (granted, whole []Permission) {
	for _, p := range Permissions() {
		any, all := false, false
		for _, id := range ids {
			if i, ok := r.byID[id]; ok && slices.Contains(r.list[i].Permissions, p) {
				any, all = true, all || !r.list[i].OwnDepartment
			}
		}
		if any {
			granted = append(granted, p)
		}
		if all {
			whole = append(whole, p)
		}
	}
	return granted, whole
}

// NeedsDepartment reports whether one of the roles is limited to the account's
// own department.
func (r *Roles) NeedsDepartment(ids []string) bool {
	return slices.ContainsFunc(ids, func(id string) bool {
		i, ok := r.byID[id]
		return ok && r.list[i].OwnDepartment
	})
}

// Administrators lists the roles that manage accounts: a hospital must never
// be left without one of them in use.
func (r *Roles) Administrators() []string {
	var ids []string
	for _, role := range r.list {
		if !role.OwnDepartment && slices.Contains(role.Permissions, AccountsManage) {
			ids = append(ids, role.ID)
		}
	}
	return ids
}
