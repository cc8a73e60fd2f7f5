package sqlstore

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/registers"
)

// Numbers of the fact kinds in facts.
const (
	factUnreadable = 0
	factRating     = 1
	factDetail     = 2
	factShowing    = 3
	factTest       = 4
)

// Numbers of the outcomes in facts.
const (
	outcomeStored       = 1
	outcomeAlreadyRated = 2
	outcomeInvalid      = 3
)

// Reasons a fact is set aside.
const (
	ReasonConflict       = "conflict"         // the id is known with another body
	ReasonAlreadyRated   = "already_rated"    // the transaction has its one rating
	ReasonInvalid        = "invalid"          // the fact is not acceptable in itself
	ReasonUnknownPrompt  = "unknown_prompt"   // it names a prompt nobody made
	ReasonUnknownVersion = "unknown_version"  // it names a questionnaire nobody published
	ReasonSecondDetail   = "second_detail"    // its rating has a detail already
	ReasonNotARating     = "not_a_rating"     // a detail names a fact of another kind
	ReasonRatingSetAside = "rating_set_aside" // a detail names a rating that was set aside
	ReasonRefusedByStore = "refused_by_store" // the database refuses the row
)

// received is a fact with what the writer worked out about it.
type received struct {
	*job
	id   surveys.FactID
	kind int64
	at   time.Time // when it occurred
	day  surveys.Day
	hour int
}

// record writes a fact, its event and its effects. An error spoils the
// transaction; whatever is wrong with the fact itself is an outcome.
func (w *writer) record(j *job) (surveys.Outcome, error) {
	r := received{job: j, id: j.fact.FactID(), at: j.fact.Source().OccurredAt}
	if r.at.IsZero() {
		r.at = w.store.opt.Now()
	}
	r.day, r.hour = dayAndHour(r.at, w.store.opt.Zone)
	switch j.fact.(type) {
	case *surveys.Rating:
		r.kind = factRating
	case *surveys.RatingDetail:
		r.kind = factDetail
	case *surveys.PromptShown:
		r.kind = factShowing
	case *surveys.SelfTest:
		r.kind = factTest
	}
	origin := j.fact.Source()
	fresh, err := w.st.insertFact.insert(r.id[:], r.kind, j.hash[:16], int64(outcomeStored), int64(r.day), origin.Device[:],
		milliseconds(origin.ClientAt), milliseconds(origin.ReceivedAt))
	if err != nil {
		return "", fmt.Errorf("register fact: %w", err)
	}
	if !fresh {
		return w.recordAgain(&r)
	}
	if r.kind != factRating {
		if err := w.setWaitingAside(r.id, ReasonNotARating); err != nil {
			return "", err
		}
	}
	switch {
	case j.invalid == errRefused:
		return w.setAside(&r, ReasonRefusedByStore, outcomeInvalid)
	case j.invalid != nil:
		return w.setAside(&r, ReasonInvalid, outcomeInvalid)
	}
	switch f := j.fact.(type) {
	case *surveys.Rating:
		return w.recordRating(&r, f)
	case *surveys.RatingDetail:
		return w.recordDetail(&r, f)
	case *surveys.PromptShown:
		return w.recordShowing(&r, f)
	case *surveys.SelfTest:
		return w.recordTest(&r, f)
	}
	return w.setAside(&r, ReasonInvalid, outcomeInvalid)
}

// recordAgain answers a fact whose id is known: what became of it the first
// time if the body is the same, a conflict otherwise.
func (w *writer) recordAgain(r *received) (surveys.Outcome, error) {
	var known [4]driver.Value
	if _, err := w.st.findFact.row(known[:], r.id[:]); err != nil {
		return "", fmt.Errorf("look up fact: %w", err)
	}
	if !bytes.Equal(known[1].([]byte), r.hash[:16]) {
		if err := w.keepAside(r, ReasonConflict); err != nil {
			return "", err
		}
		return surveys.OutcomeConflict, nil
	}
	switch known[2].(int64) {
	case outcomeAlreadyRated:
		return surveys.OutcomeAlreadyRated, nil
	case outcomeInvalid:
		return surveys.OutcomeInvalid, nil
	}
	return surveys.OutcomeDuplicate, nil
}

