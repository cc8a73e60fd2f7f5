package config

import (
	"fmt"
	"net"
	"regexp"
	"strings"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// late reports a problem of a setting that shows only after the settings were
// judged: when what they name has been read.
func (l *loader) late(key, format string, args ...any) {
	name := l.settings.name
	if name == "" {
		name = "built-in defaults"
	}
	l.problems = append(l.problems, Problem{File: name, Line: l.settings.line(key), Key: key, Text: fmt.Sprintf(format, args...)})
}

func (l *loader) checkFollowup(c *Config) {
	f := &c.Followup
	from, ok1 := parseClock(f.SendFrom)
	if !ok1 {
		l.bad("followup.send_from", `%q is not a time of day such as "09:00"`, f.SendFrom)
	}
	to, ok2 := parseClock(f.SendTo)
	if !ok2 {
		l.bad("followup.send_to", `%q is not a time of day such as "20:00"`, f.SendTo)
	}
	if ok1 && ok2 && to <= from {
		l.bad("followup.send_to", "%s is not after send_from, %s", f.SendTo, f.SendFrom)
	}
	if f.DelayHours >= 24*f.WindowDays {
		l.bad("followup.delay_hours", "is %d, past the end of window_days, %d: nobody would ever be asked", f.DelayHours, f.WindowDays)
	}
	if f.SecondWindowDays < f.WindowDays {
		l.bad("followup.second_window_days", "is %d, less than window_days, %d", f.SecondWindowDays, f.WindowDays)
	}
	if f.ReminderToDay != 0 && f.ReminderToDay < f.ReminderFromDay {
		l.bad("followup.reminder_to_day", "is %d, before reminder_from_day, %d (0 means no reminder)", f.ReminderToDay, f.ReminderFromDay)
	}
	for _, phone := range []struct{ key, number string }{{"followup.hotline", f.Hotline}, {"followup.clue_hotline", f.ClueHotline}} {
		if phone.number != "" && !dialable(phone.number) {
			l.bad(phone.key, "%q is not a phone number (3 to 20 digits, with spaces, hyphens or a leading +)", phone.number)
		}
	}
	if len(f.AllowedCountries) == 0 {
		l.bad("followup.allowed_countries", "is empty: no number could be texted; set enabled to false to stop the follow-up")
	}
	seen := map[string]string{}
	for i, country := range f.AllowedCountries {
		at := element("followup.allowed_countries", i)
		l.checkCountry(at, country)
		checkOnce(l.settings, seen, at, string(country))
	}
	l.checkCountry("followup.default_region", f.DefaultRegion)
}

func (l *loader) checkCountry(key string, country texting.Country) {
	if len(country) != 2 || strings.ContainsFunc(string(country), func(r rune) bool { return r < 'A' || r > 'Z' }) {
		l.bad(key, "%q is not a country's two capital letters, such as CN", country)
	}
}

func (l *loader) checkIntake(c *Config) {
	m := &c.Intake.MLLP
	for i, text := range m.Peers {
		prefix, problem := parseNetwork(text)
		if problem != "" {
			l.bad(element("intake.mllp.peers", i), "%s", problem)
			continue
		}
		c.loaded.peers = append(c.loaded.peers, prefix)
	}
	if m.Address != "" {
		host, port, err := net.SplitHostPort(m.Address)
		switch {
		case err != nil || !validPort(port) || !validHost(host):
			l.bad("intake.mllp.address", `%q is not host:port, for example "127.0.0.1:2575"; "" takes no messages`, m.Address)
		case !loopback(host) && len(m.Peers) == 0:
			l.bad("intake.mllp.address", "%s is reachable from the network, where anybody could tell of patients: "+
				"name the hospital system's addresses under peers, or listen on 127.0.0.1", m.Address)
		}
	}
	for _, list := range []struct {
		key   string
		codes []string
	}{{"intake.patient_authorities", c.Intake.PatientAuthorities}, {"intake.inpatient_classes", c.Intake.InpatientClasses}} {
		seen := map[string]string{}
		for i, code := range list.codes {
			l.checkCode(element(list.key, i), code, seen)
		}
	}
	if len(c.Intake.InpatientClasses) == 0 {
		l.bad("intake.inpatient_classes", "is empty: no visit would be a stay")
	}
}

// checkCode judges a code as a sender writes it.
func (l *loader) checkCode(path, code string, seen map[string]string) {
	if strings.TrimSpace(code) == "" || strings.TrimSpace(code) != code || len(code) > 80 {
		l.bad(path, "%q is not a code (1 to 80 bytes, no blanks around it)", code)
		return
	}
	checkOnce(l.settings, seen, path, code)
}

// intakeAliases judges the mapping of the senders' codes to the hospital,
// which has to be read for it.
func (l *loader) intakeAliases(c *Config) {
	o := c.loaded.organisation
	if o == nil {
		return
	}
	mapped := func(list string, i int, code string, seen map[string]bool) {
		at := element("intake."+list, i) + ".code"
		if strings.TrimSpace(code) == "" || len(code) > 80 {
			l.late(at, "%q is not a code (1 to 80 bytes)", code)
		} else if seen[strings.ToLower(code)] {
			l.late(at, "%q is mapped twice", code)
		}
		seen[strings.ToLower(code)] = true
	}
	seen := map[string]bool{}
	for i, a := range c.Intake.Wards {
		mapped("wards", i, a.Code, seen)
		if p, ok := o.Place(a.Ward); !ok || p.Kind != surveys.PlaceWard {
			l.late(element("intake.wards", i)+".ward", "%q is not the id of a ward", a.Ward)
		}
	}
	for _, list := range []struct {
		name    string
		aliases []ServiceAlias
	}{{"services", c.Intake.Services}, {"attendings", c.Intake.Attendings}} {
		seen := map[string]bool{}
		for i, a := range list.aliases {
			mapped(list.name, i, a.Code, seen)
			if _, ok := o.Department(a.Department); !ok {
				l.late(element("intake."+list.name, i)+".department", "%q is not the id of a department", a.Department)
			}
		}
	}
}

var (
	twilioAccount = regexp.MustCompile(`^AC[0-9a-f]{32}$`)
	twilioService = regexp.MustCompile(`^MG[0-9a-f]{32}$`)
	aliyunCode    = regexp.MustCompile(`^SMS_[0-9]{1,20}$`)
)

// carrierSecrets reads the carriers' secrets, each from its variable or file.
func (l *loader) carrierSecrets(s *carrierSecrets) {
	for _, v := range []struct {
		name string
		into *surveys.Secret
	}{
		{"QINGFENG_TWILIO_AUTH_TOKEN", &s.twilio},
		{"QINGFENG_TWILIO_PREVIOUS_AUTH_TOKEN", &s.twilioPrevious},
		{"QINGFENG_ALIYUN_ACCESS_KEY_SECRET", &s.aliyun.AccessKeySecret},
		{"QINGFENG_ALIYUN_PUSH_TOKEN", &s.aliyun.PushToken},
		{"QINGFENG_ALIYUN_PREVIOUS_PUSH_TOKEN", &s.aliyun.PreviousPushToken},
		{"QINGFENG_GENERIC_PASSWORD", &s.generic.Password},
		{"QINGFENG_GENERIC_SECRET", &s.generic.Secret},
		{"QINGFENG_GENERIC_PREVIOUS_SECRET", &s.generic.PreviousSecret},
	} {
		text, _ := l.secret(v.name)
		*v.into = surveys.Secret(text)
	}
}

func (l *loader) checkCarriers(c *Config) {
	k := &c.Carriers
	known := func(path, name string) {
		if !oneOf(name, carrierNames...) {
			l.bad(path, "%q is not a carrier; known are %s", name, strings.Join(carrierNames, ", "))
		}
	}
	known("carriers.default", k.Default)
	routed := map[string]string{}
	for i, r := range k.Routes {
		at := element("carriers.routes", i)
		known(at+".carrier", r.Carrier)
		l.checkCountry(at+".country", r.Country)
		checkOnce(l.settings, routed, at+".country", string(r.Country))
	}
	priced := map[string]string{}
	for i, p := range k.Prices {
		at := element("carriers.prices", i)
		known(at+".carrier", p.Carrier)
		if p.Country != "" {
			l.checkCountry(at+".country", p.Country)
		}
		if p.Fen < 0 || p.Fen > 1000 {
			l.bad(at+".fen", "is %d, want 0 to 1000 fen", p.Fen)
		}
		checkOnce(l.settings, priced, at, p.Carrier+" to "+string(p.Country))
	}
	for _, name := range k.InUse() {
		switch name {
		case CarrierTwilio:
			l.checkTwilio(c)
		case CarrierAliyun:
			l.checkAliyun(c)
		case CarrierGeneric:
			l.checkGeneric(c)
		}
	}
}

func (l *loader) checkTwilio(c *Config) {
	t, token := &c.Carriers.Twilio, c.loaded.secrets.carriers.twilio
	if !twilioAccount.MatchString(t.AccountSID) {
		l.bad("carriers.twilio.account_sid", "must be AC and 32 hexadecimal digits, as Twilio's console shows it")
	}
	if (t.MessagingServiceSID == "") == (t.From == "") {
		l.bad("carriers.twilio", "needs either messaging_service_sid or from")
	}
	if t.MessagingServiceSID != "" && !twilioService.MatchString(t.MessagingServiceSID) {
		l.bad("carriers.twilio.messaging_service_sid", "must be MG and 32 hexadecimal digits")
	}
	if !oneOf(t.OptOut, "standard", "advanced", "ours") {
		l.bad("carriers.twilio.opt_out", "%q is not standard, advanced or ours", t.OptOut)
	}
	if token == "" {
		l.bad("carriers.twilio", "is used: set QINGFENG_TWILIO_AUTH_TOKEN or QINGFENG_TWILIO_AUTH_TOKEN_FILE")
	}
	if c.PublicURL == "" {
		l.bad("public_url", "is empty, and Twilio has to reach the gateway and signs its requests with that address")
	}
	l.checkEndpoint("carriers.twilio.base_url", t.BaseURL, true)
}

func (l *loader) checkAliyun(c *Config) {
	a := &c.Carriers.Aliyun
	if a.AccessKeyID == "" {
		l.bad("carriers.aliyun.access_key_id", "is missing")
	}
	if c.loaded.secrets.carriers.aliyun.AccessKeySecret == "" {
		l.bad("carriers.aliyun", "is used: set QINGFENG_ALIYUN_ACCESS_KEY_SECRET or QINGFENG_ALIYUN_ACCESS_KEY_SECRET_FILE")
	}
	if a.Replies && c.loaded.secrets.carriers.aliyun.PushToken == "" {
		l.bad("carriers.aliyun.replies", "is true, and replies are pushed to an address with a token: set QINGFENG_ALIYUN_PUSH_TOKEN or QINGFENG_ALIYUN_PUSH_TOKEN_FILE")
	}
	for i, text := range a.PushNetworks {
		if _, problem := parseNetwork(text); problem != "" {
			l.bad(element("carriers.aliyun.push_networks", i), "%s", problem)
		}
	}
	l.checkEndpoint("carriers.aliyun.endpoint", a.Endpoint, true)
	if len(a.Templates) == 0 {
		l.bad("carriers.aliyun.templates", "is empty: Aliyun sends registered templates only")
	}
	seen := map[string]string{}
	for i, t := range a.Templates {
		at := element("carriers.aliyun.templates", i)
		if !oneOf(t.Purpose, texting.PurposeInvite, texting.PurposeReminder, texting.PurposeQuestion, texting.PurposeClarify, texting.PurposeThanks,
			texting.PurposeThanksLow, texting.PurposeLate, texting.PurposeWhich, texting.PurposeOptedOut, texting.PurposeResumed,
			texting.PurposeClueReceived, texting.PurposeHelp) {
			l.bad(at+".purpose", "%q is not a purpose of a text", t.Purpose)
		}
		if !oneOf(t.Language, "zh", "en") {
			l.bad(at+".language", "%q is not zh or en", t.Language)
		}
		if !aliyunCode.MatchString(t.Code) {
			l.bad(at+".code", "%q is not a template's code such as SMS_123456789", t.Code)
		}
		checkOnce(l.settings, seen, at+".purpose", string(t.Purpose)+" in "+t.Language)
	}
}

func (l *loader) checkGeneric(c *Config) {
	g := &c.Carriers.Generic
	l.checkEndpoint("carriers.generic.request.url", g.Request.URL, false)
	if !oneOf(g.Preset, "", "kannel") {
		l.bad("carriers.generic.preset", `%q is not kannel or ""`, g.Preset)
	}
	for _, list := range []struct {
		key    string
		values []NamedValue
	}{{"carriers.generic.request.fields", g.Request.Fields}, {"carriers.generic.request.headers", g.Request.Headers}} {
		seen := map[string]string{}
		for i, v := range list.values {
			l.checkCode(element(list.key, i)+".name", v.Name, seen)
		}
	}
	seen := map[string]string{}
	for i, s := range g.Webhook.Report.Statuses {
		l.checkCode(element("carriers.generic.webhook.report.statuses", i)+".value", s.Value, seen)
	}
	if g.Inbound && c.loaded.secrets.carriers.generic.Secret == "" {
		l.bad("carriers.generic.inbound", "is true, and webhooks must show a secret: set QINGFENG_GENERIC_SECRET or QINGFENG_GENERIC_SECRET_FILE")
	}
}

// checkEndpoint holds a carrier's address to HTTPS: numbers and texts go there.
// The machine itself may be spoken to in plain HTTP.
func (l *loader) checkEndpoint(key, text string, optional bool) {
	if text == "" && optional {
		return
	}
	if !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
		l.bad(key, "must begin with https://")
		return
	}
	scheme, rest, _ := strings.Cut(text, "://")
	host, _, _ := strings.Cut(rest, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	switch {
	case host == "" || strings.ContainsAny(host, "@ ?#"):
		l.bad(key, "names no host")
	case scheme == "http" && !loopback(strings.Trim(host, "[]")):
		l.bad(key, "begins with http://, and patients' numbers would cross the network in clear")
	}
}
