package replies

import (
	"slices"
	"strings"
	"unicode"
)

// Keywords of an opt-out and its undoing. The English ones are those that
// Twilio acts on by default in a Messaging Service (advanced opt-out guide:
// STOP, UNSUBSCRIBE, END, QUIT, STOPALL, REVOKE, OPTOUT, CANCEL) and their
// spellings in two words; the others are those of mainland platforms.
//
// R, T, TD and N are opt-outs even where N could mean "no": the opt-out is
// checked before the survey, its confirmation says how to undo it, and the
// envelope question is worded so that nobody is led to answer N. Y and YES
// undo nothing: they are answers. Twilio itself takes YES for an opt-in, acts
// on it and says so in the webhook.
var (
	stopWords = strings.Fields(`stop stopall unsubscribe cancel end quit revoke optout opt-out
		r t td n 退订 退定 拒收 退订t 退订td 退订r 退订n 退订回t 退订回td 退订回r 退订回n 退订回复t 退订回复td 拒收请回复r 拒收回r 回t退订 回td退订 回n退订 回r拒收
		t退订 td退订 tdt n退订 r拒收 回t 回td 回复t 回复td 取消订阅 退订短信 拒收短信 停止接收`)
	stopPhrases = []string{"stop all", "opt out", "unsubscribe me"}
	startWords  = strings.Fields(`start unstop 恢复 恢复接收 恢复短信 恢复订阅 重新订阅 重新接收 取消退订 订阅`)
	helpWords   = strings.Fields(`help info 帮助 说明 helpme`)
)

// StopWord reports whether the whole reply is a wish to get no more texts: a
// keyword, or one of the sentences people write instead ("别再发了", "please
// stop texting me"). A sentence counts only when nothing else is in it.
func StopWord(text string) bool {
	w := wholeOf(text)
	return w.is(stopWords, stopPhrases) || matchesAny(stopZH, w.dense) || matchesAny(stopEN, w.words)
}

// StartWord reports whether the whole reply is a word that undoes an opt-out.
func StartWord(text string) bool { return wholeOf(text).is(startWords, nil) }

// HelpWord reports whether the whole reply asks who this is.
func HelpWord(text string) bool {
	return wholeOf(text).is(helpWords, []string{"help me"})
}

// whole is a reply stripped for comparing it as one: without what surrounds it
// and without punctuation.
type whole struct {
	words string // lower case, one space between words
	dense string // without spaces
}

func wholeOf(text string) whole {
	f := fold(text)
	// A reply of thousands of characters is no keyword.
	if len(f.low) > 120 {
		return whole{}
	}
	keep := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	inner := strings.TrimFunc(string(f.low), func(r rune) bool { return !keep(r) })
	var b strings.Builder
	for i, r := range []rune(inner) {
		switch {
		case keep(r):
			b.WriteRune(r)
		case r == '\'' && i > 0: // don't
		default:
			b.WriteByte(' ')
		}
	}
	fields := strings.Fields(b.String())
	return whole{words: strings.Join(fields, " "), dense: strings.Join(fields, "")}
}

// is compares the reply with keywords: joined as one, or one of them said
// again and again. Single letters count alone only.
func (w whole) is(keywords, phrases []string) bool {
	if w.words == "" {
		return false
	}
	fields := strings.Fields(w.words)
	if slices.Contains(phrases, w.words) {
		return true
	}
	if len(fields) > 1 && !slices.ContainsFunc([]rune(w.words), isHan) {
		fields = slices.Compact(fields)
		return len(fields) == 1 && slices.Contains(keywords, fields[0]) || w.words == "opt out" && slices.Contains(keywords, "optout")
	}
	if fields = slices.Compact(fields); len(fields) == 1 {
		return slices.Contains(keywords, fields[0])
	}
	return slices.Contains(keywords, w.dense)
}

const (
	politeZH = `(?:请|麻烦|求求|求|拜托|烦请|你们|你|您|以后|今后|从此|千万|能不能|可不可以|能|可以|可否|谢谢|医院|贵院|喂|烦死了|太烦了|烦死人了|够了|你好|您好)*`
	dontZH   = `(?:别|不要|勿|请勿|甭|莫|停止|禁止|不许|不准)`
	againZH  = `(?:再|继续|一直|老是|老|总是|总|天天|随便|乱)*`
	toMeZH   = `(?:给|向|往|对)?(?:我们?|本人|俺|这个号码|这个手机号?|这个号|本号码?|本机|我手机|我的手机|我这里|我这|家里)?`
	kindZH   = `(?:你们的?|贵院的?|医院的?|我们?|这种|这些|这样的|这类|此类|任何|什么|一切|所有|无聊的?|垃圾|骚扰|调查|满意度|随访|回访|的|了)*`
	thingZH  = `(?:短信|信息|消息|简讯|问卷|调查|邀请|通知|东西)*`
	endingZH = `(?:了|啦|吧|呀|啊|嘛|哈|行吗|行不行|好吗|好不好|可以吗|谢谢|谢了|多谢|拜托|我|给我|打扰了|ok)*`
)

