package config

import (
	"slices"
	"strings"

	"qingfeng/surveys"
)

// Role is a set of permissions a staff account may be given.
type Role struct {
	ID          string       `yaml:"id"`
	Name        surveys.Text `yaml:"name"`
	Permissions []string     `yaml:"permissions"`
	// OwnDepartment limits everything the role permits to the account's own
	// department and what lies below it.
	OwnDepartment bool `yaml:"own_department"`
}

// Permits reports whether the role holds the permission.
func (r Role) Permits(permission string) bool { return slices.Contains(r.Permissions, permission) }

// Permissions lists every permission a role may hold: the names of the
// endpoints' table in docs/protocol.md.
func Permissions() []string {
	return []string{
		"board.view", "devices.view", "devices.manage", "accounts.manage", "tokens.manage", "callbacks.work",
		"set_aside.work", "audit.view", "questionnaires.view", "transactions.create",
		"followup.view", "followup.manage", "followup.work", "intake.work", "intake.open",
	}
}

type rolesFile struct {
	Roles []Role `yaml:"roles"`
}

func (l *loader) roles(name string, text []byte) []Role {
	var file rolesFile
	doc := l.document(name, text, &file)
	known := Permissions()
	seen := map[string]string{}
	manages := false
	for i, r := range file.Roles {
		at := element("roles", i)
		checkName(doc, at+".id", r.ID)
		checkOnce(doc, seen, at+".id", r.ID)
		checkText(doc, at+".name", r.Name)
		held := map[string]string{}
		for j, p := range r.Permissions {
			path := element(at+".permissions", j)
			if !slices.Contains(known, p) {
				doc.add(path, "%q is not a permission; known are %s", p, strings.Join(known, ", "))
			}
			checkOnce(doc, held, path, p)
		}
		manages = manages || r.Permits("accounts.manage") && !r.OwnDepartment
	}
	if !manages {
		doc.add("roles", "no role holds accounts.manage for the whole hospital, so nobody could give anybody an account")
	}
	l.done(doc)
	return file.Roles
}
