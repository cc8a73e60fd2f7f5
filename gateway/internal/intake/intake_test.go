package intake

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

func TestMobile(t *testing.T) {
	tests := []struct {
		name, text, number string
		country            texting.Country
	}{
		{"plain", "19900000101", "+8619900000101", "CN"},
		{"spaced", "199 0000 0101", "+8619900000101", "CN"},
		{"hyphens", "199-0000-0101", "+8619900000101", "CN"},
		{"full width", "１９９０００００１０１", "+8619900000101", "CN"},
		{"with country code", "+86 199 0000 0101", "+8619900000101", "CN"},
		{"country code without plus", "8619900000101", "+8619900000101", "CN"},
		{"dialled from abroad", "0086 199 0000 0101", "+8619900000101", "CN"},
		{"Hong Kong", "+852 5123 4567", "+85251234567", "HK"},
		{"North America does not tell mobiles apart", "+1 415 555 2671", "+14155552671", "US"},
		{"landline first", "010-55500104;19900000101", "+8619900000101", "CN"},
		{"slash", "19900000101/19900000102", "+8619900000101", "CN"},
		{"Chinese marks", "010-55500104、19900000102", "+8619900000102", "CN"},
		{"whose it is", "19900000101（女儿）", "+8619900000101", "CN"},
		{"nothing", "", "", ""},
		{"landline", "010-55500104", "", ""},
		{"too short", "1990000010", "", ""},
		{"too long", "199000001011", "", ""},
		{"no such mobile prefix", "12000000101", "", ""},
		{"from a spreadsheet", "1.99E+10", "", ""},
		{"letters", "1-800-FLOWERS", "", ""},
		{"extension", "19900000101转5", "", ""},
		{"British without its code", "074 0492 6281", "", ""},
		{"emergency", "120", "", ""},
		{"words", "无", "", ""},
		{"many numbers", strings.Repeat("1;", maxCandidates) + "19900000101", "", ""},
		{"not valid text", "\xff\xfe19900000101", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			number, country := Mobile(surveys.Secret(tt.text), "CN")
			if number.E164() != tt.number || country != tt.country {
				t.Errorf("got %q in %q, want %q in %q", number.E164(), country, tt.number, tt.country)
			}
		})
	}
	if number, country := Mobile("07400 123456", "GB"); number.E164() != "+447400123456" || country != "GB" {
		t.Errorf("in another region: got %q in %q", number.E164(), country)
	}
}

func TestLocate(t *testing.T) {
	m := mapping(t, Aliases{
		Wards: map[string]surveys.PlaceID{"RenalWard": "cardiology-ward", "B3/301": "neurology-ward", "B3": "respiratory-ward",
			"骨科病区": "neurology-ward"},
		Services:   map[string]surveys.DepartmentID{"CAR": "cardiology", "急诊科": "cardiology"},
		Attendings: map[string]surveys.DepartmentID{"C003": "orthopaedics", "2011": "emergency"},
	})
	tests := []struct {
		name   string
		change followup.VisitChange
		want   Placement
	}{
		{"by id", followup.VisitChange{Ward: "cardiology-ward", Bed: "01"}, Placement{Department: "cardiology", Place: "cardiology-ward", Bed: "01"}},
		{"by alias", followup.VisitChange{Ward: "RenalWard", Room: "MainRoom", Bed: "Bed 1"}, Placement{Department: "cardiology", Place: "cardiology-ward", Bed: "01"}},
		{"in another case and width", followup.VisitChange{Ward: " ＲenalWARD "}, Placement{Department: "cardiology", Place: "cardiology-ward"}},
		{"by Chinese name", followup.VisitChange{Ward: "普外科病区", Bed: "加1"}, Placement{Department: "general-surgery", Place: "general-surgery-ward", Bed: "+1"}},
		{"by English name", followup.VisitChange{Ward: "General surgery ward", Bed: "加床1"}, Placement{Department: "general-surgery", Place: "general-surgery-ward", Bed: "+1"}},
		{"an alias before a name", followup.VisitChange{Ward: "骨科病区"}, Placement{Department: "neurology", Place: "neurology-ward"}},
		{"the room decides", followup.VisitChange{Ward: "B3", Room: "301"}, Placement{Department: "neurology", Place: "neurology-ward"}},
		{"another room", followup.VisitChange{Ward: "B3", Room: "302"}, Placement{Department: "respiratory", Place: "respiratory-ward"}},
		{"unknown ward", followup.VisitChange{Ward: "ED", Room: "ED"}, Placement{UnknownPlace: "ED"}},
		{"unknown ward, known service", followup.VisitChange{Ward: "ED", Service: "car"}, Placement{UnknownPlace: "ED", Department: "cardiology"}},
		{"unknown ward, known physician", followup.VisitChange{Ward: "ED", Service: "XYZ", Attending: "C003"}, Placement{UnknownPlace: "ED", Department: "orthopaedics"}},
		{"a work number", followup.VisitChange{Ward: "ED", Attending: "2001"}, Placement{UnknownPlace: "ED", Department: "cardiology"}},
		{"an alias before a work number", followup.VisitChange{Ward: "ED", Attending: "2011"}, Placement{UnknownPlace: "ED", Department: "emergency"}},
		{"an alias before a department's name", followup.VisitChange{Ward: "ED", Service: "急诊科"}, Placement{UnknownPlace: "ED", Department: "cardiology"}},
		{"a window is no ward", followup.VisitChange{Ward: "inpatient-lobby"}, Placement{UnknownPlace: "inpatient-lobby"}},
		{"unknown bed", followup.VisitChange{Ward: "cardiology-ward", Bed: "99"}, Placement{Department: "cardiology", Place: "cardiology-ward"}},
		{"no ward in an update", followup.VisitChange{Kind: followup.ChangeUpdated, Source: "hl7", Service: "CAR"}, Placement{}},
		{"no ward in an admission", followup.VisitChange{Kind: followup.ChangeAdmitted, Source: "hl7", Service: "CAR"}, Placement{Department: "cardiology"}},
		{"no ward in a row", followup.VisitChange{Kind: followup.ChangeDischarged, Source: SourceCSV, Service: "儿科"}, Placement{Department: "paediatrics"}},
		{"a room alone", followup.VisitChange{Kind: followup.ChangeUpdated, Source: "hl7", Room: "301"}, Placement{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, m.Locate(&tt.change)); diff != "" {
				t.Errorf("placement (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBeds(t *testing.T) {
	beds := []surveys.BedID{"01", "10", "+1"}
	for _, tt := range []struct {
		code string
		want surveys.BedID
	}{
		{"01", "01"}, {"1", "01"}, {"001", "01"}, {"Bed 1", "01"}, {"1床", "01"}, {"1号床", "01"}, {"１", "01"}, {"10", "10"}, {"+1", "+1"}, {"加1", "+1"}, {"加床1", "+1"}, {"＋１", "+1"},
		{"", ""}, {"0", ""}, {"100", ""}, {"bed", ""}, {"床", ""},
	} {
		if got := bedOf(beds, tt.code); got != tt.want {
			t.Errorf("bedOf(%q): got %q, want %q", tt.code, got, tt.want)
		}
	}
}

func TestMappingNamesEveryLooseEnd(t *testing.T) {
	_, err := NewMapping(organisation(t), Aliases{
		Wards:    map[string]surveys.PlaceID{"A": "nowhere", "B": "inpatient-lobby", "C": "cardiology-ward"},
		Services: map[string]surveys.DepartmentID{"D": "nothing"}, Attendings: map[string]surveys.DepartmentID{"E": "nobody"},
	})
	if err == nil {
		t.Fatal("want an error")
	}
	for _, want := range []string{`"A"`, `"B"`, `"D"`, `"E"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if strings.Contains(err.Error(), `"C"`) {
		t.Errorf("%v names C, which leads somewhere", err)
	}
}

// aChange is one that is taken.
func aChange() followup.VisitChange {
	return followup.VisitChange{
		Source: "hl7", Message: "m", Kind: followup.ChangeDischarged, Patient: "P", Visit: "V", At: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		Ward: "RenalWard", Bed: "Bed 2", Phone: "19900000101", Guardian: "+852 5123 4567",
		DischargedAt: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}
}

func TestApplyPlacesAndParses(t *testing.T) {
	s := &fakeStore{}
	result, err := newIntake(t, s).Apply(t.Context(), aChange())
	if err != nil || !result.Created || result.UnknownWard || result.Unreachable {
		t.Fatalf("got %+v and %v", result, err)
	}
	want := Placement{
		Department: "cardiology", Place: "cardiology-ward", Bed: "02", Phone: texting.NumberOf("+8619900000101"), Country: "CN",
		Guardian: texting.NumberOf("+85251234567"), GuardianCountry: "HK",
	}
	if got := s.all[0].at; got != want {
		t.Errorf("got %+v with %q and %q", got, got.Phone.E164(), got.Guardian.E164())
	}
}

func TestApplyRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(c *followup.VisitChange)
		want   string
	}{
		{"nobody", func(c *followup.VisitChange) { c.Patient, c.Visit = "", "" }, "neither patient nor visit number"},
		{"no kind", func(c *followup.VisitChange) { c.Kind = "" }, "no source or kind"},
		{"no source", func(c *followup.VisitChange) { c.Source = "" }, "no source or kind"},
		{"no time", func(c *followup.VisitChange) { c.At = time.Time{} }, "no time"},
		{"a long number", func(c *followup.VisitChange) { c.Visit = followup.VisitNumber(strings.Repeat("1", 65)) }, "a patient or visit number is longer than 64 bytes"},
		{"a number that is no text", func(c *followup.VisitChange) { c.Patient = "\xff" }, "a patient or visit number is not valid text"},
		{"half a merge", func(c *followup.VisitChange) { c.Kind = followup.ChangeMerged }, "a merge needs two different patient numbers"},
		{"a merge into itself", func(c *followup.VisitChange) { c.Kind, c.Prior = followup.ChangeMerged, "P" }, "a merge needs two different patient numbers"},
		{"gone before come", func(c *followup.VisitChange) { c.AdmittedAt = c.DischargedAt.Add(time.Minute) }, "discharged before admitted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := &fakeStore{}, aChange()
			tt.change(&c)
			_, err := newIntake(t, s).Apply(t.Context(), c)
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Refused().EN != tt.want || refusal.Refused().ZH == "" || len(s.all) != 0 {
				t.Errorf("got %v and %d stored, want %q", err, len(s.all), tt.want)
			}
		})
	}
}

func TestApplyKeepsWhatIsOnlyOdd(t *testing.T) {
	s, c := &fakeStore{}, aChange()
	c.Ward, c.Name, c.Phone = strings.Repeat("病", 100), surveys.Secret(strings.Repeat("名", 200)), "none"
	result, err := newIntake(t, s).Apply(t.Context(), c)
	if err != nil || !result.UnknownWard || !result.Unreachable {
		t.Fatalf("got %+v and %v", result, err)
	}
	got := s.all[0]
	if got.at.UnknownPlace != strings.Repeat("病", maxCode) || string(got.change.Name) != strings.Repeat("名", maxName) || !got.at.Phone.IsZero() {
		t.Errorf("got ward of %d and name of %d bytes", len(got.at.UnknownPlace), len(got.change.Name))
	}
}

func TestUnreachableByAge(t *testing.T) {
	tests := []struct {
		name            string
		born            surveys.Day
		phone, guardian surveys.Secret
		want            bool
	}{
		{"grown up", 19800101, "19900000101", "", false},
		{"grown up with a guardian's number alone", 19800101, "", "19900000101", true},
		{"age unknown", 0, "19900000101", "", false},
		{"13 on the day", 20121122, "19900000101", "", true},
		{"14 on the day", 20121121, "19900000101", "", false},
		{"child with a guardian", 20200101, "", "19900000101", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := aChange()
			c.Born, c.Phone, c.Guardian = tt.born, tt.phone, tt.guardian
			result, err := newIntake(t, &fakeStore{}).Apply(t.Context(), c)
			if err != nil || result.Unreachable != tt.want {
				t.Errorf("got %v and %v, want %v", result.Unreachable, err, tt.want)
			}
		})
	}
}

func TestApplyPassesTheStoresErrorOn(t *testing.T) {
	_, err := newIntake(t, &fakeStore{err: errDown}).Apply(t.Context(), aChange())
	var refusal *Refusal
	if !errors.Is(err, errDown) || errors.As(err, &refusal) {
		t.Errorf("got %v, want the store's error and no refusal", err)
	}
	_, err = newIntake(t, &fakeStore{err: Refuse(surveys.Text{ZH: "不", EN: "no"})}).Apply(t.Context(), aChange())
	if !errors.As(err, &refusal) || refusal.Reason.EN != "no" {
		t.Errorf("got %v, want the store's refusal", err)
	}
}

func TestMoments(t *testing.T) {
	zone := shanghai(t)
	tests := []struct{ text, want string }{
		{"2026-11-21 10:30:05", "2026-11-21T10:30:05+08:00"}, {"2026-11-21 10:30", "2026-11-21T10:30:00+08:00"},
		{"2026/11/21 9:05", "2026-11-21T09:05:00+08:00"}, {"2026/1/2", "2026-01-02T00:00:00+08:00"}, {"2026.1.2", "2026-01-02T00:00:00+08:00"},
		{"2026年11月21日", "2026-11-21T00:00:00+08:00"}, {"2026年1月2日 10时30分", "2026-01-02T10:30:00+08:00"}, {"2026年1月2日10时", "2026-01-02T10:00:00+08:00"},
		{"2026-11-21T10:30:00Z", "2026-11-21T10:30:00Z"}, {"2026-11-21T10:30:00.123+08:00", "2026-11-21T10:30:00+08:00"},
		{"2026-11-21T10:30", "2026-11-21T10:30:00+08:00"}, {"20261121", "2026-11-21T00:00:00+08:00"}, {"20261121103005", "2026-11-21T10:30:05+08:00"},
		{" ２０２６－１１－２１　10:30 ", "2026-11-21T10:30:00+08:00"},
		{"2026-02-30", ""}, {"2026-13-01", ""}, {"21/11/2026", ""}, {"11-21", ""}, {"45982.4375", ""}, {"1899-01-01", ""}, {"9999-12-31", ""}, {"昨天", ""}, {"", ""},
	}
	for _, tt := range tests {
		got, ok := moment(tt.text, zone)
		want, _ := time.Parse(time.RFC3339, tt.want)
		if ok != (tt.want != "") || ok && !got.Truncate(time.Second).Equal(want) {
			t.Errorf("moment(%q): got %v %v, want %q", tt.text, got, ok, tt.want)
		}
	}
}

func TestBirthdays(t *testing.T) {
	for _, tt := range []struct {
		text string
		want surveys.Day
		ok   bool
	}{
		{"1980-01-05", 19800105, true}, {"1980/1/5", 19800105, true}, {"1980年1月5日", 19800105, true}, {"19800105", 19800105, true},
		{"1980-01-05 00:00:00", 19800105, true}, {"1980-01-05T00:00:00+08:00", 19800105, true},
		{"2013", 20131231, true}, {"2013-02", 20130228, true}, {"2013年02月", 20130228, true}, {"2026", 20261121, true}, {"2026-11-21", 20261121, true},
		{"2026-11-22", 0, false}, {"2027", 0, false}, {"2026-12", 0, false}, {"1800", 0, false}, {"1870-01-01", 0, false}, {"unknown", 0, false}, {"1980-02-30", 0, false},
	} {
		if got, ok := birthday(tt.text, 20261121); got != tt.want || ok != tt.ok {
			t.Errorf("birthday(%q): got %d %v, want %d %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}
