package simulator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Receiver takes what comes back from the phones. It returns once the row is on
// disk; what it refuses is reported again.
type Receiver interface {
	RecordInbound(ctx context.Context, in texting.Inbound) error // idempotent by (Carrier, ProviderID)
	RecordStatus(ctx context.Context, r texting.StatusReport) error
}

// Options of New. Every field has a default.
type Options struct {
	// URL: texts may carry links, as abroad; mainland carriers strip them.
	URL bool
	// OneWay: nobody can answer, as with Twilio to the mainland; surveys then run
	// by link, or without URL by code.
	OneWay bool
	// Number is what the phones answer to; +861069000000 by default, of the kind
	// mainland carriers give for notices.
	Number texting.Number
	// SentAfter and DeliveredAfter are counted from the moment a text was taken;
	// 300 ms and 1 s.
	SentAfter, DeliveredAfter time.Duration
	// AnswerTimeout is how long Send stays silent on a phone with FailTimeout
	// before it gives up, as an HTTP client would; 5 s.
	AnswerTimeout time.Duration
	// Now is the clock that stamps texts: the demo clock. It paces nothing.
	Now func() time.Time
	// Zone is the hospital's, in which the page shows times; Asia/Shanghai when
	// the machine knows it, UTC otherwise.
	Zone *time.Location
}

func (o Options) withDefaults() Options {
	if o.Number.IsZero() {
		o.Number = texting.NumberOf("+861069000000")
	}
	if o.SentAfter <= 0 {
		o.SentAfter = 300 * time.Millisecond
	}
	if o.DeliveredAfter <= o.SentAfter {
		o.DeliveredAfter = o.SentAfter + 700*time.Millisecond
	}
	if o.AnswerTimeout <= 0 {
		o.AnswerTimeout = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.UTC
		if shanghai, err := time.LoadLocation("Asia/Shanghai"); err == nil {
			o.Zone = shanghai
		}
	}
	return o
}

// Name is the carrier's name in settings, rows and metrics.
const Name = "simulator"

// throttledFor is what a throttled phone asks the sender to wait.
const throttledFor = 5 * time.Second

// Carrier is the simulated carrier. Make one with New, give it its Receiver with
// Start, end it with Close.
type Carrier struct {
	o      Options
	boot   string // differs from run to run, so that provider ids never repeat
	phones *phones
	runs   *courier
}

// New makes the carrier. It takes texts at once; what came of them is reported
// from Start on.
func New(o Options) *Carrier {
	var random [6]byte
	rand.Read(random[:]) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	c := &Carrier{o: o.withDefaults(), boot: hex.EncodeToString(random[:])}
	c.phones = newPhones()
	c.runs = newCourier()
	return c
}

// Start begins to report to r. It is called once.
func (c *Carrier) Start(r Receiver) { c.runs.start(r) }

// Close ends every goroutine of the carrier and waits for them. What was not
// reported yet is lost, as the phones are.
func (c *Carrier) Close() error {
	c.runs.close()
	c.phones.close()
	return nil
}

// Name gives the carrier's name.
func (c *Carrier) Name() string { return Name }

// Capabilities are those of a mainland carrier, towards every country: answers
// come back unless it is one-way, and the 【signature】 is demanded. Any body is
// sent.
func (c *Carrier) Capabilities(texting.Country) texting.Capabilities {
	return texting.Capabilities{Inbound: !c.o.OneWay, URL: c.o.URL, SignatureRequired: true}
}

// What Send can fail with, beside context errors.
var (
	errNoAnswer = errors.New("the answer never came")
	errLost     = errors.New("the connection broke after the text was written")
	errBusy     = errors.New("too many reports wait")
)

// Send puts a text on its phone and fails as the phone was told to. A text sent
// twice arrives twice: no real carrier recognises it either.
func (c *Carrier) Send(ctx context.Context, m texting.Message) (texting.Sent, error) {
	if m.To.IsZero() {
		return texting.Sent{}, refusal(texting.ClassFinal, "no_number", "没有号码，模拟手机收不到", "there is no number to send to")
	}
	if body := string(m.Body); !strings.HasPrefix(body, "【") || !strings.Contains(body, "】") {
		return texting.Sent{}, refusal(texting.ClassFinal, "signature_missing", "短信须以【签名】开头", "the text must begin with the 【signature】")
	}
	if c.runs.full() {
		e := refusal(texting.ClassLater, "queue_full", "模拟通道排队已满，稍后自动重试", "the simulated queue is full; it is tried again by itself")
		e.RetryAfter = throttledFor
		return texting.Sent{}, e
	}
	failure, provider := c.take(m)
	switch failure {
	case FailRefused:
		return texting.Sent{}, refusal(texting.ClassFinal, "refused", "模拟手机设为拒收", "the simulated phone is set to refuse")
	case FailThrottled:
		e := refusal(texting.ClassLater, "429", "模拟手机设为限流，稍后自动重试", "the simulated phone is set to throttle; it is tried again by itself")
		e.RetryAfter = throttledFor
		return texting.Sent{}, e
	case FailLostAnswer:
		return texting.Sent{}, &texting.SendError{Class: texting.ClassAmbiguous, Operator: ambiguous, Err: errLost}
	case FailTimeout:
		return texting.Sent{}, c.silence(ctx)
	}
	return texting.Sent{ProviderID: provider, Status: texting.StatusQueued}, nil
}

