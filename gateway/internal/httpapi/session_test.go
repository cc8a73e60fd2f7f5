package httpapi

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/auth"
)

func TestSignInAndOut(t *testing.T) {
	w := newWorld(t)
	w.account("zhang.wei", "cardiology", "head")
	c := w.anybody()
	r := c.post("/api/v1/session", map[string]string{"username": "Zhang.Wei", "password": password}).want(http.StatusOK)
	r.without(password, "argon2id", "failed_tries", "password_hash")
	got := decodeReply[sessionBody](r)
	want := sessionBody{
		Account: ownAccount{ID: 1, Username: "zhang.wei", Name: "张伟", Roles: []string{"head"}, Department: "cardiology"},
		Permissions: []auth.Permission{
			auth.BoardView, auth.DevicesView, auth.DevicesManage, auth.CallbacksWork, auth.AuditView, auth.TransactionsCreate, auth.FollowupView,
		},
		Sections: []string{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, decodeReply[sessionBody](c.get("/api/v1/session").want(http.StatusOK))); diff != "" {
		t.Errorf("GET session (-want +got):\n%s", diff)
	}
	w.audited("sign_in")
	stolen := w.anybody()
	stolen.cookie = c.cookie
	c.do(http.MethodDelete, "/api/v1/session", nil).want(http.StatusNoContent)
	if c.cookie != nil {
		t.Error("the cookie is still there after signing out")
	}
	stolen.get("/api/v1/session").problem(http.StatusUnauthorized, "not_signed_in")
}

func TestSessionCookie(t *testing.T) {
	w := newWorld(t)
	c := w.person("zhang.wei", "", "none")
	r := w.anybody().post("/api/v1/session", map[string]string{"username": "zhang.wei", "password": password}).want(http.StatusOK)
	set := r.Header().Get("Set-Cookie")
	for _, part := range []string{"qingfeng_session=", "HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(set, part) {
			t.Errorf("Set-Cookie %q lacks %s", set, part)
		}
	}
	if strings.Contains(set, "Domain=") {
		t.Errorf("Set-Cookie %q names a domain", set)
	}
	stored, found, err := w.store.FindCtx(t.Context(), c.cookie.Value)
	if err != nil || found {
		t.Errorf("the store knows the cookie's own value: %q, %v", stored, err)
	}
}

func TestRefusedSignInsLookAlike(t *testing.T) {
	w := newWorld(t)
	w.account("zhang.wei", "", "none")
	bodies := map[string]bool{}
	for _, try := range []map[string]string{
		{"username": "zhang.wei", "password": "wrong wrong wrong"},
		{"username": "nobody", "password": "wrong wrong wrong"},
		{"username": "", "password": ""},
	} {
		r := w.anybody().post("/api/v1/session", try)
		r.problem(http.StatusUnauthorized, "sign_in_failed")
		r.without("zhang.wei", "nobody", "wrong wrong")
		if r.Header().Get("Set-Cookie") != "" {
			t.Error("a refused sign-in sets a cookie")
		}
		bodies[r.Body.String()] = true
	}
	if len(bodies) != 1 {
		t.Errorf("%d different answers, want one: %v", len(bodies), bodies)
	}
}

func TestLockedOut(t *testing.T) {
	w := newWorld(t)
	w.account("zhang.wei", "", "none")
	for _, username := range []string{"zhang.wei", "nobody"} {
		for range 5 {
			w.anybody().post("/api/v1/session", map[string]string{"username": username, "password": "wrong wrong wrong"}).problem(http.StatusUnauthorized, "sign_in_failed")
		}
		r := w.anybody().post("/api/v1/session", map[string]string{"username": username, "password": password})
		p := r.problem(http.StatusTooManyRequests, "locked_out")
		if p.RetryAfterSeconds < 890 || p.RetryAfterSeconds > 900 || r.Header().Get("Retry-After") == "" {
			t.Errorf("%s: retry after %d s (header %q), want about 900", username, p.RetryAfterSeconds, r.Header().Get("Retry-After"))
		}
	}
}

func TestSignInsAreLimitedByAddress(t *testing.T) {
	w := newWorld(t)
	c := w.anybody()
	try := func(i int) *reply {
		return c.post("/api/v1/session", map[string]string{"username": fmt.Sprint("name", i)})
	}
	for i := range signInBurst { // another name each time does not help
		try(i).problem(http.StatusUnauthorized, "sign_in_failed")
	}
	try(signInBurst).problem(http.StatusTooManyRequests, "too_many_requests")
	w.pass(signInInterval)
	try(signInBurst+1).problem(http.StatusUnauthorized, "sign_in_failed")
	try(signInBurst+2).problem(http.StatusTooManyRequests, "too_many_requests")
	other := w.anybody()
	other.remote = "192.0.2.99:1"
	other.post("/api/v1/session", map[string]string{"username": "y"}).problem(http.StatusUnauthorized, "sign_in_failed")
}

