package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

const sampleCSV = "../../../configs/samples/discharges.csv"

func gb18030(tb testing.TB, text string) string {
	tb.Helper()
	out, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		tb.Fatalf("encode: %v", err)
	}
	return out
}

// header has only what a file needs; rows below fill it.
const header = "病案号,住院号,姓名,手机,出院时间\n"

func importText(t *testing.T, text string) (Report, *fakeStore) {
	t.Helper()
	s := &fakeStore{}
	report, err := newIntake(t, s).ImportCSV(t.Context(), strings.NewReader(text))
	if err != nil {
		t.Fatalf("ImportCSV: %v", err)
	}
	return report, s
}

func TestSampleFile(t *testing.T) {
	raw, err := os.ReadFile(sampleCSV)
	if err != nil {
		t.Fatal(err)
	}
	report, s := importText(t, string(raw))
	warned := map[int]string{}
	for _, l := range report.Lines {
		warned[l.Line] += l.Reason.EN[:4]
	}
	if report.Rows != 30 || report.Added != 30 || report.Refused != 0 {
		t.Errorf("got %+v", report)
	}
	// The landline, the child without a guardian, the ward the hospital does not have.
	if diff := cmp.Diff(map[int]string{9: "no m", 23: "no m", 30: "the "}, warned); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	zone := shanghai(t)
	for _, got := range s.all {
		c := got.change
		if got.at.Department == "" && c.Ward != "康复病区" || got.at.Place == "" && c.Ward != "康复病区" && c.Ward != "" {
			t.Errorf("visit of ward %s is at %+v", c.Ward, got.at)
		}
		if got.at.Place != "" && got.at.Bed == "" || c.Born == 0 || !c.Inpatient || c.DischargedAt.Before(c.AdmittedAt) || c.DischargedAt.In(zone).Year() != 2026 {
			t.Errorf("visit %s of %s reads %+v", string(c.Visit), c.Ward, got.at)
		}
		for _, number := range []string{got.at.Phone.E164(), got.at.Guardian.E164()} {
			if number != "" && !strings.HasPrefix(number, "+8619900000") {
				t.Errorf("number %s is not of the made-up block", number)
			}
		}
	}
	dispositions := map[followup.Disposition]int{}
	for _, got := range s.all {
		dispositions[got.change.Disposition]++
	}
	if diff := cmp.Diff(map[followup.Disposition]int{"home": 27, "transferred": 2, "deceased": 1}, dispositions); diff != "" {
		t.Errorf("dispositions (-want +got):\n%s", diff)
	}
	again, err := newIntake(t, s).ImportCSV(t.Context(), bytes.NewReader(raw))
	if err != nil || again.Unchanged != 30 || again.Added+again.Updated != 0 {
		t.Errorf("imported again: %+v and %v", again, err)
	}
}

