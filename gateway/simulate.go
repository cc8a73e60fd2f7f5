package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"qingfeng/gateway/internal/config"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

type simulateCommand struct {
	Transcripts []string `arg:"" optional:"" help:"Transcripts to replay and compare; none: talk in this terminal." type:"existingfile"`
	Form        string   `help:"The survey's form, by its id; empty: the one of the settings."`
	Mode        string   `help:"How the survey is answered." enum:"sms_reply,sms_link,sms_code" default:"sms_reply"`
	Language    string   `help:"The patient's language." enum:"zh,en" default:"zh"`
}

// Run talks with somebody in the terminal as the follow-up talks with a
// patient's phone, or replays transcripts. It opens no store and sends nothing.
func (c simulateCommand) Run(line *commands, w world) error {
	cfg, err := loadConfig(line, w)
	if err != nil {
		return err
	}
	if len(c.Transcripts) == 0 {
		return c.talk(cfg, w)
	}
	differ := 0
	for _, file := range c.Transcripts {
		same, err := replay(cfg, file, w)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if !same {
			differ++
		}
	}
	if differ > 0 {
		return fmt.Errorf("%d of %d transcripts come out differently", differ, len(c.Transcripts))
	}
	fmt.Fprintf(w.stdout, "%d transcripts come out as they are written\n", len(c.Transcripts))
	return nil
}

// wording words texts by the settings' templates; what only a real invitation
// or clue has stands in for itself, as in the transcripts.
func wording(cfg *config.Config) followup.Render {
	address := cfg.PublicURL
	if address == "" {
		address = "https://pj.qingfeng.example"
	}
	known := func(hotline string) []texting.Variable {
		return []texting.Variable{
			{Name: texting.VariableHotline, Value: surveys.Secret(hotline)}, {Name: texting.VariableReceipt, Value: "1234 5678 9012 3456"},
			{Name: texting.VariableCode, Value: "12345678"}, {Name: texting.VariableLink, Value: surveys.Secret(address + "/s/TOKEN")},
		}
	}
	usual, clue := followup.Worded(cfg.Templates(), known(cfg.HotlineNumber())), followup.Worded(cfg.Templates(), known(cfg.ClueHotlineNumber()))
	return func(text followup.SendText) string {
		if text.Purpose == texting.PurposeClueReceived {
			return clue(text)
		}
		return usual(text)
	}
}

func replay(cfg *config.Config, file string, w world) (same bool, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	written, err := followup.ParseTranscript(string(text))
	if err != nil {
		return false, err
	}
	played, err := written.Replay(cfg.Forms(), wording(cfg))
	if err != nil {
		return false, err
	}
	if slices.Equal(written.Lines, played.Lines) {
		return true, nil
	}
	fmt.Fprintf(w.stdout, "%s comes out as\n\n%s\n", file, played)
	return false, nil
}

// talk plays a stay that ended two days ago; lines of @ are stage directions,
// everything else is typed by the patient.
func (c simulateCommand) talk(cfg *config.Config, w world) error {
	form := c.Form
	if form == "" {
		form = cfg.FollowupForm().ID
	}
	now := time.Now().In(cfg.Location())
	left := now.AddDate(0, 0, -2)
	player, err := followup.NewPlayer(followup.Transcript{
		Form: form, Start: now,
		Stays: []followup.Stay{{Patient: "patient", Ward: someWard(cfg), DischargedOn: surveys.DayOf(left, cfg.Location()), Language: c.Language, Mode: surveys.Mode(c.Mode)}},
	}, cfg.Forms(), wording(cfg))
	if err != nil {
		return usageError{err}
	}
	fmt.Fprintln(w.stdout, "您是刚出院的患者，请像回短信一样输入。“@ +2d”让时间过两天，“@ remind a”发提醒，Ctrl-D 结束。")
	fmt.Fprintln(w.stdout, "You are a patient who went home. Type as on a phone. \"@ +2d\" lets two days pass, \"@ remind a\" reminds, Ctrl-D ends.")
	if err := play(w.stdout, player, followup.Line{Mark: '@', Text: "invite a"}); err != nil {
		return err
	}
	typed := bufio.NewScanner(w.stdin)
	for fmt.Fprint(w.stdout, "> "); typed.Scan(); fmt.Fprint(w.stdout, "> ") {
		text := strings.TrimSpace(typed.Text())
		line := followup.Line{Mark: '>', Text: text}
		if direction, ok := strings.CutPrefix(text, "@"); ok {
			line = followup.Line{Mark: '@', Text: strings.TrimSpace(direction)}
		}
		if text == "" {
			continue
		}
		if err := play(w.stdout, player, line); err != nil {
			fmt.Fprintln(w.stdout, "  ", err)
		}
	}
	fmt.Fprintln(w.stdout)
	return typed.Err()
}

func play(out io.Writer, player *followup.Player, line followup.Line) error {
	lines, err := player.Play(line)
	for _, l := range lines {
		fmt.Fprintln(out, l)
	}
	return err
}

func someWard(cfg *config.Config) string {
	for _, p := range cfg.Organisation().Places {
		if p.Kind == surveys.PlaceWard {
			return strings.ReplaceAll(p.Name.ZH, " ", "")
		}
	}
	return "病区"
}
