package replies

import (
	"slices"
	"strings"
	"unicode"

	"qingfeng/surveys"
)

// Understand reads a reply to a question with this scale. An answer counts only
// when a whole clause is that answer ("５分，谢谢", "我给五星", "选A"), all such
// clauses agree, and nothing beside them speaks against it: another number, a
// word of praise beside the worst grade, a question mark. Numbers that count
// days, floors, beds or yuan are no answers. Everything else is asked back.
func Understand(text string, s Scale) Reading {
	f := fold(text)
	if s.YesNo {
		return understandYesNo(f)
	}
	r := reader{scale: s, lexicon: s.lexicon(), f: f}
	for _, c := range f.clauses() {
		r.clause(c)
	}
	return r.decide()
}

// clause is a part of a reply between marks that end a thought.
type clause struct {
	from, to int
	mark     rune // what ends it; 0 at the end of the text
}

// clauses cuts a reply at its punctuation. A dot between digits
// belongs to the number, and a colon or a space never cuts.
func (f folded) clauses() []clause {
	var list []clause
	from := 0
	for i, r := range f.low {
		if !breaks(f.low, i) {
			continue
		}
		if strings.TrimSpace(string(f.low[from:i])) != "" {
			list = append(list, clause{from, i, r})
		} else if n := len(list); n > 0 && asks(r) {
			list[n-1].mark = r
		}
		from = i + 1
	}
	if strings.TrimSpace(string(f.low[from:])) != "" {
		list = append(list, clause{from, len(f.low), 0})
	}
	return list
}

func breaks(s []rune, i int) bool {
	switch r := s[i]; r {
	case '.', '~':
		return !isDigit(at(s, i-1)) || !isDigit(at(s, i+1))
	case ',':
		return !groupsDigits(s, i)
	case '\'':
		return !latin(at(s, i-1)) || !latin(at(s, i+1))
	case '-', '+', '#', '*', '/', '%', '&', '@', '=', '<', '>', '$', '¥', '€', '°', ':', ' ', '|', '\\', '^', '_', '\uFFFD':
		return false
	case '\n':
		return true
	default:
		return unicode.IsPunct(r) || unicode.IsSymbol(r)
	}
}

// groupsDigits reports whether the comma at i is inside a number such as 3,000:
// people part an answer from what follows with the same sign.
func groupsDigits(s []rune, i int) bool {
	n := 0
	for isDigit(at(s, i+1+n)) {
		n++
	}
	return n == 3 && isDigit(at(s, i-1))
}

func asks(mark rune) bool { return mark == '?' || mark == '؟' }

// reader gathers what the clauses of one reply say.
type reader struct {
	scale   Scale
	lexicon []entry
	f       folded

	answers []int  // values of clauses that are answers
	outside bool   // a clause is a number, or a grade, that was not offered
	doubt   bool   // an answer that is asked, or that begins a list
	rest    []part // what stands beside the answers
}

// part is a stretch of a reply that is not an answer and is kept as its comment.
// Courtesies inside an answer are parts; wrappers are not.
type part struct {
	from, to int
}

// clause reads one clause from its beginning. It is an answer when wrappers,
// courtesies and answers fill it, or fill it up to a space after which a
// comment in Chinese begins.
func (r *reader) clause(c clause) {
	s := r.f.low[:c.to]
	var values []int
	var kept []part
	outside := false
	i := c.from
	stopped := false
	for i < c.to && !stopped {
		if s[i] == ' ' || s[i] == ':' {
			i++
			continue
		}
		if value, ok, n := r.number(s, i, c.from); n > 0 {
			if ok {
				values = append(values, value)
			}
			outside = outside || !ok
			i += n
			continue
		}
		e, found := r.entry(s, i)
		switch {
		case !found:
			stopped = true
			continue
		case e.kind == entryCourtesy:
			kept = append(kept, part{i, i + len(e.word)})
		case e.kind == entryChoice && e.offered:
			values = append(values, e.value)
		case e.kind == entryChoice:
			outside = true
		}
		i += len(e.word)
	}
	said := len(values) > 0 || outside
	if stopped && (!said || !commentFrom(s, i)) || !said {
		r.rest = append(r.rest, part{from: c.from, to: c.to})
		return
	}
	r.answers = append(r.answers, values...)
	r.outside = r.outside || outside
	r.rest = append(r.rest, kept...)
	if stopped {
		r.rest = append(r.rest, part{from: i, to: c.to})
	}
	if asks(c.mark) || r.beginsList(c) {
		r.doubt = true
	}
}

