package httpapi

import (
	"net/http"
	"strings"
)

// registerMounted serves what others answer: carriers' webhooks and the
// simulated phones. Their handlers bound, prove and answer by themselves; the
// log and the metrics know them by their pattern alone, since an address may
// hold a secret.
func (s *Server) registerMounted(mux *http.ServeMux) {
	for pattern, handler := range s.o.Mounted {
		mux.Handle(pattern, s.fixed("mounted "+strings.TrimSuffix(pattern, "/"), handler.ServeHTTP))
	}
	if s.o.Phones {
		mux.Handle("GET /phone", s.fixed("GET /phone", func(w http.ResponseWriter, r *http.Request) { s.page(w, r, "phones.html") }))
	}
}
