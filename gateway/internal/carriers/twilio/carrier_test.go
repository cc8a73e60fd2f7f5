package twilio

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Options)
		want   string // empty: taken
	}{
		{"nothing", nil, ""},
		{"a Messaging Service alone", func(o *Options) { o.From, o.MessagingServiceSID = "", serviceSID }, ""},
		{"a path in the public address", func(o *Options) { o.PublicURL = "https://h.example/qf/" }, ""},
		{"an empty token, with which anybody can sign", func(o *Options) { o.AuthToken = "" }, "auth_token is empty"},
		{"a token with a line end", func(o *Options) { o.AuthToken += "\n" }, "auth_token has characters"},
		{"a previous token with a space", func(o *Options) { o.PreviousAuthToken = "a b" }, "previous_auth_token"},
		{"no account", func(o *Options) { o.AccountSID = "" }, "account_sid"},
		{"an API key for an account", func(o *Options) { o.AccountSID = "SK" + accountSID[2:] }, "account_sid"},
		{"no sender", func(o *Options) { o.From = "" }, "neither messaging_service_sid nor from"},
		{"a service that is none", func(o *Options) { o.MessagingServiceSID = "service" }, "messaging_service_sid"},
		{"no public address", func(o *Options) { o.PublicURL = "" }, "public_url"},
		{"a public address without scheme", func(o *Options) { o.PublicURL = "h.example" }, "public_url"},
		{"a public address with a query", func(o *Options) { o.PublicURL = "https://h.example/?a=b" }, "public_url"},
		{"a public address with a fragment", func(o *Options) { o.PublicURL = "https://h.example/#" }, "public_url"},
		{"a public address with a user", func(o *Options) { o.PublicURL = "https://u:p@h.example" }, "public_url"},
		{"an underscore in the host", func(o *Options) { o.PublicURL = "https://a_b.example" }, "underscore"},
		{"another protocol", func(o *Options) { o.BaseURL = "ftp://h.example" }, "base_url"},
		{"an unknown way of opting out", func(o *Options) { o.OptOut = "maybe" }, "opt_out"},
		{"nobody to receive", func(o *Options) { o.Receiver = nil }, "nobody to receive"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(options(tt.change))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("New: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("New: %v, want %q", err, tt.want)
			case err != nil:
				checkClean(t, "the error", err.Error())
			}
		})
	}
}

func TestNewTellsAllProblemsAtOnce(t *testing.T) {
	_, err := New(Options{})
	for _, want := range []string{"account_sid", "auth_token", "public_url", "from", "receive"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New of nothing: %v, want %s in it", err, want)
		}
	}
}

func TestOptionsPrintNoToken(t *testing.T) {
	checkClean(t, "printed options", fmt.Sprintf("%v %+v %#v", options(nil), options(nil), options(nil)))
}

func TestCapabilities(t *testing.T) {
	full := texting.Capabilities{Inbound: true, URL: true, OptOutManaged: true}
	linkOnly := texting.Capabilities{URL: true}
	for _, tt := range []struct {
		name    string
		change  func(*Options)
		country texting.Country
		want    texting.Capabilities
		mode    surveys.Mode
	}{
		{"mainland", nil, "CN", texting.Capabilities{SignatureRequired: true}, surveys.ModeCode},
		{"elsewhere", nil, "US", full, surveys.ModeReply},
		{"unknown country", nil, "", full, surveys.ModeReply},
		{"a sender by name cannot be answered", func(o *Options) { o.From = "QINGFENG" }, "GB", linkOnly, surveys.ModeLink},
		{"a short code can", func(o *Options) { o.From = "12345" }, "US", full, surveys.ModeReply},
		{"a service can, whatever from says", func(o *Options) { o.From, o.MessagingServiceSID = "QINGFENG", serviceSID }, "GB", full, surveys.ModeReply},
		{"opt-out of our own", func(o *Options) { o.OptOut = OptOutOurs }, "US", texting.Capabilities{Inbound: true, URL: true}, surveys.ModeReply},
		{"the table goes first", func(o *Options) { o.Countries = map[texting.Country]texting.Capabilities{"US": linkOnly} }, "US", linkOnly, surveys.ModeLink},
		{"for the mainland too", func(o *Options) { o.Countries = map[texting.Country]texting.Capabilities{"CN": linkOnly} }, "CN", linkOnly, surveys.ModeLink},
		{"elsewhere as configured", func(o *Options) { o.Elsewhere = &linkOnly }, "FR", linkOnly, surveys.ModeLink},
		{"elsewhere is not the mainland", func(o *Options) { o.Elsewhere = &full }, "CN", texting.Capabilities{SignatureRequired: true}, surveys.ModeCode},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := newCarrier(t, tt.change).Capabilities(tt.country)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Capabilities(%s) (-want +got):\n%s", tt.country, diff)
			}
			if got.Mode() != tt.mode {
				t.Errorf("mode %s, want %s", got.Mode(), tt.mode)
			}
		})
	}
}
