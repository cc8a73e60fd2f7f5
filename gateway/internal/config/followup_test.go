package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/configs"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

func TestProblemsOfTheFollowup(t *testing.T) {
	for _, tt := range []struct {
		name, yaml string
		want       []string
	}{
		{"numbers", "followup:\n  delay_hours: 0\n  window_days: 121\n  sampling_percent: 101\n  daily_budget_yuan: 0\n", []string{
			`settings.yaml:1: followup.second_window_days: is 49, less than window_days, 121`,
			`settings.yaml:2: followup.delay_hours: is 0, want 1 to 720 hours`,
			`settings.yaml:3: followup.window_days: is 121, want 1 to 120 days`,
			`settings.yaml:4: followup.sampling_percent: is 101, want 0 to 100 percent`,
			`settings.yaml:5: followup.daily_budget_yuan: is 0, want 1 to 1000000 yuan`,
		}},
		{"a delay past the window", "followup: {delay_hours: 168, window_days: 7}\n", []string{
			`settings.yaml:1: followup.delay_hours: is 168, past the end of window_days, 7: nobody would ever be asked`,
		}},
		{"hours", "followup:\n  send_from: \"20:00\"\n  send_to: \"09:00\"\n", []string{
			`settings.yaml:3: followup.send_to: 09:00 is not after send_from, 20:00`,
		}},
		{"hours that are none", "followup:\n  send_from: 9 am\n  send_to: \"25:00\"\n", []string{
			`settings.yaml:2: followup.send_from: "9 am" is not a time of day such as "09:00"`,
			`settings.yaml:3: followup.send_to: "25:00" is not a time of day such as "20:00"`,
		}},
		{"a reminder backwards", "followup: {reminder_from_day: 5, reminder_to_day: 3}\n", []string{
			`settings.yaml:1: followup.reminder_to_day: is 3, before reminder_from_day, 5 (0 means no reminder)`,
		}},
		{"no reminder", "followup: {reminder_to_day: 0}\n", nil},
		{"words", "followup:\n  hotline: \"12\"\n  clue_hotline: call us\n  allowed_countries: [CN, cn, CN]\n  default_region: China\n", []string{
			`settings.yaml:2: followup.hotline: "12" is not a phone number (3 to 20 digits, with spaces, hyphens or a leading +)`,
			`settings.yaml:3: followup.clue_hotline: "call us" is not a phone number (3 to 20 digits, with spaces, hyphens or a leading +)`,
			`settings.yaml:4: followup.allowed_countries[1]: "cn" is not a country's two capital letters, such as CN`,
			`settings.yaml:4: followup.allowed_countries[2]: "CN" is used twice, first as followup.allowed_countries[0] on line 4`,
			`settings.yaml:5: followup.default_region: "China" is not a country's two capital letters, such as CN`,
		}},
		{"nobody to text", "followup: {allowed_countries: []}\n", []string{
			`settings.yaml:1: followup.allowed_countries: is empty: no number could be texted; set enabled to false to stop the follow-up`,
		}},
		{"a form nobody knows", "followup: {form: discharge-long}\n", []string{
			`settings.yaml:1: followup.form: "discharge-long" is neither a built-in form (discharge-short, discharge-national) nor a file that ends in .yaml`,
		}},
		{"a form that is not there", "followup:\n  form: own.yaml\n", []string{`settings.yaml:2: followup.form: names own.yaml, which does not exist`}},
		{"MLLP on the network", "intake:\n  mllp: {address: \"0.0.0.0:2575\"}\n", []string{
			"settings.yaml:2: intake.mllp.address: 0.0.0.0:2575 is reachable from the network, where anybody could tell of patients: " +
				"name the hospital system's addresses under peers, or listen on 127.0.0.1",
		}},
		{"MLLP on the network from one machine", "intake:\n  mllp: {address: \":2575\", peers: [10.0.0.5]}\n", nil},
		{"no MLLP", "intake: {mllp: {address: \"\"}}\n", nil},
		{"MLLP nowhere", "intake:\n  mllp: {address: here, peers: [his, \"0.0.0.0/0\"]}\n", []string{
			`settings.yaml:2: intake.mllp.peers[0]: "his" is not an address such as "10.0.0.5" or a network such as "10.0.0.0/24"`,
			`settings.yaml:2: intake.mllp.peers[1]: "0.0.0.0/0" is every address there is; name the one that is meant`,
			`settings.yaml:2: intake.mllp.address: "here" is not host:port, for example "127.0.0.1:2575"; "" takes no messages`,
		}},
		{"codes", "intake:\n  patient_authorities: [\"\", MRN, MRN]\n  inpatient_classes: []\n", []string{
			`settings.yaml:2: intake.patient_authorities[0]: "" is not a code (1 to 80 bytes, no blanks around it)`,
			`settings.yaml:2: intake.patient_authorities[2]: "MRN" is used twice, first as intake.patient_authorities[1] on line 2`,
			`settings.yaml:3: intake.inpatient_classes: is empty: no visit would be a stay`,
		}},
		{
			"aliases",
			"intake:\n  wards:\n    - {code: A, ward: cardiology-ward}\n    - {code: a, ward: window-9}\n    - {code: B, ward: discharge-1}\n" +
				"  services: [{code: CAR, department: heart}]\n  attendings: [{code: \"\", department: cardiology}]\n",
			[]string{
				`settings.yaml:4: intake.wards[1].code: "a" is mapped twice`,
				`settings.yaml:4: intake.wards[1].ward: "window-9" is not the id of a ward`,
				`settings.yaml:5: intake.wards[2].ward: "discharge-1" is not the id of a ward`,
				`settings.yaml:6: intake.services[0].department: "heart" is not the id of a department`,
				`settings.yaml:7: intake.attendings[0].code: "" is not a code (1 to 80 bytes)`,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := problemsOf(t, map[string]string{"settings.yaml": tt.yaml}, noEnv)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const (
	account = "AC0123456789abcdef0123456789abcdef"
	service = "MG0123456789abcdef0123456789abcdef"
)

func TestProblemsOfTheCarriers(t *testing.T) {
	token := env(map[string]string{"QINGFENG_TWILIO_AUTH_TOKEN": "t", "QINGFENG_ALIYUN_ACCESS_KEY_SECRET": "a", "QINGFENG_GENERIC_SECRET": "g", "QINGFENG_ALIYUN_PUSH_TOKEN": "p"})
	for _, tt := range []struct {
		name, yaml string
		env        func(string) string
		want       []string
	}{
		{"Twilio", "public_url: https://a.example\ncarriers:\n  default: twilio\n  twilio: {account_sid: " + account + ", messaging_service_sid: " + service + "}\n", token, nil},
		{"Twilio not set up", "carriers:\n  default: twilio\n", noEnv, []string{
			`settings.yaml:1: carriers.twilio.account_sid: must be AC and 32 hexadecimal digits, as Twilio's console shows it`,
			`settings.yaml:1: carriers.twilio: needs either messaging_service_sid or from`,
			`settings.yaml:1: carriers.twilio: is used: set QINGFENG_TWILIO_AUTH_TOKEN or QINGFENG_TWILIO_AUTH_TOKEN_FILE`,
			`settings.yaml:1: public_url: is empty, and Twilio has to reach the gateway and signs its requests with that address`,
		}},
		{"Twilio badly set up", "public_url: https://a.example\ncarriers:\n  routes: [{country: US, carrier: twilio}]\n  twilio:\n    account_sid: " + account +
			"\n    messaging_service_sid: MG1\n    from: \"+15005550006\"\n    opt_out: never\n    base_url: http://api.example\n    auth_token: x\n", token, []string{
			`settings.yaml:4: carriers.twilio: needs either messaging_service_sid or from`,
			`settings.yaml:6: carriers.twilio.messaging_service_sid: must be MG and 32 hexadecimal digits`,
			`settings.yaml:8: carriers.twilio.opt_out: "never" is not standard, advanced or ours`,
			`settings.yaml:9: carriers.twilio.base_url: begins with http://, and patients' numbers would cross the network in clear`,
			`settings.yaml:10: carriers.twilio.auth_token: is a secret, which does not belong in a file like this: set QINGFENG_TWILIO_AUTH_TOKEN or QINGFENG_TWILIO_AUTH_TOKEN_FILE`,
		}},
		{"Twilio's stand-in on this machine", "public_url: https://a.example\ncarriers:\n  default: twilio\n  twilio: {account_sid: " + account +
			", from: \"+15005550006\", base_url: \"http://127.0.0.1:4002\"}\n", token, nil},
		{"Aliyun", "carriers:\n  default: aliyun\n  aliyun:\n    access_key_id: LTAI\n    replies: true\n    templates: [{purpose: invite, language: zh, code: SMS_1}]\n", token, nil},
		{"Aliyun badly set up", "carriers:\n  default: aliyun\n  aliyun:\n    endpoint: ftp://x\n    replies: true\n    push_networks: [here]\n    templates:\n      - {purpose: advert, language: fr, code: one}\n", noEnv, []string{
			`settings.yaml:3: carriers.aliyun.access_key_id: is missing`,
			`settings.yaml:3: carriers.aliyun: is used: set QINGFENG_ALIYUN_ACCESS_KEY_SECRET or QINGFENG_ALIYUN_ACCESS_KEY_SECRET_FILE`,
			`settings.yaml:4: carriers.aliyun.endpoint: must begin with https://`,
			`settings.yaml:5: carriers.aliyun.replies: is true, and replies are pushed to an address with a token: set QINGFENG_ALIYUN_PUSH_TOKEN or QINGFENG_ALIYUN_PUSH_TOKEN_FILE`,
			`settings.yaml:6: carriers.aliyun.push_networks[0]: "here" is not an address such as "10.0.0.5" or a network such as "10.0.0.0/24"`,
			`settings.yaml:8: carriers.aliyun.templates[0].purpose: "advert" is not a purpose of a text`,
			`settings.yaml:8: carriers.aliyun.templates[0].language: "fr" is not zh or en`,
			`settings.yaml:8: carriers.aliyun.templates[0].code: "one" is not a template's code such as SMS_123456789`,
		}},
		{"a generic carrier", "carriers: {default: generic, generic: {inbound: true, preset: kannel, request: {url: \"https://kannel.example/send\"}}}\n", token, nil},
		{"a generic carrier without secret", "carriers:\n  default: generic\n  generic:\n    preset: sendmail\n    inbound: true\n    request: {url: \"https://\", fields: [{name: a}, {name: a}]}\n" +
			"    webhook: {report: {statuses: [{value: \"\"}]}}\n", noEnv, []string{
			`settings.yaml:4: carriers.generic.preset: "sendmail" is not kannel or ""`,
			`settings.yaml:5: carriers.generic.inbound: is true, and webhooks must show a secret: set QINGFENG_GENERIC_SECRET or QINGFENG_GENERIC_SECRET_FILE`,
			`settings.yaml:6: carriers.generic.request.url: names no host`,
			`settings.yaml:6: carriers.generic.request.fields[1].name: "a" is used twice, first as carriers.generic.request.fields[0].name on line 6`,
			`settings.yaml:7: carriers.generic.webhook.report.statuses[0].value: "" is not a code (1 to 80 bytes, no blanks around it)`,
		}},
		{"routes and prices", "carriers:\n  default: pigeon\n  routes: [{country: US, carrier: simulator}, {country: US, carrier: owl}]\n" +
			"  prices:\n    - {carrier: twilio, country: US, fen: 6}\n    - {carrier: twilio, country: US, fen: 1001}\n  price_fen: -1\n", noEnv, []string{
			`settings.yaml:2: carriers.default: "pigeon" is not a carrier; known are simulator, twilio, aliyun, generic`,
			`settings.yaml:3: carriers.routes[1].carrier: "owl" is not a carrier; known are simulator, twilio, aliyun, generic`,
			`settings.yaml:3: carriers.routes[1].country: "US" is used twice, first as carriers.routes[0].country on line 3`,
			`settings.yaml:6: carriers.prices[1].fen: is 1001, want 0 to 1000 fen`,
			`settings.yaml:6: carriers.prices[1]: "twilio to US" is used twice, first as carriers.prices[0] on line 5`,
			`settings.yaml:7: carriers.price_fen: is -1, want 0 to 1000 fen`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := problemsOf(t, map[string]string{"settings.yaml": tt.yaml}, tt.env)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFollowupRulesAreTheDefaultsOfTheDomain(t *testing.T) {
	c, err := Load("", noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	got := c.FollowupRules()
	want := followup.DefaultRules()
	want.Form = c.FollowupForm().Version()
	if got.Hours.Zone != c.Location() || got.Hours.Calendar != c.Workdays() {
		t.Error("the rules have another zone or calendar than the settings")
	}
	want.Hours.Zone, want.Hours.Calendar = got.Hours.Zone, got.Hours.Calendar
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *time.Location) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if got := c.Templates().Signature.ZH; got != "清风医院" {
		t.Errorf("signature is %q", got)
	}
	if a, b := c.HotlineNumber(), c.ClueHotlineNumber(); a != "000-5550-1001" || b != "000-5550-1002" {
		t.Errorf("the hotlines are %q and %q", a, b)
	}
	if got := c.Followup.DailyBudget(); got != surveys.Fen(50_000) {
		t.Errorf("daily budget is %s", got)
	}
}

func TestFormOfTheHospital(t *testing.T) {
	text, err := configs.Files.ReadFile("forms/discharge-short.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own := strings.Replace(string(text), "我们改进什么", "我们做好什么", 1)
	settings := "followup:\n  form: forms/own.yaml\n"
	for _, tt := range []struct {
		name, form string
		want       []string
	}{
		{"the built-in one again", string(text), nil},
		{"its own id", strings.Replace(own, "id: discharge-short", "id: own", 1), nil},
		{"the next revision", strings.Replace(own, "revision: 1", "revision: 2", 1), nil},
		{"other content under a used revision", own, []string{
			`settings.yaml:2: followup.form: has the id and revision of the built-in discharge-short but other content; give it its own id or the next revision`,
		}},
		{"what the domain refuses", strings.Replace(own, "    overall: true\n", "", 1), []string{
			`forms/own.yaml:12: questions: has 0 questions marked overall, want exactly one`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := problemsOf(t, map[string]string{"settings.yaml": settings, "forms/own.yaml": tt.form}, noEnv)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBuiltInForms(t *testing.T) {
	c, err := Load("", noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Forms()) != 2 || c.FollowupForm() != c.Forms()[0] {
		t.Fatalf("%d forms, want both built-in ones and the short one chosen", len(c.Forms()))
	}
	short, national := c.Forms()[0], c.Forms()[1]
	if got := len(short.AskedByText()); got != 4 {
		t.Errorf("the short form asks %d questions by text, want 4", got)
	}
	if got := len(national.Dimensions); got != 9 {
		t.Errorf("the national form has %d dimensions, want nine", got)
	}
	reversed, notApplicable := 0, 0
	for _, q := range national.Questions {
		if q.Dimension == "" {
			continue
		}
		if q.Low != 1 || q.High != 4 {
			t.Errorf("%s goes from %d to %d, want the four levels", q.ID, q.Low, q.High)
		}
		if q.Reversed {
			reversed++
		}
		if _, ok := q.Choice(followup.NotApplicable); ok {
			notApplicable++
			if q.Scored(followup.NotApplicable) {
				t.Errorf("%s scores not applicable", q.ID)
			}
		}
	}
	if reversed == 0 || notApplicable == 0 {
		t.Errorf("%d questions are reversed and %d may be not applicable, want some of both", reversed, notApplicable)
	}
	for _, f := range c.Forms() {
		if first := f.AskedByText()[0]; !first.Overall {
			t.Errorf("%s: the invitation asks %s, want the overall question: its answer is what boards show", f.ID, first.ID)
		}
	}
}

func TestPricesRoutesAndPeers(t *testing.T) {
	dir := write(t, map[string]string{"settings.yaml": "public_url: https://a.example\ncarriers:\n  routes: [{country: US, carrier: twilio}]\n" +
		"  prices: [{carrier: twilio, country: \"\", fen: 40}, {carrier: twilio, country: US, fen: 6}]\n" +
		"  twilio: {account_sid: " + account + ", from: \"+15005550006\"}\nintake: {mllp: {address: \":2575\", peers: [10.1.2.3/8, \"::1\"]}}\n"})
	c, err := Load(dir+"/settings.yaml", env(map[string]string{
		"QINGFENG_TWILIO_AUTH_TOKEN": "one", "QINGFENG_TWILIO_PREVIOUS_AUTH_TOKEN": "two", "QINGFENG_ALIYUN_PUSH_TOKEN": "three",
		"QINGFENG_GENERIC_PASSWORD": "four",
	}), configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	for country, want := range map[texting.Country]string{"CN": CarrierSimulator, "US": CarrierTwilio} {
		if got := c.Carriers.CarrierOf(country); got != want {
			t.Errorf("texts to %s go by %s, want %s", country, got, want)
		}
	}
	if diff := cmp.Diff([]string{CarrierSimulator, CarrierTwilio}, c.Carriers.InUse()); diff != "" {
		t.Error(diff)
	}
	for _, tt := range []struct {
		carrier string
		country texting.Country
		want    surveys.Fen
	}{{CarrierSimulator, "CN", 5}, {CarrierTwilio, "US", 6}, {CarrierTwilio, "GB", 40}} {
		if got := c.Carriers.PriceOf(tt.carrier, tt.country); got != tt.want {
			t.Errorf("a segment by %s to %s costs %s, want %s", tt.carrier, tt.country, got, tt.want)
		}
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	if diff := cmp.Diff(want, c.MLLPPeers(), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	current, previous := c.TwilioTokens()
	if current != "one" || previous != "two" || c.AliyunSecrets() != (AliyunSecrets{PushToken: "three"}) || c.GenericSecrets() != (GenericSecrets{Password: "four"}) {
		t.Error("the carriers' secrets are not those of the environment")
	}
}
