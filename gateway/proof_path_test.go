package main

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/gateway/internal/tabletclient"
	"qingfeng/surveys"
)

// clinic is a gateway with an administrator at its desk, and a token for a
// window system.
type clinic struct {
	*life
	desk     *deskClient // the administrator's
	officer  *deskClient // the conduct officer's, who sees what the administrator may not
	operator *deskClient // the clerk's at a window
	token    string
}

func openClinic(t *testing.T, s *site) *clinic {
	t.Helper()
	c := &clinic{life: s.start(), desk: newDeskClient(s.url())}
	if _, err := c.desk.signInFirst(t.Context(), c.password); err != nil {
		t.Fatalf("sign in: %v", err)
	}
	var err error
	if c.token, err = c.desk.createToken(t.Context(), "window system"); err != nil {
		t.Fatalf("create token: %v", err)
	}
	c.officer, c.operator = c.account("officer", "conduct_officer"), c.account("clerk", "window_operator")
	return c
}

// account makes an account with a role and signs it in.
func (c *clinic) account(username, role string) *deskClient {
	c.t.Helper()
	var made struct {
		OneTime string `json:"one_time_password"`
	}
	body := map[string]any{"username": username, "name": username, "roles": []string{role}, "department": "pharmacy"}
	if err := c.desk.call(c.t.Context(), "POST", "/api/v1/accounts", "", body, &made); err != nil {
		c.t.Fatalf("create an account: %v", err)
	}
	client, lasting := newDeskClient(c.url()), lastingPassword()
	for _, step := range []struct {
		path string
		body map[string]string
	}{
		{"/api/v1/session", map[string]string{"username": username, "password": made.OneTime}},
		{"/api/v1/session/password", map[string]string{"current": made.OneTime, "new": lasting}},
	} {
		if err := client.call(c.t.Context(), "POST", step.path, "", step.body, nil); err != nil {
			c.t.Fatalf("sign %s in: %v", username, err)
		}
	}
	return client
}

// counter is a tablet at a window, with what it was told.
type counter struct {
	*tabletclient.Tablet
	place   surveys.PlaceID
	id      tabletclient.Identity
	prompts chan *tabletclient.Prompt
	stopped chan error // what its Run returned
}

// pair pairs a tablet through the desk and turns it on.
func (c *clinic) pair(window surveys.PlaceID) *counter {
	c.t.Helper()
	place, ok := c.config().Organisation().Place(window)
	if !ok {
		c.t.Fatalf("there is no window %s", window)
	}
	id, err := c.desk.enrolTablet(c.t.Context(), place)
	if err != nil {
		c.t.Fatalf("pair a tablet: %v", err)
	}
	return c.turnOn(window, id)
}

func (c *clinic) turnOn(window surveys.PlaceID, id tabletclient.Identity) *counter {
	c.t.Helper()
	n := &counter{place: window, id: id, prompts: make(chan *tabletclient.Prompt, 16), stopped: make(chan error, 1)}
	n.Tablet = tabletclient.New(tabletclient.Options{
		Server: c.server(), Identity: id, FirstPause: 10 * time.Millisecond, LastPause: 100 * time.Millisecond,
		OnPrompt: func(p *tabletclient.Prompt) { n.prompts <- p },
	})
	go func() { n.stopped <- n.Run(c.t.Context()) }()
	return n
}

// report has a window's system report a transaction.
func (c *clinic) report(window surveys.PlaceID, number string) (answer struct {
	Tablets   int  `json:"tablets"`
	Duplicate bool `json:"duplicate"`
}) {
	c.t.Helper()
	body := map[string]string{"transaction": number, "kind": "settlement", "staff": "1024"}
	if err := c.desk.call(c.t.Context(), "POST", "/api/v1/windows/"+string(window)+"/transactions", c.token, body, &answer); err != nil {
		c.t.Fatalf("report a transaction: %v", err)
	}
	return answer
}