// commentFrom reports whether a comment may begin at i: after a space, in
// Chinese, and not with a word that goes on with what stands before it.
func commentFrom(s []rune, i int) bool {
	return at(s, i-1) == ' ' && isHan(at(s, i)) && !slices.Contains([]rune("的地得吗么个才到至或不没多来几以"), at(s, i))
}

// beginsList reports whether the clause is the 1 of "1、护士好 2、…", which
// numbers a comment and grades nothing. What follows decides: an answer or
// a courtesy is no item of a list.
func (r *reader) beginsList(c clause) bool {
	if !strings.ContainsRune("、.)", c.mark) {
		return false
	}
	head := strings.TrimSpace(string(r.f.low[c.from:c.to]))
	if head != "1" && head != "一" {
		return false
	}
	i := c.to
	for i < len(r.f.low) && (r.f.low[i] == ' ' || breaks(r.f.low, i)) {
		i++
	}
	if i == len(r.f.low) {
		return false
	}
	e, found := r.entry(r.f.low, i)
	return !found || e.kind == entryWrapper
}

// entry finds the longest known word at i.
func (r *reader) entry(s []rune, i int) (entry, bool) {
	for _, e := range r.lexicon {
		if hasAt(s, i, e.word) {
			return e, true
		}
	}
	return entry{}, false
}

// number reads a number that may be an answer at i: its value, whether it was
// offered, and its length with its unit. Length 0: there is none.
func (r *reader) number(s []rune, i, from int) (value int, offered bool, length int) {
	n := scanNumber(s, i)
	if n.length == 0 || n.composite || n.measured || n.odd {
		if v, ok := r.fraction(s, i); ok {
			return v, true, n.length + beginsWith(s, i+n.length, units)
		}
		return 0, false, 0
	}
	if n.spelled && n.mark == 0 && isHan(at(s, i+n.length)) && n.value == 1 {
		return 0, false, 0 // 一直, 一切: no number
	}
	if n.word && n.mark > 0 && n.value == 10 && isHan(at(s, i+n.length)) {
		return 0, false, 0 // 十分感谢: no number
	}
	end := i + n.length
	if over, ok := outOf(s, end); ok {
		if top, _ := r.scale.highest(); over.value != top {
			return 0, false, end + over.length - i
		}
		end += over.length
	}
	value, offered = r.scale.number(n.value)
	if n.mark > 0 && (r.scale.Best <= r.scale.Worst || n.star && r.scale.Best != 5) {
		offered = false
	}
	return value, offered, end - i
}

// fraction reads "5/5" at i: a mark out of the scale's highest.
func (r *reader) fraction(s []rune, i int) (int, bool) {
	n := scanNumber(s, i)
	top, numbered := r.scale.highest()
	if !n.composite || n.measured || !numbered || n.odd || len(n.parts) != 2 || n.separator != '/' || n.parts[1] != top {
		return 0, false
	}
	return r.scale.number(n.parts[0])
}

// outOf reads " out of 5" at i.
func outOf(s []rune, i int) (numeral, bool) {
	from := i
	for at(s, i) == ' ' {
		i++
	}
	words := []rune("out of ")
	if i == from || !hasAt(s, i, words[:6]) || at(s, i+6) != ' ' {
		return numeral{}, false
	}
	n := scanNumber(s, i+len(words))
	if n.length == 0 || n.composite || n.odd {
		return numeral{}, false
	}
	n.length += i + len(words) - from
	return n, true
}

