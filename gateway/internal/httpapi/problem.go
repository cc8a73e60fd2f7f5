package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys/sqlstore"
)

// problem is an answer that is not a success. It is an error, so that handlers
// return it; what is not one becomes a generic 500.
type problem struct {
	status     int
	code       string
	message    string        // Chinese, then English; safe to show
	field      string        // the field that is wrong
	reason     string        // which rule a value breaks
	retryAfter time.Duration // zero: does not say
}

func (p *problem) Error() string { return p.code }

// problemBody is a problem on the wire.
type problemBody struct {
	Code              string `json:"code"`
	Message           string `json:"message"`
	Field             string `json:"field,omitempty"`
	Reason            string `json:"reason,omitempty"`
	RetryAfterSeconds int    `json:"retry_after_seconds,omitempty"`
	RequestID         string `json:"request_id,omitempty"`
}

// refuse makes a problem.
func refuse(status int, code, zh, en string) *problem {
	return &problem{status: status, code: code, message: zh + " / " + en}
}

// invalid makes the problem of a field with a wrong value.
func invalid(field, zh, en string) *problem {
	p := refuse(http.StatusUnprocessableEntity, "invalid_field", field+"："+zh, field+": "+en)
	p.field = field
	return p
}

func (p *problem) after(d time.Duration) *problem {
	p.retryAfter = d
	return p
}

func (p *problem) because(reason string) *problem {
	p.reason = reason
	return p
}

func notFound() *problem {
	return refuse(http.StatusNotFound, "not_found", "没有找到", "not found")
}

func notSignedIn() *problem {
	return refuse(http.StatusUnauthorized, "not_signed_in", "请先登录", "sign in first")
}

func forbidden() *problem {
	return refuse(http.StatusForbidden, "forbidden", "没有权限", "not permitted")
}

func methodNotAllowed() *problem {
	return refuse(http.StatusMethodNotAllowed, "method_not_allowed", "不支持该请求方法", "the method is not supported here")
}

func badToken() *problem {
	return refuse(http.StatusUnauthorized, "bad_token", "令牌无效", "the token is not valid")
}

func tooMany(wait time.Duration) *problem {
	return refuse(http.StatusTooManyRequests, "too_many_requests", "请求过于频繁，请稍后再试", "too many requests, try again later").after(wait)
}

func busy() *problem {
	return refuse(http.StatusServiceUnavailable, "busy", "系统繁忙，请稍后再试", "busy, try again").after(time.Second)
}

// asProblem is the one place that turns an error into status, code and
// message. known is false for an error nobody expected, which the log then
// has in full and the client does not.
func asProblem(err error) (p *problem, known bool) {
	var locked *auth.LockedError
	var weak *auth.WeakPasswordError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p, true
	case errors.As(err, &large):
		return refuse(http.StatusRequestEntityTooLarge, "too_large", "请求内容过大", "the body is too large"), true
	case errors.As(err, &locked):
		return refuse(http.StatusTooManyRequests, "locked_out", "尝试次数过多，请稍后再试", "too many tries, wait").after(locked.RetryAfter), true
	case errors.As(err, &weak):
		return refuse(http.StatusUnprocessableEntity, "weak_password", "新密码不符合要求", "the new password is too weak").because(string(weak.Problem)), true
	case errors.Is(err, auth.ErrSignIn):
		return refuse(http.StatusUnauthorized, "sign_in_failed", "用户名或密码不正确", "username or password is wrong"), true
	case errors.Is(err, auth.ErrNotSignedIn):
		return notSignedIn(), true
	case errors.Is(err, auth.ErrBusy):
		return busy(), true
	case errors.Is(err, auth.ErrUsername):
		return invalid("username", "只能用文字、数字和 . _ -，最多 40 个", "letters, digits and . _ - only, at most 40"), true
	case errors.Is(err, auth.ErrName):
		return invalid("name", "不能为空，最多 80 个字", "must not be empty, at most 80 characters"), true
	case errors.Is(err, auth.ErrRole), errors.Is(err, auth.ErrNoRole):
		return invalid("roles", "没有这个角色", "must name at least one role, and only those there are"), true
	case errors.Is(err, auth.ErrDutiesApart):
		return invalid("roles", "账号管理与回访、留存记录处理不能由同一账号兼任", "managing accounts and working call-backs or set-aside records are kept apart").because("duties_apart"), true
	case errors.Is(err, auth.ErrOwnRoles):
		return refuse(http.StatusConflict, "own_roles", "不能更改自己的角色，请由另一名管理员更改", "nobody changes the own roles; ask another administrator"), true
	case errors.Is(err, auth.ErrDepartmentNeeded):
		return invalid("department", "该角色只看本科室，必须指定科室", "the role is limited to a department and none is named"), true
	case errors.Is(err, auth.ErrLastAdministrator):
		return refuse(http.StatusConflict, "last_administrator", "必须保留至少一名可用的管理员", "somebody must remain who manages accounts"), true
	case errors.Is(err, sqlstore.ErrExists):
		return refuse(http.StatusConflict, "already_exists", "已经存在", "there is one already"), true
	case errors.Is(err, sqlstore.ErrNotFound):
		return notFound(), true
	case errors.Is(err, sqlstore.ErrTransactionConflict):
		return refuse(http.StatusConflict, "transaction_conflict", "该交易号已用于另一笔内容不同的业务", "the number is used by a transaction that says something else"), true
	case errors.Is(err, sqlstore.ErrBusy):
		return busy(), true
	case errors.Is(err, sqlstore.ErrUnavailable), errors.Is(err, sqlstore.ErrClosed):
		return refuse(http.StatusServiceUnavailable, "store_unavailable", "暂时无法保存，请稍后再试", "nothing can be stored just now, try again").after(5 * time.Second), false
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return refuse(http.StatusServiceUnavailable, "timeout", "处理超时，请稍后再试", "took too long, try again"), false
	}
	return refuse(http.StatusInternalServerError, "internal", "系统出错，请联系信息科并告知编号", "something went wrong; tell the hospital's IT the request id"), false
}

// writeProblem answers with an error. Only a 5xx carries the request id, which
// the log repeats beside the cause.
func writeProblem(w http.ResponseWriter, p *problem, requestID string) {
	body := problemBody{Code: p.code, Message: p.message, Field: p.field, Reason: p.reason}
	if p.retryAfter > 0 {
		body.RetryAfterSeconds = int((p.retryAfter + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(body.RetryAfterSeconds))
	}
	if p.status == http.StatusUnauthorized && p.code == "bad_token" {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if p.status >= 500 {
		body.RequestID = requestID
	}
	writeJSON(w, p.status, body)
}
