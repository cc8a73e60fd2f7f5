package invite_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"qingfeng/configs"
	"qingfeng/gateway/internal/invite"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/sqlstore/storetest"
	"qingfeng/surveys/texting"
)

func sample[T any](tb testing.TB, name string) *T {
	tb.Helper()
	text, err := configs.Files.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	out := new(T)
	if err := yaml.UnmarshalWithOptions(text, out, yaml.Strict()); err != nil {
		tb.Fatal(err)
	}
	return out
}

func planner(t *testing.T, s invite.Store, caps texting.Capabilities) *invite.Planner {
	t.Helper()
	form := sample[followup.Form](t, "forms/discharge-short.yaml")
	rules := followup.DefaultRules()
	rules.Form, rules.Hours.Zone = form.Version(), storetest.Zone()
	rules.Capabilities = func(texting.Country) texting.Capabilities { return caps }
	p, err := invite.New(invite.Options{
		Store: s, Rules: rules, Form: form, Templates: sample[texting.Templates](t, "messages.yaml"), Hotline: "000-5550-1001",
		PublicURL: "https://pj.example.cn/", Place: storetest.Organisation().Place, Now: storetest.Noon,
		Price: func(texting.Country) surveys.Fen { return 5 },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func opened(t *testing.T, visits int) *sqlstore.Store {
	t.Helper()
	s := storetest.New(t)
	if err := s.PublishForm(t.Context(), sample[followup.Form](t, "forms/discharge-short.yaml")); err != nil {
		t.Fatal(err)
	}
	for i := range visits {
		at := storetest.Noon().Add(-time.Duration(i) * time.Hour)
		storetest.Apply(t, s, storetest.Discharge(followup.PatientNumber(fmt.Sprint("p", i)), at), storetest.Ward(fmt.Sprintf("+861380000%04d", i)))
	}
	return s
}

// The mode follows from what the carrier can do; each brings what its text
// needs, and what is kept finds the invitation again.
func TestEveryModeHasItsKey(t *testing.T) {
	for _, tt := range []struct {
		mode surveys.Mode
		caps texting.Capabilities
	}{
		{surveys.ModeReply, texting.Capabilities{Inbound: true}},
		{surveys.ModeLink, texting.Capabilities{URL: true}},
		{surveys.ModeCode, texting.Capabilities{}},
	} {
		t.Run(string(tt.mode), func(t *testing.T) {
			s := opened(t, 3)
			p := planner(t, s, tt.caps)
			done, err := p.Plan(t.Context())
			if err != nil || done.Outcome[sqlstore.Queued] != 3 {
				t.Fatalf("planned %+v, %v", done, err)
			}
			texts := storetest.Send(t, s, storetest.Noon().Add(50*time.Hour))
			if len(texts) != 3 {
				t.Fatalf("%d texts are due, want 3", len(texts))
			}
			keys := map[string]bool{}
			for _, x := range texts {
				keys[find(t, s, tt.mode, x)] = true
			}
			if len(keys) != 3 {
				t.Errorf("%d different keys, want 3", len(keys))
			}
			if again, err := p.Plan(t.Context()); err != nil || again.Looked != 0 {
				t.Errorf("a second round: %+v %v, want nobody left", again, err)
			}
		})
	}
}

// find holds a first text to its mode and gives its key.
func find(t *testing.T, s *sqlstore.Store, mode surveys.Mode, x sqlstore.TakenText) string {
	t.Helper()
	value := func(name string) string {
		for _, v := range x.Message.Variables {
			if v.Name == name {
				return string(v.Value)
			}
		}
		return ""
	}
	switch mode {
	case surveys.ModeLink:
		token, ok := strings.CutPrefix(value(texting.VariableLink), "https://pj.example.cn/s/")
		hash, valid := invite.HashToken(token)
		c, err := s.FindInvitationByToken(t.Context(), hash)
		if !ok || !valid || len(token) != 22 || err != nil || c.Invitation.ID != x.Invitation {
			t.Errorf("a token of %d characters finds %v, %v", len(token), c.Invitation.ID, err)
		}
		return token
	case surveys.ModeCode:
		code := value(texting.VariableCode)
		_, hash := invite.Token()
		id, err := s.ExchangeCode(t.Context(), sqlstore.CodeTry{
			Code: surveys.Secret(code), Source: "lobby", TokenHash: hash, At: storetest.Noon().Add(51 * time.Hour),
		})
		if len(code) != 8 || err != nil || id != x.Invitation {
			t.Errorf("a code of %d digits finds %v, %v", len(code), id, err)
		}
		return code
	}
	if !strings.Contains(string(x.Message.Body), "1至5") || !strings.Contains(string(x.Message.Body), "心内三病区") {
		t.Error("the first text asks nothing, or names no ward")
	}
	return x.Message.ID.String()
}

func TestTokens(t *testing.T) {
	text, hash := invite.Token()
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"the token", text, true}, {"empty", "", false}, {"short", text[:21], false}, {"long", text + "A", false},
		{"padded", text + "==", false}, {"a stray bit", text[:21] + "B", false}, {"standard alphabet", strings.Repeat("+", 22), false},
	} {
		got, ok := invite.HashToken(tt.text)
		if ok != tt.want || ok && got != hash {
			t.Errorf("%s: %v, want %v", tt.name, ok, tt.want)
		}
	}
}

// taken is a store where the first n codes are another survey's.
type taken struct {
	invite.Store
	n     int
	codes map[surveys.Secret]bool
}

func (s *taken) QueueInvitations(ctx context.Context, list []sqlstore.NewInvitation) ([]sqlstore.QueueOutcome, error) {
	for i := range list {
		s.codes[list[i].Code] = true
	}
	if s.n--; s.n >= 0 {
		out := make([]sqlstore.QueueOutcome, len(list))
		for i := range out {
			out[i] = sqlstore.QueueCodeTaken
		}
		return out, nil
	}
	return s.Store.QueueInvitations(ctx, list)
}

func TestATakenCodeIsDrawnAnew(t *testing.T) {
	s := &taken{Store: opened(t, 5), n: 2, codes: map[surveys.Secret]bool{}}
	done, err := planner(t, s, texting.Capabilities{}).Plan(t.Context())
	if err != nil || done.Outcome[sqlstore.Queued] != 5 || len(s.codes) != 15 {
		t.Errorf("planned %+v with %d codes, %v, want 5 with 15", done.Outcome, len(s.codes), err)
	}
}

// A dry run counts what a round would do and costs what its texts would; it
// stores nothing.
func TestADryRun(t *testing.T) {
	s := opened(t, 4)
	p := planner(t, s, texting.Capabilities{Inbound: true})
	run, err := p.DryRun(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := run.Invited; run.Looked != 4 || n.Visits != 4 || n.Least != 5*surveys.Fen(n.LeastSegments) || n.MostSegments <= 2*n.LeastSegments {
		t.Errorf("the dry run is %+v", run.Invited)
	}
	if _, err := p.Plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	segments := 0
	for _, x := range storetest.Send(t, s, storetest.Noon().Add(50*time.Hour)) {
		segments += x.Segments
	}
	if int64(segments) != run.Invited.LeastSegments {
		t.Errorf("the texts take %d segments, the dry run said %d", segments, run.Invited.LeastSegments)
	}
	after, err := p.DryRun(t.Context())
	if err != nil || after.Invited.Visits != 0 || after.Refused[followup.ReasonInvited] != 4 {
		t.Errorf("a dry run afterwards: %+v, %v", after, err)
	}
}
