package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"qingfeng/gateway/internal/auth"
	"qingfeng/gateway/internal/carriers/aliyun"
	"qingfeng/gateway/internal/carriers/generic"
	"qingfeng/gateway/internal/carriers/simulator"
	"qingfeng/gateway/internal/carriers/twilio"
	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/httpapi"
	texts "qingfeng/gateway/internal/texting"
	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// receiver takes what carriers' webhooks bring.
type receiver interface {
	RecordInbound(ctx context.Context, in texting.Inbound) error
	RecordStatus(ctx context.Context, r texting.StatusReport) error
}

// laterReceiver stands for a receiver that is made after the carriers, which it
// needs. No webhook is served before.
type laterReceiver struct{ receiver }

// fleet are the carriers in use.
type fleet struct {
	byName    map[string]texts.Carrier
	simulated *simulator.Carrier // nil: no simulated phones
	mounted   map[string]http.Handler
	to        *laterReceiver
}

// of gives the carrier that texts to a country go by.
func (f *fleet) of(cfg *config.Config, country texting.Country) texts.Carrier {
	return f.byName[cfg.Carriers.CarrierOf(country)]
}

// capabilities says what can be done towards a country.
func (f *fleet) capabilities(cfg *config.Config) func(texting.Country) texting.Capabilities {
	return func(country texting.Country) texting.Capabilities { return f.of(cfg, country).Capabilities(country) }
}

// makeFleet makes every carrier the settings name.
func (s *system) makeFleet() (*fleet, error) {
	f := &fleet{byName: map[string]texts.Carrier{}, mounted: map[string]http.Handler{}, to: &laterReceiver{}}
	for _, name := range s.cfg.Carriers.InUse() {
		var err error
		switch name {
		case config.CarrierSimulator:
			s.addSimulator(f)
		case config.CarrierTwilio:
			err = s.addTwilio(f)
		case config.CarrierAliyun:
			err = s.addAliyun(f)
		case config.CarrierGeneric:
			err = s.addGeneric(f)
		}
		if err != nil {
			return nil, fmt.Errorf("carriers.%s: %w", name, err)
		}
	}
	return f, nil
}

func (s *system) addSimulator(f *fleet) {
	f.simulated = simulator.New(simulator.Options{URL: s.cfg.Carriers.Simulator.URL, OneWay: s.cfg.Carriers.Simulator.OneWay, Now: s.clock.now, Zone: s.cfg.Location()})
	f.byName[config.CarrierSimulator] = f.simulated
	phones := s.auth.Sessions(f.simulated.Handler(s.mayHoldPhones))
	f.mounted[simulator.Prefix], f.mounted[simulator.Prefix+"/"] = phones, phones
	s.onClose("simulated phones", func(context.Context) error { return f.simulated.Close() })
}

// mayHoldPhones: the simulated phones show patients' texts. They open on this
// machine when the gateway listens to it alone, and to administrators.
func (s *system) mayHoldPhones(r *http.Request) bool {
	if host, _, err := net.SplitHostPort(s.cfg.Listen.Address); err == nil {
		if addr, err := netip.ParseAddr(host); (err == nil && addr.IsLoopback() || host == "localhost") && simulator.Local(r) {
			return true
		}
	}
	who, err := s.auth.Current(r.Context())
	return err == nil && !who.Account.MustChangePassword && who.Everywhere(auth.DevicesManage)
}

func (s *system) addTwilio(f *fleet) error {
	o := s.cfg.Carriers.Twilio
	current, previous := s.cfg.TwilioTokens()
	c, err := twilio.New(twilio.Options{
		AccountSID: o.AccountSID, AuthToken: current, PreviousAuthToken: previous, MessagingServiceSID: o.MessagingServiceSID, From: o.From,
		PublicURL: s.url, BaseURL: o.BaseURL, OptOut: twilio.OptOut(o.OptOut), KeepBodies: o.KeepBodies, ObfuscateNumbers: o.ObfuscateNumbers,
		Receiver: f.to, Now: time.Now, Logger: s.log,
	})
	if err != nil {
		return err
	}
	f.byName[config.CarrierTwilio] = twilioCarrier{c}
	f.mounted[twilio.InboundPath], f.mounted[twilio.StatusPath] = c.InboundHandler(), c.StatusHandler()
	return nil
}

