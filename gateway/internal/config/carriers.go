package config

import (
	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Names of the carriers.
const (
	CarrierSimulator = "simulator" // phones on a page of the gateway's own
	CarrierTwilio    = "twilio"
	CarrierAliyun    = "aliyun"
	CarrierGeneric   = "generic" // an HTTP gateway such as Kannel
)

var carrierNames = []string{CarrierSimulator, CarrierTwilio, CarrierAliyun, CarrierGeneric}

// Carriers says who carries the texts, and at what price.
type Carriers struct {
	Default        string           `yaml:"default"`
	Routes         []Route          `yaml:"routes"` // countries that do not go by Default
	PriceFen       int              `yaml:"price_fen"`
	Prices         []Price          `yaml:"prices"` // where PriceFen is not it
	TextsPerSecond int              `yaml:"texts_per_second"`
	InFlight       int              `yaml:"in_flight"`
	ValidHours     int              `yaml:"valid_hours"`
	Simulator      SimulatorCarrier `yaml:"simulator"`
	Twilio         TwilioCarrier    `yaml:"twilio"`
	Aliyun         AliyunCarrier    `yaml:"aliyun"`
	Generic        GenericCarrier   `yaml:"generic"`
}

// Route sends the texts to a country by a carrier.
type Route struct {
	Country texting.Country `yaml:"country"`
	Carrier string          `yaml:"carrier"`
}

// Price is what a segment costs by a carrier to a country, in fen.
type Price struct {
	Carrier string          `yaml:"carrier"`
	Country texting.Country `yaml:"country"` // "": any
	Fen     int             `yaml:"fen"`
}

// SimulatorCarrier are the settings of the simulated phones.
type SimulatorCarrier struct {
	URL    bool `yaml:"url"`
	OneWay bool `yaml:"one_way"`
}

// TwilioCarrier are the settings of Twilio; its tokens come from TwilioTokens.
type TwilioCarrier struct {
	AccountSID          string `yaml:"account_sid"`
	MessagingServiceSID string `yaml:"messaging_service_sid"`
	From                string `yaml:"from"`
	BaseURL             string `yaml:"base_url"` // "": Twilio's own
	OptOut              string `yaml:"opt_out"`  // standard, advanced, ours
	KeepBodies          bool   `yaml:"keep_bodies"`
	ObfuscateNumbers    bool   `yaml:"obfuscate_numbers"`
}

// AliyunCarrier are the settings of Alibaba Cloud's short message service; its
// secrets come from AliyunSecrets.
type AliyunCarrier struct {
	AccessKeyID  string           `yaml:"access_key_id"`
	Endpoint     string           `yaml:"endpoint"`  // "": the public one
	SignName     string           `yaml:"sign_name"` // "": the Chinese signature of Templates
	Replies      bool             `yaml:"replies"`
	Extension    string           `yaml:"extension"`
	PushNetworks []string         `yaml:"push_networks"`
	Templates    []AliyunTemplate `yaml:"templates"`
}

// AliyunTemplate is the registered template for a purpose and language.
type AliyunTemplate struct {
	Purpose  texting.Purpose `yaml:"purpose"`
	Language string          `yaml:"language"`
	Code     string          `yaml:"code"` // SMS_123456789
}

// GenericCarrier are the settings of a gateway that is spoken to in plain HTTP;
// its secrets come from GenericSecrets. What each means is said at the options
// of gateway/internal/carriers/generic.
type GenericCarrier struct {
	Preset            string           `yaml:"preset"` // "" or kannel
	Username          string           `yaml:"username"`
	Inbound           bool             `yaml:"inbound"`
	Links             bool             `yaml:"links"`
	SignatureRequired bool             `yaml:"signature_required"`
	OptOutManaged     bool             `yaml:"opt_out_managed"`
	CountryCode       string           `yaml:"country_code"`
	NationalLength    int              `yaml:"national_length"`
	Request           GenericRequest   `yaml:"request"`
	Accepted          GenericAccepted  `yaml:"accepted"`
	Refusals          []GenericRefusal `yaml:"refusals"`
	Webhook           GenericWebhook   `yaml:"webhook"`
}

// GenericRequest is how a text is handed over.
type GenericRequest struct {
	Method  string       `yaml:"method"`
	URL     string       `yaml:"url"`
	Format  string       `yaml:"format"`
	Fields  []NamedValue `yaml:"fields"`
	Headers []NamedValue `yaml:"headers"`
}

// NamedValue is a field or header with what it holds.
type NamedValue struct {
	Name  string `yaml:"name"`
	Value string `yaml:"value"`
}

// GenericAccepted is what a yes looks like.
type GenericAccepted struct {
	Statuses  []int  `yaml:"statuses"`
	Pattern   string `yaml:"pattern"`
	Pointer   string `yaml:"pointer"`
	Value     string `yaml:"value"`
	IDPattern string `yaml:"id_pattern"`
	IDPointer string `yaml:"id_pointer"`
}

// GenericRefusal says what follows from an answer that is no yes.
type GenericRefusal struct {
	Status  int           `yaml:"status"`
	Pattern string        `yaml:"pattern"`
	Class   texting.Class `yaml:"class"`
	Code    string        `yaml:"code"`
}

// GenericWebhook is how reports and replies come in.
type GenericWebhook struct {
	Format       string        `yaml:"format"`
	SecretHeader string        `yaml:"secret_header"`
	SecretField  string        `yaml:"secret_field"`
	Answer       string        `yaml:"answer"`
	Report       GenericReport `yaml:"report"`
	Reply        GenericReply  `yaml:"reply"`
}

// GenericReport names the parameters of a delivery report.
type GenericReport struct {
	ID         string          `yaml:"id"`
	ProviderID string          `yaml:"provider_id"`
	Status     string          `yaml:"status"`
	Code       string          `yaml:"code"`
	Statuses   []GenericStatus `yaml:"statuses"`
}

// GenericStatus says what a value of the status parameter means.
type GenericStatus struct {
	Value  string         `yaml:"value"`
	Status texting.Status `yaml:"status"`
}

// GenericReply names the parameters of a patient's text.
type GenericReply struct {
	ID   string `yaml:"id"`
	From string `yaml:"from"`
	To   string `yaml:"to"`
	Text string `yaml:"text"`
}

// carrierSecrets are the carriers' keys, from the environment or files.
type carrierSecrets struct {
	twilio, twilioPrevious surveys.Secret
	aliyun                 AliyunSecrets
	generic                GenericSecrets
}

// AliyunSecrets are what Alibaba Cloud and the gateway know each other by. Empty
// ones are not set.
type AliyunSecrets struct {
	AccessKeySecret surveys.Secret
	// PushToken is part of the addresses the service pushes to.
	PushToken, PreviousPushToken surveys.Secret
}

// GenericSecrets are the password that a text is handed over with, and what
// webhooks must show. Empty ones are not set.
type GenericSecrets struct {
	Password               surveys.Secret
	Secret, PreviousSecret surveys.Secret
}

func defaultCarriers() Carriers {
	return Carriers{
		Default: CarrierSimulator, Routes: []Route{}, PriceFen: 5, Prices: []Price{},
		TextsPerSecond: 10, InFlight: 8, ValidHours: 10,
		Twilio: TwilioCarrier{OptOut: "standard"},
		Aliyun: AliyunCarrier{PushNetworks: []string{}, Templates: []AliyunTemplate{}},
		Generic: GenericCarrier{
			CountryCode: "86", NationalLength: 11,
			Request:  GenericRequest{Method: "POST", Format: "form", Fields: []NamedValue{}, Headers: []NamedValue{}},
			Accepted: GenericAccepted{Statuses: []int{200, 201, 202}},
			Refusals: []GenericRefusal{},
			Webhook:  GenericWebhook{Report: GenericReport{Statuses: []GenericStatus{}}},
		},
	}
}

// CarrierOf gives the name of the carrier that texts to a country go by.
func (c Carriers) CarrierOf(country texting.Country) string {
	for _, r := range c.Routes {
		if r.Country == country {
			return r.Carrier
		}
	}
	return c.Default
}

// PriceOf gives the price of a segment.
func (c Carriers) PriceOf(carrier string, country texting.Country) surveys.Fen {
	fen := c.PriceFen
	for _, p := range c.Prices {
		if p.Carrier == carrier && p.Country == country {
			return surveys.Fen(p.Fen)
		}
		if p.Carrier == carrier && p.Country == "" {
			fen = p.Fen
		}
	}
	return surveys.Fen(fen)
}

// InUse lists the carriers that texts go by: the default, then those of the
// routes, each once.
func (c Carriers) InUse() []string {
	out := []string{c.Default}
	for _, r := range c.Routes {
		if !oneOf(r.Carrier, out...) {
			out = append(out, r.Carrier)
		}
	}
	return out
}

// TwilioTokens are the account's auth token and, while it is being changed, the
// previous one; empty: none.
func (c *Config) TwilioTokens() (current, previous surveys.Secret) {
	s := c.loaded.secrets.carriers
	return s.twilio, s.twilioPrevious
}

// AliyunSecrets are the secrets of Alibaba Cloud's service.
func (c *Config) AliyunSecrets() AliyunSecrets { return c.loaded.secrets.carriers.aliyun }

// GenericSecrets are the secrets of the generic carrier.
func (c *Config) GenericSecrets() GenericSecrets { return c.loaded.secrets.carriers.generic }
