package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"qingfeng/gateway/internal/auth"
	"qingfeng/gateway/internal/live"
	"qingfeng/surveys/sqlstore"
)

// Server answers HTTP. Make one with New; it is an http.Handler.
type Server struct {
	o         Options
	files     *screens
	metrics   *metrics
	addresses *auth.AddressLimiter // every API request but those of windows
	windows   *auth.TokenLimiter   // requests with a token that was found good
	signIns   *auth.AddressLimiter
	enrolling *auth.AddressLimiter
	waiting   sync.Mutex
	dry       sync.Mutex // one dry run at a time
	importing sync.Mutex // one file at a time
	pages     *phonePages
	codes     *auth.Tries[sqlstore.AccountID] // wrong enrolment codes
	origins   *http.CrossOriginProtection
	own       func(r *http.Request, origin string) bool
	csp       string
	handler   http.Handler
}

// New builds the server and its table of routes.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	s := &Server{
		o:         o,
		addresses: auth.NewAddressLimiter(o.RequestBurst, time.Second/time.Duration(o.RequestsPerSecond)),
		windows:   auth.NewTokenLimiter(o.WindowRequestsPerSecond, windowBurst*o.WindowRequestsPerSecond),
		signIns:   auth.NewAddressLimiter(signInBurst, signInInterval),
		enrolling: auth.NewAddressLimiter(enrolmentBurst, enrolmentInterval),
		codes:     auth.NewTries[sqlstore.AccountID](o.WrongCodes, o.WrongCodePause, o.WrongCodePause),
		pages:     newPhonePages(o),
		origins:   http.NewCrossOriginProtection(),
	}
	connect := ""
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err != nil || u.Host == "" {
			return nil, errors.New("public URL is not an absolute URL")
		}
		if o.Origins == nil {
			o.Origins = []string{u.Scheme + "://" + u.Host}
		}
		connect = " " + strings.Replace(u.Scheme, "http", "ws", 1) + "://" + u.Host
	}
	s.own = live.SameOrigin(o.Origins...)
	for _, origin := range live.Origins(o.Origins...) {
		if err := s.origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("trust origin: %w", err)
		}
	}
	s.csp = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'" + connect +
		"; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	s.origins.SetDenyHandler(http.HandlerFunc(refuseOrigin))
	files, err := newScreens(o.Screens)
	if err != nil {
		return nil, err
	}
	s.files = files
	if s.metrics, err = newMetrics(s); err != nil {
		return nil, err
	}
	s.handler = s.around(s.mux())
	return s, nil
}

func refuseOrigin(w http.ResponseWriter, _ *http.Request) {
	writeProblem(w, refuse(http.StatusForbidden, "cross_origin", "不接受来自其他网站的请求", "requests from another origin are refused"), "")
}

// ownPages refuses what another site's page would change. http.CrossOriginProtection
// believes the request's host, which a page behind a name that points at the
// gateway's address shares; the page's origin must be one of the gateway's.
func (s *Server) ownPages(next http.Handler) http.Handler {
	checked := s.origins.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		changes := r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
		if origin := r.Header.Get("Origin"); changes && origin != "" && !s.own(r, origin) {
			refuseOrigin(w, r)
			return
		}
		checked.ServeHTTP(w, r)
	})
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// call is one request on its way through.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	who     *auth.Identity // nil on routes without a session
	now     time.Time
	address netip.Addr
}

func (c *call) ctx() context.Context { return c.r.Context() }

// json answers with v.
func (c *call) json(status int, v any) error {
	writeJSON(c.w, status, v)
	return nil
}

// nothing answers 204.
func (c *call) nothing() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// mux registers the table.
func (s *Server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, rt := range routes() {
		mux.Handle(rt.method+" "+rt.path, s.endpoint(rt))
		methods[rt.path] = append(methods[rt.path], rt.method)
	}
	for path, allowed := range methods {
		slices.Sort(allowed)
		refuseMethod := s.fixed("wrong method", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			writeProblem(w, methodNotAllowed(), "")
		})
		// By name: a pattern for any method would clash with those of
		// addresses that overlap.
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if !slices.Contains(allowed, method) {
				mux.Handle(method+" "+path, refuseMethod)
			}
		}
	}
	mux.Handle("/api", s.fixed("unknown", func(w http.ResponseWriter, _ *http.Request) { writeProblem(w, notFound(), "") }))
	mux.Handle("/api/", s.fixed("unknown", func(w http.ResponseWriter, _ *http.Request) { writeProblem(w, notFound(), "") }))
	s.registerScreens(mux)
	s.registerMounted(mux)
	s.registerProbes(mux)
	return mux
}

// trace is what the log and the metrics say of a request: never its path,
// query or body, which may name a person or hold a secret.
type trace struct {
	id      string
	pattern string
	failure error
	body    io.ReadCloser // as it comes, for a route that may read more of it
}

type traceKey struct{}

func traceOf(r *http.Request) *trace {
	if t, ok := r.Context().Value(traceKey{}).(*trace); ok {
		return t
	}
	return &trace{}
}

