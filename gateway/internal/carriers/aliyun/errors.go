package aliyun

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// verdict is what follows from an error code.
type verdict struct {
	class  texting.Class
	zh, en string
}

// verdicts are the service's codes, as its list of domestic API errors has them
// (help.aliyun.com, document 101346) with the gateway's common ones.
// isv.BLACK_KEY_CONTROL_LIMIT is about what a variable says, not about whose
// number it is, so it does not silence the number.
var verdicts = map[string]verdict{
	// The number.
	"isv.MOBILE_NUMBER_ILLEGAL":         {texting.ClassFinal, "号码格式不对，该患者无法收短信", "the number is not valid; this patient cannot be texted"},
	"isv.MOBILE_COUNT_OVER_LIMIT":       {texting.ClassFinal, "一次发送的号码过多", "too many numbers in one request"},
	"isv.CUSTOMER_REFUSED":              {texting.ClassSuppress, "该号码已退订，不再发送", "the number has opted out with the carrier; it gets nothing more"},
	"isv.DOMESTIC_NUMBER_NOT_SUPPORTED": {texting.ClassHalt, "国际模板不能发境内号码，请改用国内模板", "an international template cannot reach mainland numbers; use a domestic one"},

	// The pace.
	"isv.BUSINESS_LIMIT_CONTROL": {texting.ClassLater, "同一号码发送过于频繁，稍后自动重试", "too many texts to one number; it is tried again by itself"},
	"Throttling":                 {texting.ClassLater, "请求过快，稍后自动重试", "too many requests; it is tried again by itself"},
	"Throttling.User":            {texting.ClassLater, "请求过快，稍后自动重试", "too many requests; it is tried again by itself"},
	"Throttling.Api":             {texting.ClassLater, "请求过快，稍后自动重试", "too many requests; it is tried again by itself"},
	"isv.DAY_LIMIT_CONTROL":      {texting.ClassHalt, "已达控制台设置的日发送上限，请在阿里云控制台查看", "the day's limit set in the console is reached; look there"},
	"isv.MONTH_LIMIT_CONTROL":    {texting.ClassHalt, "已达控制台设置的月发送上限，请在阿里云控制台查看", "the month's limit set in the console is reached; look there"},

	// The content of one text.
	"isv.BLACK_KEY_CONTROL_LIMIT": {texting.ClassFinal, "变量内容含有限制发送的内容，请检查模板变量", "a variable says what may not be sent; look at the template's variables"},
	"isv.SMS_CONTENT_ILLEGAL":     {texting.ClassFinal, "短信内容含有禁止发送的内容", "the text says what may not be sent"},
	"isv.PARAM_LENGTH_LIMIT":      {texting.ClassFinal, "变量超过长度限制", "a variable is too long"},
	"isv.PARAM_NOT_SUPPORT_URL":   {texting.ClassFinal, "变量中不能有网址", "variables may not carry addresses"},
	"isv.TEMPLATE_PARAMS_ILLEGAL": {texting.ClassFinal, "变量内容不符合模板要求", "a variable does not fit its template"},
	"isv.INVALID_JSON_PARAM":      {texting.ClassFinal, "变量格式不对", "the variables' form is wrong"},

	// Templates and signature.
	"isv.SMS_TEMPLATE_ILLEGAL":         {texting.ClassHalt, "模板不存在或未通过审核，请在阿里云控制台查看", "the template does not exist or is not approved; look in the console"},
	"isv.TEMPLATE_MISSING_PARAMETERS":  {texting.ClassHalt, "模板变量与设置不一致，请核对模板", "the template has variables the settings do not; compare them"},
	"isv.SMS_SIGNATURE_ILLEGAL":        {texting.ClassHalt, "签名不存在或未通过审核，请在阿里云控制台查看", "the signature does not exist or is not approved; look in the console"},
	"isv.SMS_SIGN_ILLEGAL":             {texting.ClassHalt, "签名被禁止使用，请在阿里云控制台查看", "the signature is banned; look in the console"},
	"isv.SIGN_STATE_ILLEGAL":           {texting.ClassHalt, "签名不可用，请在阿里云控制台查看", "the signature is out of use; look in the console"},
	"isv.SMS_SIGNATURE_SCENE_ILLEGAL":  {texting.ClassHalt, "签名与模板类型不一致，请改用通用签名", "the signature does not suit the template's kind; use a general one"},
	"isv.EXTEND_CODE_ERROR":            {texting.ClassHalt, "扩展码已用于另一个签名，请改扩展码", "the extension belongs to another signature; change it"},
	"isv.SMS_TEST_SIGN_TEMPLATE_LIMIT": {texting.ClassHalt, "测试签名和模板只能发给已绑定的号码", "the trial signature and template reach registered numbers only"},

	// The account.
	"isv.AMOUNT_NOT_ENOUGH":       {texting.ClassHalt, "账户余额不足，请充值", "the account has no money; top it up"},
	"isv.OUT_OF_SERVICE":          {texting.ClassHalt, "业务停机，请充值", "the service is suspended; top the account up"},
	"isv.PRODUCT_UN_SUBSCRIPT":    {texting.ClassHalt, "账号未开通短信服务", "the account has not ordered the SMS service"},
	"isv.PRODUCT_UNSUBSCRIBE":     {texting.ClassHalt, "账号未开通短信服务", "the account has not ordered the SMS service"},
	"isv.ACCOUNT_NOT_EXISTS":      {texting.ClassHalt, "账户不存在，请核对 AccessKey", "there is no such account; check the access key"},
	"isv.ACCOUNT_ABNORMAL":        {texting.ClassHalt, "账户异常，请联系阿里云", "the account is not in order; ask Alibaba Cloud"},
	"isv.DENY_IP_RANGE":           {texting.ClassHalt, "本机所在地区被禁止调用，须从境内地址发送", "calls from this address's region are refused"},
	"isv.INVALID_PARAMETERS":      {texting.ClassFinal, "参数有误，请核对这条短信的变量", "a parameter is wrong; look at this text's variables"},
	"isp.RAM_PERMISSION_DENY":     {texting.ClassHalt, "AccessKey 没有短信权限，请授权 AliyunDysmsFullAccess", "the access key may not send; grant AliyunDysmsFullAccess"},
	"InvalidAccessKeyId.NotFound": {texting.ClassHalt, "AccessKey 不存在，请核对", "the access key does not exist; check it"},
	"InvalidAccessKeyId.Inactive": {texting.ClassHalt, "AccessKey 已停用", "the access key is switched off"},
	"SignatureDoesNotMatch":       {texting.ClassHalt, "请求签名不对，请核对 AccessKey Secret", "the request's signature is wrong; check the access key's secret"},
	"IncompleteSignature":         {texting.ClassHalt, "请求签名不完整，请核对 AccessKey", "the request's signature is incomplete; check the access key"},
	"InvalidTimeStamp.Expired":    {texting.ClassHalt, "本机时钟不准，请校时", "this machine's clock is wrong; set it"},
	"Forbidden.RAM":               {texting.ClassHalt, "AccessKey 没有短信权限", "the access key may not send"},
	"SignatureNonceUsed":          {texting.ClassTwice, "请求编号重复，自动重试", "the request's number was used before; it is tried again by itself"},
	"isp.SYSTEM_ERROR":            {texting.ClassAmbiguous, "阿里云系统错误，系统会先查清是否已发出", "the service failed; whether it was sent is found out first"},
	"isp.GATEWAY_ERROR":           {texting.ClassAmbiguous, "阿里云网关错误，系统会先查清是否已发出", "the service's gateway failed; whether it was sent is found out first"},
	"InternalError":               {texting.ClassAmbiguous, "阿里云系统错误，系统会先查清是否已发出", "the service failed; whether it was sent is found out first"},
	"ServiceUnavailable":          {texting.ClassAmbiguous, "阿里云暂不可用，系统会先查清是否已发出", "the service is away; whether it was sent is found out first"},
}

