package live

import (
	"fmt"
	"time"

	"qingfeng/surveys"
)

// build makes a fact of a frame. problem says, without anything personal, why
// the frame can never be one; err that the store could not be asked.
func (s *session) build(f *inFrame, now time.Time) (fact surveys.Fact, problem string, err error) {
	if f.Problem != "" {
		return nil, f.Problem, nil
	}
	at, bad := time.Parse(time.RFC3339, f.At)
	if bad != nil {
		return nil, "at is not a time", nil
	}
	origin := surveys.Origin{Device: s.id, ClientAt: at, ReceivedAt: now}
	var suspect bool
	origin.OccurredAt, suspect = occurred(at, s.offset, now)
	switch f.Type {
	case typeRating:
		fact, problem, err = s.rating(f, origin, suspect)
	case typeRatingDetail:
		fact, problem = detail(f, origin)
	case typePromptShown:
		fact, problem = shown(f, origin)
	case typeSelfTest:
		fact, problem = s.selfTest(f, origin)
	}
	if problem != "" || err != nil {
		return nil, problem, err
	}
	if bad := fact.Check(); bad != nil {
		return nil, bad.Error(), nil
	}
	return fact, "", nil
}

func (s *session) rating(f *inFrame, origin surveys.Origin, suspect bool) (surveys.Fact, string, error) {
	r := &surveys.Rating{
		ID: f.ID, Origin: origin, Questionnaire: s.version, Grade: surveys.Grade(f.Grade),
		Dwell: time.Duration(f.DwellMS) * time.Millisecond,
	}
	place, known := s.placeNamed(f.Place)
	if !known {
		return nil, "place is not one of the hospital's", nil
	}
	r.Place, r.Department, r.Mode = place.ID, place.Department, place.Kind.Mode()
	if f.PromptID != "" {
		id, err := surveys.ParseFactID(f.PromptID)
		if err != nil {
			return nil, "prompt_id is not an id", nil
		}
		r.Prompt = id
	}
	switch f.Language {
	case "zh":
		r.Language = "zh"
	case "en":
		r.Language = "en"
	default:
		return nil, "language is not zh or en", nil
	}
	if f.DwellMS < 0 || f.DwellMS > int64(maxAge/time.Millisecond) {
		return nil, "dwell_ms is out of range", nil
	}
	if surveys.VersionID(f.Questionnaire) != s.version {
		r.Questionnaire = surveys.VersionID(f.Questionnaire)
		if problem, err := s.checkVersion(r.Questionnaire); problem != "" || err != nil {
			return nil, problem, err
		}
	}
	r.Flags = s.known.judge.flags(r, place.Kind, s.tablets.opt.Rules, s.tablets.opt.Zone)
	if suspect {
		r.Flags |= surveys.FlagClockSuspect
	}
	if place != s.place {
		r.Flags |= surveys.FlagPlaceChanged
	}
	return r, "", nil
}

// placeNamed finds a place of the organisation; the device's own is found
// without looking.
func (s *session) placeNamed(id string) (*surveys.Place, bool) {
	if s.place != nil && id == string(s.place.ID) {
		return s.place, true
	}
	place, known := s.tablets.places[surveys.PlaceID(id)]
	return place, known
}

// checkVersion asks whether a version that is not the current one was ever
// published: a tablet that was offline delivers answers to the one it had.
func (s *session) checkVersion(v surveys.VersionID) (problem string, err error) {
	const unknown = "questionnaire version was never published"
	if len(v) != 16 {
		return unknown, nil
	}
	if s.tablets.opt.KnownVersion == nil {
		return "", nil
	}
	known, err := s.tablets.opt.KnownVersion(s.tablets.door.ctx, v)
	if err != nil {
		return "", fmt.Errorf("look a questionnaire version up: %w", err)
	}
	if !known {
		return unknown, nil
	}
	return "", nil
}

func detail(f *inFrame, origin surveys.Origin) (surveys.Fact, string) {
	rating, err := surveys.ParseFactID(f.RatingID)
	if err != nil {
		return nil, "rating_id is not an id"
	}
	return &surveys.RatingDetail{
		ID: f.ID, Origin: origin, Rating: rating, Tags: surveys.NormalTags(f.Tags),
		Comment: surveys.Secret(f.Comment), Phone: surveys.Secret(f.CallbackPhone),
	}, ""
}

func shown(f *inFrame, origin surveys.Origin) (surveys.Fact, string) {
	prompt, err := surveys.ParseFactID(f.PromptID)
	if err != nil {
		return nil, "prompt_id is not an id"
	}
	return &surveys.PromptShown{ID: f.ID, Origin: origin, Prompt: prompt}, ""
}

func (s *session) selfTest(f *inFrame, origin surveys.Origin) (surveys.Fact, string) {
	place, known := s.placeNamed(f.Place)
	if !known {
		return nil, "place is not one of the hospital's"
	}
	return &surveys.SelfTest{ID: f.ID, Origin: origin, Place: place.ID, KeyWorked: f.KeyWorked}, ""
}
