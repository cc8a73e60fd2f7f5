package twilio

import (
	"maps"
	"net/url"
	"testing"
	"unicode/utf8"
)

// FuzzParseForm holds parseForm to the standard library's reader: what it takes
// is the same there, and no name comes twice.
func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{
		"", "&&", "=", "a", "a=", "=b", "a=b&a=b", "a=b&%61=c", "a=b;c=d", "Body=%E4%BA%94+5&From=%2B86", "x=%", "x=%zz", "%00=%ff&+=+",
		encode(inboundParams()), encode(statusParams()),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseForm(body)
		want, theirs := url.ParseQuery(string(body))
		if err != nil {
			twice := false
			for name, values := range want {
				twice = twice || len(values) > 1 || name == ""
			}
			if theirs == nil && !twice && len(want) < maxFields {
				t.Fatalf("parseForm(%q) refuses a good form: %v", body, err)
			}
			return
		}
		if theirs != nil || len(want) != len(got) || len(got) > maxFields {
			t.Fatalf("parseForm(%q) = %v, want %v (%v)", body, got, want, theirs)
		}
		for name, values := range want {
			if len(values) != 1 || got[name] != values[0] {
				t.Fatalf("parseForm(%q)[%q] = %q, want %q", body, name, got[name], values)
			}
		}
		again, err := parseForm([]byte(encode(got)))
		if err != nil || !maps.Equal(again, got) {
			t.Fatalf("encoded and read again: %v (%v), want %v", again, err, got)
		}
	})
}

// FuzzWebhook signs whatever it is given as Twilio would: nothing may crash,
// and what reaches the store is what was signed.
func FuzzWebhook(f *testing.F) {
	f.Add("５分", patient, messageSID, "STOP")
	f.Add("", "10086", "SM", "")
	f.Add("a&b=c;%00\xff", "+1", messageSID, "\n")
	f.Fuzz(func(t *testing.T, body, from, id, kind string) {
		store := &receiver{}
		c := newCarrier(t, func(o *Options) { o.Receiver = store })
		params := with(inboundParams(), "Body", body, "From", from, "MessageSid", id, "OptOutType", kind)
		w := c.serveTest(t, genuine(InboundPath, params))
		for _, in := range store.texts() {
			if w.Code != 200 || in.From.E164() != from || !utf8.ValidString(string(in.Body)) || (utf8.ValidString(body) && string(in.Body) != body) {
				t.Fatalf("status %d stored %q from %q, want %q from %q", w.Code, string(in.Body), in.From.E164(), body, from)
			}
		}
		if w.Code >= 500 {
			t.Fatalf("status %d", w.Code)
		}
	})
}