// decide weighs what the clauses said.
func (r *reader) decide() Reading {
	values := slices.Compact(slices.Sorted(slices.Values(r.answers)))
	switch {
	case len(values) > 1 || len(values) == 1 && r.outside:
		return ask(WhySeveral)
	case r.outside:
		return ask(WhyRange)
	case len(values) == 0:
		return ask(WhyNothing)
	case r.doubt:
		return ask(WhyDoubt)
	}
	value := values[0]
	for _, p := range r.rest {
		if why := r.against(value, p); why != "" {
			return ask(why)
		}
	}
	if r.cheers(value) {
		return ask(WhyOpposite)
	}
	return Reading{Value: value, Comment: r.comment()}
}

// against looks in a comment for what speaks against value.
func (r *reader) against(value int, p part) Why {
	s := r.f.low[:p.to]
	for i := p.from; i < p.to; {
		n := scanNumber(s, i)
		if n.length == 0 {
			i++
			continue
		}
		v, offered := r.scale.number(n.value)
		switch {
		case n.measured || n.spelled && n.mark == 0:
		case n.spelled && n.value == 10 && isHan(at(s, i+n.length)): // 十分周到
		case n.composite:
			if top, numbered := r.scale.highest(); numbered && slices.Max(n.parts) <= top {
				return WhySeveral
			}
		case offered && v != value, !offered && n.mark > 0:
			return WhySeveral
		}
		i += n.length
	}
	for _, w := range doubts {
		if indexWord(s[p.from:], []rune(w)) >= 0 {
			return WhyDoubt
		}
	}
	return r.opposite(value, s[p.from:])
}

func (r *reader) opposite(value int, s []rune) Why {
	words := praise
	switch r.scale.side(value) {
	case 0:
		return ""
	case 1:
		words = blame
	}
	for _, w := range words {
		if stands(s, []rune(w)) {
			return WhyOpposite
		}
	}
	return ""
}

// cheers reports whether a thumb beside the answer points the other way:
// pictures are cut off with the punctuation, so they are looked for alone.
func (r *reader) cheers(value int) bool {
	side := r.scale.side(value)
	return side < 0 && slices.Contains(r.f.low, '👍') || side > 0 && slices.Contains(r.f.low, '👎')
}

// stands reports whether word is in s with no word before it that takes its
// force away: 没有不满意 blames nobody.
func stands(s, word []rune) bool {
	for i := range s {
		if !hasAt(s, i, word) {
			continue
		}
		before := s[max(0, i-4):i]
		if latin(word[0]) {
			before = s[max(0, i-12):i]
			if strings.Contains(string(before), "not ") || strings.Contains(string(before), "n't ") {
				continue
			}
			return true
		}
		if !slices.ContainsFunc(before, func(r rune) bool { return slices.Contains(turned, r) }) {
			return true
		}
	}
	return false
}

func indexWord(s, word []rune) int {
	for i := range s {
		if hasAt(s, i, word) {
			return i
		}
	}
	return -1
}

// comment joins what stands beside the answers, without the punctuation that
// held it together.
func (r *reader) comment() surveys.Secret {
	var parts []string
	for k, p := range r.rest {
		text := trimMarks(string(r.f.show[p.from:p.to]))
		if k > 0 && len(parts) > 0 && r.rest[k-1].to < p.from {
			if between := string(r.f.show[r.rest[k-1].to:p.from]); strings.TrimSpace(between) != "" && isMark(between) {
				parts[len(parts)-1] += between
				parts[len(parts)-1] += text
				continue
			}
		}
		if text != "" {
			parts = append(parts, text)
		}
	}
	return surveys.Secret(trimMarks(strings.Join(parts, " ")))
}

func isMark(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPunct(r) && !unicode.IsSpace(r) }) < 0
}

func trimMarks(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",，.。、;；:：!！~～", r) })
}