// setAside keeps a new fact apart for a person and remembers the outcome for
// when it is sent again.
func (w *writer) setAside(r *received, reason string, outcome int64) (surveys.Outcome, error) {
	if _, err := w.st.markFact.exec(r.id[:], outcome); err != nil {
		return "", fmt.Errorf("mark fact: %w", err)
	}
	if err := w.keepAside(r, reason); err != nil {
		return "", err
	}
	if err := w.setWaitingAside(r.id, ReasonRatingSetAside); err != nil {
		return "", err
	}
	if outcome == outcomeAlreadyRated {
		return surveys.OutcomeAlreadyRated, nil
	}
	return surveys.OutcomeInvalid, nil
}

// promptRow is what recording needs of a prompt.
type promptRow struct {
	window, department, mode, staff int64
	expiresAt, shownAt              int64
}

func (w *writer) findPrompt(id surveys.FactID) (p promptRow, found bool, err error) {
	var v [6]driver.Value
	found, err = w.st.findPrompt.row(v[:], id[:])
	if err != nil || !found {
		return p, false, err
	}
	return promptRow{v[0].(int64), v[1].(int64), v[2].(int64), v[3].(int64), v[4].(int64), v[5].(int64)}, true, nil
}

func (w *writer) recordRating(r *received, f *surveys.Rating) (surveys.Outcome, error) {
	q, err := w.questionnaire(f.Questionnaire)
	if err != nil {
		return "", err
	}
	if q == nil {
		return w.setAside(r, ReasonUnknownVersion, outcomeInvalid)
	}
	counted, key := *f, f.ID // the fact as it is counted
	var prompt promptRow
	if !f.Prompt.IsZero() {
		var found bool
		if prompt, found, err = w.findPrompt(f.Prompt); err != nil {
			return "", fmt.Errorf("find prompt: %w", err)
		}
		if !found {
			return w.setAside(r, ReasonUnknownPrompt, outcomeInvalid)
		}
		if r.at.After(moment(prompt.expiresAt).Add(w.store.opt.ExpiryGrace)) {
			counted.Flags |= surveys.FlagAfterExpiry
		}
		if err := w.countWhereAsked(&counted, prompt); err != nil {
			return "", err
		}
		key = f.Prompt
	}
	callback, err := w.judgeCallback(r, &counted)
	if err != nil {
		return "", err
	}
	names, err := w.ratingNames(&counted)
	if err != nil {
		return "", err
	}
	fresh, err := w.st.insertRating.insert(int64(r.day), f.ID[:], key[:], int64(r.hour), milliseconds(r.at), int64(names.department),
		int64(names.place), prompt.staff, int64(names.version), int64(names.mode), int64(seriesNumber(f.Series())), int64(f.Grade),
		int64(counted.Flags), f.Dwell.Milliseconds(), int64(names.language))
	if err != nil {
		return "", fmt.Errorf("write rating: %w", err)
	}
	if !fresh {
		if err := w.flagRatedTwice(r, key); err != nil {
			return "", err
		}
		return w.setAside(r, ReasonAlreadyRated, outcomeAlreadyRated)
	}
	if !f.Prompt.IsZero() {
		if err := w.answerPrompt(r, f, prompt); err != nil {
			return "", err
		}
	}
	if callback != nil {
		if err := w.openCallback(r, callback, names); err != nil {
			return "", err
		}
	}
	if err := w.emitRating(r, &counted, q, prompt.staff); err != nil {
		return "", err
	}
	return surveys.OutcomeStored, nil
}

// countWhereAsked counts an answer to another window's prompt where the asking
// is counted, and says so.
func (w *writer) countWhereAsked(f *surveys.Rating, p promptRow) error {
	texts, err := w.texts(p.window, p.department, p.mode)
	if err != nil {
		return err
	}
	if window := surveys.PlaceID(texts[0]); window != f.Place {
		f.Place, f.Department, f.Mode = window, surveys.DepartmentID(texts[1]), surveys.Mode(texts[2])
		f.Flags |= surveys.FlagPlaceChanged
	}
	return nil
}

// ratedNames are the numbers of a rating's words.
type ratedNames struct{ department, place, version, mode, language nameID }

