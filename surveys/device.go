package surveys

import "time"

// DeviceKind says what an enrolled screen is for.
type DeviceKind string

// Kinds of device.
const (
	DeviceWindowTablet  DeviceKind = "window_tablet"
	DeviceBedsideTablet DeviceKind = "bedside_tablet"
	DeviceLobbyTablet   DeviceKind = "lobby_tablet"
	DeviceWallBoard     DeviceKind = "wall_board"
)

// PlaceKind is the kind of place such a device stands at; a wall board stands
// at none.
func (k DeviceKind) PlaceKind() (PlaceKind, bool) {
	switch k {
	case DeviceWindowTablet:
		return PlaceWindow, true
	case DeviceBedsideTablet:
		return PlaceWard, true
	case DeviceLobbyTablet:
		return PlaceLobby, true
	}
	return "", false
}

// Valid reports whether k is a known kind.
func (k DeviceKind) Valid() bool {
	_, ok := k.PlaceKind()
	return ok || k == DeviceWallBoard
}

// Device is an enrolled screen.
type Device struct {
	ID        DeviceID
	Kind      DeviceKind
	Name      string // as the administrator called it
	Place     PlaceID
	Bed       BedID
	PublicKey []byte // P-256, uncompressed point, 65 bytes
	Mirrored  bool   // faces run from best to worst instead of worst to best
	// EnrolledAt and RevokedAt bound its life; RevokedAt zero: in use.
	EnrolledAt time.Time
	RevokedAt  time.Time
	// LastSeenAt is the last time the store heard from it, to the minute.
	LastSeenAt time.Time
	// LastTestAt is the last self-test that reached the store, and
	// LastTestKeyWorked what it said of the 非常不满意 key.
	LastTestAt        time.Time
	LastTestKeyWorked bool
	// TestUncounted says that today's self-test is stored but the scores have
	// not seen it. The store itself does not know; who knows both sets it.
	TestUncounted bool
	// SharedKeyAt is when two sessions were seen with its key; zero: never, or
	// cleared by an administrator since.
	SharedKeyAt time.Time
}

// Fault is why a device is shown as faulty.
type Fault string

// Faults of a device.
const (
	FaultNoSelfTest Fault = "no_self_test" // no synthetic bad rating came through today
	FaultKey        Fault = "key_not_seen" // 非常不满意 has not been seen working
	FaultSharedKey  Fault = "shared_key"   // two sessions used its key; both were stopped
	FaultQueue      Fault = "queue_broken" // the device says it can store nothing more
)

// SelfTestGrace is how long after the day's start, or after enrolment, a tablet
// has to prove itself before its silence is a fault.
const SelfTestGrace = 15 * time.Minute

// Faults lists what is wrong with the device at the moment now, seen by zone's
// calendar: the self-test is owed once each business day.
func (d *Device) Faults(now time.Time, zone *time.Location) []Fault {
	var faults []Fault
	if !d.SharedKeyAt.IsZero() {
		faults = append(faults, FaultSharedKey)
	}
	if _, tablet := d.Kind.PlaceKind(); !tablet {
		return faults
	}
	today := DayOf(now, zone)
	tested := !d.TestUncounted && !d.LastTestAt.IsZero() && DayOf(d.LastTestAt, zone) >= today
	owedSince := today.Start(zone)
	if d.EnrolledAt.After(owedSince) {
		owedSince = d.EnrolledAt
	}
	if !tested && now.Sub(owedSince) >= SelfTestGrace {
		faults = append(faults, FaultNoSelfTest)
	}
	if !d.LastTestAt.IsZero() && !d.LastTestKeyWorked {
		faults = append(faults, FaultKey)
	}
	return faults
}