var stopZH = patterns(
	politeZH+dontZH+againZH+toMeZH+againZH+`(?:发送|发来|发|推送|群发)`+kindZH+thingZH+endingZH,
	politeZH+`(?:不用|不必|无需)`+`(?:再|继续)`+toMeZH+`(?:发送|发|推送)`+kindZH+thingZH+endingZH,
	politeZH+dontZH+againZH+`(?:用短信|发短信|发信息|短信)*`+`(?:骚扰|打扰|烦|打搅)`+`(?:我们?|本人|俺|别人|人)?`+endingZH,
	politeZH+dontZH+againZH+`联系(?:我们?|本人)`+endingZH,
	politeZH+`停止(?:向我|给我|对我)?(?:发送|发|推送)?(?:短信|信息|消息)(?:给我)?`+endingZH,
	politeZH+`停止(?:发送|骚扰|打扰)(?:我|短信|信息)?`+endingZH,
	politeZH+`(?:我|本人)?(?:要求|申请|想要|想|要|请|请帮我|帮我|给我|请给我|麻烦帮我|麻烦给我|我要)*(?:退订|取消订阅|屏蔽|拒收)(?:你们的|贵院的|医院的|这种|这些|这个|此类|所有|全部|以后的|的)*(?:短信|信息|消息|通知|服务短信)?`+endingZH,
	`(?:我|本人|我们)?(?:真的|实在)?(?:不想|不愿意|不愿|不希望|不需要|不想要|不要)(?:再|继续)?(?:收到|接收|收|看到|接到)`+kindZH+`(?:短信|信息|消息|通知|东西)`+endingZH,
	`(?:我|本人|我们)?(?:不接受|不接收|拒绝接收|拒绝|停止接收)`+kindZH+`(?:短信|信息|消息|打扰|骚扰)`+endingZH,
	politeZH+`(?:把|将)(?:我|本人)(?:的)?(?:号码|手机号|手机号码|电话|电话号码|手机)?从?(?:你们的?|贵院的?|医院的?)?(?:短信|发送|调查)?(?:名单|列表|系统|通讯录)?(?:里|中|上|里面)?(?:删除|移除|删掉|去掉|划掉|删了|删)`+endingZH,
	politeZH+`(?:取消|关闭|关掉|停掉)(?:我的)?(?:短信|信息)(?:通知|提醒|推送|服务)?`+endingZH,
	politeZH+`(?:让|让我)?(?:我)?(?:清静|清净)(?:一下|点)?`+endingZH,
)

const (
	politeEN = `(?:(?:hey|hi|hello|ok|okay|can|could|would|will|you|please|pls|plz|kindly|just) )*`
	verbEN   = `(?:text|txt|message|contact|sms|bother|spam|disturb|harass|send me (?:any |any more |more |these |this |your |such )*(?:texts?|text messages?|messages?|sms|surveys?|stuff))`
	verbsEN  = `(?:texting|txting|messaging|contacting|smsing|spamming|bothering|harassing|disturbing|sending me (?:any |more |these |this |your |such )*(?:texts?|text messages?|messages?|sms|surveys?|stuff)|sending (?:these |your )?(?:texts?|text messages?|messages?|sms))`
	whomEN   = `(?: (?:me|us|this number|my phone|my number))?`
	tailEN   = `(?: (?:again|anymore|any more|ever again|ever|now|immediately|please|pls|thanks|thank you|ok))*`
)

var stopEN = patterns(
	politeEN+`(?:stop|quit) `+verbsEN+whomEN+tailEN,
	politeEN+`(?:stop|no more) (?:(?:the|these|those|any|more|your|all|with the) )*(?:texts|text messages|messages|sms|texting|spam|surveys)(?: (?:to (?:me|this number|my phone)))?`+tailEN,
	politeEN+`(?:do not|dont|never) (?:ever )?`+verbEN+whomEN+tailEN,
	politeEN+`(?:remove|take|delete) (?:me|my number|my phone number|this number)(?: (?:from|off|off of))? (?:your|the|this) (?:(?:text|sms|mailing|survey|messaging|contact) )?(?:list|lists|database|system)`+tailEN,
	politeEN+`(?:remove|delete) (?:my|this) (?:phone )?number`+tailEN,
	`(?:i (?:want|wish|would like|d like|need) to |id like to |please |pls |let me |how do i )*(?:unsubscribe|opt out|be removed)(?: me)?(?: (?:from|of) (?:this|these|your|all|the) (?:list|texts|messages|sms|surveys?))?`+tailEN,
	`(?:please |pls |just )*leave me (?:alone|in peace)`+tailEN,
	`i (?:do not|dont) (?:want|wish) (?:(?:to|any|more|these|your|get|receive|further|get any) )*(?:texts|text messages|messages|sms|surveys)(?: from you)?`+tailEN,
	politeEN+`(?:cancel|end|discontinue) (?:these|the|all|your|my) (?:texts|text messages|messages|sms|surveys|subscription)`+tailEN,
)