func TestRowReadsEveryColumn(t *testing.T) {
	english := "Patient Number,visit_number,Name,Date of Birth,Mobile,Guardian Phone,Ward,Room,Bed,Department,Attending Number,Patient Class,Admitted At,Discharged At,Discharge Disposition,Deceased,Recorded At,Remark\n" +
		"P1,V1,\"Li, Hong\",1980-01-05,19900000101,19900000102,cardiology-ward,301,12,CAR,2001,inpatient,2026-11-18 09:00,2026-11-21 10:00,home,no,2026-11-21 12:00,whatever\n"
	chinese := "就诊类型;备注;离院方式;出院时间（必填）;入院日期;主治医师工号;科室;床号;病房;病区;家长电话;联系电话;生日;患者姓名;就诊流水号;病历号;是否死亡;更新时间\n" +
		"住院;\"x;y\";1;2026/11/21 10:00;2026年11月18日 9:00;2001;CAR;12;301;cardiology-ward;19900000102;\"=\"\"19900000101\"\"\";19800105;Li, Hong;V1;'P1;否;20261121120000\n"
	tabs := strings.ReplaceAll(strings.ReplaceAll(chinese, ";", "\t"), "x\ty", "z")
	for name, text := range map[string]string{
		"English": english, "Chinese, semicolons": chinese, "tabs": tabs, "GB18030": gb18030(t, chinese), "byte order mark": "\ufeff" + chinese, "CRLF": strings.ReplaceAll(english, "\n", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			report, s := importText(t, text)
			if report.Added != 1 || len(report.Lines) != 0 {
				t.Fatalf("got %+v", report)
			}
			zone := shanghai(t)
			got, at := s.all[0].change, s.all[0].at
			secrets := []string{string(got.Patient), string(got.Visit), string(got.Name), at.Phone.E164(), at.Guardian.E164()}
			if diff := cmp.Diff([]string{"P1", "V1", "Li, Hong", "+8619900000101", "+8619900000102"}, secrets); diff != "" {
				t.Errorf("person (-want +got):\n%s", diff)
			}
			want := followup.VisitChange{
				Source: SourceCSV, Message: got.Message, Kind: followup.ChangeDischarged, Born: 19800105, Ward: "cardiology-ward", Room: "301", Bed: "12",
				Service: "CAR", Attending: "2001", Inpatient: true, Disposition: followup.DispositionHome,
				At:         time.Date(2026, 11, 21, 12, 0, 0, 0, zone),
				AdmittedAt: time.Date(2026, 11, 18, 9, 0, 0, 0, zone), DischargedAt: time.Date(2026, 11, 21, 10, 0, 0, 0, zone),
			}
			got.Patient, got.Visit, got.Name, got.Phone, got.Guardian = "", "", "", "", ""
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusedLines(t *testing.T) {
	good := "P1,V1,张三,19900000101,2026-11-21 10:00\n"
	tests := []struct {
		name, row, want string
		line            int
	}{
		{"no numbers", ",,张三,19900000101,2026-11-21\n", "neither patient nor visit number", 2},
		{"no discharge", "P,V,张三,19900000101,\n", "no time of discharge", 2},
		{"a discharge that is none", "P,V,张三,19900000101,yesterday\n", "discharged_at is not a date and time", 2},
		{"too few columns", "P,V,2026-11-21\n", "fewer columns than the header", 2},
		{"too many columns", "P,V,张,三,19900000101,2026-11-21\n", "more columns than the header; perhaps a separator without quotation marks", 2},
		{"a lone quotation mark", "P,V,张\"三,19900000101,2026-11-21\n", "a quotation mark is not closed or stands alone", 2},
		{"not text", "P,V,\xff\xff,19900000101,2026-11-21\n", "not valid text in UTF-8 or GB18030", 2},
		{"a long number", strings.Repeat("9", 65) + ",V,张三,19900000101,2026-11-21\n", "a patient or visit number is longer than 64 bytes", 2},
		{"after empty lines", "\n,,,,\n,,张三,,2026-11-21\n", "neither patient nor visit number", 4},
		{"after a name of two lines", "P8,V8,\"张\n三\",19900000101,2026-11-21\n,,张三,,2026-11-21\n", "neither patient nor visit number", 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report, s := importText(t, header+tt.row+good)
			if report.Refused != 1 || len(report.Lines) == 0 {
				t.Fatalf("got %+v", report)
			}
			got := report.Lines[0]
			if got.Line != tt.line || got.Kind != LineRefused || got.Reason.EN != tt.want || got.Reason.ZH == "" {
				t.Errorf("got %+v, want line %d: %s", got, tt.line, tt.want)
			}
			if last := s.all[len(s.all)-1].change; last.Visit != "V1" || report.Rows != report.Added+report.Refused {
				t.Errorf("the row behind it was not taken: %+v", report)
			}
		})
	}
}

func TestUnreadableDates(t *testing.T) {
	text := "住院号,出院时间,入院时间,出生日期,更新时间\n" +
		"V1,2026-11-21,soon,,\nV2,2026-11-21,,someday,\nV3,2026-11-21,2026-11-22,,\nV4,2026-11-21,,2026-11-22,\nV5,2026-11-21,,,later\n"
	report, _ := importText(t, text)
	want := []string{
		"admitted_at is not a date and time", "born is not a date before the discharge", "discharged before admitted",
		"born is not a date before the discharge", "recorded_at is not a date and time",
	}
	var got []string
	for _, l := range report.Lines {
		got = append(got, l.Reason.EN)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

func TestAQuotationMarkNeverClosed(t *testing.T) {
	report, s := importText(t, header+"P1,V1,张三,19900000101,2026-11-21\nP2,V2,\"李四,19900000102,2026-11-21\nP3,V3,王五,19900000103,2026-11-21\n")
	if report.Added != 1 || report.Refused != 1 || report.Lines[0].Line != 3 || len(s.all) != 1 {
		t.Errorf("got %+v", report)
	}
}

func TestRefusedFiles(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "the file is empty"},
		{"a mark and nothing", "\ufeff", "the file is empty, or its header cannot be read"},
		{"no header", "P1,V1,张三,19900000101,2026-11-21\n", "the first line must be a header with discharged_at and one of patient_number and visit_number"},
		{"no number", "姓名,出院时间\n", "the first line must be a header with discharged_at and one of patient_number and visit_number"},
		{"no discharge", "病案号,姓名\n", "the first line must be a header with discharged_at and one of patient_number and visit_number"},
		{"one column twice", "病案号,手机,电话,出院时间\n", "two columns of the header are phone"},
		{"a workbook", "PK\x03\x04xxxx", "this is a workbook; save it as CSV"},
		{"an old workbook", "\xd0\xcf\x11\xe0xx", "this is a workbook; save it as CSV"},
		{"UTF-16", "\xff\xfea\x00b\x00", "the file is in UTF-16; save it as CSV in UTF-8"},
		{"a header that is no text", "\xff\xff,a\n", "the file is empty, or its header cannot be read"},
		{"a broken header", "病案号,\"出院\"时间\n", "the file is empty, or its header cannot be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newIntake(t, &fakeStore{}).ImportCSV(t.Context(), strings.NewReader(tt.text))
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Reason.EN != tt.want || refusal.Reason.ZH == "" {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCharsetIsTheFilesOwn(t *testing.T) {
	english := "patient_number,name,discharged_at\n"
	t.Run("told by a later row", func(t *testing.T) {
		_, s := importText(t, english+"P1,Li,2026-11-21\n"+gb18030(t, "P2,王小明,2026-11-21\nP3,模,2026-11-21\n"))
		if got := string(s.all[1].change.Name + s.all[2].change.Name); got != "王小明模" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("mixed", func(t *testing.T) {
		report, s := importText(t, english+"P1,王小明,2026-11-21\n"+gb18030(t, "P2,王小明,2026-11-21\n"))
		if report.Refused != 1 || len(s.all) != 1 {
			t.Errorf("got %+v", report)
		}
	})
}

func TestBoundsOfFiles(t *testing.T) {
	t.Run("rows", func(t *testing.T) {
		const limit = maxListed + 200
		in, s := newIntake(t, &fakeStore{}), &fakeStore{}
		if in.maxRows != 50_000 {
			t.Errorf("the bound is %d rows", in.maxRows)
		}
		in.opt.Store, in.maxRows = s, limit
		var b strings.Builder
		b.WriteString(header)
		for i := range limit + 5 {
			fmt.Fprintf(&b, "P%d,V%d,,,2026-11-21\n", i, i)
		}
		report, err := in.ImportCSV(t.Context(), strings.NewReader(b.String()))
		if err != nil || report.Rows != limit || report.Stopped == nil || len(s.all) != limit || len(report.Lines) != maxListed || report.Unlisted != limit-maxListed {
			t.Errorf("got %d rows, %d stored, %d listed and %d not, stopped: %v; %v", report.Rows, len(s.all), len(report.Lines), report.Unlisted, report.Stopped, err)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		row := "P1,V1," + strings.Repeat("x", 1<<20-40) + ",,2026-11-21\n"
		report, _ := importText(t, header+strings.Repeat(row, 12))
		if report.Stopped == nil || report.Rows < 9 || report.Rows > 10 {
			t.Errorf("got %d rows, stopped: %v", report.Rows, report.Stopped)
		}
	})
	t.Run("exactly the bound", func(t *testing.T) {
		text := header + "P1,V1," + strings.Repeat("x", MaxFile-len(header)-len("P1,V1,,,2026-11-21\n")) + ",,2026-11-21\n"
		report, _ := importText(t, text)
		if len(text) != MaxFile || report.Stopped != nil || report.Added != 1 {
			t.Errorf("got %+v of %d bytes", report, len(text))
		}
	})
}

func TestImportEndsAtAFailure(t *testing.T) {
	text := header + "P1,V1,,,2026-11-21\nP2,V2,,,2026-11-21\nP3,V3,,,2026-11-21\n"
	s := &fakeStore{fail: 2}
	report, err := newIntake(t, s).ImportCSV(t.Context(), strings.NewReader(text))
	if !errors.Is(err, errDown) || !strings.Contains(err.Error(), "line 3") || report.Added != 1 {
		t.Errorf("store fails: got %+v and %v", report, err)
	}
	s.fail = 0
	report, err = newIntake(t, s).ImportCSV(t.Context(), strings.NewReader(text))
	if err != nil || report.Unchanged != 1 || report.Added != 2 {
		t.Errorf("again: got %+v and %v", report, err)
	}
	broken := errors.New("connection lost")
	report, err = newIntake(t, s).ImportCSV(t.Context(), io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || report.Rows != 3 {
		t.Errorf("upload fails: got %+v and %v", report, err)
	}
}

func TestUpdatedAndStaleRows(t *testing.T) {
	text := header + "P1,V1,,19900000101,2026-11-21\n"
	_, s := importText(t, text)
	report, err := newIntake(t, s).ImportCSV(t.Context(), strings.NewReader(strings.Replace(text, "0101", "0102", 1)))
	if err != nil || report.Updated != 1 || report.Rows != 1 {
		t.Errorf("got %+v and %v", report, err)
	}
	var r Report
	r.count(2, Result{Applied: Applied{Outcome: OutcomeStale}})
	if r.Stale != 1 || r.Rows != 1 || len(r.Lines) != 1 || r.Lines[0].Kind != LineWarning {
		t.Errorf("got %+v", r)
	}
}

func TestKeysTellRowsApart(t *testing.T) {
	key := func(text string) string {
		_, s := importText(t, text)
		return s.all[0].change.Message
	}
	first := key(header + "P1,V1,张三,19900000101,2026-11-21\n")
	if key("出院时间,手机,姓名,备注,住院号,病案号\n2026-11-21,19900000101,张三,x,V1,P1\n") != first {
		t.Error("the same row with its columns in another order has another key")
	}
	if key(header+"P1,V1,张三,19900000102,2026-11-21\n") == first || key(header+"P1V1,,张三,19900000101,2026-11-21\n") == first {
		t.Error("another row has the same key")
	}
}

func TestReportQuotesNothing(t *testing.T) {
	const planted = "植入的内容"
	text := header + strings.Join([]string{
		planted + strings.Repeat(planted, 9) + ",V,张三,1,2026-11-21", "P,V," + planted + ",x," + planted, planted + ",V", planted + "," + planted + ",\"x\"" + planted + ",,",
	}, "\n") + "\n"
	report, _ := importText(t, text)
	raw, err := json.Marshal(report)
	if err != nil || strings.Contains(string(raw), planted) || report.Refused != 4 {
		t.Errorf("got %s and %v", raw, err)
	}
	_, err = newIntake(t, &fakeStore{err: errDown}).ImportCSV(t.Context(), strings.NewReader(header+planted+",V,"+planted+",,2026-11-21\n"))
	if err == nil || strings.Contains(err.Error(), planted) {
		t.Errorf("got %v", err)
	}
	if s := surveys.Secret(planted); strings.Contains(fmt.Sprint(s), planted) {
		t.Error("secrets print")
	}
}
