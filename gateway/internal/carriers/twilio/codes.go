package twilio

import (
	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// entry is what follows from one of Twilio's error codes. The same code may
// refuse a send or come later with a status report.
type entry struct {
	class  texting.Class
	zh, en string // what hospital IT does about it
}

func (e entry) operator() surveys.Text { return surveys.Text{ZH: e.zh, EN: e.en} }

const (
	final     = texting.ClassFinal
	suppress  = texting.ClassSuppress
	halt      = texting.ClassHalt
	later     = texting.ClassLater
	twice     = texting.ClassTwice
	ambiguous = texting.ClassAmbiguous
)

// codes is Twilio's error dictionary as far as it concerns a text
// (https://www.twilio.com/docs/api/errors). What is wrong with the account, the
// sender or our settings halts, since the next text would fail like this one;
// what is wrong with one number, country or text is final for that text alone.
// A number that cannot be reached is not suppressed: only 21610 is the
// patient's own wish.
var codes = map[int]entry{
	// The account and how it authenticates.
	10001: {halt, "Twilio 账户未激活，请登录控制台处理", "the Twilio account is not active; see the console"},
	10002: {halt, "试用账户不支持此功能，请升级 Twilio 账户", "a trial account cannot do this; upgrade it"},
	20003: {halt, "账户 SID 或令牌不正确，或无权限，请核对 account_sid 与 auth_token", "account_sid or auth_token is wrong, or lacks permission"},
	20004: {halt, "接口不支持该方法，请核对 base_url", "the address does not take texts; check base_url"},
	20005: {halt, "Twilio 账户未激活，请登录控制台处理", "the Twilio account is not active; see the console"},
	20006: {halt, "Twilio 拒绝访问，请核对账户权限", "Twilio denies access; check the account's permissions"},
	20008: {halt, "使用了测试凭据，短信不会发出，请换成正式凭据", "these are test credentials: nothing is sent; use live ones"},
	20010: {halt, "该账户已被禁止此操作，请联系 Twilio", "the account may not do this; ask Twilio"},
	20404: {halt, "找不到账户，请核对 account_sid 与 base_url", "no such account; check account_sid and base_url"},
	30002: {halt, "Twilio 账户已被暂停，请登录控制台处理", "the Twilio account is suspended; see the console"},
	63038: {halt, "已达账户每日短信上限，次日恢复或联系 Twilio 提高上限", "the account's daily limit is reached; wait for the next day or have it raised"},
	90010: {halt, "Twilio 账户未激活，请登录控制台处理", "the Twilio account is not active; see the console"},

	// The sender and our settings.
	21212: {halt, "发送号码无效，请核对 from", "the sender is not valid; check from"},
	21601: {halt, "发送号码不能发短信，请核对 from", "the sender cannot send texts; check from"},
	21603: {halt, "未设置发送号码，请设置 from 或 messaging_service_sid", "there is no sender; set from or messaging_service_sid"},
	21606: {halt, "发送号码不属于本账户或不能向该地区发短信，请核对 from", "the sender is not this account's or cannot send there; check from"},
	21607: {halt, "试用账户只能用沙盒号码发送，请升级账户", "a trial account sends from its sandbox number only; upgrade it"},
	21609: {halt, "状态回执地址无效，请核对 public_url", "the status callback is not valid; check public_url"},
	21616: {halt, "发送号码对应多个号码，请写完整的国际格式", "the sender matches several numbers; write it in E.164 form"},
	21659: {halt, "发送号码不是 Twilio 号码，或短码与目的国不符，请核对 from", "the sender is not a Twilio number, or a short code of another country; check from"},
	21660: {halt, "发送号码不属于该账户，请核对 account_sid 与 from", "the sender belongs to another account; check account_sid and from"},
	21661: {halt, "发送号码不支持短信，请核对 from", "the sender cannot send texts; check from"},
	21704: {halt, "消息服务中没有号码，请在控制台添加", "the Messaging Service has no sender; add one in the console"},
	21705: {halt, "消息服务无效，请核对 messaging_service_sid", "the Messaging Service is not valid; check messaging_service_sid"},
	30029: {halt, "账户未开通内容清除，请向 Twilio 申请 Message Redaction 或设置保留正文", "the account has no Message Redaction; ask Twilio for it or keep bodies"},
	30030: {halt, "账户未开通号码隐藏，请向 Twilio 申请 Message Redaction 或关闭号码隐藏", "the account has no Message Redaction; ask Twilio for it or do not obfuscate numbers"},
	30032: {halt, "免费号码未通过审核，请在控制台完成验证", "the toll-free sender is not verified; do so in the console"},
	30033: {halt, "A2P 10DLC 活动被暂停，请登录控制台处理", "the A2P 10DLC campaign is suspended; see the console"},
	30034: {halt, "发送号码未登记 A2P 10DLC，请在控制台登记", "the sender is not registered for A2P 10DLC; do so in the console"},

	// Too much, too fast, not now.
	14107: {later, "短时间内向同一号码发送过多，稍后重试", "too many texts to one number within a short time"},
	20429: {later, "请求过于频繁，稍后重试", "too many requests"},
	21611: {later, "发送号码排队已满，稍后重试，可增加号码", "the sender's queue is full; it empties, or add senders"},
	30001: {later, "发送队列溢出，稍后重试，可降低发送速度", "the sender's queue overflowed; send more slowly"},
	30017: {later, "运营商网络拥塞，稍后重试", "the network is congested"},
	30022: {later, "超过 A2P 10DLC 速率，稍后重试", "over the A2P 10DLC rate"},
	30023: {later, "已达 A2P 10DLC 每日上限，次日重试", "the A2P 10DLC daily cap is reached; it opens tomorrow"},
	30027: {later, "已达 T-Mobile 每日上限，次日重试", "T-Mobile's daily limit is reached; it opens tomorrow"},
	30035: {later, "发送号码仍在登记中，稍后重试", "the sender is still being configured"},
	30450: {later, "疑似刷量被暂时拦截，15–30 分钟后解除", "taken for SMS pumping; the block ends after 15 to 30 minutes"},

	// The number, the country, the text.
	21201: {final, "没有目的号码", "there is no number to send to"},
	21202: {final, "目的号码是收费号码", "the number is a premium number"},
	21211: {final, "目的号码无效，请核对登记的电话", "the number is not valid; correct it in the record"},
	21214: {final, "目的号码无法接通", "the number cannot be reached"},
	21217: {final, "目的号码看来无效，请核对登记的电话", "the number does not appear to be valid; correct it in the record"},
	21265: {final, "目的号码是短码，不能接收", "the number is a short code and takes no texts"},
	21266: {final, "目的号码与发送号码相同", "the number is the sender's own"},
	21408: {final, "未开通向该国家或地区发送，请在控制台的 Geo Permissions 中开通", "sending to this country is not enabled; do so in the console's Geo Permissions"},
	21602: {final, "短信没有内容", "the text is empty"},
	21604: {final, "没有目的号码", "there is no number to send to"},
	21608: {final, "试用账户只能发给已验证的号码，请升级账户", "a trial account sends to verified numbers only; upgrade it"},
	21610: {suppress, "患者已退订，不再发送", "the patient opted out; nothing more is sent"},
	21612: {final, "该号码目前无法收到此发送号码的短信，请核对目的国的规定", "this sender cannot reach that number; see Twilio's rules for the country"},
	21614: {final, "目的号码不是手机号", "the number is not a mobile number"},
	21617: {final, "短信超过 1600 字", "the text is longer than 1,600 characters"},
	21618: {final, "短信内容不能发送", "the text cannot be sent"},
	21624: {final, "有效期不在 1 至 36000 秒", "the validity period is not 1 to 36,000 seconds"},
	21635: {final, "目的号码是固定电话", "the number is a landline"},
	21657: {final, "该国家或地区不支持此发送名称", "the country does not take this sender's name"},
	21703: {final, "消息服务中没有可向该地区发送的号码，请添加", "no sender of the Messaging Service can reach this country; add one"},
	90007: {final, "有效期不在 1 至 36000 秒", "the validity period is not 1 to 36,000 seconds"},

	// What became of a text that was taken.
	30003: {twice, "手机关机或无信号", "the phone is off or out of reach"},
	30004: {final, "短信被号码或运营商屏蔽", "the number or its network blocks the text"},
	30005: {final, "号码不存在或已停用", "the number is unknown or no longer in use"},
	30006: {final, "固定电话或运营商不可达", "a landline, or a network that cannot be reached"},
	30007: {final, "短信被过滤，请检查模板用语", "the text was filtered; see the template's words"},
	30008: {twice, "运营商未说明原因", "the network gives no reason"},
	30019: {final, "内容超过运营商限制", "the text is longer than the network takes"},
	30020: {twice, "Twilio 内部故障", "a failure inside Twilio"},
	30021: {twice, "Twilio 内部故障", "a failure inside Twilio"},
	30024: {final, "发送号码未在该国家登记，请按 Twilio 的规定登记", "the sender is not registered in that country; register it"},
	30036: {final, "超过有效期仍未发出", "it was still waiting when its validity ended"},
	30410: {ambiguous, "运营商超时，不知是否送达", "the network timed out; nobody knows whether it arrived"},
}

// Explain gives what a code means and what follows from it; ok is false for a
// code the table does not know.
func Explain(code int) (class texting.Class, operator surveys.Text, ok bool) {
	e, ok := codes[code]
	return e.class, e.operator(), ok
}
