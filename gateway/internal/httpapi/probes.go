package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds the store's answer to /readyz: a probe is asked every
// few seconds and must not pile up.
const readyTimeout = 2 * time.Second

func (s *Server) registerProbes(mux *http.ServeMux) {
	mux.Handle("GET /healthz", s.fixed("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "up"})
	}))
	mux.Handle("GET /readyz", s.fixed("GET /readyz", s.ready))
	scrape := promhttp.HandlerFor(s.o.Registry, promhttp.HandlerOpts{})
	mux.Handle("GET /metrics", s.fixed("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !s.mayScrape(r) {
			writeProblem(w, forbidden(), "")
			return
		}
		scrape.ServeHTTP(w, r)
	}))
	mux.Handle("GET /ws/device", s.o.Tablets)
	mux.Handle("GET /ws/board", s.o.Boards)
	mux.Handle("/ws/", s.fixed("unknown", func(w http.ResponseWriter, _ *http.Request) { writeProblem(w, notFound(), "") }))
}

// part is how one part of the gateway is doing.
type part struct {
	Status string   `json:"status"` // ok, degraded or failing
	Detail string   `json:"detail,omitempty"`
	AsOf   wireTime `json:"as_of,omitzero"`
	Lag    *int64   `json:"lag,omitempty"`
}

// ready answers whether the gateway can do its duty: take ratings and keep
// them. Without Redis it can, and says degraded; without its store it cannot.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	status, code := "ready", http.StatusOK
	projection := s.o.Projection()
	scores := part{Status: "ok", AsOf: wireTime(projection.AsOf), Lag: &projection.Lag}
	if projection.Behind {
		status = "degraded"
		scores.Status = "degraded"
		scores.Detail = "ratings are kept; the boards are behind until Redis answers and the scores are rebuilt, which needs nobody"
	}
	store := part{Status: "ok"}
	if err := s.o.Store.Ping(ctx); err != nil || s.o.Store.Stats().Failing {
		status, code = "unready", http.StatusServiceUnavailable
		store = part{Status: "failing", Detail: "the store cannot be written; look at the log, the disk's free space and its mount"}
	}
	writeJSON(w, code, struct {
		Status string `json:"status"`
		Store  part   `json:"store"`
		Scores part   `json:"scores"`
	}{status, store, scores})
}

// loopbackHost reports whether a Host header names this machine's loopback.
func loopbackHost(host string) bool {
	u := url.URL{Host: host}
	addr, err := netip.ParseAddr(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || err == nil && addr.IsLoopback()
}

// mayScrape lets loopback read the metrics, or whoever has the token when the
// configuration names one. A request through a proxy is not from loopback, nor
// is one by another host's name: a page in this machine's browser whose name
// was pointed at loopback.
func (s *Server) mayScrape(r *http.Request) bool {
	if s.o.MetricsToken == "" {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		return err == nil && peer.Addr().Unmap().IsLoopback() && loopbackHost(r.Host) && r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.o.MetricsToken))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
