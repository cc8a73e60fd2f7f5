package simulator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// inbox is a Receiver that keeps what it took, and can be out of order.
type inbox struct {
	mu       sync.Mutex
	inbounds []texting.Inbound
	reports  []texting.StatusReport
	refuse   int // how many more calls fail
	calls    int
}

func (b *inbox) turn() error {
	b.calls++
	if b.refuse > 0 {
		b.refuse--
		return errors.New("the store is down")
	}
	return nil
}

func (b *inbox) RecordInbound(_ context.Context, in texting.Inbound) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.turn(); err != nil {
		return err
	}
	b.inbounds = append(b.inbounds, in)
	return nil
}

func (b *inbox) RecordStatus(_ context.Context, r texting.StatusReport) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.turn(); err != nil {
		return err
	}
	b.reports = append(b.reports, r)
	return nil
}

func (b *inbox) statuses() []texting.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	var got []texting.Status
	for _, r := range b.reports {
		got = append(got, r.Status)
	}
	return got
}

func factID(n int) surveys.FactID {
	return surveys.NewFactID(time.UnixMilli(1_790_000_000_000+int64(n)), [10]byte{9: byte(n)})
}

func textTo(number string, n int) texting.Message {
	return texting.Message{
		ID: factID(n), To: texting.NumberOf(number), Country: "CN", Purpose: texting.PurposeInvite, Language: "zh",
		Body: "【清风医院】请回复1至5为本次住院打分", ValidFor: time.Hour,
	}
}

const zhang = "+8613800138000"

// running makes a started carrier that ends with the test.
func running(t *testing.T, o Options, r Receiver) *Carrier {
	t.Helper()
	c := New(o)
	c.Start(r)
	t.Cleanup(func() { c.Close() })
	return c
}

// phoneID finds the phone of a number.
func phoneID(t *testing.T, c *Carrier, number string) int64 {
	t.Helper()
	c.phones.mu.Lock()
	defer c.phones.mu.Unlock()
	ph := c.phones.byNumber[texting.NumberOf(number)]
	if ph == nil {
		t.Fatal("there is no such phone")
	}
	return ph.id
}

// thread gives the bubbles of a number as "kind status tries".
func thread(t *testing.T, c *Carrier, number string) []string {
	t.Helper()
	id := phoneID(t, c, number)
	c.phones.mu.Lock()
	defer c.phones.mu.Unlock()
	var got []string
	for _, e := range c.phones.byID(id).entries {
		got = append(got, fmt.Sprintf("%s %s %d", e.kind, e.status, e.tries))
	}
	return got
}

func TestSendFailsAsThePhoneWasTold(t *testing.T) {
	for _, tt := range []struct {
		failure  Failure
		class    texting.Class // empty: taken
		retry    time.Duration
		took     time.Duration
		found    bool
		statuses []texting.Status
		bubble   string
	}{
		{FailNone, "", 0, 0, true, []texting.Status{texting.StatusSent, texting.StatusDelivered}, "text delivered 0"},
		{FailUndelivered, "", 0, 0, true, []texting.Status{texting.StatusSent, texting.StatusUndelivered}, "text undelivered 0"},
		{FailRefused, texting.ClassFinal, 0, 0, false, nil, "text refused 1"},
		{FailThrottled, texting.ClassLater, throttledFor, 0, false, nil, "text throttled 1"},
		{FailTimeout, texting.ClassAmbiguous, 0, 5 * time.Second, true, []texting.Status{texting.StatusSent, texting.StatusDelivered}, "text delivered 0"},
		{FailLostAnswer, texting.ClassAmbiguous, 0, 0, true, nil, "text delivered 0"},
	} {
		t.Run(string(tt.failure), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				to := &inbox{}
				c := running(t, Options{}, to)
				c.phones.fail(c.phones.put(texting.NumberOf(zhang)), tt.failure)
				begun := time.Now()
				sent, err := c.Send(t.Context(), textTo(zhang, 1))
				if took := time.Since(begun); took != tt.took {
					t.Errorf("Send took %v, want %v", took, tt.took)
				}
				var refused *texting.SendError
				switch {
				case tt.class == "" && (err != nil || sent.ProviderID == "" || sent.Status != texting.StatusQueued):
					t.Errorf("Send = %+v, %v, want queued with an id", sent, err)
				case tt.class != "" && (!errors.As(err, &refused) || refused.Class != tt.class || refused.RetryAfter != tt.retry):
					t.Errorf("Send = %v, want class %s after %v", err, tt.class, tt.retry)
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if diff := cmp.Diff(tt.statuses, to.statuses()); diff != "" {
					t.Errorf("reports (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]string{tt.bubble}, thread(t, c, zhang)); diff != "" {
					t.Errorf("thread (-want +got):\n%s", diff)
				}
				found, ok, err := c.Find(t.Context(), textTo(zhang, 1), time.Time{})
				if ok != tt.found || err != nil || ok && found.ProviderID == "" {
					t.Errorf("Find = %+v, %v, %v, want found %v", found, ok, err, tt.found)
				}
			})
		})
	}
}

func TestReportsCarryBothIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &inbox{}
		c := running(t, Options{}, to)
		sent, err := c.Send(t.Context(), textTo(zhang, 1))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(to.reports) != 2 {
			t.Fatalf("%d reports, want 2", len(to.reports))
		}
		for _, r := range to.reports {
			if r.Carrier != Name || r.ProviderID != sent.ProviderID || r.Message != factID(1) || r.At.IsZero() {
				t.Errorf("report %+v does not name the text %s, %s", r, sent.ProviderID, factID(1))
			}
		}
	})
}

func TestAThrottledTextIsOneBubbleUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := running(t, Options{}, &inbox{})
		id := c.phones.put(texting.NumberOf(zhang))
		c.phones.fail(id, FailThrottled)
		for range 3 {
			if _, err := c.Send(t.Context(), textTo(zhang, 1)); err == nil {
				t.Fatal("a throttled phone takes a text")
			}
		}
		if diff := cmp.Diff([]string{"text throttled 3"}, thread(t, c, zhang)); diff != "" {
			t.Errorf("thread (-want +got):\n%s", diff)
		}
		c.phones.fail(id, FailNone)
		for range 2 { // taken, and sent once more: a real phone rings twice
			if _, err := c.Send(t.Context(), textTo(zhang, 1)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"text delivered 3", "text delivered 0"}, thread(t, c, zhang)); diff != "" {
			t.Errorf("thread (-want +got):\n%s", diff)
		}
	})
}

func TestReplyComesBackOnceAndUntilItIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &inbox{refuse: 3}
		c := running(t, Options{}, to)
		id := c.phones.put(texting.NumberOf(zhang))
		for range 2 { // a page that did not hear the answer asks again
			if err := c.Reply(id, factID(7), "５分，谢谢"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(to.inbounds) != 1 || to.calls != 4 {
			t.Fatalf("%d inbounds in %d calls, want 1 in 4", len(to.inbounds), to.calls)
		}
		in := to.inbounds[0]
		if in.From.E164() != zhang || in.To.E164() != "+861069000000" || string(in.Body) != "５分，谢谢" ||
			in.Carrier != Name || in.ProviderID != factID(7).String() || in.Handled != "" {
			t.Errorf("inbound is from, to or about something else: %+v", in)
		}
		if diff := cmp.Diff([]string{"reply taken 0"}, thread(t, c, zhang)); diff != "" {
			t.Errorf("thread (-want +got):\n%s", diff)
		}
	})
}

func TestAReplyThatIsNeverStoredIsShownAsFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &inbox{refuse: 1_000}
		c := running(t, Options{}, to)
		if err := c.Reply(c.phones.put(texting.NumberOf(zhang)), factID(7), "5"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if to.calls != maxTries {
			t.Errorf("reported %d times, want %d", to.calls, maxTries)
		}
		if diff := cmp.Diff([]string{"reply failed 0"}, thread(t, c, zhang)); diff != "" {
			t.Errorf("thread (-want +got):\n%s", diff)
		}
		if c.runs.open != 0 {
			t.Errorf("%d errands are open, want none", c.runs.open)
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a goroutine left behind is a deadlock here
		c := New(Options{})
		c.Start(&inbox{refuse: 1_000})
		for n := range 50 {
			if _, err := c.Send(t.Context(), textTo(fmt.Sprintf("+86138001380%02d", n), n)); err != nil {
				t.Fatal(err)
			}
		}
		c.phones.fail(c.phones.put(texting.NumberOf(zhang)), FailTimeout)
		silent := make(chan error)
		go func() {
			_, err := c.Send(context.WithoutCancel(t.Context()), textTo(zhang, 99))
			silent <- err
		}()
		time.Sleep(400 * time.Millisecond)
		synctest.Wait()
		c.Close()
		var e *texting.SendError
		if err := <-silent; !errors.As(err, &e) || e.Class != texting.ClassAmbiguous {
			t.Errorf("a send under way ends with %v, want ambiguous", err)
		}
	})
}

func TestOldPhonesAndTextsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := running(t, Options{}, &inbox{})
		for n := range maxPhones + 20 {
			if _, err := c.Send(t.Context(), textTo(fmt.Sprintf("+86138%08d", n), n%256)); err != nil {
				t.Fatal(err)
			}
		}
		last := fmt.Sprintf("+86138%08d", maxPhones+19)
		for n := range maxEntries + 30 {
			if err := c.Reply(phoneID(t, c, last), surveys.NewFactID(time.UnixMilli(int64(n)), [10]byte{1}), "5"); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(c.phones.byNumber); n != maxPhones {
			t.Errorf("%d phones, want %d", n, maxPhones)
		}
		if c.phones.byNumber[texting.NumberOf("+8613800000019")] != nil || c.phones.byNumber[texting.NumberOf("+8613800000020")] == nil {
			t.Error("not the oldest phones made room")
		}
		if n := len(thread(t, c, last)); n != maxEntries {
			t.Errorf("%d bubbles, want %d", n, maxEntries)
		}
		synctest.Wait()
	})
}

func TestNoTextWithoutSignatureOrNumber(t *testing.T) {
	c := New(Options{})
	unsigned, nobody := textTo(zhang, 1), textTo("", 1)
	unsigned.Body = "请打分【清风医院】"
	for _, m := range []texting.Message{unsigned, nobody} {
		_, err := c.Send(t.Context(), m)
		var e *texting.SendError
		if !errors.As(err, &e) || e.Class != texting.ClassFinal {
			t.Errorf("Send = %v, want final", err)
		}
		if err != nil && strings.Contains(err.Error(), "打分") {
			t.Error("the error quotes the text")
		}
	}
	if got := c.Capabilities("CN"); got.Mode() != surveys.ModeReply || !got.SignatureRequired || got.URL {
		t.Errorf("capabilities %+v are not a mainland carrier's", got)
	}
}

// Many senders and typists at once: run with -race.
func TestEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &inbox{}
		c := running(t, Options{}, to)
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				number := fmt.Sprintf("+861380013800%d", n)
				for i := range 50 {
					if _, err := c.Send(t.Context(), textTo(number, n*50+i)); err != nil {
						t.Error(err)
					}
					if err := c.Reply(phoneID(t, c, number), factID(n*50+i), "5"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		got := to.statuses()
		if len(got) != 800 || len(to.inbounds) != 400 || c.runs.open != 0 {
			t.Fatalf("%d reports and %d replies, %d to come; want 800, 400 and none", len(got), len(to.inbounds), c.runs.open)
		}
		if n := len(slices.DeleteFunc(got, func(s texting.Status) bool { return s != texting.StatusDelivered })); n != 400 {
			t.Errorf("%d delivered, want 400", n)
		}
	})
}

func TestOneWayPhonesAreNotHeard(t *testing.T) {
	for _, tt := range []struct {
		options Options
		want    surveys.Mode
	}{
		{Options{}, surveys.ModeReply},
		{Options{URL: true}, surveys.ModeReply},
		{Options{URL: true, OneWay: true}, surveys.ModeLink},
		{Options{OneWay: true}, surveys.ModeCode},
	} {
		c := New(tt.options)
		if got := c.Capabilities("CN").Mode(); got != tt.want {
			t.Errorf("URL %t, one-way %t: surveys run by %s, want %s", tt.options.URL, tt.options.OneWay, got, tt.want)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