var ambiguous = surveys.Text{
	ZH: "不知道短信是否已被接收，系统会先查清再决定是否重发", EN: "nobody knows whether the text was taken; it is found out before it is sent again",
}

func refusal(class texting.Class, code, zh, en string) *texting.SendError {
	return &texting.SendError{Class: class, Code: code, Operator: surveys.Text{ZH: zh, EN: en}}
}

// take writes the text into its thread and has its reports sent. provider is
// empty when the phone would not have it.
func (c *Carrier) take(m texting.Message) (failure Failure, provider string) {
	failure, t := c.phones.deliver(m, c.o.Now(), func(n int64) string { return "sim-" + c.boot + "-" + strconv.FormatInt(n, 10) })
	if t == nil {
		return failure, ""
	}
	if failure == FailLostAnswer { // nor does any report come: only Find can tell
		return failure, t.provider
	}
	last := texting.StatusDelivered
	if failure == FailUndelivered {
		last = texting.StatusUndelivered
	}
	gap := c.o.DeliveredAfter - c.o.SentAfter
	c.report(t, m.ID, texting.StatusSent, c.o.SentAfter, func() { c.report(t, m.ID, last, gap, nil) })
	return failure, t.provider
}

// report has one status told after a while, and then the next thing done.
func (c *Carrier) report(t *entry, id surveys.FactID, status texting.Status, after time.Duration, next func()) {
	c.runs.add(after, errand{
		begin: func() { c.phones.mark(t, status) },
		run: func(ctx context.Context, r Receiver) error {
			code := ""
			if status == texting.StatusUndelivered {
				code = "phone_off"
			}
			return r.RecordStatus(ctx, texting.StatusReport{
				Carrier: Name, ProviderID: t.provider, Message: id, Status: status, Code: code, At: c.o.Now(),
			})
		},
		then: func(error) {
			if next != nil {
				next()
			}
		},
	})
}

// silence is a carrier that took the text and never answers.
func (c *Carrier) silence(ctx context.Context) error {
	timer := time.NewTimer(c.o.AnswerTimeout)
	defer timer.Stop()
	cause := errNoAnswer
	select {
	case <-timer.C:
	case <-c.runs.stopped():
	case <-ctx.Done():
		cause = ctx.Err()
	}
	return &texting.SendError{Class: texting.ClassAmbiguous, Operator: ambiguous, Err: cause}
}

// Find tells whether a text was taken, as long as its phone's thread still holds
// it. since is not needed: our own id is in the thread.
func (c *Carrier) Find(_ context.Context, m texting.Message, _ time.Time) (s texting.Sent, found bool, err error) {
	provider, status, found := c.phones.find(m.To, m.ID)
	if !found {
		return texting.Sent{}, false, nil
	}
	return texting.Sent{ProviderID: provider, Status: status}, true, nil
}

// Reply hands in what was typed on a phone. The id was made where it was typed:
// the same id again is the same reply. It returns once the phone shows it; the
// Receiver hears of it right after, again and again until it took it.
func (c *Carrier) Reply(phone int64, id surveys.FactID, text surveys.Secret) error {
	if c.runs.full() {
		return errBusy
	}
	now := c.o.Now()
	from, e, err := c.phones.reply(phone, id, text, now)
	if err != nil || e == nil || c.o.OneWay { // one-way: nobody hears it
		return err
	}
	c.runs.add(0, errand{
		run: func(ctx context.Context, r Receiver) error {
			return r.RecordInbound(ctx, texting.Inbound{
				Carrier: Name, ProviderID: e.provider, From: from, To: c.o.Number, Body: text, ReceivedAt: now,
			})
		},
		then: func(err error) { c.phones.answered(e, err == nil) },
	})
	return nil
}
