package httpapi

import (
	"net/http"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// maxListed is how many replies, opt-outs or suppressions one answer holds.
const maxListed = 500

type unlinkedBody struct {
	ID         sqlstore.InboundID   `json:"id"`
	ReceivedAt wireTime             `json:"received_at"`
	Department surveys.DepartmentID `json:"department,omitempty"`
}

// GET /api/v1/followup/replies?before=&limit=: texts that belong to no survey,
// newest first, never what they say.
func (s *Server) listReplies(c *call) error {
	f, err := s.theFollowup()
	if err != nil {
		return err
	}
	before, err := queryNumber(c, "before", 0, 1<<62)
	if err != nil {
		return err
	}
	limit, err := queryNumber(c, "limit", 100, maxListed)
	if err != nil {
		return err
	}
	found, err := f.Store.UnlinkedReplies(c.ctx(), sqlstore.InboundID(before), int(limit))
	if err != nil {
		return err
	}
	answer := struct {
		Replies []unlinkedBody     `json:"replies"`
		Next    sqlstore.InboundID `json:"next,omitempty"`
	}{Replies: make([]unlinkedBody, len(found))}
	for i, r := range found {
		answer.Replies[i] = unlinkedBody{r.ID, wireTime(r.ReceivedAt), r.Department}
	}
	if len(found) == int(limit) {
		answer.Next = found[len(found)-1].ID
	}
	return c.json(http.StatusOK, answer)
}

// POST /api/v1/followup/replies/{id}/reveal: the store audits it with the
// reading, so that there is no reading without an entry.
func (s *Server) revealReply(c *call) error {
	f, err := s.theFollowup()
	if err != nil {
		return err
	}
	id, err := pathNumber(c, "id")
	if err != nil {
		return err
	}
	text, err := f.Store.OpenUnlinkedReply(c.ctx(), sqlstore.InboundID(id), c.who.Actor())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]any{"text": string(text)})
}

type optOutBody struct {
	ID       int64    `json:"id"`
	Number   string   `json:"number"` // its last four digits
	How      string   `json:"how"`
	At       wireTime `json:"at"`
	EndedAt  wireTime `json:"ended_at,omitzero"`
	EndedHow string   `json:"ended_how,omitempty"`
}

// GET /api/v1/followup/opt-outs?state=standing|all
func (s *Server) listOptOuts(c *call) error {
	f, err := s.theFollowup()
	if err != nil {
		return err
	}
	standing := true
	switch c.r.URL.Query().Get("state") {
	case "", "standing":
	case "all":
		standing = false
	default:
		return invalid("state", "须为 standing 或 all", "must be standing or all")
	}
	found, err := f.Store.OptOuts(c.ctx(), standing, maxListed)
	if err != nil {
		return err
	}
	bodies := make([]optOutBody, len(found))
	for i, o := range found {
		bodies[i] = optOutBody{o.ID, o.Masked, o.How, wireTime(o.At), wireTime(o.EndedAt), o.EndedHow}
	}
	return c.json(http.StatusOK, map[string]any{"opt_outs": bodies})
}

// POST /api/v1/followup/opt-outs/{id}/undo
func (s *Server) undoOptOut(c *call) error {
	f, err := s.theFollowup()
	if err != nil {
		return err
	}
	id, err := pathNumber(c, "id")
	if err != nil {
		return err
	}
	if err := f.Store.UndoOptOut(c.ctx(), id, c.who.Actor()); err != nil {
		return err
	}
	return c.nothing()
}

type suppressionBody struct {
	ID      int64    `json:"id"`
	Number  string   `json:"number"` // its last four digits
	Carrier string   `json:"carrier"`
	Code    string   `json:"code"`
	At      wireTime `json:"at"`
}

// GET /api/v1/followup/suppressions
func (s *Server) listSuppressions(c *call) error {
	f, err := s.theFollowup()
	if err != nil {
		return err
	}
	found, err := f.Store.Suppressions(c.ctx(), maxListed)
	if err != nil {
		return err
	}
	bodies := make([]suppressionBody, len(found))
	for i, p := range found {
		bodies[i] = suppressionBody{p.ID, p.Masked, p.Carrier, p.Code, wireTime(p.At)}
	}
	return c.json(http.StatusOK, map[string]any{"suppressions": bodies})
}

// POST /api/v1/followup/suppressions/{id}/lift
func (s *Server) liftSuppression(c *call) error {
	f, err := s.theFollowup()
	if err != nil {
		return err
	}
	id, err := pathNumber(c, "id")
	if err != nil {
		return err
	}
	if err := f.Store.LiftSuppression(c.ctx(), id, c.who.Actor()); err != nil {
		return err
	}
	return c.nothing()
}