func (s *system) addAliyun(f *fleet) error {
	o, secrets := s.cfg.Carriers.Aliyun, s.cfg.AliyunSecrets()
	templates := map[texting.Purpose]map[string]string{}
	for _, t := range o.Templates {
		if templates[t.Purpose] == nil {
			templates[t.Purpose] = map[string]string{}
		}
		templates[t.Purpose][t.Language] = t.Code
	}
	sign := o.SignName
	if sign == "" {
		sign = s.cfg.Templates().Signature.ZH
	}
	c, err := aliyun.New(aliyun.Options{
		Endpoint: o.Endpoint, AccessKeyID: surveys.Secret(o.AccessKeyID), AccessKeySecret: secrets.AccessKeySecret, SignName: sign,
		Templates: templates, Replies: o.Replies, Extension: o.Extension, PushToken: secrets.PushToken, PreviousPushToken: secrets.PreviousPushToken,
		PushNetworks: o.PushNetworks, Now: time.Now, Logger: s.log,
	})
	if err != nil {
		return err
	}
	f.byName[config.CarrierAliyun] = c
	f.mounted[aliyun.PushPrefix] = c.Handler(f.to, func(r *http.Request) netip.Addr { return httpapi.ClientAddress(r, s.cfg.Proxies()) })
	return nil
}

func (s *system) addGeneric(f *fleet) error {
	o, secrets := s.cfg.Carriers.Generic, s.cfg.GenericSecrets()
	options := generic.Options{
		Name: config.CarrierGeneric, Preset: o.Preset, Inbound: o.Inbound, URL: o.Links, SignatureRequired: o.SignatureRequired, OptOutManaged: o.OptOutManaged,
		CountryCode: o.CountryCode, NationalLength: o.NationalLength,
		Request:  generic.Request{Method: o.Request.Method, URL: o.Request.URL, Format: o.Request.Format, Fields: named(o.Request.Fields), Headers: named(o.Request.Headers)},
		Accepted: generic.Accepted(o.Accepted),
		Webhook: generic.Webhook{
			Format: o.Webhook.Format, SecretHeader: o.Webhook.SecretHeader, SecretField: o.Webhook.SecretField, Answer: o.Webhook.Answer,
			Report: generic.Report{ID: o.Webhook.Report.ID, ProviderID: o.Webhook.Report.ProviderID, Status: o.Webhook.Report.Status, Code: o.Webhook.Report.Code},
			Reply:  generic.Reply(o.Webhook.Reply),
		},
		Username: surveys.Secret(o.Username), Password: secrets.Password, Secret: secrets.Secret, PreviousSecret: secrets.PreviousSecret,
		PublicURL: s.url, Now: time.Now, Logger: s.log,
	}
	for _, r := range o.Refusals {
		options.Refusals = append(options.Refusals, generic.Refusal(r))
	}
	for _, status := range o.Webhook.Report.Statuses {
		if options.Webhook.Report.Statuses == nil {
			options.Webhook.Report.Statuses = map[string]texting.Status{}
		}
		options.Webhook.Report.Statuses[status.Value] = status.Status
	}
	c, err := generic.New(options)
	if err != nil {
		return err
	}
	f.byName[config.CarrierGeneric] = c
	f.mounted[generic.Prefix] = c.Handler(f.to)
	return nil
}

func named(list []config.NamedValue) map[string]string {
	if len(list) == 0 {
		return nil // a preset's own
	}
	m := make(map[string]string, len(list))
	for _, v := range list {
		m[v.Name] = v.Value
	}
	return m
}

// demoClock is the time by which patients are invited and texted. With the
// simulated phones an officer may move it on, to see in a minute what takes two
// days; nothing else runs by it.
type demoClock struct{ offset atomic.Int64 }

func (c *demoClock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }
