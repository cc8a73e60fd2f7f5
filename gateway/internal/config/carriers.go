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
	URL bool `yaml:"url"`
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

// AliyunCarrier are the settings of Aliyun's short message service; its keys
// come from AliyunSecret and AliyunCallbackSecret.
type AliyunCarrier struct {
	AccessKeyID string           `yaml:"access_key_id"`
	Endpoint    string           `yaml:"endpoint"`
	SignName    string           `yaml:"sign_name"` // "": SignatureText
	Inbound     bool             `yaml:"inbound"`
	Templates   []AliyunTemplate `yaml:"templates"`
}

// AliyunTemplate is the registered template for a purpose and language.
type AliyunTemplate struct {
	Purpose  texting.Purpose `yaml:"purpose"`
	Language string          `yaml:"language"`
	Code     string          `yaml:"code"` // SMS_123456789
}

// GenericCarrier are the settings of a gateway that is spoken to in plain HTTP;
// its secret comes from GenericSecret.
type GenericCarrier struct {
	URL     string `yaml:"url"`
	User    string `yaml:"user"`
	From    string `yaml:"from"`
	Inbound bool   `yaml:"inbound"`
	Links   bool   `yaml:"links"`
}

// carrierSecrets are the carriers' keys, from the environment or files.
type carrierSecrets struct {
	twilio, twilioPrevious, aliyun, aliyunCallback, generic surveys.Secret
}

func defaultCarriers() Carriers {
	return Carriers{
		Default: CarrierSimulator, Routes: []Route{}, PriceFen: 5, Prices: []Price{},
		TextsPerSecond: 10, InFlight: 8, ValidHours: 10,
		Twilio: TwilioCarrier{OptOut: "standard"},
		Aliyun: AliyunCarrier{Endpoint: "https://dysmsapi.aliyuncs.com", Inbound: true, Templates: []AliyunTemplate{}},
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

// AliyunSecret is the secret of the access key; AliyunCallbackSecret is what
// Aliyun's callbacks carry in their path.
func (c *Config) AliyunSecret() surveys.Secret { return c.loaded.secrets.carriers.aliyun }

// AliyunCallbackSecret is the part of the callbacks' address that only Aliyun
// knows; empty: callbacks are not taken.
func (c *Config) AliyunCallbackSecret() surveys.Secret {
	return c.loaded.secrets.carriers.aliyunCallback
}

// GenericSecret is the password of the generic carrier, which its callbacks
// carry too.
func (c *Config) GenericSecret() surveys.Secret { return c.loaded.secrets.carriers.generic }
