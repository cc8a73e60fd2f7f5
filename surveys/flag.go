package surveys

import "strings"

// Flags are the reasons a rating looks like gaming or looks odd. A flagged
// rating is stored and counted like any other, in the raw score; the cleaned
// score leaves it out. Nothing is deleted.
type Flags uint16

// Reasons a rating is flagged. The names on the wire are in flagNames.
const (
	FlagBurst        Flags = 1 << iota // too many ratings from one device in a short time
	FlagShortDwell                     // tapped less than MinDwell after the faces appeared
	FlagOutsideHours                   // given outside the place's opening hours
	FlagAfterExpiry                    // answers a prompt that had already expired
	FlagPlaceChanged                   // the device was at another place when it was delivered
	FlagClockSuspect                   // the device's clock could not be right; the server's time was used
	FlagRatedTwice                     // another rating came for the same transaction; that one was set aside
)

// AfterCounting are the flags a rating gets when it is on disk and counted. A
// rating that had no flag until then moves from the unflagged to the flagged by
// an event of its own, EventRatingFlagged.
const AfterCounting = FlagRatedTwice

var flagNames = []string{"burst", "short_dwell", "outside_hours", "after_expiry", "place_changed", "clock_suspect", "rated_twice"}

// Has reports whether every flag of mask is set.
func (f Flags) Has(mask Flags) bool { return f&mask == mask }

// Names lists the flags in a fixed order, for wire and documents.
func (f Flags) Names() []string {
	var names []string
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String joins the names with commas.
func (f Flags) String() string { return strings.Join(f.Names(), ",") }
