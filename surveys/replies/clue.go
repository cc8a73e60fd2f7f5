package replies

import (
	"slices"
	"strings"
	"unicode"
)

// clueWords open the clue lane wherever they stand in a reply (DOMAIN: 红包 送礼
// 索要 回扣 收钱 …). A word is no clue where one of but begins at its place:
// 红包扎 is a dressing, 收钱窗口 a counter.
var clueWords = []struct {
	word string
	but  []string
}{
	{"红包", []string{"红包扎", "红包块", "红包装", "红包皮"}},
	{"红bao", nil}, {"hong包", nil}, {"🧧", nil},
	{"送礼", nil}, {"收礼", nil}, {"礼金", nil}, {"送钱", nil}, {"收了钱", nil},
	{"索要", []string{"索要发票", "索要病历", "索要清单", "索要收据", "索要报告"}},
	{"索贿", nil}, {"受贿", nil}, {"行贿", nil}, {"贿赂", nil},
	{"回扣", nil},
	{"收钱", []string{"收钱窗口", "收钱的窗口", "收钱处", "收钱的地方", "收钱台"}},
	{"塞钱", nil}, {"塞了钱", nil}, {"塞给医生", nil}, {"好处费", nil}, {"辛苦费", nil}, {"感谢费", nil},
	{"购物卡", nil}, {"消费卡", nil}, {"礼品卡", nil}, {"卡里有钱", nil}, {"吃拿卡要", nil},
	{"hongbao", nil}, {"redenvelope", nil}, {"redpacket", nil}, {"kickback", nil}, {"bribe", []string{"bribein"}}, {"bribing", nil}, {"giftcard", nil},
}

// Clue reports whether a word of the clue lane stands anywhere in the text,
// denied or not: 没有红包 too. Traditional characters, zero-width characters,
// spaces and marks inside a word do not hide it.
func Clue(text string) bool {
	f := fold(text)
	s := f.dense()
	for i := range s {
		if clueAt(s, i) {
			return true
		}
	}
	return false
}

// ClueIn is Clue for a reply to a question with this scale: after the envelope
// question a no that says the word (没有红包, no red envelope) is the answer and
// no clue, and a yes is one. A reply that is neither, or that says more about
// it beside its no, is a clue when it has a word of the lane.
func ClueIn(text string, s Scale) bool {
	if !s.YesNo {
		return Clue(text)
	}
	r := Understand(text, s)
	if r.Ask() {
		return Clue(text)
	}
	return r.Value == Yes
}

func clueAt(s []rune, i int) bool {
	for _, c := range clueWords {
		if !hasPrefix(s[i:], c.word) {
			continue
		}
		if !slices.ContainsFunc(c.but, func(b string) bool { return hasPrefix(s[i:], b) }) {
			return true
		}
	}
	return false
}

func hasPrefix(s []rune, word string) bool {
	w := []rune(word)
	return len(s) >= len(w) && slices.Equal(s[:len(w)], w)
}

// dense is the reply without the spaces and small marks that people put inside
// a word to hide it. Commas and full stops stay: 脸红，包扎 hides nothing.
func (f folded) dense() []rune {
	out := make([]rune, 0, len(f.low))
	for _, r := range f.low {
		if unicode.IsSpace(r) && r != '\n' || strings.ContainsRune("*+-_./·•|~^#'\"()[]{}<>“”", r) {
			continue
		}
		out = append(out, r)
	}
	return out
}
