package twilio

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"qingfeng/surveys/texting"
)

// dictionary explains a code to people.
const dictionary = "https://www.twilio.com/docs/api/errors/"

// maxRetryAfter bounds what Twilio may ask for: by then somebody should look.
const maxRetryAfter = time.Hour

// byStatus is what follows from an HTTP status whose code is unknown or
// missing. 0 stands for every other refusal.
var byStatus = map[int]entry{
	http.StatusUnauthorized:    {halt, "Twilio 拒绝了凭据，请核对 account_sid 与 auth_token", "Twilio refuses the credentials; check account_sid and auth_token"},
	http.StatusPaymentRequired: {halt, "Twilio 余额不足，请充值", "the Twilio account has no money left"},
	http.StatusForbidden:       {halt, "Twilio 拒绝访问，请核对账户权限", "Twilio denies access; check the account's permissions"},
	http.StatusNotFound:        {halt, "接口地址不正确，请核对 base_url", "nothing takes texts at this address; check base_url"},
	http.StatusMethodNotAllowed: {
		halt, "接口地址不正确，请核对 base_url", "nothing takes texts at this address; check base_url"},
	http.StatusRequestTimeout:  {later, "请求未完整到达 Twilio，稍后重试", "the request did not reach Twilio whole"},
	http.StatusTooEarly:        {later, "Twilio 要求稍后重试", "Twilio wants it later"},
	http.StatusTooManyRequests: {later, "请求过于频繁，稍后重试", "too many requests"},
	0:                          {final, "Twilio 拒绝了该短信，原因见错误码", "Twilio refuses this text; see the code"},
}

var (
	redirected  = entry{later, "请求被转到别处，请核对 base_url 与网络代理", "the request was redirected; check base_url and the proxy"}
	answerLost  = entry{ambiguous, "未收到 Twilio 的答复，正在核实短信是否已被接收", "no answer from Twilio; finding out whether it took the text"}
	unreachable = entry{later, "连不上 Twilio，请检查网络、DNS 与证书", "Twilio cannot be reached; check network, DNS and certificates"}
	expired     = entry{final, "短信已过有效期", "the text's validity is over"}
	noNumber    = entry{final, "目的号码不是完整的国际号码", "the number is not a whole international one"}
)

// fail makes the error of a send.
func (e entry) fail(code int, err error) *texting.SendError {
	s := &texting.SendError{Class: e.class, Operator: e.operator(), Err: err}
	if code != 0 {
		s.Code = strconv.Itoa(code)
	}
	return s
}

// unanswered is what follows when no answer can be read: whatever may have been
// written may have been taken.
func unanswered(k *call, err error) *texting.SendError {
	if k.connected.Load() {
		return answerLost.fail(0, err)
	}
	return unreachable.fail(0, err)
}

// refused is what follows from an answer that is not a success. A 5xx is
// ambiguous whatever code it bears: the text may have been taken before
// something failed.
func (c *Carrier) refused(status, code int, header http.Header, err error) *texting.SendError {
	var e entry
	known := true
	switch {
	case status >= 500:
		e = answerLost
	case status < 400:
		e = redirected
	default:
		if e, known = codes[code]; known {
			break
		}
		var ok bool
		if e, ok = byStatus[status]; !ok {
			e = byStatus[0]
		}
	}
	if !known {
		c.reportUnknown(code, status, e.class)
	}
	s := e.fail(code, err)
	s.RetryAfter = retryAfter(header, c.opt.Now())
	return s
}

// reportUnknown says once per code, or per status without a code, that the
// table lacks it.
func (c *Carrier) reportUnknown(code, status int, class texting.Class) {
	if !c.notices.once("code " + strconv.Itoa(code) + "/" + strconv.Itoa(status)) {
		return
	}
	link := dictionary
	if code != 0 {
		link += strconv.Itoa(code)
	}
	c.opt.Logger.Warn("Twilio gives a code the table does not know; its class was taken from the HTTP status",
		slog.Int("code", code), slog.Int("status", status), slog.String("class", string(class)), slog.String("see", link))
}

// retryAfter reads Retry-After as seconds or a date (RFC 9110 section 10.2.3);
// 0: there is none that can be read.
func retryAfter(header http.Header, now time.Time) time.Duration {
	raw := header.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(raw, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(raw); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
