package httpapi

import (
	"errors"
	"net/http"
	"time"

	"qingfeng/gateway/internal/intake"
)

// allowance is what a route may have beyond the bounds of all others.
type allowance struct {
	body int64         // bytes; 0: as all others
	time time.Duration // for the body, the work and the answer
}

const (
	// dryRunTime is how long a dry run may take: a million visits are read.
	dryRunTime = 2 * time.Minute
	// importTime is how long a file may take: 50,000 rows, each of them on disk
	// before the next.
	importTime = 10 * time.Minute
	// importSlack lets the importer itself find that a file is too long, so that
	// the rows before are reported.
	importSlack = 64 << 10
)

// allowances are by path.
var allowances = map[string]allowance{
	"/api/v1/followup/dry-run":  {time: dryRunTime},
	"/api/v1/intake/discharges": {intake.MaxFile + importSlack, importTime},
	"/api/v1/discharges":        {intake.MaxFile + importSlack, importTime},
	"/api/v1/encounters":        {intake.MaxFHIR, 2 * time.Minute},
}

// allowMore gives a request its route's allowance; took is how long it may take.
func (s *Server) allowMore(w http.ResponseWriter, r *http.Request, rt route) (took time.Duration) {
	more, ok := allowances[rt.path]
	if !ok {
		return s.o.RequestTimeout
	}
	if more.body > 0 {
		r.Body = http.MaxBytesReader(w, traceOf(r).body, more.body)
	}
	end := time.Now().Add(more.time + s.o.RequestTimeout) // the connection's deadlines are the machine's, whatever Options.Now says
	conn := http.NewResponseController(w)
	for _, err := range []error{conn.SetReadDeadline(end), conn.SetWriteDeadline(end)} {
		if err != nil && !errors.Is(err, http.ErrNotSupported) {
			s.o.Logger.WarnContext(r.Context(), "a long request keeps the usual deadlines", "error", err)
		}
	}
	return more.time
}