// fixed serves a handler under a pattern's name.
func (s *Server) fixed(pattern string, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		traceOf(r).pattern = pattern
		h(w, r)
	})
}

// statusWriter remembers the status for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// around is what every request passes: headers, an id, the log, a net under
// panics. Sockets leave it at once, so that an open one keeps nothing of it.
func (s *Server) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.secure(w, r)
		if strings.HasPrefix(r.URL.Path, "/ws/") {
			next.ServeHTTP(w, r)
			return
		}
		t := &trace{id: newRequestID(), pattern: "none", body: r.Body}
		sw := &statusWriter{ResponseWriter: w}
		begun := s.o.Now()
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler {
					panic(v)
				}
				// The stack only: a panic's value may quote what was sent.
				s.o.Logger.ErrorContext(r.Context(), "request panicked; report this with the stack", "request_id", t.id, "route", t.pattern, "stack", string(debug.Stack()))
				if sw.status == 0 {
					p, _ := asProblem(errors.New("panic"))
					writeProblem(sw, p, t.id)
				}
			}
			s.finish(r, t, sw.status, s.o.Now().Sub(begun))
		}()
		r.Body = http.MaxBytesReader(sw, r.Body, maxBody)
		next.ServeHTTP(sw, r.WithContext(context.WithValue(r.Context(), traceKey{}, t)))
	})
}

func (s *Server) finish(r *http.Request, t *trace, status int, took time.Duration) {
	if status == 0 {
		status = http.StatusOK
	}
	s.metrics.request(t.pattern, r.Method, status)
	level := slog.LevelDebug
	switch {
	case status >= 500:
		level = slog.LevelError
	case status >= 400:
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{
		slog.String("request_id", t.id), slog.String("method", methodLabel(r.Method)), slog.String("route", t.pattern),
		slog.Int("status", status), slog.Duration("took", took),
	}
	if t.failure != nil {
		attrs = append(attrs, slog.Any("error", t.failure))
	}
	s.o.Logger.LogAttrs(r.Context(), level, "request", attrs...)
}

func newRequestID() string {
	var b [8]byte
	rand.Read(b[:]) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// secure sets the headers every answer carries.
func (s *Server) secure(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", s.csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
	if overTLS(r, s.o.TrustedProxies) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// endpoint puts around a route what its row in the table says.
func (s *Server) endpoint(rt route) http.Handler {
	inner := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: w, r: r, now: s.o.Now(), address: ClientAddress(r, s.o.TrustedProxies)}
		if err := s.admit(c, rt); err != nil {
			s.answer(w, r, err)
			return
		}
		s.answer(w, r, rt.handle(s, c))
	}))
	if rt.session() {
		inner = s.o.Auth.Sessions(inner)
	}
	inner = s.ownPages(inner)
	return s.fixed(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) {
		if wait, ok := s.allow(r, rt); !ok {
			s.answer(w, r, tooMany(wait))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.allowMore(w, r, rt))
		defer cancel()
		inner.ServeHTTP(w, r.WithContext(ctx))
	})
}

// allow takes one turn of whoever asks. A window's system takes it from its
// token's own limit once the token was found good, so that one system behind
// one address can serve every window; until then, and with any other token, it
// counts as its address, before the store is asked about it.
func (s *Server) allow(r *http.Request, rt route) (wait time.Duration, ok bool) {
	if rt.access == windowToken {
		if hash, sent := bearerHash(r); sent {
			if wait, ok, known := s.windows.Allow(hash, s.o.Now()); known {
				return wait, ok
			}
		}
	}
	return s.addresses.Allow(ClientAddress(r, s.o.TrustedProxies), s.o.Now())
}

// answer writes an error; nil means the handler has answered.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, err error) {
	if err == nil {
		return
	}
	p, known := asProblem(err)
	t := traceOf(r)
	if !known {
		t.failure = err
	}
	writeProblem(w, p, t.id)
}

// admit lets a call through whose session may do what the route needs.
func (s *Server) admit(c *call, rt route) error {
	if rt.access != signedIn && rt.access != permitted {
		return nil
	}
	who, err := s.o.Auth.Current(c.ctx())
	if err != nil {
		return err
	}
	c.who = who
	if rt.access == signedIn {
		return nil
	}
	if who.Account.MustChangePassword {
		return refuse(http.StatusForbidden, "password_change_required", "请先修改初始密码", "change the one-time password first")
	}
	if rt.permission != "" && !who.May(rt.permission) {
		return forbidden()
	}
	if rt.permission != "" && !rt.scoped && !who.Everywhere(rt.permission) {
		return forbidden()
	}
	return nil
}

// SessionError answers a request whose session could not be read or written;
// give it to auth.New. The cause goes into the request's log line.
func SessionError(w http.ResponseWriter, r *http.Request, err error) {
	t := traceOf(r)
	t.failure = err
	p, _ := asProblem(errors.New("session"))
	writeProblem(w, p, t.id)
}
