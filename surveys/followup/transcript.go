package followup

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Transcript is a talk written down: who is asked on a phone, what is typed
// there, what is answered, and what follows. As text it has a head of
// "key: value" lines, an empty line, and then one line each:
//
//	@ invite a        the invitation of stay a is handed over
//	@ remind a        its reminder is
//	@ end a STATE     its invitation ends without a text: withdrawn, or completed on the phone page
//	@ +2h             time passes: minutes, hours or days (m, h, d)
//	> 5分，谢谢       a text from the patient; "> {stop} STOP" is one the carrier has acted on
//	< [thanks a] …    a text to the patient
//	# answer a …      an effect
//
// Replaying takes the lines of > and @ and writes the others anew.
type Transcript struct {
	Title    string
	Form     string // the form's id
	Start    time.Time
	Stays    []Stay // named a, b, c, … in this order
	OptedOut bool
	Lines    []Line
}

// Stay is one visit behind a transcript's phone. Patient is a word; stays of
// the same patient share it.
type Stay struct {
	Patient      string
	Ward         string
	DischargedOn surveys.Day
	Language     string
	Mode         surveys.Mode
}

// Line is one line of a transcript; Mark is one of > < # @.
type Line struct {
	Mark byte
	Text string
}

// maxTranscript bounds a transcript, in lines, and maxStays its stays.
const (
	maxTranscript = 2000
	maxStays      = 9
)

const startLayout = "2006-01-02 15:04"

// ParseTranscript reads a transcript. Its error names the line.
func ParseTranscript(text string) (Transcript, error) {
	t := Transcript{Form: "discharge-short", Start: time.Date(2026, 11, 19, 10, 0, 0, 0, time.UTC)}
	head := true
	for i, line := range strings.Split(text, "\n") {
		if i >= maxTranscript {
			return Transcript{}, fmt.Errorf("read transcript: more than %d lines", maxTranscript)
		}
		line = strings.TrimRight(line, "\r \t")
		var err error
		switch {
		case line == "":
			head = head && len(t.Stays) == 0
		case head:
			err = t.headLine(line)
		default:
			err = t.bodyLine(line)
		}
		if err != nil {
			return Transcript{}, fmt.Errorf("read transcript: line %d: %w", i+1, err)
		}
	}
	if len(t.Stays) == 0 {
		return Transcript{}, fmt.Errorf("read transcript: no stay: write one as %q", "stay: wang 心血管内科病区 2026-11-17 zh sms_reply")
	}
	return t, nil
}

func (t *Transcript) headLine(line string) error {
	key, value, ok := strings.Cut(line, ": ")
	if !ok {
		return fmt.Errorf("%q is not key: value", key)
	}
	switch key {
	case "title":
		t.Title = value
	case "form":
		t.Form = value
	case "start":
		at, err := time.Parse(startLayout, value)
		if err != nil {
			return fmt.Errorf("start is not a time such as %q", startLayout)
		}
		t.Start = at
	case "opted out":
		t.OptedOut = value == "yes"
	case "stay":
		return t.stayLine(value)
	default:
		return fmt.Errorf("%q is not title, form, start, opted out or stay", key)
	}
	return nil
}

func (t *Transcript) stayLine(value string) error {
	f := strings.Fields(value)
	if len(f) != 5 {
		return fmt.Errorf("a stay has a patient, a ward, a day of discharge, a language and a mode")
	}
	day, err := time.Parse(time.DateOnly, f[2])
	if err != nil {
		return fmt.Errorf("the day of discharge is not one such as 2026-11-17")
	}
	if f[3] != "zh" && f[3] != "en" {
		return fmt.Errorf("the language is not zh or en")
	}
	mode := surveys.Mode(f[4])
	if mode != surveys.ModeReply && mode != surveys.ModeLink && mode != surveys.ModeCode {
		return fmt.Errorf("the mode is not sms_reply, sms_link or sms_code")
	}
	if len(t.Stays) == maxStays {
		return fmt.Errorf("more than %d stays", maxStays)
	}
	t.Stays = append(t.Stays, Stay{Patient: f[0], Ward: f[1], DischargedOn: surveys.DayOf(day, time.UTC), Language: f[3], Mode: mode})
	return nil
}

func (t *Transcript) bodyLine(line string) error {
	if !strings.ContainsRune("><#@", rune(line[0])) || len(line) > 1 && line[1] != ' ' {
		return fmt.Errorf("begins with none of > < # @ and a space")
	}
	t.Lines = append(t.Lines, Line{Mark: line[0], Text: strings.TrimSpace(line[1:])})
	return nil
}

// String writes the transcript as ParseTranscript reads it, with an empty line
// before each text of the patient.
func (t Transcript) String() string {
	var b strings.Builder
	if t.Title != "" {
		fmt.Fprintf(&b, "title: %s\n", t.Title)
	}
	fmt.Fprintf(&b, "form: %s\nstart: %s\n", t.Form, t.Start.Format(startLayout))
	if t.OptedOut {
		b.WriteString("opted out: yes\n")
	}
	for _, s := range t.Stays {
		fmt.Fprintf(&b, "stay: %s %s %s %s %s\n", s.Patient, s.Ward, s.DischargedOn, s.Language, s.Mode)
	}
	was := byte('\n')
	for _, l := range t.Lines {
		if was == '\n' || l.Mark == '>' || l.Mark == '@' && was != '@' {
			b.WriteString("\n")
		}
		b.WriteString(l.String() + "\n")
		was = l.Mark
	}
	return b.String()
}

// String gives the line as a transcript has it.
func (l Line) String() string { return strings.TrimRight(string(l.Mark)+" "+l.Text, " ") }

