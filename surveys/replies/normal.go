package replies

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxRunes bounds what is looked at, in characters: a reply of ten text
// messages. What follows is neither an answer nor a keyword.
const maxRunes = 700

// folded is a reply prepared for reading. Both halves have the same length:
// what is found in low stands at the same place in show.
type folded struct {
	show []rune // NFKC, without invisible characters: what a person sees
	low  []rune // lower case and simplified characters: what is compared
}

// fold prepares a reply: NFKC first, then digits of every script to ASCII,
// keycaps and circled figures to plain ones, invisible characters away.
func fold(text string) folded {
	var b strings.Builder
	for _, r := range norm.NFKC.String(strings.ToValidUTF8(text, "\uFFFD")) {
		switch {
		case r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029':
			b.WriteByte('\n')
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case invisible(r):
		case figures[r] != "":
			b.WriteString(figures[r])
		default:
			b.WriteRune(asciiDigit(r))
		}
	}
	show := []rune(norm.NFKC.String(b.String()))
	if len(show) > maxRunes {
		show = show[:maxRunes]
	}
	low := make([]rune, len(show))
	for i, r := range show {
		low[i] = unicode.ToLower(r)
		if s, ok := simplified[r]; ok {
			low[i] = s
		}
	}
	return folded{show, low}
}

// invisible reports whether r is drawn as nothing: zero-width characters,
// variation selectors, controls, and the frame of a keycap.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Cc, unicode.Variation_Selector) || r == '\u20E3' || r == '\u115F' || r == '\u3164'
}

// asciiDigit turns a decimal digit of any script into its ASCII one. Unicode
// keeps the ten digits of a script together, from zero up (section 4.6), so
// every range of the table begins at a zero.
func asciiDigit(r rune) rune {
	if r < 0x80 || !unicode.Is(unicode.Nd, r) {
		return r
	}
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return '0' + (r-rune(t.Lo))%10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return '0' + (r-rune(t.Lo))%10
		}
	}
	return r
}

// figures are characters that show a number or a letter and that NFKC leaves
// alone.
var figures = makeFigures()

func makeFigures() map[rune]string {
	m := map[rune]string{'🔟': "10", '🅰': "A", '🅱': "B", '’': "'", '‘': "'"}
	ten := []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}
	for _, first := range []rune{'❶', '➀', '➊', '⓵'} {
		for i, text := range ten {
			m[first+rune(i)] = text
		}
	}
	return m
}

// simplified maps the traditional characters of the words this package knows.
var simplified = makeSimplified(
	"滿满 紅红 沒没 無无 還还 應应 適适 較较 對对 給给 評评 個个 點点 錢钱 禮礼 購购 樓楼 號号 發发 別别 請请 訂订 復复 複复 幫帮 覺觉 體体 總总 選选 擇择 " +
		"醫医 護护 們们 這这 後后 來来 繼继 續续 擾扰 騷骚 煩烦 絕绝 從从 閱阅 單单 刪删 號号 碼码 機机 電电 話话 調调 查查 問问 卷卷 過过 塞塞 謝谢 辛辛 " +
		"貳贰 參叁 陸陆 兩两 壹壹 級级 顆颗 說说 為为 會会 麼么 願愿 貴贵 啟启 開开 啓启 將将 掛挂 費费 處处 時时 間间 週周 鐘钟 歲岁 層层 區区 塊块 圓圆")

func makeSimplified(pairs string) map[rune]rune {
	m := map[rune]rune{}
	for pair := range strings.FieldsSeq(pairs) {
		p := []rune(pair)
		m[p[0]] = p[1]
	}
	return m
}

// latin reports whether r belongs to a word of letters that needs a boundary.
func latin(r rune) bool {
	return unicode.IsLetter(r) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func isHan(r rune) bool { return unicode.Is(unicode.Han, r) }

// at gives the rune at i, 0 beyond either end.
func at(s []rune, i int) rune {
	if i < 0 || i >= len(s) {
		return 0
	}
	return s[i]
}

// hasAt reports whether word stands in s at i, as a word of its own where it
// begins or ends in letters that have word boundaries.
func hasAt(s []rune, i int, word []rune) bool {
	if i+len(word) > len(s) {
		return false
	}
	for k, r := range word {
		if s[i+k] != r {
			return false
		}
	}
	end := i + len(word)
	return (!latin(word[0]) || !latin(at(s, i-1))) && (!latin(word[len(word)-1]) || !latin(at(s, end)))
}
