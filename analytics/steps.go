package analytics

import (
	"slices"

	"qingfeng/surveys"
)

// Steps. A department's head who watches a figure while patients tap would
// learn what they said: from one snapshot to the next, from one period to
// another, or from the department to its places. So every figure for this
// audience is a sum of whole pieces, each of at least step answers of one
// place, mode and series, cut in one way for all figures:
//
//   - Days that are over are put together, from the first of a month on, until
//     a piece is complete. A period has the pieces that begin in it. What is
//     left at the end of a month is in no figure.
//   - Of today, the hours that are over (BoardOptions.Hour is the one in
//     progress) are put together in the same way, without the days before. A
//     piece is counted in once the next one is complete: so what the day still
//     holds back when it ends, and then shows at once, is no less than a piece.
//
// The difference of any two figures is therefore made of whole pieces. All this
// depends on counts and time alone, so every gateway, and the same one after a
// restart, shows the same. What is left: an answer delivered late into a span
// that is over, by a tablet that was offline, can move a figure alone. Offered
// and Answered are not stepped; they tell how many, not what.

// step is by how many answers at least figures move.
func (o *BoardOptions) step() int64 { return int64(max(o.BatchStep, o.MinAnswers)) }

// covers reports whether a department's head sees the figures of id.
func (o *BoardOptions) covers(id surveys.DepartmentID) bool {
	return o.Audience == AudienceDepartment && (id == o.Department || slices.Contains(o.Departments, id))
}

// piece is a part of a figure that is being put together.
type piece struct {
	tally
	from surveys.Day // of its first answer
}

// addSteps counts the complete pieces of the department in.
func (b *builder) addSteps(c *Counts) {
	if b.opt.Audience != AudienceDepartment {
		return
	}
	waiting := map[spot]*piece{}
	month := surveys.Day(0)
	for _, day := range c.Days() {
		if day < monthOf(b.opt.From) || day > b.opt.To || day >= b.opt.Today {
			continue
		}
		if monthOf(day) != month {
			clear(waiting)
			month = monthOf(day)
		}
		for at, t := range c.days[day].tallies {
			if b.opt.covers(at.department) && t.answered() > 0 {
				b.stepDay(waiting, at, day, t)
			}
		}
	}
	if today := c.days[b.opt.Today]; today != nil && b.opt.Today >= b.opt.From && b.opt.Today <= b.opt.To {
		for at, hours := range today.hours {
			if b.opt.covers(at.department) {
				b.stepToday(at, hours)
			}
		}
	}
}

// monthOf is the first day of a day's month.
func monthOf(d surveys.Day) surveys.Day { return d/100*100 + 1 }

// stepDay puts a day that is over to what waits at a spot.
func (b *builder) stepDay(waiting map[spot]*piece, at spot, day surveys.Day, t *tally) {
	p := waiting[at]
	if p == nil {
		p = &piece{from: day}
		waiting[at] = p
	}
	p.add(t)
	if p.answered() < b.opt.step() {
		return
	}
	delete(waiting, at)
	if p.from >= b.opt.From {
		b.countIn(at, &p.tally)
	}
}

// stepToday cuts the hours of today that are over into pieces, and counts in
// all but the last complete one.
func (b *builder) stepToday(at spot, hours *hourTally) {
	var complete, open tally
	first, only := -1, -1 // hours of open; the one hour complete is of
	for h := range min(max(b.opt.Hour, 0), 24) {
		if hours[h].answered() == 0 {
			continue
		}
		if open.answered() == 0 {
			first = h
		}
		open.add(&hours[h])
		if open.answered() < b.opt.step() {
			continue
		}
		if complete.answered() > 0 {
			b.countIn(at, &complete)
			b.countHour(at, only, &complete)
		}
		complete, open, only = open, tally{}, -1
		if first == h {
			only = h
		}
	}
}

// countIn adds a piece to every figure it is part of.
func (b *builder) countIn(at spot, t *tally) {
	path := b.path(at)
	for _, br := range path[1:] {
		if at.series == surveys.SeriesUnasked {
			br.unasked.step.add(t)
			continue
		}
		br.all.step.add(t)
		br.mode(at.mode).step.add(t)
	}
}

// countHour notes a piece that is one hour of today and nothing else.
func (b *builder) countHour(at spot, hour int, t *tally) {
	if hour < 0 || at.series != surveys.SeriesAsked {
		return
	}
	path := b.path(at)
	for _, br := range path[1:] {
		br.stepHours[hour].add(t)
	}
}

// settle decides which tally of each group the audience sees, and withholds
// what has too few answers.
func (b *builder) settle() {
	b.sortBranches()
	settle := func(br *branch, listed bool) {
		br.each(func(g *group) {
			g.unlisted = !listed
			g.visible = g.live
			if br.stepped {
				g.visible = g.step
			}
			switch {
			case g.live.answered() == 0:
				g.withheld = WithheldNoData
			case g.live.answered() < int64(b.opt.MinAnswers):
				g.withheld = WithheldNotEnough
			case g.visible.answered() == 0: // no piece is complete yet
				g.withheld = WithheldProtected
			}
		})
	}
	settle(b.hospital, true)
	for _, d := range b.hospital.children {
		settle(d, d.listed())
		for _, p := range d.children {
			settle(p, d.listed() && p.listed())
		}
	}
}

// renderHours gives today's hours from the first with answers to the last, of
// those that have MinAnswers answers with the score. For a department's head an
// hour also has to be made of whole pieces, or its score would cut one.
func (b *builder) renderHours(br *branch) []HourFigure {
	answered := func(t tally) bool { return t.answered() > 0 }
	first := slices.IndexFunc(br.hours[:], answered)
	hours := []HourFigure{}
	if first < 0 {
		return hours
	}
	for h := first; h < len(br.hours); h++ {
		t := &br.hours[h]
		f := HourFigure{Hour: h, Answered: t.answered()}
		whole := !br.stepped || br.stepHours[h].answered() == f.Answered
		if br.all.withheld == "" && whole && f.Answered >= int64(b.opt.MinAnswers) {
			score, _, _ := meanScore(t.grades)
			f.Score = roundScore(score)
		}
		hours = append(hours, f)
		if !slices.ContainsFunc(br.hours[h+1:], answered) {
			break
		}
	}
	return hours
}
