package analytics

import "qingfeng/surveys"

// sum says that a whole is the sum of its parts. Whoever sees all but one of
// them can work that one out.
type sum struct {
	whole *group
	parts []*group
}

// suppress withholds further figures until none that is withheld can be worked
// out from one sum on the board: departments in the hospital, places in a
// department, modes in a unit, and one mode across units. In a sum whose whole
// is shown, the withheld parts must be at least two and together have at least
// MinAnswers answers (else their total would be a figure from too few); the
// smallest part that is shown is withheld until it is so. Where the whole is
// withheld and every part shown, the smallest part goes too. Groups without
// answers hide nothing and protect nothing.
//
// Answers that belong to no row are a part as well: the whole less its rows
// tells what they said. They go before any row, since nobody misses them.
func (b *builder) suppress() {
	sums := b.sums()
	for changed := true; changed; {
		changed = false
		for i := range sums {
			if sums[i].protect(int64(b.opt.MinAnswers)) {
				changed = true
			}
		}
	}
}

// protect withholds one more group if the sum asks for it, and says so.
func (s *sum) protect(least int64) bool {
	var hidden, together int64
	var smallest *group
	for _, p := range s.parts {
		switch {
		case p.withheld == WithheldNoData:
		case p.withheld != "":
			hidden++
			together += p.live.answered()
		case smallest == nil || p.goesBefore(smallest):
			smallest = p
		}
	}
	wholeShown := s.whole.withheld == ""
	switch {
	case s.whole.withheld == WithheldNoData:
		return false
	case wholeShown && (hidden == 0 || hidden >= 2 && together >= least):
		return false
	case !wholeShown && hidden > 0:
		return false
	case smallest != nil:
		smallest.withheld = WithheldProtected
	case wholeShown:
		s.whole.withheld = WithheldProtected
	default:
		return false
	}
	return true
}

// goesBefore reports whether g is withheld rather than o.
func (g *group) goesBefore(o *group) bool {
	if g.unlisted != o.unlisted {
		return g.unlisted
	}
	return g.visible.answered() < o.visible.answered()
}

func (b *builder) sums() []sum {
	var sums []sum
	add := func(br *branch) {
		sums = append(sums, br.sumOfModes())
		if len(br.children) > 0 {
			sums = append(sums, br.sumsOfChildren()...)
		}
	}
	add(b.hospital)
	for _, d := range b.hospital.children {
		add(d)
		for _, p := range d.children {
			add(p)
		}
	}
	return sums
}

func (b *branch) sumOfModes() sum {
	s := sum{whole: &b.all}
	for i := range b.modes {
		s.parts = append(s.parts, &b.modes[i].group)
	}
	return s
}

func (b *branch) sumsOfChildren() []sum {
	all, unasked := sum{whole: &b.all}, sum{whole: &b.unasked}
	modes := make([]sum, len(b.modes))
	for i := range b.modes {
		modes[i].whole = &b.modes[i].group
	}
	for _, child := range b.children {
		all.parts = append(all.parts, &child.all)
		unasked.parts = append(unasked.parts, &child.unasked)
		for i := range b.modes {
			if g := child.findMode(b.modes[i].mode); g != nil {
				modes[i].parts = append(modes[i].parts, g)
			}
		}
	}
	return append(modes, all, unasked)
}

func (b *branch) findMode(m surveys.Mode) *group {
	for i := range b.modes {
		if b.modes[i].mode == m {
			return &b.modes[i].group
		}
	}
	return nil
}
