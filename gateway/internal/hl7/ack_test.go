package hl7

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

func TestAnswers(t *testing.T) {
	down := errors.New("store is down")
	good := adt("A01", "PID|1||M1")
	tests := []struct {
		name    string
		message string
		apply   error
		keep    error
		word    string
		id      string
		code    string // ERR
		reason  string // kept aside with
	}{
		{"stored", good, nil, nil, "AA", "77", "", ""},
		{"an event that changes nothing", adt("A60", "PID|1||M1"), nil, nil, "AA", "77", "", ""},
		{"not stored", good, down, nil, "AE", "77", "207", ""},
		{"refused by the handler", good, &Refusal{surveys.Text{ZH: "不收", EN: "no"}}, nil, "AR", "77", "101", "no"},
		{"refused deep inside", good, fmt.Errorf("apply: %w", &Refusal{surveys.Text{ZH: "不收", EN: "no"}}), nil, "AR", "77", "101", "no"},
		{"refused and not kept", adt("A01", "PID|1||"), nil, down, "AE", "77", "101", ""},
		{"no patient", adt("A01", "PID|1||"), nil, nil, "AR", "77", "101", "neither patient nor visit number (PID-3, PV1-19)"},
		{"another type", strings.Replace(good, "ADT^A01", "ORU^R01", 1), nil, nil, "AR", "77", "200", "not an ADT message"},
		{"no header", "planted", nil, nil, "AR", "", "100", "message does not begin with an MSH segment"},
		{"empty", "", nil, nil, "AR", "", "100", "message does not begin with an MSH segment"},
		{"neither character set", good + "\xff\xff", nil, nil, "AR", "77", "100", "neither UTF-8 nor GB18030"},
		{"too many fields", good + "ZZZ" + strings.Repeat("|", 600), nil, nil, "AR", "77", "100", ErrTooMany.Error()},
		{"too long", good + strings.Repeat("planted", 100_000), nil, nil, "AR", "77", "100", ErrTooLong.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := &fakeHandler{keep: tt.keep}
			if tt.apply != nil {
				h.apply = func(context.Context, followup.VisitChange) error { return tt.apply }
			}
			_, address, _ := serve(t, Options{Handler: h})
			out := dial(t, address)
			out.write(frame([]byte(tt.message)))
			ack := out.answer()
			if word(ack) != tt.word || controlID(ack) != tt.id {
				t.Errorf("got %s of %q, want %s of %q", word(ack), controlID(ack), tt.word, tt.id)
			}
			if got := ack.Segment("ERR").First(1).Subcomponent(4, 1); got != tt.code {
				t.Errorf("got error code %q, want %q", got, tt.code)
			}
			checkKept(t, h, tt.message, tt.reason)
			// The connection is of use afterwards.
			h.mu.Lock()
			h.apply = nil
			h.mu.Unlock()
			out.write(frame([]byte(good)))
			if ack := out.answer(); word(ack) != "AA" {
				t.Errorf("the next message got %s, want AA", word(ack))
			}
		})
	}
}

func checkKept(t *testing.T, h *fakeHandler, message, reason string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if reason == "" {
		if len(h.rejected) != 0 {
			t.Errorf("%d messages kept aside, want none", len(h.rejected))
		}
		return
	}
	if len(h.rejected) != 1 {
		t.Fatalf("%d messages kept aside, want 1", len(h.rejected))
	}
	r := h.rejected[0]
	whole := string(r.Payload) == message && !r.Truncated || r.Truncated && string(r.Payload) == message[:keptHead]
	if r.Reason.EN != reason || r.Reason.ZH == "" || !whole || r.Source != Source || r.ReceivedAt.IsZero() {
		t.Errorf("kept %d bytes (truncated %v) for %+v, want %q", len(r.Payload), r.Truncated, r.Reason, reason)
	}
}

func TestAnswerInTheSendersForm(t *testing.T) {
	h := &fakeHandler{apply: func(context.Context, followup.VisitChange) error { return errors.New("down") }}
	_, address, _ := serve(t, Options{Handler: h, Now: func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }})
	out := dial(t, address)
	out.write(frame([]byte("MSH#!*@%#HIS%1.2%ISO!x#YY#QF#QQ#2026##ADT!A01!ADT_A01#a@F@1#P#2.5.1\rPID###1")))
	raw, err := out.in.ReadString(carriage)
	for err == nil && !strings.Contains(raw, "\x1c") {
		var more string
		more, err = out.in.ReadString(carriage)
		raw += more
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.Trim(raw, "\x0b\x1c\r"), "\r")
	head := strings.Split(lines[0], "#")
	head[9] = "own"
	want := []string{
		"MSH#!*@%#QF#QQ#HIS!x#YY#20261121200000+0800##ACK!A01!ACK#own#P#2.5.1",
		"MSA#AE#a@F@1#Application internal error",
		"ERR###207!Application internal error!HL70357#E",
	}
	lines[0] = strings.Join(head, "#")
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestAnswerInTheSendersCharacterSet(t *testing.T) {
	_, address, _ := serve(t, Options{Handler: &fakeHandler{}})
	out := dial(t, address)
	text := strings.Replace(adt("A01", "PID|1||M1||王^小明"), "|HIS|", "|医院|", 1)
	out.write(frame([]byte(gb18030(t, text))))
	ack := out.answer()
	if ack.Charset != CharsetGB18030 || ack.Header(5, 1) != "医院" {
		t.Errorf("got %q in %s", ack.Header(5, 1), ack.Charset)
	}
}

func TestAnAnswerSaysNoMoreBackThanATrigger(t *testing.T) {
	for trigger, said := range map[string]bool{"A01": true, "Z9X": true, "王小明": false, "A0": false, "a01": false, "A01B": false, "": false} {
		m, err := Parse([]byte("MSH|^~\\&|HIS|H|QF|H|20261121200804||ADT^" + trigger + "|7|P|2.3\rPID|1||1\r"))
		if err != nil {
			t.Fatalf("%q: %v", trigger, err)
		}
		answer := string(acknowledge(m, "AA", problem{}, "1", time.Unix(0, 0)))
		if got := trigger != "" && strings.Contains(answer, trigger); got != said {
			t.Errorf("%q is said back: %t, want %t in %q", trigger, got, said, answer)
		}
	}
}
