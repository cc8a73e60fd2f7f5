package surveys

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Origin is what the server knows about a fact beside what the device said:
// which device sent it, and the times.
type Origin struct {
	Device DeviceID
	// ClientAt is the device's own clock when the fact was made.
	ClientAt time.Time
	// OccurredAt is ClientAt corrected by the offset measured at connect. The
	// business day is taken from it.
	OccurredAt time.Time
	// ReceivedAt is the server's clock when the frame arrived.
	ReceivedAt time.Time
}

// Rating is one tap on a face (行风满意度评价): the fact scores are made of.
type Rating struct {
	ID            FactID
	Origin        Origin
	Place         PlaceID
	Department    DepartmentID
	Prompt        FactID // the prompt it answers; zero when nobody asked
	Questionnaire VersionID
	Grade         Grade
	Mode          Mode
	Language      string        // "zh" or "en", the screen's language at the tap
	Dwell         time.Duration // from the faces appearing to the tap
	Flags         Flags
}

// Series tells asked ratings from unasked ones.
func (r *Rating) Series() Series {
	if r.Prompt.IsZero() {
		return SeriesUnasked
	}
	return SeriesAsked
}

// RatingDetail is what a patient adds after the tap: tags, a comment and a
// number to be called on. At most one exists per rating.
type RatingDetail struct {
	ID      FactID
	Origin  Origin
	Rating  FactID
	Tags    []string // option ids, sorted, without repeats
	Comment Secret
	Phone   Secret // as typed; empty when no call is wanted
}

// PromptShown says that a prompt stood on a device's screen: from then on the
// transaction counts as offered.
type PromptShown struct {
	ID     FactID
	Origin Origin
	Prompt FactID
}

// SelfTest is a device's daily proof that a bad rating gets through: a
// synthetic "very dissatisfied" that travels the whole path and never enters a
// score.
type SelfTest struct {
	ID     FactID
	Origin Origin
	Place  PlaceID
	// KeyWorked says that pressing 非常不满意 on the real screen was seen to
	// give grade 1: the key was visible, uncovered, large enough and wired.
	KeyWorked bool
}

// Fact is one of *Rating, *RatingDetail, *PromptShown and *SelfTest.
type Fact interface {
	FactID() FactID
	Source() *Origin
	// BodyHash covers everything the device said, and nothing the server
	// added: the same id with another hash is a conflict.
	BodyHash() [32]byte
	// Check reports why the fact cannot be accepted whatever the store holds.
	Check() error
}

// Errors of Check.
var (
	ErrNoID        = errors.New("fact has no id")
	ErrGrade       = errors.New("grade is outside 1 to 5")
	ErrNoPlace     = errors.New("fact names no place")
	ErrNoVersion   = errors.New("rating names no questionnaire version")
	ErrNoRating    = errors.New("detail names no rating")
	ErrEmptyDetail = errors.New("detail adds nothing")
	ErrTooLong     = errors.New("text is too long")
	ErrNotText     = errors.New("text is not UTF-8")
	ErrTooManyTags = errors.New("too many tags")
	ErrNoPrompt    = errors.New("fact names no prompt")
)

// MaxTags bounds the tags of one detail.
const MaxTags = 20

// FactID implements Fact.
func (r *Rating) FactID() FactID       { return r.ID }
func (d *RatingDetail) FactID() FactID { return d.ID }
func (p *PromptShown) FactID() FactID  { return p.ID }
func (s *SelfTest) FactID() FactID     { return s.ID }

// Source implements Fact.
func (r *Rating) Source() *Origin       { return &r.Origin }
func (d *RatingDetail) Source() *Origin { return &d.Origin }
func (p *PromptShown) Source() *Origin  { return &p.Origin }
func (s *SelfTest) Source() *Origin     { return &s.Origin }

