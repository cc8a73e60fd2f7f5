package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a hospital's server may have no zone files of its own

	"qingfeng/surveys"
)

// check judges every setting, and keeps what it had to parse.
func (l *loader) check(c *Config) {
	l.checkListen(c)
	l.checkOrigins(c)
	l.checkProxies(c)
	l.checkStorage(c)
	l.checkZone(c)
	l.checkNumbers(c)
	l.checkGaming(c)
	l.checkFollowup(c)
	l.checkIntake(c)
	l.checkCarriers(c)
	if !oneOf(c.Log.Level, "debug", "info", "warn", "error") {
		l.bad("log.level", "%q is not debug, info, warn or error", c.Log.Level)
	}
	if !oneOf(c.Log.Format, "text", "json") {
		l.bad("log.format", "%q is not text or json", c.Log.Format)
	}
	l.checkMetrics(c)
}

func (l *loader) checkListen(c *Config) {
	if (c.Listen.TLS.Certificate == "") != (c.Listen.TLS.Key == "") {
		l.bad("listen.tls", "needs both certificate and key, or neither")
	}
	host, port, err := net.SplitHostPort(c.Listen.Address)
	if err != nil || !validPort(port) || !validHost(host) {
		l.bad("listen.http", `%q is not host:port, for example "127.0.0.1:8080"`, c.Listen.Address)
		return
	}
	if !loopback(host) && !c.Listen.TLS.Enabled() {
		l.bad("listen.http", "%s is reachable from the network, and tablets need HTTPS there (their keys and offline storage work only in a "+
			"secure context); run `gateway cert` to make a certificate and name it under listen.tls, or listen on 127.0.0.1", c.Listen.Address)
	}
}

func validPort(port string) bool {
	n := 0
	for _, c := range []byte(port) {
		if c < '0' || c > '9' || n > 65535 {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return port != "" && n <= 65535
}

// validHost reports whether host can be listened on: an address, a name, or
// nothing, which is every address of the machine.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return !strings.ContainsAny(host, " \t\n/:@[]%\"'") && len(host) <= 253
}

// loopback reports whether host is reachable from the machine itself alone.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// checkOrigins judges public_url and allowed_origins.
func (l *loader) checkOrigins(c *Config) {
	if c.PublicURL != "" {
		u, problem := parseOrigin(strings.TrimSuffix(c.PublicURL, "/"))
		switch {
		case problem != "":
			l.bad("public_url", "%s", problem)
		case u.Scheme == "http" && c.Listen.TLS.Enabled():
			l.bad("public_url", "begins with http:// although listen.tls makes the gateway answer in HTTPS only")
		case u.Scheme == "http" && !loopback(u.Hostname()):
			l.bad("public_url", "begins with http://, and browsers give tablets what they need only over https:// (or on the machine itself)")
		}
	}
	for i, origin := range c.AllowedOrigins {
		if _, problem := parseOrigin(origin); problem != "" {
			l.bad(element("allowed_origins", i), "%s", problem)
		}
	}
}

// parseOrigin reads scheme://host[:port] in the form browsers send it, or says
// what is wrong with it.
func parseOrigin(text string) (*url.URL, string) {
	const want = "is not an origin such as https://qingfeng.hospital.example"
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.User != nil:
		return nil, want
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, "?#*"):
		return nil, want + ": nothing may follow the host and port"
	case text != strings.ToLower(text):
		return nil, "must be written in lower case, as browsers send it"
	case u.Scheme == "http" && u.Port() == "80", u.Scheme == "https" && u.Port() == "443":
		return nil, "must leave out the port " + u.Port() + ", as browsers do"
	case u.Port() != "" && !validPort(u.Port()):
		return nil, want
	}
	return u, ""
}

