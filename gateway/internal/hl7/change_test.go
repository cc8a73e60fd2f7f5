package hl7

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

var received = time.Date(2026, 11, 21, 20, 30, 0, 0, time.UTC)

// adt builds an ADT message of segments behind a plain header.
func adt(event string, segments ...string) string {
	return "MSH|^~\\&|HIS|YY|QF|YY|20261121200000||ADT^" + event + "|77|P|2.4\r" + strings.Join(segments, "\r") + "\r"
}

// change reads a message that makes one change.
func change(t *testing.T, text string, s Settings) followup.VisitChange {
	t.Helper()
	if s.Zone == nil {
		s.Zone = shanghai(t)
	}
	all, err := Changes(mustParse(t, text), s, received)
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d changes and %v, want one", len(all), err)
	}
	return all[0]
}

func TestChangesOfEveryEvent(t *testing.T) {
	zone := shanghai(t)
	at := func(clock string) time.Time {
		when, err := time.ParseInLocation("20060102150405", "20261121"+clock, zone)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	pid, evn := "PID|1||M1||王^小明||19800105|M", "EVN||20261121190000||||20261121180000"
	pv1 := "PV1|1|I|W3^301^12|||" + "|2001|||CAR" + strings.Repeat("|", 9) + "V9"
	times := strings.Repeat("|", 25) + "20261118090000|20261121173000"
	tests := []struct {
		event    string
		segments []string
		want     plain
	}{
		{"A01", []string{evn, pid, pv1}, plain{Kind: followup.ChangeAdmitted, AdmittedAt: at("180000")}},
		{"A04", []string{evn, pid, pv1}, plain{Kind: followup.ChangeAdmitted, AdmittedAt: at("180000")}},
		{"A02", []string{evn, pid, pv1}, plain{Kind: followup.ChangeTransferred}},
		{"A12", []string{evn, pid, pv1}, plain{Kind: followup.ChangeTransferUndone}},
		{"A03", []string{evn, pid, pv1}, plain{Kind: followup.ChangeDischarged, DischargedAt: at("180000")}},
		{"A03", []string{evn, pid, pv1 + times}, plain{Kind: followup.ChangeDischarged, AdmittedAt: at("090000").AddDate(0, 0, -3), DischargedAt: at("173000")}},
		{"A13", []string{evn, pid, pv1 + times}, plain{Kind: followup.ChangeDischargeUndone, AdmittedAt: at("090000").AddDate(0, 0, -3)}},
		{"A08", []string{evn, pid, pv1}, plain{Kind: followup.ChangeUpdated}},
		{"A06", []string{evn, pid, pv1}, plain{Kind: followup.ChangeUpdated}},
		{"A31", []string{evn, pid, pv1}, plain{Kind: followup.ChangeUpdated}},
		{"A11", []string{evn, pid, pv1}, plain{Kind: followup.ChangeAdmissionUndone}},
	}
	for _, tt := range tests {
		t.Run(tt.event, func(t *testing.T) {
			want := tt.want
			want.At, want.Patient, want.Visit, want.Name, want.Born = at("190000"), "M1", "V9", "王小明", 19800105
			want.Ward, want.Room, want.Bed, want.Service, want.Attending, want.Inpatient = "W3", "301", "12", "CAR", "2001", true
			if diff := cmp.Diff(want, readable(change(t, adt(tt.event, tt.segments...), Settings{}))); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMerges(t *testing.T) {
	for _, event := range []string{"A18", "A34", "A36", "A40"} {
		t.Run(event, func(t *testing.T) {
			c := change(t, adt(event, "PID|1||new||王^小明", "MRG|old"), Settings{})
			if c.Kind != followup.ChangeMerged || c.Patient != "new" || c.Prior != "old" || c.Visit != "" {
				t.Errorf("got %+v", readable(c))
			}
		})
	}
	t.Run("several pairs", func(t *testing.T) {
		m := mustParse(t, adt("A40", "PID|1||n1", "MRG|o1", "PID|2||n2", "MRG|o2"))
		all, err := Changes(m, Settings{Zone: shanghai(t)}, received)
		if err != nil || len(all) != 2 {
			t.Fatalf("got %d and %v, want 2", len(all), err)
		}
		if all[1].Patient != "n2" || all[1].Prior != "o2" || all[1].Message != all[0].Message+"-2" {
			t.Errorf("got %+v with keys %s and %s", readable(all[1]), all[0].Message, all[1].Message)
		}
	})
}

func TestEventsThatChangeNoVisit(t *testing.T) {
	for _, event := range []string{"A05", "A14", "A28", "A60"} {
		all, err := Changes(mustParse(t, adt(event, "PID|1||M1")), Settings{Zone: shanghai(t)}, received)
		if len(all) != 0 || err != nil {
			t.Errorf("%s: got %d changes and %v, want none", event, len(all), err)
		}
	}
}

func TestChangesRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		settings   Settings
		want       string
	}{
		{"another message", strings.Replace(adt("A01", "PID|1||1"), "ADT^A01", "ORU^R01", 1), Settings{}, "not an ADT message"},
		{"no type", strings.Replace(adt("A01", "PID|1||1"), "ADT^A01", "", 1), Settings{}, "not an ADT message"},
		{"no event", adt("", "PID|1||1"), Settings{}, "no trigger event in MSH-9"},
		{"nobody", adt("A01", "PID|1||"), Settings{}, "neither patient nor visit number (PID-3, PV1-19)"},
		{"merge without MRG", adt("A34", "PID|1||1"), Settings{}, "a merge without an MRG segment"},
		{"merge without PID", adt("A34", "MRG|1"), Settings{}, "a merge without two different patient numbers (PID-3, MRG-1)"},
		{"merge into itself", adt("A34", "PID|1||1", "MRG|1"), Settings{}, "a merge without two different patient numbers (PID-3, MRG-1)"},
		{"another authority", adt("A01", "PID|1||1^^^OTHER^MR"), Settings{Authorities: []string{"OURS"}}, "no patient number of a configured authority"},
		{"prior of another authority", adt("A34", "PID|1||1^^^OURS", "MRG|2^^^OTHER"), Settings{Authorities: []string{"OURS"}}, "no patient number of a configured authority"},
		{"training", strings.Replace(adt("A01", "PID|1||1"), "|77|P|", "|77|T|", 1), Settings{ProductionOnly: true}, "not a production message (MSH-11 is not P)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.settings.Zone = shanghai(t)
			all, err := Changes(mustParse(t, tt.text), tt.settings, received)
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Refused().EN != tt.want || refusal.Refused().ZH == "" || len(all) != 0 {
				t.Errorf("got %d changes and %v, want %q", len(all), err, tt.want)
			}
		})
	}
}

func TestPatientNumberByAuthority(t *testing.T) {
	const field = "S1^^^HEALTH CARD^SS~C2^^^EMPI&1.2.3&ISO^PI~H3^^^HOSPITAL^MR"
	tests := []struct {
		name, field string
		authorities []string
		want        string
	}{
		{"MR before PI", field, nil, "H3"},
		{"by authority", field, []string{"EMPI"}, "C2"},
		{"by type", field, []string{"SS"}, "S1"},
		{"the first that is there", field, []string{"NONE", "EMPI", "HOSPITAL"}, "C2"},
		{"no type known", "X1^^^A~X2^^^B", nil, "X1"},
		{"an empty one passed over", "^^^A~X2^^^B", nil, "X2"},
		{"number deleted", `""^^^HOSPITAL^MR~Y^^^B`, nil, "Y"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := change(t, adt("A01", "PID|1|X|"+tt.field), Settings{Authorities: tt.authorities})
			if string(c.Patient) != tt.want {
				t.Errorf("got %q, want %q", string(c.Patient), tt.want)
			}
		})
	}
	if c := change(t, adt("A01", "PID|1|old2"), Settings{}); c.Patient != "old2" {
		t.Errorf("PID-2: got %q", string(c.Patient))
	}
}

func TestPersons(t *testing.T) {
	pid := func(fields string) string { return "PID|1||M1||" + fields }
	tests := []struct {
		name     string
		segments []string
		want     plain
	}{
		{"Chinese", []string{pid("欧阳^丽^Marie^^Ms")}, plain{Name: "欧阳丽"}},
		{"Latin", []string{pid("Green^Nicola^Stella^^Miss")}, plain{Name: "Nicola Green"}},
		{"ideographic repetition", []string{pid("Wang^Xiaoming^^^^^^A~王^小明^^^^^^I")}, plain{Name: "王小明"}},
		{"whole name in one", []string{pid("王小明")}, plain{Name: "王小明"}},
		{"mobile first", []string{pid("王||||||||010-55501234^PRN^PH~139^PRN^CP|0108888^WPN")}, plain{Name: "王", Phone: "139;010-55501234;0108888"}},
		{"fax and mail left out", []string{pid("王||||||||1^PRN^FX~a@b^NET^Internet~2")}, plain{Name: "王", Phone: "2"}},
		{"parts of v2.5", []string{pid("王||||||||^PRN^CP^^86^^13900000000")}, plain{Name: "王", Phone: "+8613900000000"}},
		{"unformatted of v2.7", []string{pid("王||||||||^PRN^CP^^^^^^^^^+8613900000000")}, plain{Name: "王", Phone: "+8613900000000"}},
		{"said twice", []string{pid("王||||||||139|139")}, plain{Name: "王", Phone: "139"}},
		{"dead", []string{pid("王" + strings.Repeat("|", 25) + "Y")}, plain{Name: "王", Deceased: true}},
		{"not dead", []string{pid("王" + strings.Repeat("|", 25) + "N")}, plain{Name: "王"}},
		{"time of death", []string{pid("王" + strings.Repeat("|", 24) + "20261121")}, plain{Name: "王", Deceased: true}},
		{"mother", []string{pid("王"), "NK1|1|李^四|SPO||111", "NK1|2|李^红|MTH^母亲||222"}, plain{Name: "王", Guardian: "222"}},
		{"father in words", []string{pid("王"), "NK1|1|王^大|^父亲|||333"}, plain{Name: "王", Guardian: "333"}},
		{"relationship not said", []string{pid("王"), "NK1|1|王^大|||444"}, plain{Name: "王", Guardian: "444"}},
		{"spouse", []string{pid("王"), "NK1|1|王^大|SPO||111"}, plain{Name: "王"}},
		{"parent without phone, then guardian", []string{pid("王"), "NK1|1|a|FTH", "NK1|2|b|GRD||555"}, plain{Name: "王", Guardian: "555"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := readable(change(t, adt("A01", tt.segments...), Settings{}))
			got = plain{Name: got.Name, Phone: got.Phone, Guardian: got.Guardian, Deceased: got.Deceased}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("person (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDispositionsAndDeath(t *testing.T) {
	pv1 := func(code string) string {
		return "PV1|1|I|W" + strings.Repeat("|", 16) + "V" + strings.Repeat("|", 17) + code
	}
	dead := "PID|1||M1" + strings.Repeat("|", 27) + "Y"
	tests := []struct {
		name, event, pid, code string
		settings               Settings
		kind                   followup.ChangeKind
		disposition            followup.Disposition
		deceased               bool
	}{
		{"home", "A03", "PID|1||M1", "01", Settings{}, followup.ChangeDischarged, followup.DispositionHome, false},
		{"way of leaving 2", "A03", "PID|1||M1", "2", Settings{}, followup.ChangeDischarged, followup.DispositionTransferred, false},
		{"died", "A03", "PID|1||M1", "20", Settings{}, followup.ChangeDischarged, followup.DispositionDeceased, true},
		{"way of leaving 5", "A03", "PID|1||M1", "5", Settings{}, followup.ChangeDischarged, followup.DispositionDeceased, true},
		{"unknown", "A03", "PID|1||M1", "99", Settings{}, followup.ChangeDischarged, followup.DispositionUnknown, false},
		{"own table", "A03", "PID|1||M1", "ZY", Settings{Dispositions: map[string]followup.Disposition{"ZY": followup.DispositionTransferred}}, followup.ChangeDischarged, followup.DispositionTransferred, false},
		{"death told by an update", "A08", dead, "", Settings{}, followup.ChangeReportedDeceased, "", true},
		{"death told by a discharge", "A03", dead, "01", Settings{}, followup.ChangeDischarged, followup.DispositionHome, true},
		{"not asked of an admission", "A01", "PID|1||M1", "20", Settings{}, followup.ChangeAdmitted, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := change(t, adt(tt.event, tt.pid, pv1(tt.code)), tt.settings)
			if c.Kind != tt.kind || c.Disposition != tt.disposition || c.Deceased != tt.deceased {
				t.Errorf("got %s %q %v, want %s %q %v", c.Kind, c.Disposition, c.Deceased, tt.kind, tt.disposition, tt.deceased)
			}
		})
	}
}

func TestClassesOfStay(t *testing.T) {
	for _, tt := range []struct {
		class   string
		classes []string
		want    bool
	}{{"I", nil, true}, {"O", nil, false}, {"E", nil, false}, {"", nil, false}, {"B", []string{"I", "B"}, true}} {
		c := change(t, adt("A01", "PID|1||M1", "PV1|1|"+tt.class), Settings{InpatientClasses: tt.classes})
		if c.Inpatient != tt.want {
			t.Errorf("class %q of %v: got %v", tt.class, tt.classes, c.Inpatient)
		}
	}
}

func TestMoments(t *testing.T) {
	zone := shanghai(t)
	tests := []struct{ text, want string }{
		{"20261121200804", "2026-11-21T20:08:04+08:00"},
		{"202611212008", "2026-11-21T20:08:00+08:00"},
		{"2026112120", "2026-11-21T20:00:00+08:00"},
		{"20261121", "2026-11-21T00:00:00+08:00"},
		{"20261121200804.1234", "2026-11-21T20:08:04+08:00"},
		{"20261121200804+0000", "2026-11-21T20:08:04Z"},
		{"20261121200804.5-0330", "2026-11-21T20:08:04-03:30"},
		{"202611212008+0800", "2026-11-21T20:08:00+08:00"},
		{"202611", ""}, {"2026", ""}, {"", ""}, {"20261131", ""}, {"20260229", ""}, {"20261121240000", ""}, {"20261121206000", ""},
		{"2026112120080", ""}, {"00000000000000", ""}, {"18991231", ""}, {"20261121200804.x", ""}, {"20261121200804+08", ""}, {"20261121200804Z", ""},
		{"+0800", ""}, {"2026-11-21", ""},
	}
	for _, tt := range tests {
		got, ok := moment(tt.text, zone)
		want, wanted := time.Time{}, tt.want != ""
		if wanted {
			want, _ = time.Parse(time.RFC3339, tt.want)
		}
		if ok != wanted || !got.Truncate(time.Second).Equal(want) {
			t.Errorf("moment(%q): got %v %v, want %q", tt.text, got, ok, tt.want)
		}
	}
}

func TestBirthdays(t *testing.T) {
	at := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC) // the 22nd in Shanghai
	tests := []struct {
		text string
		want surveys.Day
	}{
		{"20020228000000", 20020228}, {"19440206", 19440206}, {"20240229", 20240229}, {"20020228T", 20020228}, {"20261122", 20261122},
		{"2013", 20131231}, {"201302", 20130228}, {"2026", 20261122}, {"202611", 20261122}, {"2027", 0}, {"202612", 0},
		{"20230229000000", 0}, {"00000000", 0}, {"18000101", 0}, {"20261123", 0}, {"99991231", 0}, {"200202281", 20020228}, {"2002022", 0}, {"", 0}, {"abcd", 0},
	}
	for _, tt := range tests {
		if got := birthday(tt.text, at, shanghai(t)); got != tt.want {
			t.Errorf("birthday(%q): got %d, want %d", tt.text, got, tt.want)
		}
	}
}

func TestTimeFallsBack(t *testing.T) {
	header := strings.Replace(adt("A08", "PID|1||M1"), "20261121200000", "", 1)
	if got := change(t, header, Settings{}).At; !got.Equal(received) {
		t.Errorf("without any time: got %v, want when it was received", got)
	}
	if got := change(t, adt("A08", "EVN||nonsense", "PID|1||M1"), Settings{}).At; !got.Equal(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("without EVN-2: got %v, want MSH-7", got)
	}
}

func TestKeysTellMessagesApart(t *testing.T) {
	original := adt("A08", "PID|1||M1||王^小明")
	key := func(text string) string { return change(t, text, Settings{}).Message }
	same := []struct{ name, text string }{
		{"again", original},
		{"with other line ends", strings.ReplaceAll(original, "\r", "\r\n")},
		{"in another character set", gb18030(t, original)},
	}
	for _, tt := range same {
		if key(tt.text) != key(original) {
			t.Errorf("%s: another key", tt.name)
		}
	}
	others := []struct{ name, from, to string }{
		{"control id", "|77|", "|78|"}, {"sender", "|HIS|", "|LIS|"}, {"time, after control ids began at 1 again", "20261121200000", "20261122200000"},
		{"content", "小明", "小红"},
	}
	for _, tt := range others {
		if key(strings.Replace(original, tt.from, tt.to, 1)) == key(original) {
			t.Errorf("%s: the same key", tt.name)
		}
	}
}

func TestSampleChanges(t *testing.T) {
	var all []plain
	keys := map[string]bool{}
	for _, raw := range sampleMessages(t) {
		c := change(t, string(raw), Settings{})
		all = append(all, readable(c))
		keys[c.Message] = true
	}
	if len(keys) != len(all) {
		t.Errorf("%d messages have %d keys", len(all), len(keys))
	}
	compareGolden(t, "testdata/adt-sample.golden.json", all)
}
