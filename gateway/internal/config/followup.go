package config

import (
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// Followup is the survey after discharge: what is asked, whom, and when. See
// FollowupRules.
type Followup struct {
	Enabled          bool              `yaml:"enabled"`
	Form             string            `yaml:"form"`         // a built-in form's id, or a file
	Hotline          string            `yaml:"hotline"`      // "": see HotlineNumber
	ClueHotline      string            `yaml:"clue_hotline"` // "": HotlineNumber
	DelayHours       int               `yaml:"delay_hours"`
	WindowDays       int               `yaml:"window_days"`
	SecondMode       bool              `yaml:"second_mode"`
	SecondWindowDays int               `yaml:"second_window_days"`
	ReminderFromDay  int               `yaml:"reminder_from_day"`
	ReminderToDay    int               `yaml:"reminder_to_day"` // 0: no reminder
	SendFrom         string            `yaml:"send_from"`
	SendTo           string            `yaml:"send_to"`
	CooldownDays     int               `yaml:"cooldown_days"`
	SamplingPercent  int               `yaml:"sampling_percent"`
	SamplingSeed     string            `yaml:"sampling_seed"`
	DailyBudgetYuan  int               `yaml:"daily_budget_yuan"`
	AllowedCountries []texting.Country `yaml:"allowed_countries"`
	DefaultRegion    texting.Country   `yaml:"default_region"`
}

// DailyBudget is what all texts of a business day may cost.
func (f Followup) DailyBudget() surveys.Fen { return surveys.Fen(f.DailyBudgetYuan) * 100 }

// Intake is how visits come in from the hospital's own systems.
type Intake struct {
	MLLP               MLLP           `yaml:"mllp"`
	PatientAuthorities []string       `yaml:"patient_authorities"`
	InpatientClasses   []string       `yaml:"inpatient_classes"`
	ProductionOnly     bool           `yaml:"production_only"`
	Wards              []WardAlias    `yaml:"wards"`
	Services           []ServiceAlias `yaml:"services"`
	Attendings         []ServiceAlias `yaml:"attendings"`
}

// MLLP is where HL7 v2 messages come in.
type MLLP struct {
	Address string   `yaml:"address"` // "": not at all
	Peers   []string `yaml:"peers"`   // addresses and networks; empty: anybody who reaches the address
}

// WardAlias maps a sender's code of a ward to ours.
type WardAlias struct {
	Code string          `yaml:"code"`
	Ward surveys.PlaceID `yaml:"ward"`
}

// ServiceAlias maps a sender's code of a service or a physician to a unit.
type ServiceAlias struct {
	Code       string               `yaml:"code"`
	Department surveys.DepartmentID `yaml:"department"`
}

// defaultFollowup gives the settings of the follow-up without a file.
func defaultFollowup() Followup {
	rules := followup.DefaultRules()
	const day = 24 * time.Hour
	return Followup{
		Enabled:          true,
		Form:             "discharge-short",
		DelayHours:       int(rules.Delay / time.Hour),
		WindowDays:       int(rules.Window / day),
		SecondWindowDays: int(rules.SecondWindow / day),
		ReminderFromDay:  rules.ReminderFrom,
		ReminderToDay:    rules.ReminderTo,
		SendFrom:         clockText(rules.Hours.From),
		SendTo:           clockText(rules.Hours.To),
		CooldownDays:     int(rules.CoolDown / day),
		SamplingPercent:  rules.SamplingPercent,
		DailyBudgetYuan:  500,
		AllowedCountries: rules.Countries,
		DefaultRegion:    "CN",
	}
}

func defaultIntake() Intake {
	return Intake{
		MLLP:               MLLP{Address: "127.0.0.1:2575", Peers: []string{}},
		PatientAuthorities: []string{}, InpatientClasses: []string{"I"},
		Wards: []WardAlias{}, Services: []ServiceAlias{}, Attendings: []ServiceAlias{},
	}
}

// FollowupRules are the rules by which patients are invited. The caller adds
// Capabilities, which the carriers know.
func (c *Config) FollowupRules() followup.Rules {
	f := c.Followup
	const day = 24 * time.Hour
	from, _ := parseClock(f.SendFrom)
	to, _ := parseClock(f.SendTo)
	return followup.Rules{
		Form:            c.FollowupForm().Version(),
		Delay:           time.Duration(f.DelayHours) * time.Hour,
		Window:          time.Duration(f.WindowDays) * day,
		SecondMode:      f.SecondMode,
		SecondWindow:    time.Duration(f.SecondWindowDays) * day,
		ReminderFrom:    f.ReminderFromDay,
		ReminderTo:      f.ReminderToDay,
		Hours:           followup.Hours{From: from, To: to, Zone: c.Location(), Calendar: c.Workdays()},
		CoolDown:        time.Duration(f.CooldownDays) * day,
		SamplingPercent: f.SamplingPercent,
		Seed:            f.SamplingSeed,
		Countries:       f.AllowedCountries,
	}
}

// Templates are the texts the program sends, with the 【signature】 they begin with.
func (c *Config) Templates() *texting.Templates { return c.loaded.messages }

// Warnings are what is worth reading in the files and stops nothing: texts that
// cost more than they say, words that a carrier may refuse.
func (c *Config) Warnings() Problems { return c.loaded.warnings }

// HotlineNumber is the phone that texts name: the setting, or the first of the
// hospital's reporting phones.
func (c *Config) HotlineNumber() string {
	if c.Followup.Hotline != "" {
		return c.Followup.Hotline
	}
	return c.Organisation().ReportingPhones[0].Number
}

// ClueHotlineNumber is the phone named to whoever reports a red envelope: the
// setting, or the hospital's reporting phone for clues.
func (c *Config) ClueHotlineNumber() string {
	if c.Followup.ClueHotline != "" {
		return c.Followup.ClueHotline
	}
	for _, p := range c.Organisation().ReportingPhones {
		if p.Clues {
			return p.Number
		}
	}
	return c.HotlineNumber()
}

// FollowupForm is the form that discharged patients are asked.
func (c *Config) FollowupForm() *followup.Form { return c.loaded.form }

// Forms are all forms the program comes with and the one the settings name,
// each once.
func (c *Config) Forms() []*followup.Form { return c.loaded.forms }