// Origin is what browsers call the gateway: public_url, or the address it
// listens on. It has no slash at the end.
func (c *Config) Origin() string {
	if c.PublicURL != "" {
		return strings.TrimSuffix(c.PublicURL, "/")
	}
	host, port, err := net.SplitHostPort(c.Listen.Address)
	if err != nil {
		return ""
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "localhost"
	}
	scheme, usual := "http", "80"
	if c.Listen.TLS.Enabled() {
		scheme, usual = "https", "443"
	}
	if port == usual {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return scheme + "://" + host
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Origins are all origins whose pages may open websockets: the own one first,
// then allowed_origins. On loopback the own one stands under its usual names.
func (c *Config) Origins() []string {
	own := c.Origin()
	out := []string{own}
	if u, err := url.Parse(own); err == nil && loopback(u.Hostname()) {
		for _, host := range []string{"127.0.0.1", "localhost", "[::1]"} {
			same := u.Scheme + "://" + host
			if u.Port() != "" {
				same += ":" + u.Port()
			}
			out = append(out, same)
		}
	}
	out = append(out, c.AllowedOrigins...)
	var unique []string
	for _, origin := range out {
		if !slices.Contains(unique, origin) {
			unique = append(unique, origin)
		}
	}
	return unique
}

func (l *loader) checkProxies(c *Config) {
	for i, text := range c.TrustedProxies {
		prefix, problem := parseNetwork(text)
		if problem != "" {
			l.bad(element("trusted_proxies", i), "%s", problem)
			continue
		}
		c.loaded.proxies = append(c.loaded.proxies, prefix)
	}
}

// parseNetwork reads an address or a network, or says what is wrong with it.
func parseNetwork(text string) (netip.Prefix, string) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(text); err == nil {
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
	}
	switch {
	case err != nil:
		return prefix, fmt.Sprintf(`%q is not an address such as "10.0.0.5" or a network such as "10.0.0.0/24"`, text)
	case prefix.Bits() == 0:
		return prefix, fmt.Sprintf("%q is every address there is; name the one that is meant", text)
	}
	return prefix.Masked(), ""
}

// checkStorage judges data_dir, store, redis and node.
func (l *loader) checkStorage(c *Config) {
	if strings.TrimSpace(c.DataDir) == "" {
		l.bad("data_dir", `is empty; name a directory, for example "./data"`)
	}
	switch scheme, _, url := strings.Cut(c.Store, "://"); {
	case url && oneOf(scheme, "postgres", "postgresql"):
		l.bad("store", "names PostgreSQL, which this version cannot use yet: it keeps its facts in SQLite; name a file, or leave it empty")
	case url || strings.ContainsAny(c.Store, "?\x00"):
		l.bad("store", "is not the path of a file; name one, or leave it empty for data_dir/qingfeng.db")
	}
	target, err := parseRedis(c.Redis)
	switch {
	case err != nil:
		l.bad("redis", "%s", err)
	case redisPassword(c.Redis) && l.fromEnvironment["redis"] == "":
		l.bad("redis", "holds a password, which does not belong in a file: set QINGFENG_REDIS_PASSWORD or QINGFENG_REDIS_PASSWORD_FILE, or the whole URL as QINGFENG_REDIS")
	case c.loaded.secrets.redisPassword != "":
		if target.Embedded() {
			l.badVariable("QINGFENG_REDIS_PASSWORD", `is set, but redis is "embedded" and has no password`)
		}
		target.setPassword(c.loaded.secrets.redisPassword)
	}
	c.loaded.redis = target
	if !surveys.ValidName(c.Node) {
		l.bad("node", "%q is not a name (a-z, 0-9, - and _, starting with a letter, at most 40)", c.Node)
	}
}

func (l *loader) checkZone(c *Config) {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil || c.Zone == "" || c.Zone == "Local" {
		l.bad("zone", `%q is not a zone such as "Asia/Shanghai"`, c.Zone)
		return
	}
	c.loaded.zone = zone
}

// checkNumbers holds every number to its range.
func (l *loader) checkNumbers(c *Config) {
	for _, n := range []struct {
		key                string
		value, least, most int
		unit               string
	}{
		{"tablet.idle_reset_seconds", c.Tablet.IdleResetSeconds, 5, 600, "seconds"},
		{"tablet.thanks_seconds", c.Tablet.ThanksSeconds, 1, 60, "seconds"},
		{"tablet.prompt_seconds", c.Tablet.PromptSeconds, 10, 3600, "seconds"},
		{"gaming.min_dwell_ms", c.Gaming.MinDwellMS, 0, 10_000, "milliseconds"},
		{"gaming.burst_count", c.Gaming.BurstCount, 1, 1000, "ratings"},
		{"gaming.burst_seconds", c.Gaming.BurstSeconds, 1, 3600, "seconds"},
		{"gaming.expiry_grace_seconds", c.Gaming.ExpiryGraceSeconds, 0, 300, "seconds"},
		{"accounts.tries", c.Accounts.Tries, 3, 20, "tries"},
		{"accounts.lock_minutes", c.Accounts.LockMinutes, 1, 1440, "minutes"},
		{"accounts.session_hours", c.Accounts.SessionHours, 1, 24, "hours"},
		{"accounts.idle_minutes", c.Accounts.IdleMinutes, 5, 1440, "minutes"},
		{"enrolment.code_minutes", c.Enrolment.CodeMinutes, 1, 60, "minutes"},
		{"enrolment.waiting_limit", c.Enrolment.WaitingLimit, 1, 1000, "screens"},
		{"enrolment.wrong_codes", c.Enrolment.WrongCodes, 3, 100, "codes"},
		{"enrolment.wrong_code_minutes", c.Enrolment.WrongCodeMinutes, 1, 1440, "minutes"},
		{"board.coalesce_ms", c.Board.CoalesceMS, 10, 5000, "milliseconds"},
		{"board.min_answers", c.Board.MinAnswers, 10, 1000, "answers"},
		{"board.batch_step", c.Board.BatchStep, 1, 1000, "answers"},
		{"callbacks.close_workdays", c.Callbacks.CloseWorkdays, 1, 60, "working days"},
		{"followup.delay_hours", c.Followup.DelayHours, 1, 720, "hours"},
		{"followup.window_days", c.Followup.WindowDays, 1, 120, "days"},
		{"followup.second_window_days", c.Followup.SecondWindowDays, 1, 180, "days"},
		{"followup.reminder_from_day", c.Followup.ReminderFromDay, 1, 30, "days"},
		{"followup.reminder_to_day", c.Followup.ReminderToDay, 0, 30, "days"},
		{"followup.cooldown_days", c.Followup.CooldownDays, 0, 730, "days"},
		{"followup.sampling_percent", c.Followup.SamplingPercent, 0, 100, "percent"},
		{"followup.daily_budget_yuan", c.Followup.DailyBudgetYuan, 1, 1_000_000, "yuan"},
		{"carriers.price_fen", c.Carriers.PriceFen, 0, 1000, "fen"},
		{"carriers.texts_per_second", c.Carriers.TextsPerSecond, 1, 1000, "texts"},
		{"carriers.in_flight", c.Carriers.InFlight, 1, 200, "texts"},
		{"carriers.valid_hours", c.Carriers.ValidHours, 1, 24, "hours"},
		{"limits.requests_per_second", c.Limits.RequestsPerSecond, 1, 100_000, "requests"},
		{"limits.request_burst", c.Limits.RequestBurst, 1, 1_000_000, "requests"},
		{"limits.window_requests_per_second", c.Limits.WindowRequestsPerSecond, 1, 100_000, "requests"},
		{"limits.sockets", c.Limits.Sockets, 1, 1_000_000, "sockets"},
		{"limits.facts_per_second", c.Limits.FactsPerSecond, 1, 1_000_000, "facts a second"},
		{"limits.fact_burst", c.Limits.FactBurst, 1, 1_000_000, "facts"},
	} {
		if n.value < n.least || n.value > n.most {
			l.bad(n.key, "is %d, want %d to %d %s", n.value, n.least, n.most, n.unit)
		}
	}
	if c.Board.BatchStep >= 1 && c.Board.BatchStep < c.Board.MinAnswers {
		l.bad("board.batch_step", "is %d, less than min_answers, %d: two figures apart would tell of fewer answers than one may", c.Board.BatchStep, c.Board.MinAnswers)
	}
	if c.Limits.RequestBurst < c.Limits.RequestsPerSecond && c.Limits.RequestBurst > 0 {
		l.bad("limits.request_burst", "is %d, less than requests_per_second, %d: the rate could never be reached", c.Limits.RequestBurst, c.Limits.RequestsPerSecond)
	}
}

func (l *loader) checkGaming(c *Config) {
	from, ok1 := parseClock(c.Gaming.OpenFrom)
	if !ok1 {
		l.bad("gaming.open_from", `%q is not a time of day such as "07:00"`, c.Gaming.OpenFrom)
	}
	to, ok2 := parseClock(c.Gaming.OpenTo)
	if !ok2 {
		l.bad("gaming.open_to", `%q is not a time of day such as "21:00"`, c.Gaming.OpenTo)
	}
	if ok1 && ok2 && to < from {
		l.bad("gaming.open_to", "%s is before open_from, %s (the same time twice means always open)", c.Gaming.OpenTo, c.Gaming.OpenFrom)
	}
	c.loaded.gaming = surveys.GamingRules{
		MinDwell:    time.Duration(c.Gaming.MinDwellMS) * time.Millisecond,
		BurstCount:  c.Gaming.BurstCount,
		BurstWindow: seconds(c.Gaming.BurstSeconds),
		OpenFrom:    from,
		OpenTo:      to,
		ExpiryGrace: seconds(c.Gaming.ExpiryGraceSeconds),
	}
}

// parseClock reads "07:00", up to "24:00", as an offset from midnight.
func parseClock(text string) (time.Duration, bool) {
	if text == "24:00" {
		return 24 * time.Hour, true
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, false
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, true
}

func clockText(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

func (l *loader) checkMetrics(c *Config) {
	token := c.loaded.secrets.metricsToken
	switch c.Metrics.Access {
	case MetricsLoopback:
		if token != "" {
			l.badVariable("QINGFENG_METRICS_TOKEN", "is set, but metrics.access is loopback and asks for none; set metrics.access to token")
		}
	case MetricsToken:
		if len(token) < leastToken {
			l.bad("metrics.access", "is token: set QINGFENG_METRICS_TOKEN or QINGFENG_METRICS_TOKEN_FILE to at least %d characters", leastToken)
		}
	default:
		l.bad("metrics.access", "%q is not loopback or token", c.Metrics.Access)
	}
}
