package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

const (
	// Audit entries of one answer.
	defaultAuditLimit = 100
	maxAuditLimit     = 500
)

type auditBody struct {
	Sequence int64    `json:"sequence"`
	At       wireTime `json:"at"`
	Actor    string   `json:"actor"`
	// ActorName and SubjectName are what the log's ids are called today; absent
	// where nothing has such an id, or nothing has a name.
	ActorName   string `json:"actor_name,omitempty"`
	Action      string `json:"action"`
	Subject     string `json:"subject"`
	SubjectName string `json:"subject_name,omitempty"`
	Detail      string `json:"detail"`
}

// GET /api/v1/audit?before=&limit=: newest first, those before a sequence.
func (s *Server) listAudit(c *call) error {
	before, err := queryNumber(c, "before", 0, 1<<62)
	if err != nil {
		return err
	}
	limit, err := queryNumber(c, "limit", defaultAuditLimit, maxAuditLimit)
	if err != nil {
		return err
	}
	entries, err := s.o.Store.AuditEntries(c.ctx(), before, int(limit))
	if err != nil {
		return err
	}
	names, err := s.auditNames(c)
	if err != nil {
		return err
	}
	bodies := make([]auditBody, len(entries))
	for i, e := range entries {
		bodies[i] = auditBody{
			Sequence: e.Sequence, At: wireTime(e.At), Actor: e.Actor.Username, ActorName: names.accounts[e.Actor.Account],
			Action: e.Action, Subject: e.Subject, SubjectName: names.of(e), Detail: e.Detail,
		}
	}
	return c.json(http.StatusOK, map[string]any{"entries": bodies})
}

// auditNames are what the ids in the log are called. The log itself keeps ids
// alone, so that it need not be rewritten when somebody is renamed.
type auditNames struct {
	accounts map[sqlstore.AccountID]string
	tokens   map[int64]string
	devices  map[surveys.DeviceID]string
}

func (s *Server) auditNames(c *call) (n auditNames, err error) {
	accounts, err := s.o.Store.Accounts(c.ctx())
	if err != nil {
		return n, err
	}
	n.accounts = make(map[sqlstore.AccountID]string, len(accounts))
	for _, a := range accounts {
		n.accounts[a.ID] = a.Name
	}
	tokens, err := s.o.Store.Tokens(c.ctx())
	if err != nil {
		return n, err
	}
	n.tokens = make(map[int64]string, len(tokens))
	for _, t := range tokens {
		n.tokens[t.ID] = t.Label
	}
	devices, err := s.o.Store.Devices(c.ctx())
	if err != nil {
		return n, err
	}
	n.devices = make(map[surveys.DeviceID]string, len(devices))
	for _, d := range devices {
		n.devices[d.ID] = d.Name
	}
	return n, nil
}

// of gives the name of an entry's subject: the action says what kind of id it is.
func (n auditNames) of(e sqlstore.AuditEntry) string {
	kind, _, _ := strings.Cut(e.Action, ".")
	switch kind {
	case "device":
		id, err := surveys.ParseFactID(e.Subject)
		if err != nil {
			return ""
		}
		return n.devices[id]
	case "account", "sign_in":
		return n.accounts[sqlstore.AccountID(subjectNumber(e))]
	case "token":
		return n.tokens[subjectNumber(e)]
	}
	return ""
}

func subjectNumber(e sqlstore.AuditEntry) int64 {
	id, err := strconv.ParseInt(e.Subject, 10, 64)
	if err != nil {
		return 0
	}
	return id
}