// signedInBoard shows the hospital to the officer at the desk.
func (c *clinic) signedInBoard(onFrame func(tabletclient.Head, []byte)) *tabletclient.Board {
	board := tabletclient.NewBoard(tabletclient.BoardOptions{
		Server: c.server(), Period: "7d", OnFrame: onFrame,
		Ticket: func(ctx context.Context) (string, error) {
			var answer struct{ Ticket string }
			err := c.desk.call(ctx, "POST", "/api/v1/board/ticket", "", nil, &answer)
			return answer.Ticket, err
		},
	})
	go func() {
		if err := board.Run(c.t.Context()); err != nil {
			c.t.Errorf("the board was stopped: %v", err)
		}
	}()
	return board
}

// receive takes what has to come.
func receive[T any](t *testing.T, from <-chan T, what string) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
	return got
}

// rate rates and wants an outcome.
func (n *counter) rate(t *testing.T, prompt surveys.FactID, grade surveys.Grade, want surveys.Outcome) surveys.FactID {
	t.Helper()
	ack, err := n.Rate(within(t, patience), tabletclient.Rating{Grade: grade, Prompt: prompt, Dwell: 2 * time.Second})
	if err != nil || ack.Outcome != want {
		t.Fatalf("rate: %v %v, want %s", ack, err, want)
	}
	return ack.ID
}

// The whole way, on the gateway as a newcomer starts it: a transaction is
// reported, the tablet asks, one tap, and the board shows it.
func TestProofATapReachesTheBoard(t *testing.T) {
	s := newSite(t, "tablet: {prompt_seconds: 10}\n")
	c := openClinic(t, s)
	var deltas atomic.Int64
	board := c.signedInBoard(func(h tabletclient.Head, _ []byte) {
		if h.Type == "delta" {
			deltas.Add(1)
		}
	})
	settlement, pharmacy := c.pair("settlement-1"), c.pair("pharmacy-1")
	for _, n := range []*counter{settlement, pharmacy} {
		if err := n.Ready(within(t, patience)); err != nil {
			t.Fatal(err)
		}
	}

	// One transaction that nobody will answer: it runs out meanwhile.
	c.report("pharmacy-1", "run-out")
	unanswered := receive(t, pharmacy.prompts, "the prompt that runs out")
	if _, err := pharmacy.Shown(within(t, patience), unanswered.ID); err != nil {
		t.Fatal(err)
	}

	if got := c.report("settlement-1", "88121"); got.Tablets != 1 || got.Duplicate {
		t.Errorf("the transaction reached %d tablets, duplicate %v; want 1 and new", got.Tablets, got.Duplicate)
	}
	prompt := receive(t, settlement.prompts, "the prompt")
	if got := c.report("settlement-1", "88121"); !got.Duplicate {
		t.Error("the same report a second time is not called a duplicate")
	}
	s.boardShows(board, totals{Offered: 1})
	before := deltas.Load()
	settlement.rate(t, prompt.ID, surveys.VerySatisfied, surveys.OutcomeStored)
	s.boardShows(board, totals{Offered: 2, Asked: 1})
	if deltas.Load() == before {
		t.Error("the rating came to the board without a delta")
	}
	boardSays(t, board, "the arrival", func(b *tabletclient.BoardState) bool {
		return len(b.Arrivals) == 1 && b.Arrivals[0].Place == "settlement-1" && b.Arrivals[0].Grade == surveys.VerySatisfied && b.Arrivals[0].Series == surveys.SeriesAsked
	})

	second := settlement.rate(t, prompt.ID, surveys.VeryDissatisfied, surveys.OutcomeAlreadyRated)
	c.wantSetAside(second, "already_rated")

	c.awaitExpiry("pharmacy-1", unanswered.ID)
	s.boardShows(board, totals{Offered: 2, Asked: 1})
	c.stop()
	// Unanswered is offered, and nothing else: least of all satisfied.
	want := map[fact]int64{
		{surveys.EventPromptOffered, "pharmacy-1", surveys.SeriesAsked, 0}:    1,
		{surveys.EventPromptOffered, "settlement-1", surveys.SeriesAsked, 0}:  1,
		{surveys.EventRatingRecorded, "settlement-1", surveys.SeriesAsked, 5}: 1,
		// Nobody can tell which of the two was meant: the first counts, flagged.
		{surveys.EventRatingFlagged, "settlement-1", surveys.SeriesAsked, 5}: 1,
	}
	if diff := cmp.Diff(want, s.foldStore(), cmp.AllowUnexported(fact{})); diff != "" {
		t.Errorf("recount of the facts (-want +got):\n%s", diff)
	}
	s.verify()
}