// classify turns an answer that is not a yes into what follows from it. code is
// the service's own, "" when the answer had none that could be read.
func classify(r reply, code string) *texting.SendError {
	e := &texting.SendError{Code: code, RetryAfter: r.retryAfter}
	v, known := verdicts[code]
	if !known && strings.HasPrefix(code, "Throttling.") {
		v, known = verdicts["Throttling"], true
	}
	if !known {
		v = byStatus(r.status, code)
		e.Err = fmt.Errorf("status %d", r.status)
	}
	e.Class, e.Operator = v.class, surveys.Text{ZH: v.zh, EN: v.en}
	return e
}

// byStatus judges a code nobody has listed. A yes that cannot be read may be
// one, so it is found out.
func byStatus(status int, code string) verdict {
	switch {
	case status == http.StatusTooManyRequests:
		return verdicts["Throttling"]
	case status >= 500, status < 400 && code == "":
		return verdict{texting.ClassAmbiguous, "阿里云的回答无法识别，系统会先查清是否已发出", "the service's answer is not understood; whether it was sent is found out first"}
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound, status >= 300 && status < 400:
		return verdict{texting.ClassHalt, "阿里云拒绝了请求，请核对通道设置", "the service refuses the request; check the carrier's settings"}
	}
	return verdict{texting.ClassFinal, "阿里云返回了未知的错误码，请报告", "the service gives a code that is not in the table; report it"}
}

// lost is a send without an answer.
func lost(err error) *texting.SendError {
	var l *lostError
	if errors.As(err, &l) && !l.written {
		return &texting.SendError{Class: texting.ClassLater, Err: err, Operator: surveys.Text{
			ZH: "连不上阿里云，稍后自动重试；请检查网络", EN: "the service is not reached; it is tried again by itself; look at the network"}}
	}
	return &texting.SendError{Class: texting.ClassAmbiguous, Err: err, Operator: surveys.Text{
		ZH: "没有等到阿里云的回答，系统会先查清是否已发出", EN: "the service did not answer; whether it was sent is found out first"}}
}

// codeShape is what codes look like; sevenDigits may be somebody's number.
var (
	codeShape   = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,80}$`)
	sevenDigits = regexp.MustCompile(`[0-9]{7}`)
)

// readCode lets a code through that looks like one: an error text must not
// repeat whatever came.
func readCode(code string) string {
	if !codeShape.MatchString(code) || sevenDigits.MatchString(code) {
		return ""
	}
	return code
}
