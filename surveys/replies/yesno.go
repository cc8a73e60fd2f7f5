package replies

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The words of a no and a yes to "did anybody ask for or take a red envelope?".
// A clause is one of them only as a whole, and with one negation: 不送红包不给看
// and 不是没有 are neither.
const (
	whoZH    = `(?:我们?|他们?|她们?|你们?|医生们?|护士们?|大夫们?|主任|教授|专家|医护人员|医护|工作人员|医院|科室|大家|家里人?|家属)*`
	toneZH   = `(?:真的|确实|绝对|根本|完全|从来|一直|都|也|肯定|当然|坚决|好像)*`
	notZH    = `(?:没有|没|无|未|从未|从没|并没有|并未|绝无|绝没有|毫无)`
	refuseZH = `(?:不收|(?:拒收|拒绝|谢绝|不接受|不要)(?:收|任何|患者|病人|的)*(?:红包|🧧|礼物|礼品|礼|钱))`
	whatZH   = `(?:收过|收受|收取|收|要过|索要|索取|要|送过|送|给过|给|塞过|塞|发现|发生|遇到|碰到|听说|存在|人|谁|过|任何|什么|这种|这样的|此类|这类|情况|现象|行为|事情|事|问题|的|红包|🧧|礼物|礼品|礼|钱|购物卡|回扣|好处费|我们?|患者|病人)*`
	endZH    = `(?:了|啊|呀|哦|吧|呢|哈|嘛|的|呵)*`
)

var (
	noPatterns = patterns(
		`(?:红包|🧧)?`+whoZH+toneZH+whoZH+notZH+whoZH+whatZH+endZH,
		whoZH+toneZH+refuseZH+whatZH+endZH,
		`(?:不是|否|不存在|不会|没有没有)`+whatZH+endZH,
		`(?:no|nope|nah|none|never|not at all|nothing|nobody|no one|of course not|definitely not|certainly not)`,
		`(?:no,? )?(?:there (?:was|were|is) )?(?:no|not any|not a|never any) (?:red )?(?:envelopes?|packets?|hongbaos?|🧧)(?: at all)?`,
		`no hongbaos?`,
		`(?:no )?(?:they|he|she|i|we|nobody|no one|the (?:doctors?|nurses?|staff)) (?:did ?n'?t|did not|never|has ?n'?t|have ?n'?t)(?: (?:ask|asked|take|took|taken|accept|accepted|give|gave|given|pay|paid)(?: for)?)?(?: (?:a|any|one|it|the|that))?(?: red)?(?: (?:envelopes?|packets?|hongbaos?|money|gifts?))?`,
		`(?:nobody|no one) (?:did|asked|took|asked for (?:it|one|any|anything))`,
	)
	yesPatterns = patterns(
		whoZH+toneZH+`(?:有|有过|有的|有啊|是|是的|对|对的|收了|收过|要了|要过|给了|给过|送了|送过|塞了|塞过|索要了|索要过)(?:红包|🧧|礼|礼物|钱|购物卡|这种|这样的|情况|现象|事情|事|过|人|索要|收|要)*`+endZH,
		`(?:yes|yeah|yep|yup|y|of course|sure)`,
		`(?:yes )?(?:they|he|she|i|we|there|the doctors?|the nurses?|someone|somebody) (?:did|was|were|has|have)`,
	)
)

// patterns are compiled when the first reply is read: a program that starts has
// better things to do.
func patterns(list ...string) func() []*regexp.Regexp {
	return sync.OnceValue(func() []*regexp.Regexp {
		out := make([]*regexp.Regexp, len(list))
		for i, p := range list {
			out[i] = regexp.MustCompile(`^(?:` + p + `)$`)
		}
		return out
	})
}

func matchesAny(list func() []*regexp.Regexp, s string) bool {
	return slices.ContainsFunc(list(), func(p *regexp.Regexp) bool { return p.MatchString(s) })
}

// understandYesNo reads a reply to the envelope question.
func understandYesNo(f folded) Reading {
	yes, no, doubt := false, false, false
	r := reader{f: f}
	for _, c := range f.clauses() {
		answer, end := yesNoClause(f.low[:c.to], c.from)
		switch answer {
		case Yes:
			yes = true
		case No:
			no = true
		default:
			r.rest = append(r.rest, part{from: c.from, to: c.to})
			continue
		}
		doubt = doubt || asks(c.mark)
		if end < c.to {
			r.rest = append(r.rest, part{from: end, to: c.to})
		}
	}
	switch {
	case yes && no:
		return ask(WhySeveral)
	case !yes && !no:
		return ask(WhyNothing)
	case doubt:
		return ask(WhyDoubt)
	}
	for _, p := range r.rest {
		for _, w := range doubts {
			if indexWord(f.low[p.from:p.to], []rune(w)) >= 0 {
				return ask(WhyDoubt)
			}
		}
	}
	comment := r.comment()
	if no && Clue(string(comment)) {
		return ask(WhyOpposite) // 没有红包，收了购物卡
	}
	value := No
	if yes {
		value = Yes
	}
	return Reading{Value: value, Comment: comment}
}

// yesNoClause reads the clause from i to the end of s, or its first word when a
// comment in Chinese follows behind a space. The answer is -1 for neither.
func yesNoClause(s []rune, i int) (answer, end int) {
	whole := strings.TrimSpace(string(s[i:]))
	if a := yesNoWord(whole); a >= 0 {
		return a, len(s)
	}
	i = skipSpaces(s, i)
	for k := i; k < len(s); k++ {
		if s[k] != ' ' || k+1 >= len(s) || !commentFrom(s, skipSpaces(s, k)) {
			continue
		}
		if a := yesNoWord(string(s[i:k])); a >= 0 {
			return a, k + 1
		}
		break
	}
	return -1, i
}

func yesNoWord(text string) int {
	text = strings.Join(strings.Fields(text), " ")
	squeezed := strings.ReplaceAll(text, " ", "")
	switch {
	case matchesAny(noPatterns, text) || matchesAny(noPatterns, squeezed):
		return No
	case matchesAny(yesPatterns, text) || matchesAny(yesPatterns, squeezed):
		return Yes
	}
	return -1
}
