package live

import (
	"bytes"
	"context"
	"time"

	"qingfeng/surveys"
)

// Callbacks are today's call-backs as boards show them: no name, no number, no
// comment.
type Callbacks struct {
	Open, Overdue, DoneToday int64
	List                     []Callback
}

// Callback is one of today's low ratings, or of the surveys that ask for a call.
type Callback struct {
	ID         string
	At         time.Time
	Department surveys.DepartmentID // empty with Place: after a stay in an unknown ward
	Place      surveys.PlaceID
	Mode       surveys.Mode     // of a survey after discharge; empty: rated on a tablet
	Grade      surveys.Grade    // 0: a survey asks for a call and gives no grade
	Tags       []surveys.Option // with the words the patient saw
	Phone      bool             // somebody left a number
	State      string           // open, calling, done
}

// BoardDevice is a device as boards show it.
type BoardDevice struct {
	ID     surveys.DeviceID
	Name   string
	Kind   surveys.DeviceKind
	Place  surveys.PlaceID
	Online bool
	Since  time.Time // online: since when; offline: last seen; zero: never
	Faults []surveys.Fault
}

// BoardDevices joins what the store knows of devices with who is connected.
// Revoked devices are left out.
func BoardDevices(devices []surveys.Device, online map[surveys.DeviceID]OnlineState, now time.Time, zone *time.Location) []BoardDevice {
	out := make([]BoardDevice, 0, len(devices))
	for i := range devices {
		d := &devices[i]
		if !d.RevokedAt.IsZero() {
			continue
		}
		state, on := online[d.ID]
		b := BoardDevice{ID: d.ID, Name: d.Name, Kind: d.Kind, Place: d.Place, Online: on, Since: d.LastSeenAt, Faults: d.Faults(now, zone)}
		if on {
			b.Since = state.Since
			if !state.QueueOK {
				b.Faults = append(b.Faults, surveys.FaultQueue)
			}
		}
		out = append(out, b)
	}
	return out
}

// lists are the parts of a board that are not figures, as they were last read.
type lists struct {
	callbacks []byte // JSON; nil: never read
	devices   []BoardDevice
	// encoded are the devices as JSON, for each department that is watched and,
	// under "", for the office: thousands of them would take longer to encode
	// for every frame than all figures together.
	encoded map[surveys.DepartmentID][]byte
}

type wireCallbacks struct {
	Open      int64          `json:"open"`
	Overdue   int64          `json:"overdue"`
	DoneToday int64          `json:"done_today"`
	List      []wireCallback `json:"list"`
}

type wireCallback struct {
	ID         string               `json:"id"`
	At         wireTime             `json:"at"`
	Department surveys.DepartmentID `json:"department"`
	Place      surveys.PlaceID      `json:"place"`
	Mode       surveys.Mode         `json:"mode,omitempty"`
	Grade      surveys.Grade        `json:"grade"`
	Tags       []surveys.Option     `json:"tags"`
	Phone      bool                 `json:"phone"`
	State      string               `json:"state"`
}

type wireBoardDevice struct {
	ID     surveys.DeviceID   `json:"id"`
	Name   string             `json:"name"`
	Kind   surveys.DeviceKind `json:"kind"`
	Place  surveys.PlaceID    `json:"place,omitempty"`
	Online bool               `json:"online"`
	Since  *wireTime          `json:"since,omitempty"`
	Faults []surveys.Fault    `json:"faults"`
}

func encodeCallbacks(c Callbacks) []byte {
	w := wireCallbacks{Open: c.Open, Overdue: c.Overdue, DoneToday: c.DoneToday, List: make([]wireCallback, len(c.List))}
	for i, cb := range c.List {
		tags := cb.Tags
		if tags == nil {
			tags = []surveys.Option{}
		}
		w.List[i] = wireCallback{cb.ID, wireTime(cb.At), cb.Department, cb.Place, cb.Mode, cb.Grade, tags, cb.Phone, cb.State}
	}
	return encode(w)
}

// encodedDevices gives the devices an audience may see: a department's head
// those that stand at places of the own department and of what lies below it. b.mu is held.
func (b *Boards) encodedDevices(department surveys.DepartmentID) []byte {
	encoded := b.lists.encoded[department]
	if encoded == nil {
		encoded = b.encodeDevices(b.lists.devices, department)
		if b.lists.encoded == nil {
			b.lists.encoded = map[surveys.DepartmentID][]byte{}
		}
		b.lists.encoded[department] = encoded
	}
	return encoded
}

func (b *Boards) encodeDevices(devices []BoardDevice, department surveys.DepartmentID) []byte {
	out := []wireBoardDevice{}
	for _, d := range devices {
		if department != "" {
			if place, ok := b.opt.Organisation.Place(d.Place); !ok || !b.covers(department, place.Department) {
				continue
			}
		}
		w := wireBoardDevice{ID: d.ID, Name: d.Name, Kind: d.Kind, Place: d.Place, Online: d.Online, Faults: d.Faults}
		if w.Faults == nil {
			w.Faults = []surveys.Fault{}
		}
		if !d.Since.IsZero() {
			since := wireTime(d.Since)
			w.Since = &since
		}
		out = append(out, w)
	}
	return encode(out)
}

// runLists reads the lists again when they were touched and somebody watches.
// It has a loop of its own, so that a slow store delays no figure.
func (b *Boards) runLists(ctx context.Context) {
	tick := time.NewTicker(listsTick)
	defer tick.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.touched:
		case <-tick.C:
		}
		if !b.watched() {
			b.stale.Store(true)
			continue
		}
		b.readLists(ctx)
		pause.Reset(listsPause)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

func (b *Boards) watched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.views) > 0
}

// readLists reads both lists and wakes the views when they differ. What cannot
// be read stays as it was.
func (b *Boards) readLists(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, listsBound)
	defer cancel()
	b.stale.Store(false)
	callbacks, err := b.opt.Callbacks(ctx)
	var devices []BoardDevice
	if err == nil {
		devices, err = b.opt.Devices(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			b.door.log.ErrorContext(ctx, "boards keep their old lists: call-backs or devices cannot be read", "error", err)
		}
		b.stale.Store(true)
		return
	}
	encoded, all := encodeCallbacks(callbacks), b.encodeDevices(devices, "")
	b.mu.Lock()
	same := bytes.Equal(encoded, b.lists.callbacks) && bytes.Equal(all, b.lists.encoded[""])
	if !same {
		b.lists = lists{callbacks: encoded, devices: devices, encoded: map[surveys.DepartmentID][]byte{"": all}}
	}
	b.mu.Unlock()
	if !same {
		signal(b.wake)
	}
}
