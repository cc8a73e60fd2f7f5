package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
)

func TestScreens(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		target, kind, cache string
		status              int
	}{
		{"/tablet", "text/html; charset=utf-8", "no-store", 200},
		{"/board", "text/html; charset=utf-8", "no-store", 200},
		{"/desk", "text/html; charset=utf-8", "no-store", 200},
		{"/operator", "text/html; charset=utf-8", "no-store", 200},
		{"/s/AbCdEfGhIjKlMnOpQrStUv", "text/html; charset=utf-8", "no-store", 200},
		{"/s/", "text/html; charset=utf-8", "no-store", 404},
		{"/code", "text/html; charset=utf-8", "no-store", 200},
		{"/assets/desk-EOzbjYqA.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", 200},
		{"/assets/desk-Bxem0NZ0.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable", 200},
		{"/tablet-sw.js", "text/javascript; charset=utf-8", "no-cache", 200},
		{"/tablet.webmanifest", "application/manifest+json", "no-cache", 200},
		{"/icons/192.png", "image/png", "no-cache", 200},
		{"/tablet.html", "text/html; charset=utf-8", "no-store", 404},
		{"/.gitkeep", "text/html; charset=utf-8", "no-store", 404},
		{"/assets/", "text/html; charset=utf-8", "no-store", 404},
		{"/assets/../desk.html", "text/html; charset=utf-8", "", 307},
		{"/no/such/page", "text/html; charset=utf-8", "no-store", 404},
	} {
		t.Run(tt.target, func(t *testing.T) {
			r := w.anybody().get(tt.target)
			if r.Code != tt.status {
				t.Fatalf("status %d, want %d", r.Code, tt.status)
			}
			if tt.cache != "" && (r.Header().Get("Content-Type") != tt.kind || r.Header().Get("Cache-Control") != tt.cache) {
				t.Errorf("%s, %s; want %s, %s", r.Header().Get("Content-Type"), r.Header().Get("Cache-Control"), tt.kind, tt.cache)
			}
		})
	}
	if got := w.anybody().get("/tablet-sw.js").Header().Get("Service-Worker-Allowed"); got != "/" {
		t.Errorf("Service-Worker-Allowed = %q, want /", got)
	}
	if r := w.anybody().get("/"); r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/desk" {
		t.Errorf("/ = %d to %q, want 303 to /desk", r.Code, r.Header().Get("Location"))
	}
	missing := w.anybody().get("/<script>alert(1)</script>")
	missing.want(http.StatusNotFound).without("<script>", "alert")
	w.anybody().post("/assets/desk-EOzbjYqA.js", nil).problem(http.StatusMethodNotAllowed, "method_not_allowed")
}

func TestAssetsAreAskedAboutByTag(t *testing.T) {
	w := newWorld(t)
	c := w.anybody()
	tag := c.get("/tablet-sw.js").want(http.StatusOK).Header().Get("ETag")
	if tag == "" {
		t.Fatal("no ETag")
	}
	c.header.Set("If-None-Match", tag)
	c.get("/tablet-sw.js").want(http.StatusNotModified)
}

func TestSecurityHeaders(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.PublicURL = "https://qingfeng.hospital.example:8443" })
	for _, target := range []string{"/desk", "/assets/desk-EOzbjYqA.js", "/api/v1/session", "/nowhere", "/healthz"} {
		h := w.anybody().get(target).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s = %q, want %q", target, name, got, want)
			}
		}
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'self'", "frame-ancestors 'none'", "connect-src 'self' wss://qingfeng.hospital.example:8443;", "object-src 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: policy %q lacks %s", target, csp, part)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s: policy %q lets something unsafe through", target, csp)
		}
	}
}

func TestWithoutScreens(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Screens = fstest.MapFS{".gitkeep": {}} })
	r := w.anybody().get("/tablet").want(http.StatusServiceUnavailable)
	if !strings.Contains(r.Body.String(), "make ui") {
		t.Errorf("the page does not say how to build: %s", r.Body)
	}
	w.anybody().get("/api/v1/session").problem(http.StatusUnauthorized, "not_signed_in")
	w.anybody().get("/healthz").want(http.StatusOK)
}