// Check implements Fact.
func (r *Rating) Check() error {
	switch {
	case r.ID.IsZero():
		return ErrNoID
	case !r.Grade.Valid():
		return ErrGrade
	case r.Place == "":
		return ErrNoPlace
	case r.Questionnaire == "":
		return ErrNoVersion
	}
	return nil
}

// Check implements Fact.
func (d *RatingDetail) Check() error {
	switch {
	case d.ID.IsZero():
		return ErrNoID
	case d.Rating.IsZero():
		return ErrNoRating
	case len(d.Tags) == 0 && d.Comment == "" && d.Phone == "":
		return ErrEmptyDetail
	case len(d.Tags) > MaxTags:
		return ErrTooManyTags
	case !utf8.ValidString(string(d.Comment)) || !utf8.ValidString(string(d.Phone)):
		return ErrNotText
	case utf8.RuneCountInString(string(d.Comment)) > MaxComment || len(d.Phone) > 40:
		return ErrTooLong
	}
	for i, tag := range d.Tags {
		if !ValidName(tag) {
			return fmt.Errorf("tag %d is not a name", i)
		}
	}
	return nil
}

// Check implements Fact.
func (p *PromptShown) Check() error {
	if p.ID.IsZero() {
		return ErrNoID
	}
	if p.Prompt.IsZero() {
		return ErrNoPrompt
	}
	return nil
}

// Check implements Fact.
func (s *SelfTest) Check() error {
	if s.ID.IsZero() {
		return ErrNoID
	}
	if s.Place == "" {
		return ErrNoPlace
	}
	return nil
}

// body gathers length-prefixed fields, so that no two bodies share a hash by
// running into each other.
type body []byte

// usualBody is room for every fact but a detail with a comment, in bytes.
const usualBody = 256

func newBody(kind string) body { return make(body, 0, usualBody).text(kind) }

func (b body) text(s string) body { return append(b.number(int64(len(s))), s...) }

func (b body) number(n int64) body { return binary.BigEndian.AppendUint64(b, uint64(n)) }

func (b body) id(id FactID) body { return append(b, id[:]...) }

func (b body) sum() [32]byte { return sha256.Sum256(b) }

// BodyHash implements Fact.
func (r *Rating) BodyHash() [32]byte {
	b := newBody("rating")
	b = b.id(r.Origin.Device)
	b = b.number(r.Origin.ClientAt.UnixMilli())
	b = b.text(string(r.Place))
	b = b.id(r.Prompt)
	b = b.text(string(r.Questionnaire))
	b = b.number(int64(r.Grade))
	b = b.text(r.Language)
	b = b.number(r.Dwell.Milliseconds())
	return b.sum()
}

// BodyHash implements Fact.
func (d *RatingDetail) BodyHash() [32]byte {
	b := newBody("rating_detail")
	b = b.id(d.Origin.Device)
	b = b.number(d.Origin.ClientAt.UnixMilli())
	b = b.id(d.Rating)
	for _, tag := range d.Tags {
		b = b.text(tag)
	}
	b = b.text("")
	b = b.text(string(d.Comment))
	b = b.text(string(d.Phone))
	return b.sum()
}

// BodyHash implements Fact.
func (p *PromptShown) BodyHash() [32]byte {
	b := newBody("prompt_shown")
	b = b.id(p.Origin.Device)
	b = b.number(p.Origin.ClientAt.UnixMilli())
	b = b.id(p.Prompt)
	return b.sum()
}

// BodyHash implements Fact.
func (s *SelfTest) BodyHash() [32]byte {
	b := newBody("self_test")
	b = b.id(s.Origin.Device)
	b = b.number(s.Origin.ClientAt.UnixMilli())
	b = b.text(string(s.Place))
	if s.KeyWorked {
		b = b.number(1)
	} else {
		b = b.number(0)
	}
	return b.sum()
}

// NormalTags sorts tags and drops repeats, the form RatingDetail keeps.
func NormalTags(tags []string) []string {
	out := slices.Clone(tags)
	slices.Sort(out)
	return slices.Compact(out)
}
