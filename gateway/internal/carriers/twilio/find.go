package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"qingfeng/surveys/texting"
)

const (
	// findPage is the most Twilio lists at once, newest first; one patient never
	// got as many.
	findPage = 1000
	// clockStep is by how much two clocks told in whole seconds may differ.
	clockStep = 2 * time.Second
	// dateForm is how messages tell time (RFC 2822 section 3.3).
	dateForm = "Mon, 2 Jan 2006 15:04:05 -0700"
)

var (
	errListFull   = errors.New("the list is longer than what was asked for")
	errRedacted   = errors.New("several texts without words are left; which is ours cannot be told")
	errObfuscated = errors.New("numbers are obfuscated once texts are sent, so that the list proves nothing")
)

// Find asks Twilio whether it took a text that was sent since a moment on our
// clock and whose answer never came. found is false only if it was not taken;
// whatever cannot be told is an error.
//
// A message there bears neither our id nor its status callback, so it is known
// by number, time and words. Words go when a text has left Twilio and is to be
// discarded: then it is known by number and by a creation inside the time the
// send can have taken, if there is but one.
func (c *Carrier) Find(ctx context.Context, m texting.Message, since time.Time) (s texting.Sent, found bool, err error) {
	twilio, k := c.service(ctx)
	// Not by the date it was sent: one that waits in Twilio's queue has none.
	params := (&api.ListMessageParams{}).SetTo(m.To.E164()).SetPageSize(findPage)
	page, err := twilio.PageMessage(params, "", "")
	switch {
	case k.status != 0 && k.status != http.StatusOK:
		return texting.Sent{}, false, fmt.Errorf("list messages: %w", c.refused(k.status, restCode(err), k.header, cause(err)))
	case err != nil:
		return texting.Sent{}, false, fmt.Errorf("list messages: %w", cause(err))
	}
	match, err := c.match(page.Messages, m, c.onTheirClock(since, k.header))
	switch {
	case err != nil:
		return texting.Sent{}, false, fmt.Errorf("find message: %w", err)
	case match != nil:
		return sentOf(match), true, nil
	case c.opt.ObfuscateNumbers:
		return texting.Sent{}, false, fmt.Errorf("find message: %w", errObfuscated)
	}
	return texting.Sent{}, false, nil
}

// onTheirClock moves a moment by how far Twilio's clock is from ours.
func (c *Carrier) onTheirClock(t time.Time, header http.Header) time.Time {
	theirs, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return t
	}
	return t.Add(theirs.Sub(c.opt.Now()))
}

// match finds a text in a list, which is newest first; nil: it is not there.
func (c *Carrier) match(list []api.ApiV2010Message, m texting.Message, since time.Time) (*api.ApiV2010Message, error) {
	from, until := since.Add(-clockStep), since.Add(c.opt.Timeout+clockStep)
	var same, wordless *api.ApiV2010Message
	others := 0
	oldest := time.Time{}
	for i := range list {
		x := &list[i]
		created, err := time.Parse(dateForm, value(x.DateCreated))
		if err != nil {
			return nil, errors.New("a message has no date that can be read")
		}
		oldest = created
		if created.Before(from) || !strings.HasPrefix(value(x.Direction), "outbound") {
			continue
		}
		switch body := value(x.Body); {
		case body == "" && !created.After(until):
			wordless = x
			others++
		case body != "" && sameWords(body, string(m.Body)):
			same = x // the last one seen is the first after since
		}
	}
	switch {
	case same != nil:
		return same, nil
	case len(list) >= findPage && !oldest.Before(from):
		return nil, errListFull
	case others > 1:
		return nil, errRedacted
	}
	return wordless, nil
}

// sameWords reports whether Twilio's body is ours. A trial account's texts
// begin with a sentence of Twilio's own.
func sameWords(theirs, ours string) bool {
	ours = strings.TrimSpace(ours)
	return ours != "" && strings.HasSuffix(strings.TrimSpace(theirs), ours)
}
