package replies

import (
	"slices"
	"unicode"
)

// numeral is a number in a reply, with what stands around it.
type numeral struct {
	value  int
	length int // runes, with its unit
	// composite is a number of several parts: 4.5, 3-4, 12:30, 5/5.
	composite bool
	parts     []int
	separator rune
	// measured counts something else: 3楼, 床位5, 5天, a date, a phone.
	measured bool
	// odd is written as no answer is: 05, 5G.
	odd     bool
	mark    int  // length of a unit of marks: 分, 星
	star    bool // and that unit is of stars
	spelled bool // in characters or words, not in digits
	word    bool // in characters
}

const (
	// phoneDigits is the number of digits from which a number is a phone, a
	// date or a number of a record, and never an answer.
	phoneDigits = 5
	// tooLarge stands for every number beyond it.
	tooLarge = 1 << 20
)

// scanNumber reads the number that begins at i; length 0 when none does. The
// middle of a number begins none.
func scanNumber(s []rune, i int) numeral {
	if i >= len(s) || isDigit(s[i]) && isDigit(at(s, i-1)) {
		return numeral{}
	}
	var n numeral
	switch {
	case isDigit(s[i]):
		n = scanDigits(s, i)
	case latin(s[i]):
		n = scanEnglish(s, i)
	default:
		n = scanChinese(s, i)
	}
	if n.length == 0 {
		return n
	}
	end := i + n.length
	n.measured = n.measured || endsWith(s, i, measured)
	if after := skipSpaces(s, end); !n.composite {
		u, m := beginsWith(s, after, units), beginsWith(s, after, measures)
		if after == end && latin(at(s, end)) && u == 0 && m == 0 && !n.spelled {
			n.odd = true // 5G, 3D
		}
		switch {
		case m > u:
			n.measured = true
			n.length = after + m - i
		case u > 0:
			n.mark, n.star = u, slices.Contains([]rune("星颗个s"), s[after]) && s[after] != 'p'
			n.length = after + u - i
		}
	} else if beginsWith(s, after, measures) > 0 {
		n.measured = true
	}
	return n
}

func skipSpaces(s []rune, i int) int {
	for at(s, i) == ' ' {
		i++
	}
	return i
}

// scanDigits reads digits, and further digits behind one separator each.
func scanDigits(s []rune, i int) numeral {
	n := numeral{}
	digits, zeros := 0, false
	end := i
	for {
		first, v := end, 0
		for isDigit(at(s, end)) {
			v = min(v*10+int(s[end]-'0'), tooLarge)
			end++
		}
		zeros = zeros || end-first > 1 && s[first] == '0'
		digits += end - first
		n.parts = append(n.parts, v)
		if sep := at(s, end); !slices.Contains([]rune("./-:~,年月_"), sep) || !isDigit(at(s, end+1)) || sep == ',' && !groupsDigits(s, end) {
			break
		}
		n.separator = s[end]
		end++
	}
	n.value, n.length = n.parts[0], end-i
	n.composite = len(n.parts) > 1
	n.measured = digits >= phoneDigits || n.separator == ':' || n.separator == '年' || n.separator == '月'
	n.odd = zeros
	return n
}

// chinese digits, in plain and in banker's characters.
var chinese = map[rune]int{
	'零': 0, '〇': 0, '一': 1, '二': 2, '两': 2, '三': 3, '四': 4, '五': 5, '六': 6, '七': 7, '八': 8, '九': 9, '十': 10,
	'壹': 1, '贰': 2, '叁': 3, '肆': 4, '伍': 5, '陆': 6, '柒': 7, '捌': 8, '玖': 9, '拾': 10,
}

// scanChinese reads numbers to 99 in characters. Other runs of such characters
// (四五, 一二三) are several numbers: composite.
func scanChinese(s []rune, i int) numeral {
	if _, ok := chinese[s[i]]; !ok {
		return numeral{}
	}
	if _, inside := chinese[at(s, i-1)]; inside {
		return numeral{}
	}
	var run []int
	for end := i; ; end++ {
		v, ok := chinese[at(s, end)]
		if !ok {
			break
		}
		run = append(run, v)
	}
	n := numeral{length: len(run), spelled: true, word: true}
	switch {
	case len(run) == 1:
		n.value = run[0]
	case len(run) == 2 && run[0] == 10 && run[1] < 10 && run[1] > 0:
		n.value = 10 + run[1]
	case len(run) == 2 && run[1] == 10 && run[0] < 10 && run[0] > 0:
		n.value = 10 * run[0]
	case len(run) == 3 && run[1] == 10 && run[0] < 10 && run[0] > 0 && run[2] < 10 && run[2] > 0:
		n.value = 10*run[0] + run[2]
	default:
		n.composite, n.parts = true, run
	}
	if isDigit(at(s, i-1)) || isDigit(at(s, i+n.length)) {
		n.composite, n.parts = true, run
	}
	return n
}

var english = []struct {
	word  []rune
	value int
}{
	{[]rune("zero"), 0}, {[]rune("one"), 1}, {[]rune("two"), 2}, {[]rune("three"), 3}, {[]rune("four"), 4}, {[]rune("five"), 5},
	{[]rune("six"), 6}, {[]rune("seven"), 7}, {[]rune("eight"), 8}, {[]rune("nine"), 9}, {[]rune("ten"), 10},
}

func scanEnglish(s []rune, i int) numeral {
	for _, e := range english {
		if hasAt(s, i, e.word) && !unicode.IsDigit(at(s, i+len(e.word))) {
			return numeral{value: e.value, length: len(e.word), spelled: true}
		}
	}
	return numeral{}
}