// Render words a text to the patient.
type Render func(SendText) string

// Replay plays the transcript's lines of > and @ and gives it with all lines
// that follow from them. forms are found by their ids.
func (t Transcript) Replay(forms []*Form, render Render) (Transcript, error) {
	p, err := NewPlayer(t, forms, render)
	if err != nil {
		return Transcript{}, err
	}
	out := t
	out.Lines = nil
	for _, l := range t.Lines {
		if l.Mark != '>' && l.Mark != '@' {
			continue
		}
		follows, err := p.Play(l)
		if err != nil {
			return Transcript{}, err
		}
		out.Lines = append(append(out.Lines, l), follows...)
	}
	return out, nil
}

// Player plays a talk line by line, as a terminal does. The clock is its own.
type Player struct {
	conv   Conversation
	now    time.Time
	render Render
}

// windowOf is how long a player's invitations take answers, from the discharge.
const windowOf = 42 * day24

// NewPlayer sets up the phone that the head of a transcript describes.
func NewPlayer(t Transcript, forms []*Form, render Render) (*Player, error) {
	i := slices.IndexFunc(forms, func(f *Form) bool { return f.ID == t.Form })
	if i < 0 {
		return nil, fmt.Errorf("replay transcript: there is no form %q", t.Form)
	}
	if len(t.Stays) > maxStays {
		return nil, fmt.Errorf("replay transcript: more than %d stays", maxStays)
	}
	p := &Player{conv: Conversation{OptedOut: t.OptedOut}, now: t.Start, render: render}
	var patients []string
	for n, s := range t.Stays {
		if !slices.Contains(patients, s.Patient) {
			patients = append(patients, s.Patient)
		}
		p.conv.Threads = append(p.conv.Threads, Thread{
			Invitation: stayID(n), Patient: PatientID(1 + slices.Index(patients, s.Patient)), Form: forms[i], Mode: s.Mode, Language: s.Language,
			State: InvitationQueued, Ward: surveys.Text{ZH: s.Ward, EN: s.Ward}, DischargedOn: s.DischargedOn,
			ClosesAt: s.DischargedOn.Start(time.UTC).Add(windowOf),
		})
	}
	return p, nil
}

// Conversation is the talk as it stands.
func (p *Player) Conversation() Conversation { return p.conv.clone() }

// Now is the player's clock.
func (p *Player) Now() time.Time { return p.now }

// Play takes one line of > or @ and gives the lines that follow from it.
func (p *Player) Play(l Line) ([]Line, error) {
	switch l.Mark {
	case '>':
		reply := Reply{Text: surveys.Secret(l.Text)}
		if rest, ok := strings.CutPrefix(l.Text, "{"); ok {
			if word, text, ok := strings.Cut(rest, "} "); ok {
				reply = Reply{Text: surveys.Secret(text), Handled: word}
			}
		}
		conv, effects := p.conv.Receive(reply, p.now)
		p.conv = conv
		return p.lines(effects), nil
	case '@':
		return p.direct(strings.Fields(l.Text))
	}
	return nil, fmt.Errorf("replay transcript: a line of %c is not played", l.Mark)
}

// direct follows a stage direction.
func (p *Player) direct(words []string) ([]Line, error) {
	if len(words) == 1 && strings.HasPrefix(words[0], "+") {
		d, err := parseSpan(words[0][1:])
		if err != nil {
			return nil, err
		}
		p.now = p.now.Add(d)
		return p.closeWindows(), nil
	}
	if len(words) < 2 {
		return nil, fmt.Errorf("replay transcript: %q is no direction", strings.Join(words, " "))
	}
	n := -1
	if len(words[1]) == 1 {
		n = int(words[1][0]) - 'a'
	}
	if n < 0 || n >= len(p.conv.Threads) {
		return nil, fmt.Errorf("replay transcript: there is no stay %q", words[1])
	}
	t := &p.conv.Threads[n]
	switch {
	case words[0] == "invite" && len(words) == 2:
		t.State, t.AskedAt = InvitationSent, p.now
		return p.lines([]Effect{t.Ask(texting.PurposeInvite)}), nil
	case words[0] == "remind" && len(words) == 2:
		t.AskedAt = p.now
		return p.lines([]Effect{t.Ask(texting.PurposeReminder)}), nil
	case words[0] == "end" && len(words) == 3 && slices.Contains(InvitationStates(), InvitationState(words[2])):
		t.State = InvitationState(words[2])
		return nil, nil
	}
	return nil, fmt.Errorf("replay transcript: %q is no direction", strings.Join(words, " "))
}

// parseSpan reads 90m, 2h or 43d.
func parseSpan(text string) (time.Duration, error) {
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': day24}
	n, digits := 0, 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' && digits < 5 {
		n = 10*n + int(text[digits]-'0')
		digits++
	}
	if digits == 0 || digits != len(text)-1 || unit[text[digits]] == 0 {
		return 0, fmt.Errorf("replay transcript: %q is no time span such as 90m, 2h or 43d", text)
	}
	return time.Duration(n) * unit[text[digits]], nil
}

// closeWindows ends what is over, as the planner does.
func (p *Player) closeWindows() []Line {
	var out []Line
	for i := range p.conv.Threads {
		if t := &p.conv.Threads[i]; !t.ended() && !t.AskedAt.IsZero() && !p.now.Before(t.ClosesAt) {
			t.State = t.Progress.Outcome(t.Form, t.Mode)
			out = append(out, Line{'#', fmt.Sprintf("end %s %s", name(t.Invitation), t.State)})
		}
	}
	return out
}