func TestCrossOriginIsRefused(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.PublicURL = "https://qingfeng.hospital.example" })
	c := w.person("officer", "", "all")
	for _, tt := range []struct {
		name, header, value string
		refused             bool
	}{
		{"another site", "Sec-Fetch-Site", "cross-site", true},
		{"a sister site", "Sec-Fetch-Site", "same-site", true},
		{"another origin", "Origin", "https://evil.example", true},
		{"no origin at all", "Origin", "null", true},
		{"the page itself", "Sec-Fetch-Site", "same-origin", false},
		{"the public address behind a proxy", "Origin", "https://qingfeng.hospital.example", false},
		{"a name that points at the gateway's address", "Origin", "http://evil.example:8080", true},
		{"the address itself, which is not the public one", "Origin", "http://127.0.0.1:8080", true},
		{"a program", "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.header, c.host = http.Header{}, "127.0.0.1:8080"
			if strings.Contains(tt.value, "evil") {
				c.host = "evil.example:8080"
			}
			if tt.header != "" {
				c.header.Set(tt.header, tt.value)
			}
			for _, target := range []string{"/api/v1/board/ticket", "/api/v1/session", "/api/v1/accounts"} {
				r := c.post(target, map[string]any{})
				if tt.refused {
					r.problem(http.StatusForbidden, "cross_origin")
				} else if r.Code == http.StatusForbidden {
					t.Errorf("%s = %d %s", target, r.Code, r.Body)
				}
			}
		})
	}
}

func TestChangePassword(t *testing.T) {
	w := newWorld(t)
	c := w.person("zhang.wei", "", "none")
	p := c.post("/api/v1/session/password", map[string]string{"current": password, "new": "short"}).problem(http.StatusUnprocessableEntity, "weak_password")
	if p.Reason != "too_short" {
		t.Errorf("reason %q, want too_short", p.Reason)
	}
	c.post("/api/v1/session/password", map[string]string{"current": "wrong wrong wrong", "new": "a new and different one"}).problem(http.StatusUnauthorized, "sign_in_failed")
	c.post("/api/v1/session/password", map[string]string{"current": password, "new": "a new and different one"}).want(http.StatusNoContent)
	c.get("/api/v1/session").want(http.StatusOK)
	w.audited("account.change_password")
}

func TestStrictTransport(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")} })
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		want   bool
	}{
		{"plain", func(*http.Request) {}, false},
		{"TLS", func(r *http.Request) { r.TLS = &tls.ConnectionState{} }, true},
		{"TLS before a trusted proxy", func(r *http.Request) { r.RemoteAddr = "10.9.1.1:5"; r.Header.Set("X-Forwarded-Proto", "https") }, true},
		{"said by a stranger", func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") }, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
		tt.change(r)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if got := rec.Header().Get("Strict-Transport-Security") != ""; got != tt.want {
			t.Errorf("%s: Strict-Transport-Security %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	for _, tt := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"direct", "192.0.2.7:40000", nil, "192.0.2.7"},
		{"a stranger's claim", "192.0.2.7:40000", []string{"10.0.0.1"}, "192.0.2.7"},
		{"through the proxy", "10.9.1.1:5", []string{"192.0.2.7"}, "192.0.2.7"},
		{"a claim before the proxy", "10.9.1.1:5", []string{"1.2.3.4, 192.0.2.7"}, "192.0.2.7"},
		{"a claim in a header of its own", "10.9.1.1:5", []string{"1.2.3.4", "192.0.2.7"}, "192.0.2.7"},
		{"two proxies", "10.9.1.1:5", []string{"1.2.3.4, 192.0.2.7, 10.9.2.2"}, "192.0.2.7"},
		{"nonsense from the proxy", "10.9.1.1:5", []string{"192.0.2.7, nonsense"}, "10.9.1.1"},
		{"the proxy itself", "10.9.1.1:5", nil, "10.9.1.1"},
		{"IPv4 inside IPv6", "[::ffff:10.9.1.1]:5", []string{"::ffff:192.0.2.7"}, "192.0.2.7"},
		{"IPv6", "[fd00::1]:5", []string{"2001:db8::7"}, "2001:db8::7"},
		{"no address", "pipe", nil, "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tt.remote
		for _, f := range tt.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		if got := ClientAddress(r, trusted).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
