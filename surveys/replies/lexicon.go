package replies

import (
	"cmp"
	"slices"
	"strings"
)

// groups are words that say the same. A choice that is named by one of a group
// is also named by the others; where no choice is, the word answers nothing.
var groups = [][]string{
	{"非常满意", "很满意", "十分满意", "特别满意", "极其满意", "超级满意", "超满意", "太满意", "完全满意", "非常非常满意", "满意极了", "非常的满意",
		"very satisfied", "extremely satisfied", "completely satisfied", "highly satisfied", "totally satisfied", "very very satisfied"},
	{"满意", "satisfied"},
	{"基本满意", "fairly satisfied", "basically satisfied"},
	{"一般", "一般般", "average"},
	{"不满意", "dissatisfied", "unsatisfied", "not satisfied"},
	{"非常不满意", "很不满意", "十分不满意", "特别不满意", "极其不满意", "极不满意", "太不满意", "完全不满意", "非常非常不满意", "非常的不满意",
		"very dissatisfied", "very unsatisfied", "extremely dissatisfied", "extremely unsatisfied", "very very dissatisfied"},
	{"不适用", "不涉及", "not applicable", "n/a"},
}

// wrappers are words around an answer that change nothing about it.
var wrappers = strings.Fields(`我 我们 本人 俺 对你们 对医院 对贵院 对这次住院 对本次住院 对此次住院 这次住院 本次住院 此次住院 对医院的服务 对你们的服务
	总体 整体 总的来说 总体来说 总体上 整体上 总体而言 感觉 觉得 认为 感到 表示 给 打 评 选 选择 打个 给个 评个 就 只 只能 评分 打分 得分 分数 评价 满意度 答案 回答
	回复 回 是 为 的 了 吧 啊 呀 哦 呢 哈 嘛 呗 都 您好 你好
	i we give it a an my rating rate score answer is i'd i'll say would am are reply hi hello was were`)

// courtesies stand beside an answer and are kept as its comment.
var courtesies = []string{"谢谢", "谢谢你们", "谢谢您", "谢谢你", "谢谢医生", "感谢", "多谢", "谢了", "辛苦了", "你们辛苦了", "好的", "嗯", "ok",
	"thanks", "thank you", "thx", "ty", "cheers", "please", "pls", "many thanks", "thanks a lot", "thank you very much"}

// units after a number say that it is a mark. They hold where more is better.
var units = byLength([]string{"分", "星", "颗星", "个星", "星级", "分儿", "星好评", "颗星好评", "stars", "star", "points", "point"})

// measures after a number say that it counts something else.
var measures = byLength(strings.Fields(`天 日 月 年 号 楼 层 栋 床 房 室 病区 病房 点 时 小时 钟头 分钟 分之 秒 周 星期 礼拜 个 位 名 人 次 回 遍 元 块 毛 角 岁 度 斤 公斤
	千克 克 米 厘米 毫升 升 片 粒 瓶 支 盒 针 趟 项 条 家 科 组 期 代 级 百 千 万 亿 % ° 成 倍 倍 份 张 台 间 袋 包 顿 餐 句 样 号床 号楼 多 几 来 th st nd rd
	day days hour hours hr hrs minute minutes min mins am pm o'clock week weeks month months year years floor bed beds room nurse nurses doctor doctors
	time times people person yuan rmb hours' kg cm mg ml`))

// measured before a number say the same.
var measured = byLength(strings.Fields(`床 床位 床号 房 房间 房号 病房 病室 病区 楼 栋 第 周 星期 礼拜 电话 手机 号码 手机号 电话号码 年龄 体温 血压 血糖 住了 等了 花了 排了 ¥ $
	€ tel phone bed room ward floor day age no aged building block number`))

// praise and blame are words of a comment that speak for one side.
var (
	praise = []string{"满意", "很好", "非常好", "挺好", "太好", "真好", "特别好", "很棒", "真棒", "太棒", "好评", "点赞", "👍", "satisfied", "excellent", "great", "perfect", "very good", "wonderful"}
	blame  = []string{"不满意", "太差", "很差", "非常差", "真差", "特别差", "态度差", "差评", "糟糕", "太烂", "垃圾", "恶劣", "👎", "dissatisfied", "unsatisfied", "terrible", "awful", "horrible", "very bad", "worst"}
	// turned before such a word takes its force away.
	turned = []rune("不没无别非未")
)