func (w *writer) ratingNames(f *surveys.Rating) (n ratedNames, err error) {
	for _, p := range [...]struct {
		id   *nameID
		text string
	}{
		{&n.department, string(f.Department)}, {&n.place, string(f.Place)}, {&n.version, string(f.Questionnaire)},
		{&n.mode, string(f.Mode)}, {&n.language, f.Language},
	} {
		if *p.id, err = w.name(p.text); err != nil {
			return n, err
		}
	}
	return n, nil
}

// answerPrompt marks the prompt as rated, and as offered if nobody had said so.
func (w *writer) answerPrompt(r *received, f *surveys.Rating, p promptRow) error {
	if _, err := w.st.markRated.exec(f.Prompt[:], milliseconds(r.at)); err != nil {
		return fmt.Errorf("mark prompt rated: %w", err)
	}
	if p.shownAt != 0 {
		return nil
	}
	return w.offer(r, f.Prompt, p)
}

// offer marks a prompt as shown and writes its event; the caller has made sure
// that it was not shown before.
func (w *writer) offer(r *received, prompt surveys.FactID, p promptRow) error {
	if _, err := w.st.markShown.exec(prompt[:], milliseconds(r.at), int64(r.day), int64(r.hour)); err != nil {
		return fmt.Errorf("mark prompt shown: %w", err)
	}
	texts, err := w.texts(p.window, p.department, p.mode, p.staff)
	if err != nil {
		return err
	}
	return w.emit(&surveys.Event{
		Kind: surveys.EventPromptOffered, At: milliseconds(r.at), Day: r.day, Hour: r.hour, Place: surveys.PlaceID(texts[0]),
		Department: surveys.DepartmentID(texts[1]), Mode: surveys.Mode(texts[2]), Staff: surveys.StaffRef(texts[3]), Series: surveys.SeriesAsked,
	})
}

// emitRating writes a new rating's event and counts the detail that arrived
// before it.
func (w *writer) emitRating(r *received, f *surveys.Rating, q *surveys.Questionnaire, staff int64) error {
	texts, err := w.texts(staff)
	if err != nil {
		return err
	}
	item, _ := q.GradeItem()
	rated := surveys.Event{
		Kind: surveys.EventRatingRecorded, At: milliseconds(r.at), Day: r.day, Hour: r.hour, Department: f.Department, Place: f.Place,
		Staff: surveys.StaffRef(texts[0]), Version: f.Questionnaire, Item: item.ID, Mode: f.Mode, Series: f.Series(), Grade: f.Grade,
		Flagged: f.Flags != 0,
	}
	if err := w.emit(&rated); err != nil {
		return err
	}
	return w.applyEarlyDetail(rated, r, f, q)
}

// applyEarlyDetail counts the detail that arrived before its rating, if one did.
func (w *writer) applyEarlyDetail(rated surveys.Event, r *received, f *surveys.Rating, q *surveys.Questionnaire) error {
	waiting, err := w.detailsWaiting()
	if err != nil || waiting == 0 {
		return err
	}
	var early [6]driver.Value
	found, err := w.st.findDetail.row(early[:], f.ID[:])
	if err != nil {
		return fmt.Errorf("find detail: %w", err)
	}
	if !found {
		return nil
	}
	w.cache.waiting--
	if _, err := w.st.applyDetail.exec(early[0], early[1], int64(r.day)); err != nil {
		return fmt.Errorf("apply detail: %w", err)
	}
	if early[5].(int64) > 0 {
		if err := w.openWhereAsked(r, f.ID, int64(r.day), f.Series()); err != nil {
			return err
		}
	}
	rated.Day, rated.Hour, rated.At = surveys.Day(early[0].(int64)), int(early[2].(int64)), early[3].(int64)
	return w.emitDetail(rated, q, textOf(early[4]))
}

