package twilio

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys/texting"
)

// listed is a message as Twilio lists it.
type listed struct {
	SID       string `json:"sid"`
	Body      string `json:"body"`
	Status    string `json:"status"`
	Direction string `json:"direction"`
	Created   string `json:"date_created"`
	Sent      any    `json:"date_sent"`
	To        string `json:"to"`
	Segments  string `json:"num_segments"`
}

// at makes one that was created so long after the send began.
func at(after time.Duration, sid, body, status string) listed {
	return listed{SID: sid, Body: body, Status: status, Direction: "outbound-api", Created: noon.Add(after).Format(time.RFC1123Z), To: patient, Segments: "2"}
}

func TestFind(t *testing.T) {
	others := func(n int) []listed {
		all := make([]listed, n)
		for i := range all {
			all[i] = at(time.Minute, "SMx", "other words", "sent")
		}
		return all
	}
	for _, tt := range []struct {
		name   string
		list   []listed
		skew   time.Duration // Twilio's clock before ours
		mask   bool
		status int
		want   texting.Sent
		found  bool
		fails  string
	}{
		{name: "nothing there"},
		{
			name: "waiting in the queue", list: []listed{at(time.Second, "SM1", words, "queued")},
			want: texting.Sent{ProviderID: "SM1", Status: texting.StatusQueued, Segments: 2}, found: true,
		},
		{
			name: "created in the second before", list: []listed{at(-time.Second, "SM1", words, "delivered")},
			want: texting.Sent{ProviderID: "SM1", Status: texting.StatusDelivered, Segments: 2}, found: true,
		},
		{
			name: "a trial account's preface", list: []listed{at(0, "SM1", "Sent from your Twilio trial account - "+words, "sent")},
			want: texting.Sent{ProviderID: "SM1", Status: texting.StatusSent, Segments: 2}, found: true,
		},
		{
			name: "it failed since", list: []listed{at(0, "SM1", words, "failed")},
			want: texting.Sent{ProviderID: "SM1", Status: texting.StatusRefused, Segments: 2}, found: true,
		},
		{name: "the same words an hour before", list: []listed{at(-time.Hour, "SM1", words, "delivered")}},
		{name: "other words", list: []listed{at(time.Second, "SM1", "【清风医院】谢谢", "sent")}},
		{name: "the patient wrote our words back", list: []listed{{SID: "SM1", Body: words, Direction: "inbound", Created: noon.Format(time.RFC1123Z)}}},
		{
			name: "discarded after it was sent", list: []listed{at(3*time.Second, "SM1", "", "sent")},
			want: texting.Sent{ProviderID: "SM1", Status: texting.StatusSent, Segments: 2}, found: true,
		},
		{name: "discarded, of another send later", list: []listed{at(time.Minute, "SM1", "", "sent")}},
		{name: "discarded, of another send before", list: []listed{at(-time.Minute, "SM1", "", "sent")}},
		{name: "discarded twice", list: []listed{at(2*time.Second, "SM2", "", "sent"), at(time.Second, "SM1", "", "sent")}, fails: "cannot be told"},
		{
			name: "words win over none", list: []listed{at(2*time.Second, "SM2", words, "queued"), at(time.Second, "SM1", "", "sent"), at(0, "SM0", "", "sent")},
			want: texting.Sent{ProviderID: "SM2", Status: texting.StatusQueued, Segments: 2}, found: true,
		},
		{
			name: "their clock is five minutes ahead", skew: 5 * time.Minute,
			list: []listed{at(5*time.Minute+time.Second, "SM2", "", "sent"), at(time.Second, "SM1", "", "sent")},
			want: texting.Sent{ProviderID: "SM2", Status: texting.StatusSent, Segments: 2}, found: true,
		},
		{name: "more than a list holds", list: others(findPage), fails: "longer"},
		{name: "numbers masked and nothing there", mask: true, fails: "obfuscated"},
		{
			name: "numbers masked and still queued", mask: true, list: []listed{at(0, "SM1", words, "queued")},
			want: texting.Sent{ProviderID: "SM1", Status: texting.StatusQueued, Segments: 2}, found: true,
		},
		{name: "a date nobody can read", list: []listed{{SID: "SM1", Direction: "outbound-api", Created: "yesterday"}}, fails: "no date"},
		{name: "no permission", status: 401, fails: "halt"},
		{name: "broken", status: 500, fails: "ambiguous"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.URL.Query(); r.Method != "GET" || got.Get("To") != patient || got.Get("PageSize") != "1000" || len(got) != 2 {
					t.Errorf("asked %s %v, want the texts to the patient", r.Method, got)
				}
				w.Header().Set("Date", noon.Add(tt.skew).Format(http.TimeFormat))
				if tt.status != 0 {
					w.WriteHeader(tt.status)
				}
				_ = json.NewEncoder(w).Encode(map[string]any{"messages": tt.list})
			}))
			defer s.Close()
			c := newCarrier(t, func(o *Options) { o.BaseURL, o.ObfuscateNumbers = s.URL, tt.mask })
			sent, found, err := c.Find(t.Context(), message(), noon)
			switch {
			case tt.fails == "" && err != nil:
				t.Fatal(err)
			case tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)):
				t.Fatalf("error %v, want %q in it", err, tt.fails)
			case err != nil:
				checkClean(t, "the error", err.Error())
			}
			if diff := cmp.Diff(tt.want, sent); diff != "" || found != tt.found {
				t.Errorf("found %v, want %v (-want +got):\n%s", found, tt.found, diff)
			}
		})
	}
}

func TestFindUnanswered(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer s.Close()
	_, found, err := newCarrier(t, func(o *Options) { o.BaseURL = s.URL }).Find(t.Context(), message(), noon)
	if err == nil || found {
		t.Fatalf("found %v, %v, want an error: no answer proves nothing", found, err)
	}
	checkClean(t, "the error", err.Error())
}
