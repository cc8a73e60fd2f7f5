package httpapi

import (
	"crypto/ecdh"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"qingfeng/gateway/internal/auth"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// codeDraws is how often a code is drawn again when it meets one in use: two
// in a row are a sign of a broken source of randomness, not of chance.
const codeDraws = 3

// maxDeviceName bounds a device's name in characters.
const maxDeviceName = 80

type enrolmentAnswer struct {
	EnrolmentID surveys.FactID `json:"enrolment_id"`
	Secret      string         `json:"secret"`
	Code        string         `json:"code"`
	ExpiresAt   wireTime       `json:"expires_at"`
}

// POST /api/v1/enrolments: a screen asks to become a device.
func (s *Server) createEnrolment(c *call) error {
	if wait, ok := s.enrolling.Allow(c.address, c.now); !ok {
		return tooMany(wait)
	}
	var body struct {
		PublicKey string             `json:"public_key"`
		Kind      surveys.DeviceKind `json:"kind"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	key, err := base64.RawURLEncoding.Strict().DecodeString(body.PublicKey)
	if err != nil || len(key) != 65 {
		return invalid("public_key", "须为 65 字节的 P-256 公钥", "must be the 65 bytes of a P-256 point")
	}
	if _, err := ecdh.P256().NewPublicKey(key); err != nil {
		return invalid("public_key", "不在 P-256 曲线上", "is not a point of P-256")
	}
	if !body.Kind.Valid() {
		return invalid("kind", "没有这种设备", "is not a kind of device")
	}
	answer, err := s.openEnrolment(c, key, body.Kind)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, answer)
}

func (s *Server) openEnrolment(c *call, key []byte, kind surveys.DeviceKind) (enrolmentAnswer, error) {
	s.waiting.Lock() // counting and creating are one step
	defer s.waiting.Unlock()
	waiting, err := s.o.Store.CountWaitingEnrolments(c.ctx(), c.now)
	if err != nil {
		return enrolmentAnswer{}, err
	}
	if waiting >= int64(s.o.WaitingLimit) {
		return enrolmentAnswer{}, refuse(http.StatusTooManyRequests, "too_many_waiting", "等待配对的设备过多，请稍后再试", "too many screens wait to be paired").after(s.o.CodeLife)
	}
	for range codeDraws {
		code := auth.NewCode()
		secret, secretHash := auth.NewSecret()
		e := sqlstore.Enrolment{
			ID: newID(c.now), PublicKey: key, Kind: kind, CodeHash: auth.HashCode(code), SecretHash: secretHash,
			CreatedAt: c.now, ExpiresAt: c.now.Add(s.o.CodeLife),
		}
		err = s.o.Store.CreateEnrolment(c.ctx(), e)
		if err == nil {
			return enrolmentAnswer{e.ID, secret, code, wireTime(e.ExpiresAt)}, nil
		}
		if !errors.Is(err, sqlstore.ErrExists) {
			break
		}
	}
	return enrolmentAnswer{}, err
}

// GET /api/v1/enrolments/{enrolment_id}: an unknown id and a wrong secret get
// the same answer.
func (s *Server) showEnrolment(c *call) error {
	hash, ok := bearerHash(c.r)
	if !ok {
		return badToken()
	}
	id, err := surveys.ParseFactID(c.r.PathValue("enrolment_id"))
	if err != nil {
		return badToken()
	}
	e, err := s.o.Store.FindEnrolment(c.ctx(), id)
	if err != nil && !errors.Is(err, sqlstore.ErrNotFound) {
		return err
	}
	if subtle.ConstantTimeCompare(hash[:], e.SecretHash[:]) != 1 || err != nil {
		return badToken()
	}
	answer := struct {
		State    string            `json:"state"`
		DeviceID *surveys.DeviceID `json:"device_id,omitempty"`
	}{State: "waiting"}
	switch {
	case !e.DeviceID.IsZero():
		answer.State, answer.DeviceID = "approved", &e.DeviceID
	case !c.now.Before(e.ExpiresAt):
		answer.State = "expired"
	}
	return c.json(http.StatusOK, answer)
}

// POST /api/v1/enrolments/approve
func (s *Server) approveEnrolment(c *call) error {
	var body struct {
		Code     string             `json:"code"`
		Kind     surveys.DeviceKind `json:"kind"`
		Place    surveys.PlaceID    `json:"place"`
		Bed      surveys.BedID      `json:"bed"`
		Name     string             `json:"name"`
		Mirrored bool               `json:"mirrored"`
	}
	if err := decode(c.r, &body); err != nil {
		return err
	}
	device := surveys.Device{
		ID: newID(c.now), Kind: body.Kind, Name: strings.TrimSpace(body.Name), Place: body.Place, Bed: body.Bed,
		Mirrored: body.Mirrored, EnrolledAt: c.now,
	}
	if !device.Kind.Valid() {
		return invalid("kind", "没有这种设备", "is not a kind of device")
	}
	if err := s.checkDevice(device); err != nil {
		return err
	}
	account := c.who.Account.ID
	if wait, ok := s.codes.Begin(account, c.now); !ok {
		return refuse(http.StatusTooManyRequests, "too_many_tries", "配对码错误次数过多，请稍后再试", "too many wrong codes").after(wait)
	}
	noSuchCode := refuse(http.StatusNotFound, "no_such_code", "配对码不存在或已失效", "the code is wrong, used or expired")
	code, err := auth.ParseCode(body.Code)
	if err != nil {
		return noSuchCode
	}
	approved, err := s.o.Store.ApproveEnrolment(c.ctx(), auth.HashCode(code), c.now, device, c.who.Actor())
	if errors.Is(err, sqlstore.ErrNotFound) {
		return noSuchCode
	}
	s.codes.Undo(account) // the code was right, or the store could not say
	if err != nil {
		return err
	}
	s.o.Boards.Touch()
	return c.json(http.StatusCreated, s.deviceOf(approved, c.now, nil))
}

// checkDevice judges what an administrator says of a device of a known kind.
func (s *Server) checkDevice(d surveys.Device) error {
	if d.Name == "" || utf8.RuneCountInString(d.Name) > maxDeviceName || strings.ContainsFunc(d.Name, unicode.IsControl) {
		return invalid("name", "不能为空，最多 80 个字", "must not be empty, at most 80 characters")
	}
	kind, stands := d.Kind.PlaceKind()
	if !stands {
		if d.Place != "" {
			return invalid("place", "大屏不属于任何地点", "a wall board stands at no place")
		}
		if d.Bed != "" {
			return invalid("bed", "大屏没有床位", "a wall board has no bed")
		}
		return nil
	}
	place, ok := s.o.Organisation.Place(d.Place)
	if !ok || place.Kind != kind {
		return invalid("place", "没有适合该设备的这个地点", "is not a place for this kind of device")
	}
	if d.Bed != "" && !slices.Contains(place.Beds, d.Bed) {
		return invalid("bed", "该病区没有这张床", "the ward has no such bed")
	}
	return nil
}
