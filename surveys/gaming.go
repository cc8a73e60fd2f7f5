package surveys

import "time"

// GamingRules are the bounds beyond which a rating is flagged.
type GamingRules struct {
	// MinDwell is the least time a person needs to read the faces (1 s).
	MinDwell time.Duration
	// BurstCount ratings from one device within BurstWindow are one too many.
	BurstCount  int
	BurstWindow time.Duration
	// OpenFrom and OpenTo bound a window's day as offsets from midnight;
	// equal: always open. Wards are always open.
	OpenFrom, OpenTo time.Duration
	// ExpiryGrace is how long after its prompt expired a rating is still
	// taken as its answer without a flag.
	ExpiryGrace time.Duration
}

// DefaultGamingRules are the rules' defaults.
func DefaultGamingRules() GamingRules {
	return GamingRules{
		MinDwell:    time.Second,
		BurstCount:  6,
		BurstWindow: time.Minute,
		OpenFrom:    7 * time.Hour,
		OpenTo:      21 * time.Hour,
		ExpiryGrace: 5 * time.Second,
	}
}

// GamingWatch remembers a device's recent ratings. The zero value is ready. It
// is not safe for concurrent use; each device has its own.
type GamingWatch struct{ recent []time.Time }

// Judge gives the flags of one rating, in the order ratings occur on the
// device. kind is the kind of place, zone the hospital's.
func (w *GamingWatch) Judge(r *Rating, kind PlaceKind, rules GamingRules, zone *time.Location) Flags {
	var flags Flags
	at := r.Origin.OccurredAt
	if r.Dwell < rules.MinDwell {
		flags |= FlagShortDwell
	}
	if kind == PlaceWindow && rules.OpenFrom != rules.OpenTo {
		local := at.In(zone)
		since := local.Sub(DayOf(at, zone).Start(zone))
		if since < rules.OpenFrom || since >= rules.OpenTo {
			flags |= FlagOutsideHours
		}
	}
	keep := w.recent[:0]
	for _, t := range w.recent {
		if d := at.Sub(t); d < rules.BurstWindow && d > -rules.BurstWindow {
			keep = append(keep, t)
		}
	}
	w.recent = append(keep, at)
	if len(w.recent) > rules.BurstCount {
		flags |= FlagBurst
		w.recent = w.recent[1:]
	}
	return flags
}