// judgeCallback makes the call-back that a low rating opens, and flags the
// rating when its device has opened too many.
func (w *writer) judgeCallback(r *received, f *surveys.Rating) (*registers.Callback, error) {
	if !registers.OpensCallback(f) {
		return nil, nil
	}
	arrived := f.Origin.ReceivedAt
	if arrived.IsZero() {
		arrived = w.store.opt.Now()
	}
	on := surveys.DayOf(arrived, w.store.opt.Zone)
	if f.Prompt.IsZero() {
		opened, err := w.openedUnasked(f.Origin.Device, on)
		if err != nil {
			return nil, err
		}
		if registers.InFlood(f, opened) {
			f.Flags |= surveys.FlagBurst
			return nil, nil
		}
		w.cache.unasked[deviceDay{f.Origin.Device, on}]++
	}
	c := registers.OpenCallback(f, on, w.store.opt.Calendar, w.store.opt.CallbackWorkdays)
	return &c, nil
}

// openedUnasked counts the call-backs a device's unasked ratings opened on a day.
func (w *writer) openedUnasked(device surveys.DeviceID, on surveys.Day) (int, error) {
	key := deviceDay{device, on}
	if n, ok := w.cache.unasked[key]; ok {
		return n, nil
	}
	var v [1]driver.Value
	if _, err := w.st.countUnasked.row(v[:], int64(on), device[:]); err != nil {
		return 0, fmt.Errorf("count call-backs of a device: %w", err)
	}
	if len(w.cache.unasked) >= maxCached {
		clear(w.cache.unasked)
	}
	w.cache.unasked[key] = int(v[0].(int64))
	return w.cache.unasked[key], nil
}

// openWhereAsked opens the call-back of a patient who left a number, whatever
// the grade, unless the rating has one or its device has opened too many.
func (w *writer) openWhereAsked(r *received, rating surveys.FactID, ratingDay int64, series surveys.Series) error {
	arrived := r.fact.Source().ReceivedAt
	if arrived.IsZero() {
		arrived = w.store.opt.Now()
	}
	on, device := surveys.DayOf(arrived, w.store.opt.Zone), r.fact.Source().Device
	if series == surveys.SeriesUnasked {
		opened, err := w.openedUnasked(device, on)
		if err != nil {
			return err
		}
		if opened >= registers.UnaskedCallbacks {
			return nil
		}
	}
	due := w.store.opt.Calendar.AddWorkdays(on, w.store.opt.CallbackWorkdays)
	opened, err := w.st.callWhereAsked.exec(rating[:], ratingDay, int64(on), int64(due), string(registers.CallbackOpen))
	if err != nil {
		return fmt.Errorf("open call-back that was asked for: %w", err)
	}
	if opened > 0 && series == surveys.SeriesUnasked {
		w.cache.unasked[deviceDay{device, on}]++
	}
	return nil
}

func (w *writer) openCallback(r *received, c *registers.Callback, n ratedNames) error {
	_, err := w.st.insertCallback.insert(c.Rating[:], milliseconds(r.at), int64(c.OpenedOn), int64(c.DueOn), int64(n.department), int64(n.place),
		int64(c.Grade), string(c.State))
	if err != nil {
		return fmt.Errorf("open call-back: %w", err)
	}
	return nil
}

// emitDetail writes a detail's event: the rating's own event with the detail's
// moment and those of its tags that the questionnaire offers after the grade.
func (w *writer) emitDetail(rated surveys.Event, q *surveys.Questionnaire, tags string) error {
	rated.Kind, rated.Item, rated.Tags = surveys.EventRatingDetailed, "", knownTags(q, rated.Grade, tags)
	return w.emit(&rated)
}

func knownTags(q *surveys.Questionnaire, g surveys.Grade, tags string) []surveys.Tag {
	var known []surveys.Tag
	for tag := range strings.FieldsSeq(tags) {
		if item, ok := q.TagItem(g, tag); ok {
			known = append(known, surveys.Tag{Item: item, ID: tag})
		}
	}
	return known
}

