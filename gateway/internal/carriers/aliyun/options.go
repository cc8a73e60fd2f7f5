package aliyun

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

const (
	// defaultEndpoint answers for mainland texts wherever they are ordered from.
	defaultEndpoint = "https://dysmsapi.aliyuncs.com"
	// defaultTimeout bounds a request, in seconds; the service advises one second
	// or more.
	defaultTimeout = 10
	// minToken is the least length of the push token: it is all that tells the
	// service's pushes from anybody's.
	minToken = 32
)

// Options are the carrier's settings. Keys and tokens come from the environment
// or files, never from the settings file.
type Options struct {
	Endpoint        string         `yaml:"endpoint"` // "": the public one
	AccessKeyID     surveys.Secret `yaml:"-"`
	AccessKeySecret surveys.Secret `yaml:"-"`
	// SignName is the registered 【signature】 without its brackets.
	SignName string `yaml:"sign_name"`
	// Templates are the registered templates' codes by purpose and language. A
	// language that is missing falls back to zh.
	Templates map[texting.Purpose]map[string]string `yaml:"templates"`
	// Replies: the account has replies (上行短信) switched on and pushed.
	Replies bool `yaml:"replies"`
	// Extension is the number's extension that replies come in by; "": none.
	Extension      string `yaml:"extension"`
	TimeoutSeconds int    `yaml:"timeout_seconds"` // 0: 10
	// PushToken is part of the addresses the service pushes to; it does not sign
	// its pushes. The previous one stays good until it is taken away.
	PushToken, PreviousPushToken surveys.Secret `yaml:"-"`
	// PushNetworks may push; empty: any address that knows the token.
	PushNetworks []string `yaml:"push_networks"`

	// Now is the clock; time.Now by default.
	Now func() time.Time `yaml:"-"`
	// Transport carries requests; a copy of http.DefaultTransport by default.
	Transport http.RoundTripper `yaml:"-"`
	// Logger hears of pushes that could not be read; slog.Default by default.
	Logger *slog.Logger `yaml:"-"`
}

var (
	templateCode = regexp.MustCompile(`^SMS_[0-9]{1,20}$`)
	extension    = regexp.MustCompile(`^[0-9]{0,8}$`)
)

// Check reports everything that is wrong with the settings, each by its key.
func (o Options) Check() error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if o.AccessKeyID == "" || o.AccessKeySecret == "" {
		problem("the access key's id and secret must be given")
	}
	if u, err := url.Parse(o.Endpoint); o.Endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "") {
		problem("endpoint: must be https:// and a host, nothing more")
	}
	if o.SignName == "" || strings.ContainsAny(o.SignName, "【】[]") {
		problem("sign_name: must be the registered signature without brackets")
	}
	if len(o.Templates) == 0 {
		problem("templates: must name the registered templates")
	}
	for purpose, byLanguage := range o.Templates {
		for language, code := range byLanguage {
			if !templateCode.MatchString(code) {
				problem("templates.%s.%s: must be a template's code, SMS_ and digits", purpose, language)
			}
		}
	}
	if !extension.MatchString(o.Extension) {
		problem("extension: must be at most 8 digits")
	}
	if o.TimeoutSeconds < 0 || o.TimeoutSeconds > 60 {
		problem("timeout_seconds: must be 1 to 60, or 0 for 10")
	}
	for name, token := range map[string]surveys.Secret{"push token": o.PushToken, "previous push token": o.PreviousPushToken} {
		if token != "" && (len(token) < minToken || strings.Trim(string(token), tokenCharacters) != "") {
			problem("the %s must have %d or more letters, digits, - and _", name, minToken)
		}
	}
	if o.Replies && o.PushToken == "" {
		problem("replies: need the push token, or no reply can come in")
	}
	if _, err := o.networks(); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

const tokenCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

func (o Options) networks() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for i, text := range o.PushNetworks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			addr, addrErr := netip.ParseAddr(text)
			if addrErr != nil {
				return nil, fmt.Errorf("push_networks[%d]: must be an address or a network such as 203.0.113.0/24", i)
			}
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		all = append(all, network.Masked())
	}
	return all, nil
}

func (o Options) withDefaults() Options {
	if o.Endpoint == "" {
		o.Endpoint = defaultEndpoint
	}
	if o.TimeoutSeconds == 0 {
		o.TimeoutSeconds = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}
