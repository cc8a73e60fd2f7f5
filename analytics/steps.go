package analytics

import "qingfeng/surveys"

// Steps. A department's head who watches a small unit's score while one
// patient taps would learn what that patient said. So for this audience the
// figures of units below SmallUnit answers count answers in only when BatchStep
// of them have come together and their time is over:
//
//   - time is cut into the days of the period before today, and the hours of
//     today that are over (BoardOptions.Hour is the one in progress);
//   - in order of time, what a span adds is put aside, and once BatchStep or
//     more answers lie there they are counted in together.
//
// It depends on counts and time alone, so every gateway, and the same one after
// a restart, shows the same figure. What is left: an answer delivered late into
// a span that is over, by a tablet that was offline, can move a figure alone.
// Offered and Answered are not stepped; they tell how many, not what.

// release counts in what has waited, where it is enough.
func (b *builder) release() {
	b.eachStepped(func(g *group) {
		if g.waiting.answered() >= int64(b.opt.BatchStep) {
			g.step.add(&g.waiting)
			g.waiting = tally{}
		}
		g.carried = g.waiting
	})
}

// waitHour puts one hour of today aside.
func (b *builder) waitHour(d *dayCounts, hour int) {
	for at, hours := range d.hours {
		if at.department != b.opt.Department || hours[hour].answered() == 0 {
			continue
		}
		path := b.path(at)
		for _, branch := range path[1:] {
			branch.waitAt(at, &hours[hour])
		}
	}
}

func (b *branch) waitAt(at spot, t *tally) {
	if !b.stepped {
		return
	}
	if at.series == surveys.SeriesUnasked {
		b.unasked.waiting.add(t)
		return
	}
	b.all.waiting.add(t)
	b.mode(at.mode).waiting.add(t)
}

// settle decides which tally of each group the audience sees, and withholds
// what has too few answers.
func (b *builder) settle() {
	b.sortBranches()
	settle := func(br *branch) {
		br.each(func(g *group) {
			g.visible = g.live
			if br.stepped && g.live.answered() < SmallUnit {
				g.visible = g.step
			}
			switch {
			case g.live.answered() == 0:
				g.withheld = WithheldNoData
			case g.visible.answered() < int64(b.opt.MinAnswers):
				g.withheld = WithheldNotEnough
			}
		})
	}
	settle(b.hospital)
	for _, d := range b.hospital.children {
		settle(d)
		for _, p := range d.children {
			settle(p)
		}
	}
}