// doubts in a comment say that the answer beside it is not meant.
var doubts = []string{"不可能", "才怪", "开玩笑", "反话", "讽刺", "想得美", "做梦", "不想给", "不配", "改成", "改为", "不是这个", "或者", "just kidding", "jk", "maybe", "kidding"}

// entry is one thing the reader knows at a place.
type entry struct {
	word []rune
	kind entryKind
	// value of a choice; offered is false for a word of a group that the
	// scale does not have.
	value   int
	offered bool
}

type entryKind int

const (
	entryWrapper entryKind = iota
	entryCourtesy
	entryChoice
)

// constant entries are the same on every scale.
var constant = func() []entry {
	var list []entry
	for _, w := range wrappers {
		list = append(list, entry{word: []rune(w), kind: entryWrapper})
	}
	for _, w := range courtesies {
		list = append(list, entry{word: []rune(w), kind: entryCourtesy})
	}
	return list
}()

// lexicon lists what a scale's replies are made of, longest first: 满意 is
// inside 不满意, and 满意度 is neither.
func (s Scale) lexicon() []entry {
	var list []entry
	add := func(word string, kind entryKind, value int, offered bool) {
		if low := fold(word).low; len(low) > 0 {
			list = append(list, entry{low, kind, value, offered})
		}
	}
	list = append(list, constant...)
	for _, g := range groups {
		value, offered := s.named(g)
		for _, w := range g {
			list = append(list, entry{[]rune(w), entryChoice, value, offered})
		}
	}
	for _, c := range s.Choices {
		for _, w := range c.Words {
			add(w, entryChoice, c.Value, true)
		}
		if low := fold(c.Label).low; len(low) == 1 && latin(low[0]) {
			add(c.Label, entryChoice, c.Value, true)
		}
	}
	if _, numbered := s.highest(); numbered {
		add("满分", entryChoice, s.Best, s.Best > s.Worst)
		add("满星", entryChoice, s.Best, s.Best > s.Worst)
		add("full marks", entryChoice, s.Best, s.Best > s.Worst)
	}
	// Of the same word the one that answers comes first, then the choice's own.
	slices.SortStableFunc(list, func(a, b entry) int {
		if c := cmp.Compare(len(b.word), len(a.word)); c != 0 {
			return c
		}
		return cmp.Compare(b.rank(), a.rank())
	})
	return list
}

func (e entry) rank() int {
	switch {
	case e.kind == entryChoice && e.offered:
		return 2
	case e.kind == entryChoice:
		return 1
	}
	return 0
}

// named finds the one choice that a word of the group names.
func (s Scale) named(group []string) (int, bool) {
	value, found := 0, false
	for _, c := range s.Choices {
		if !slices.ContainsFunc(c.Words, func(w string) bool { return slices.Contains(group, string(fold(w).low)) }) {
			continue
		}
		if found && c.Value != value {
			return 0, false
		}
		value, found = c.Value, true
	}
	return value, found
}

// byLength turns words into runes, longest first.
func byLength(words []string) [][]rune {
	out := make([][]rune, len(words))
	for i, w := range words {
		out[i] = []rune(w)
	}
	slices.SortStableFunc(out, func(a, b []rune) int { return cmp.Compare(len(b), len(a)) })
	return out
}

// beginsWith gives the length of the longest of words that stands at i, 0 for
// none. A letter directly after a digit still begins a word.
func beginsWith(s []rune, i int, words [][]rune) int {
	for _, w := range words {
		if hasAt(s, i, w) {
			return len(w)
		}
	}
	return 0
}

// endsWith reports whether one of words stands before i, spaces and a colon
// between them aside.
func endsWith(s []rune, i int, words [][]rune) bool {
	for i > 0 && (s[i-1] == ' ' || s[i-1] == ':' || s[i-1] == '.') {
		i--
	}
	for _, w := range words {
		if i >= len(w) && hasAt(s[:i], i-len(w), w) {
			return true
		}
	}
	return false
}
