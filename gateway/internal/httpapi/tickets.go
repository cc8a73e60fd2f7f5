package httpapi

import (
	"context"
	"strconv"
	"time"

	"qingfeng/analytics"
	"qingfeng/gateway/internal/auth"
	"qingfeng/gateway/internal/live"
	"qingfeng/surveys/sqlstore"
)

// redeemTimeout bounds the look at the store that a ticket costs.
const redeemTimeout = 5 * time.Second

// BoardTickets hands the board's sockets the tickets of signed-in officers.
type BoardTickets struct{ Auth *auth.Service }

var _ live.Tickets = BoardTickets{}

// Redeem implements live.Tickets.
func (t BoardTickets) Redeem(ticket string) (live.Viewer, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), redeemTimeout)
	defer cancel()
	pass, ok := t.Auth.RedeemTicket(ctx, ticket)
	if !ok {
		return live.Viewer{}, false
	}
	v := live.Viewer{ID: ViewerID(pass.Account), Audience: analytics.AudienceDepartment, Department: pass.Department, Until: pass.Until}
	v.MayWatch = func(ctx context.Context) (bool, error) { return t.Auth.MayWatch(ctx, pass) }
	if pass.Office {
		v.Audience = analytics.AudienceOffice
	}
	return v, true
}

// ViewerID is an account as the boards name it: what (*live.Boards).Drop takes
// when the account's sessions end.
func ViewerID(id sqlstore.AccountID) string { return strconv.FormatInt(int64(id), 10) }
