package httpapi

import (
	"net/http"

	"qingfeng/gateway/internal/auth"
)

// access says who may call a route.
type access int

const (
	// open: anybody. Used for signing in, for a screen asking to be enrolled and
	// for a phone page without a survey; all are limited by address.
	open access = iota
	// bearer: the handler itself checks the token or secret it is sent.
	bearer
	// windowToken: the handler itself checks the token of a window's system,
	// which, once found good, has a limit of its own in place of its address's.
	windowToken
	// signedIn: whoever has a session, even with a password yet to change.
	signedIn
	// permitted: a session whose password is its own, with the route's
	// permission (any such session, when the route names none).
	permitted
)

// route is one endpoint.
type route struct {
	method, path string
	access       access
	permission   auth.Permission
	// scoped: the handler keeps an account that is limited to its department
	// to that department. Every other route refuses such an account.
	scoped bool
	handle func(*Server, *call) error
}

// session reports whether the route reads or writes the session cookie.
func (rt route) session() bool {
	return rt.access == signedIn || rt.access == permitted || rt.path == "/api/v1/session"
}

// routes is the table: every endpoint there is, as docs/protocol.md has them.
func routes() []route {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return []route{
		{post, "/api/v1/session", open, "", false, (*Server).signIn},
		{get, "/api/v1/session", signedIn, "", false, (*Server).showSession},
		{del, "/api/v1/session", signedIn, "", false, (*Server).signOut},
		{post, "/api/v1/session/password", signedIn, "", false, (*Server).changePassword},

		{post, "/api/v1/enrolments", open, "", false, (*Server).createEnrolment},
		{get, "/api/v1/enrolments/{enrolment_id}", bearer, "", false, (*Server).showEnrolment},
		{post, "/api/v1/enrolments/approve", permitted, auth.DevicesManage, false, (*Server).approveEnrolment},

		{get, "/api/v1/survey", bearer, "", false, (*Server).showSurvey},
		{post, "/api/v1/survey/saves", bearer, "", false, (*Server).saveSurvey},
		{get, "/api/v1/survey/contact", open, "", false, (*Server).showSurveyContact},
		{post, "/api/v1/survey/code", open, "", false, (*Server).exchangeCode},

		{post, "/api/v1/windows/{window}/transactions", windowToken, "", false, (*Server).reportTransaction},
		{post, "/api/v1/operator/windows/{window}/transactions", permitted, auth.TransactionsCreate, true, (*Server).operatorTransaction},
		{get, "/api/v1/operator/windows/{window}", permitted, auth.TransactionsCreate, true, (*Server).operatorWindow},

		{get, "/api/v1/organisation", permitted, "", true, (*Server).showOrganisation},
		{post, "/api/v1/board/ticket", permitted, auth.BoardView, true, (*Server).boardTicket},
		{get, "/api/v1/questionnaires", permitted, auth.QuestionnairesView, true, (*Server).listQuestionnaires},

		{get, "/api/v1/devices", permitted, auth.DevicesView, true, (*Server).listDevices},
		{patch, "/api/v1/devices/{id}", permitted, auth.DevicesManage, false, (*Server).changeDevice},
		{post, "/api/v1/devices/{id}/revoke", permitted, auth.DevicesManage, false, (*Server).revokeDevice},
		{post, "/api/v1/devices/{id}/clear-fault", permitted, auth.DevicesManage, false, (*Server).clearFault},

		{get, "/api/v1/accounts", permitted, auth.AccountsManage, false, (*Server).listAccounts},
		{post, "/api/v1/accounts", permitted, auth.AccountsManage, false, (*Server).createAccount},
		{patch, "/api/v1/accounts/{id}", permitted, auth.AccountsManage, false, (*Server).changeAccount},
		{post, "/api/v1/accounts/{id}/reset-password", permitted, auth.AccountsManage, false, (*Server).resetPassword},
		{post, "/api/v1/accounts/{id}/unlock", permitted, auth.AccountsManage, false, (*Server).unlockAccount},
		{get, "/api/v1/roles", permitted, "", false, (*Server).listRoles},

		{get, "/api/v1/tokens", permitted, auth.TokensManage, false, (*Server).listTokens},
		{post, "/api/v1/tokens", permitted, auth.TokensManage, false, (*Server).createToken},
		{post, "/api/v1/tokens/{id}/revoke", permitted, auth.TokensManage, false, (*Server).revokeToken},

		{get, "/api/v1/callbacks", permitted, auth.CallbacksWork, true, (*Server).listCallbacks},
		{post, "/api/v1/callbacks/{id}/reveal-phone", permitted, auth.CallbacksWork, true, (*Server).revealPhone},
		{post, "/api/v1/callbacks/{id}/outcome", permitted, auth.CallbacksWork, true, (*Server).recordCallback},

		{get, "/api/v1/set-aside", permitted, auth.SetAsideWork, false, (*Server).listSetAsides},
		{post, "/api/v1/set-aside/{id}/reveal", permitted, auth.SetAsideWork, false, (*Server).revealSetAside},
		{post, "/api/v1/set-aside/{id}/resolve", permitted, auth.SetAsideWork, false, (*Server).resolveSetAside},

		{get, "/api/v1/followup", permitted, auth.FollowupView, true, (*Server).showFollowup},
		{get, "/api/v1/followup/dispositions", permitted, auth.FollowupView, true, (*Server).listDispositions},
		{get, "/api/v1/followup/dispositions.csv", permitted, auth.FollowupView, true, (*Server).downloadDispositions},
		{post, "/api/v1/followup/dry-run", permitted, auth.FollowupView, false, (*Server).dryRunFollowup},
		{post, "/api/v1/followup/switch", permitted, auth.FollowupManage, false, (*Server).switchFollowup},
		{post, "/api/v1/followup/carriers/{carrier}/resume", permitted, auth.FollowupManage, false, (*Server).resumeCarrier},
		{post, "/api/v1/followup/demo-clock", permitted, auth.FollowupManage, false, (*Server).moveDemoClock},
		{get, "/api/v1/followup/replies", permitted, auth.FollowupWork, false, (*Server).listReplies},
		{post, "/api/v1/followup/replies/{id}/reveal", permitted, auth.FollowupWork, false, (*Server).revealReply},
		{get, "/api/v1/followup/opt-outs", permitted, auth.FollowupWork, false, (*Server).listOptOuts},
		{post, "/api/v1/followup/opt-outs/{id}/undo", permitted, auth.FollowupWork, false, (*Server).undoOptOut},
		{get, "/api/v1/followup/suppressions", permitted, auth.FollowupWork, false, (*Server).listSuppressions},
		{post, "/api/v1/followup/suppressions/{id}/lift", permitted, auth.FollowupWork, false, (*Server).liftSuppression},

		{get, "/api/v1/intake", permitted, auth.IntakeWork, false, (*Server).showIntake},
		{get, "/api/v1/intake/rejected", permitted, auth.IntakeWork, false, (*Server).listRejected},
		{post, "/api/v1/intake/rejected/{id}/reveal", permitted, auth.IntakeOpen, false, (*Server).revealRejected},
		{post, "/api/v1/intake/rejected/{id}/resolve", permitted, auth.IntakeWork, false, (*Server).resolveRejected},
		{get, "/api/v1/intake/unknown-wards", permitted, auth.IntakeWork, false, (*Server).listUnknownWards},
		{post, "/api/v1/intake/unknown-wards/forget", permitted, auth.IntakeWork, false, (*Server).forgetUnknownWard},
		{post, "/api/v1/intake/discharges", permitted, auth.IntakeWork, false, (*Server).uploadDischarges},
		{post, "/api/v1/discharges", bearer, "", false, (*Server).receiveDischarges},
		{post, "/api/v1/encounters", bearer, "", false, (*Server).receiveEncounters},

		{get, "/api/v1/audit", permitted, auth.AuditView, false, (*Server).listAudit},
	}
}