func (w *writer) recordDetail(r *received, f *surveys.RatingDetail) (surveys.Outcome, error) {
	var rating [4]driver.Value
	found, err := w.st.findFact.row(rating[:], f.Rating[:])
	if err != nil {
		return "", fmt.Errorf("find rating: %w", err)
	}
	ratingDay := int64(0)
	if found {
		switch {
		case rating[0].(int64) != factRating:
			return w.setAside(r, ReasonNotARating, outcomeInvalid)
		case rating[2].(int64) != outcomeStored:
			return w.setAside(r, ReasonRatingSetAside, outcomeInvalid)
		}
		ratingDay = rating[3].(int64)
	}
	tags := strings.Join(surveys.NormalTags(f.Tags), " ")
	phone, index := []byte{}, []byte{}
	if number := normalPhone(f.Phone); number != "" {
		phone, index = seal(w.store.keys.phone, []byte(number), f.ID), w.store.keys.phoneIndex(number)
	}
	fresh, err := w.st.insertDetail.insert(int64(r.day), f.ID[:], f.Rating[:], ratingDay, int64(r.hour), milliseconds(r.at), tags,
		string(f.Comment), phone, index)
	if err != nil {
		return "", fmt.Errorf("write detail: %w", err)
	}
	if !fresh {
		return w.setAside(r, ReasonSecondDetail, outcomeInvalid)
	}
	if !found {
		w.cache.waiting = unknown
		return surveys.OutcomeStored, nil // counted when its rating arrives
	}
	var v [8]driver.Value
	if found, err = w.st.findRating.row(v[:], ratingDay, f.Rating[:]); err != nil {
		return "", fmt.Errorf("find rating of detail: %w", err)
	}
	if !found {
		return "", errors.New("rating of detail is registered but has no row: run verify")
	}
	version := surveys.VersionID(textOf(v[3]))
	q, err := w.questionnaire(version)
	if err != nil {
		return "", err
	}
	if q == nil {
		return "", errUnpublished
	}
	if len(phone) > 0 {
		if err := w.openWhereAsked(r, f.Rating, ratingDay, eventSeries[v[5].(int64)]); err != nil {
			return "", err
		}
	}
	return surveys.OutcomeStored, w.emitDetail(surveys.Event{
		At: milliseconds(r.at), Day: r.day, Hour: r.hour, Department: surveys.DepartmentID(textOf(v[0])), Place: surveys.PlaceID(textOf(v[1])),
		Staff: surveys.StaffRef(textOf(v[2])), Version: version, Mode: surveys.Mode(textOf(v[4])), Series: eventSeries[v[5].(int64)],
		Grade: surveys.Grade(v[6].(int64)), Flagged: surveys.Flags(v[7].(int64))&^surveys.AfterCounting != 0,
	}, q, tags)
}

func (w *writer) recordShowing(r *received, f *surveys.PromptShown) (surveys.Outcome, error) {
	p, found, err := w.findPrompt(f.Prompt)
	if err != nil {
		return "", fmt.Errorf("find prompt: %w", err)
	}
	if !found {
		return w.setAside(r, ReasonUnknownPrompt, outcomeInvalid)
	}
	if _, err := w.st.insertShowing.insert(f.ID[:], f.Prompt[:], milliseconds(r.at)); err != nil {
		return "", fmt.Errorf("write showing: %w", err)
	}
	if p.shownAt != 0 {
		return surveys.OutcomeStored, nil
	}
	return surveys.OutcomeStored, w.offer(r, f.Prompt, p)
}

func (w *writer) recordTest(r *received, f *surveys.SelfTest) (surveys.Outcome, error) {
	place, _ := w.store.opt.Place(f.Place)
	device := f.Origin.Device.String()
	var ids [3]nameID
	for i, text := range []string{string(place.Department), string(f.Place), device} {
		id, err := w.name(text)
		if err != nil {
			return "", err
		}
		ids[i] = id
	}
	_, err := w.st.insertTest.insert(int64(r.day), f.ID[:], int64(r.hour), milliseconds(r.at), int64(ids[0]), int64(ids[1]), int64(ids[2]),
		number(f.KeyWorked))
	if err != nil {
		return "", fmt.Errorf("write self-test: %w", err)
	}
	if _, err := w.st.touchTested.exec(f.Origin.Device[:], milliseconds(r.at), number(f.KeyWorked)); err != nil {
		return "", fmt.Errorf("note self-test: %w", err)
	}
	return surveys.OutcomeStored, w.emit(&surveys.Event{
		Kind: surveys.EventSelfTested, At: milliseconds(r.at), Day: r.day, Hour: r.hour, Department: place.Department, Place: f.Place,
		Device: device, KeyWorked: f.KeyWorked,
	})
}
