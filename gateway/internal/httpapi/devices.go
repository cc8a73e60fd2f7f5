package httpapi

import (
	"maps"
	"net/http"
	"strings"
	"time"

	"qingfeng/gateway/internal/auth"
	"qingfeng/gateway/internal/live"
	"qingfeng/surveys"
)

type deviceBody struct {
	ID         surveys.DeviceID   `json:"id"`
	Kind       surveys.DeviceKind `json:"kind"`
	Name       string             `json:"name"`
	Place      surveys.PlaceID    `json:"place,omitempty"`
	Bed        surveys.BedID      `json:"bed,omitempty"`
	Mirrored   bool               `json:"mirrored"`
	EnrolledAt wireTime           `json:"enrolled_at"`
	RevokedAt  wireTime           `json:"revoked_at,omitzero"`
	LastSeenAt wireTime           `json:"last_seen_at,omitzero"`
	LastTestAt wireTime           `json:"last_test_at,omitzero"`
	Online     bool               `json:"online"`
	Faults     []surveys.Fault    `json:"faults"`
	Queued     int64              `json:"queued"`
}

// deviceOf merges what the store knows with what the sockets know. The key
// never leaves the store.
func (s *Server) deviceOf(d surveys.Device, now time.Time, online map[surveys.DeviceID]live.OnlineState) deviceBody {
	b := deviceBody{
		ID: d.ID, Kind: d.Kind, Name: d.Name, Place: d.Place, Bed: d.Bed, Mirrored: d.Mirrored,
		EnrolledAt: wireTime(d.EnrolledAt), RevokedAt: wireTime(d.RevokedAt),
		LastSeenAt: wireTime(d.LastSeenAt), LastTestAt: wireTime(d.LastTestAt), Faults: []surveys.Fault{},
	}
	if !d.RevokedAt.IsZero() {
		return b
	}
	b.Faults = append(b.Faults, d.Faults(now, s.o.Zone)...)
	if state, ok := online[d.ID]; ok {
		b.Online, b.Queued = true, state.Queued
		b.LastSeenAt = wireTime(now)
		if !state.QueueOK {
			b.Faults = append(b.Faults, surveys.FaultQueue)
		}
	}
	return b
}

// online merges the devices that are connected: tablets and wall boards.
func (s *Server) online() map[surveys.DeviceID]live.OnlineState {
	all := map[surveys.DeviceID]live.OnlineState{}
	maps.Copy(all, s.o.Tablets.Online())
	maps.Copy(all, s.o.Boards.Online())
	return all
}

// GET /api/v1/devices
func (s *Server) listDevices(c *call) error {
	devices, err := s.o.Store.Devices(c.ctx())
	if err != nil {
		return err
	}
	online := s.online()
	answer := struct {
		Devices []deviceBody `json:"devices"`
		Waiting int64        `json:"waiting"`
	}{Devices: []deviceBody{}}
	everywhere := c.who.Everywhere(auth.DevicesView)
	for _, d := range devices {
		place, ok := s.o.Organisation.Place(d.Place)
		if everywhere || ok && s.sees(c, auth.DevicesView, place.Department) {
			answer.Devices = append(answer.Devices, s.deviceOf(d, c.now, online))
		}
	}
	if everywhere {
		if answer.Waiting, err = s.o.Store.CountWaitingEnrolments(c.ctx(), c.now); err != nil {
			return err
		}
	}
	return c.json(http.StatusOK, answer)
}

// device finds the device the address names.
func (s *Server) device(c *call) (surveys.Device, error) {
	id, err := surveys.ParseFactID(c.r.PathValue("id"))
	if err != nil {
		return surveys.Device{}, notFound()
	}
	return s.o.Store.FindDevice(c.ctx(), id)
}

// PATCH /api/v1/devices/{id}
func (s *Server) changeDevice(c *call) error {
	d, err := s.device(c)
	if err != nil {
		return err
	}
	var body struct {
		Name     *string          `json:"name"`
		Place    *surveys.PlaceID `json:"place"`
		Bed      *surveys.BedID   `json:"bed"`
		Mirrored *bool            `json:"mirrored"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	if !d.RevokedAt.IsZero() {
		return refuse(http.StatusConflict, "device_revoked", "设备已停用", "the device is revoked")
	}
	set(&d.Place, body.Place)
	set(&d.Bed, body.Bed)
	set(&d.Mirrored, body.Mirrored)
	set(&d.Name, body.Name)
	d.Name = strings.TrimSpace(d.Name)
	if err := s.checkDevice(d); err != nil {
		return err
	}
	if err := s.o.Store.UpdateDevice(c.ctx(), d, c.who.Actor()); err != nil {
		return err
	}
	s.o.Tablets.Disconnect(d.ID)
	s.o.Boards.Disconnect(d.ID)
	s.o.Boards.Touch()
	return c.json(http.StatusOK, s.deviceOf(d, c.now, s.online()))
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// POST /api/v1/devices/{id}/revoke
func (s *Server) revokeDevice(c *call) error {
	d, err := s.device(c)
	if err != nil {
		return err
	}
	if err := s.o.Store.RevokeDevice(c.ctx(), d.ID, c.now, c.who.Actor()); err != nil {
		return err
	}
	s.o.Tablets.Revoke(d.ID)
	s.o.Boards.RevokeDevice(d.ID)
	s.o.Boards.Touch()
	return c.nothing()
}

// POST /api/v1/devices/{id}/clear-fault: two sessions were seen with its key,
// and an administrator has looked.
func (s *Server) clearFault(c *call) error {
	d, err := s.device(c)
	if err != nil {
		return err
	}
	if err := s.o.Store.ClearSharedKey(c.ctx(), d.ID, c.who.Actor()); err != nil {
		return err
	}
	s.o.Boards.Touch()
	return c.nothing()
}