// awaitExpiry waits until a prompt has run out.
func (c *clinic) awaitExpiry(window surveys.PlaceID, prompt surveys.FactID) {
	c.t.Helper()
	var shown struct {
		Prompt *struct {
			ID    surveys.FactID      `json:"id"`
			State surveys.PromptState `json:"state"`
		} `json:"prompt"`
	}
	eventually(c.t, "the prompt has run out", func() bool {
		shown.Prompt = nil
		if err := c.operator.call(c.t.Context(), "GET", "/api/v1/operator/windows/"+string(window), "", nil, &shown); err != nil {
			c.t.Fatal(err)
		}
		return shown.Prompt == nil || shown.Prompt.ID != prompt || shown.Prompt.State == surveys.PromptExpired
	})
}

// wantSetAside proves that a fact waits at the desk for a person.
func (c *clinic) wantSetAside(id surveys.FactID, reason string) {
	c.t.Helper()
	var answer struct {
		SetAside []struct {
			FactID surveys.FactID `json:"fact_id"`
			Reason string         `json:"reason"`
		} `json:"set_aside"`
	}
	if err := c.officer.call(c.t.Context(), "GET", "/api/v1/set-aside", "", nil, &answer); err != nil {
		c.t.Fatal(err)
	}
	for _, entry := range answer.SetAside {
		if entry.FactID == id && entry.Reason == reason {
			return
		}
	}
	c.t.Errorf("%s was not set aside as %s: %v", id, reason, answer.SetAside)
}

// wantStopped waits until the server stops a tablet for good, with a code.
func (n *counter) wantStopped(t *testing.T, code int) {
	t.Helper()
	err := receive(t, n.stopped, "the end of a tablet")
	var stopped *tabletclient.StoppedError
	if !errors.As(err, &stopped) || stopped.Code != code {
		t.Errorf("the tablet ended with %v, want close code %d", err, code)
	}
}

// A revoked tablet is gone within two seconds and stays away; two holders of
// one key are both stopped until a person has looked.
func TestProofStrangersAreShutOut(t *testing.T) {
	c := openClinic(t, newSite(t, ""))
	lost := c.pair("settlement-1")
	if err := lost.Ready(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.desk.call(t.Context(), "POST", "/api/v1/devices/"+lost.id.Device.String()+"/revoke", "", nil, nil); err != nil {
		t.Fatal(err)
	}
	lost.wantStopped(t, 4403)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the revoked tablet was closed after %s, want 2 s", took)
	}
	c.turnOn("settlement-1", lost.id).wantStopped(t, 4403)

	owner := c.pair("pharmacy-1")
	if err := owner.Ready(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	thief := c.turnOn("pharmacy-1", owner.id)
	thief.wantStopped(t, 4409)
	owner.wantStopped(t, 4409)
	if !slices.Contains(c.faults(owner.id.Device), surveys.FaultSharedKey) {
		t.Errorf("the desk shows the shared key's device with %v", c.faults(owner.id.Device))
	}
	c.turnOn("pharmacy-1", owner.id).wantStopped(t, 4409)
	if err := c.desk.call(t.Context(), "POST", "/api/v1/devices/"+owner.id.Device.String()+"/clear-fault", "", nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.turnOn("pharmacy-1", owner.id).Ready(within(t, patience)); err != nil {
		t.Errorf("the device is not welcome after its fault was cleared: %v", err)
	}
}

// faults are what the desk shows to be wrong with a device.
func (c *clinic) faults(id surveys.DeviceID) []surveys.Fault {
	c.t.Helper()
	var answer struct {
		Devices []struct {
			ID     surveys.DeviceID `json:"id"`
			Faults []surveys.Fault  `json:"faults"`
		} `json:"devices"`
	}
	if err := c.desk.call(c.t.Context(), "GET", "/api/v1/devices", "", nil, &answer); err != nil {
		c.t.Fatal(err)
	}
	for _, d := range answer.Devices {
		if d.ID == id {
			return d.Faults
		}
	}
	c.t.Errorf("the desk does not show device %s", id)
	return nil
}
