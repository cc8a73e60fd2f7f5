package intake

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"qingfeng/surveys"
)

// SourceCSV is VisitChange.Source of files.
const SourceCSV = "csv"

// Bounds of a file.
const (
	MaxFile = 10 << 20 // bytes
	MaxRows = 50_000   // without the header
)

var errFileTooLong = errors.New("file is longer than 10 MiB")

// ImportCSV takes the discharges of a file in, row by row as they are read: UTF-8
// or GB18030, with or without a byte order mark, separated by commas,
// semicolons or tabs, the first line a header in Chinese or English. A row that
// cannot be taken is reported and passed over. Importing a file again is safe.
//
// The error is a *Refusal when the file as a whole is not one of discharges;
// nothing was taken then. Any other comes from the store: the rows counted so far
// are taken, and the file may be imported again.
func (in *Intake) ImportCSV(ctx context.Context, file io.Reader) (Report, error) {
	report := Report{Lines: []Line{}}
	buffered := bufio.NewReaderSize(&bounded{r: file, left: MaxFile}, 64<<10)
	if err := checkBeginning(buffered); err != nil {
		return report, err
	}
	rows := csv.NewReader(buffered)
	rows.Comma = separator(buffered)
	rows.FieldsPerRecord = -1
	rows.ReuseRecord = true
	var text charset
	fields, err := rows.Read()
	if err != nil || !text.decode(fields) {
		return report, refuse("文件为空，或表头无法读取", "the file is empty, or its header cannot be read")
	}
	columns, err := readHeader(fields)
	if err != nil {
		return report, err
	}
	width := len(fields)
	for {
		fields, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return report, nil
		}
		var wrong *csv.ParseError
		if err != nil && !errors.As(err, &wrong) {
			return report, stop(&report, err)
		}
		if report.Rows == in.maxRows {
			report.Stopped = &surveys.Text{ZH: "文件超过 50,000 行，之后的未读取", EN: "the file has more than 50,000 rows; the rest was not read"}
			return report, nil
		}
		if wrong != nil {
			report.list(wrong.StartLine, LineRefused, surveys.Text{ZH: "引号不成对", EN: "a quotation mark is not closed or stands alone"})
			continue
		}
		line, _ := rows.FieldPos(0)
		if err := in.importRow(ctx, &report, line, row{fields, columns, width}, &text); err != nil {
			return report, err
		}
	}
}

// importRow takes one row in; the error is the store's.
func (in *Intake) importRow(ctx context.Context, report *Report, line int, r row, text *charset) error {
	if !text.decode(r.fields) {
		report.list(line, LineRefused, surveys.Text{ZH: "不是有效的 UTF-8 或 GB18030 文本", EN: "not valid text in UTF-8 or GB18030"})
		return nil
	}
	if r.empty() {
		return nil
	}
	var refusal *Refusal
	change, err := r.change(in.opt.Zone)
	if err == nil {
		var result Result
		if result, err = in.Apply(ctx, change); err == nil {
			report.count(line, result)
			return nil
		}
	}
	if errors.As(err, &refusal) {
		report.list(line, LineRefused, refusal.Reason)
		return nil
	}
	return fmt.Errorf("import line %d: %w", line, err)
}

// stop ends a report at an error of reading.
func stop(report *Report, err error) error {
	if errors.Is(err, errFileTooLong) {
		report.Stopped = &surveys.Text{ZH: "文件超过 10 MiB，之后的未读取", EN: "the file is longer than 10 MiB; the rest was not read"}
		return nil
	}
	return fmt.Errorf("read file: %w", err)
}

// bounded reads at most left bytes and then fails, unlike io.LimitReader, which
// would make a cut file look whole.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errFileTooLong
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errFileTooLong
	}
	return n, err
}

// checkBeginning passes over a byte order mark and refuses what is no CSV.
func checkBeginning(r *bufio.Reader) error {
	start, err := r.Peek(4)
	if len(start) == 0 {
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read file: %w", err)
		}
		return refuse("文件为空", "the file is empty")
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, _ = r.Discard(3)
	case bytes.HasPrefix(start, []byte("PK\x03\x04")), bytes.HasPrefix(start, []byte("\xd0\xcf\x11\xe0")):
		return refuse("这是 Excel 工作簿，请另存为 CSV", "this is a workbook; save it as CSV")
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return refuse("文件是 UTF-16 编码，请另存为 UTF-8 的 CSV", "the file is in UTF-16; save it as CSV in UTF-8")
	}
	return nil
}

// separator is whichever of comma, semicolon and tab the first line has most of.
// None of them is part of a character in UTF-8 or GB18030.
func separator(r *bufio.Reader) rune {
	start, _ := r.Peek(4096)
	line, _, _ := bytes.Cut(start, []byte("\n"))
	best := ','
	for _, c := range ";\t" {
		if bytes.Count(line, []byte(string(c))) > bytes.Count(line, []byte(string(best))) {
			best = c
		}
	}
	return best
}

// charset is the character set of a file: unknown until the first row that
// tells, and then for the rest of it.
type charset string

const (
	charsetUTF8    charset = "UTF-8"
	charsetGB18030 charset = "GB18030"
)

// decode makes a row UTF-8 in place. The row is split before, which is safe:
// neither quotation marks nor separators nor line ends are part of a character
// in GB18030. It reports whether the row is text.
func (c *charset) decode(fields []string) bool {
	if *c == "" {
		*c = guess(strings.Join(fields, "\n"))
	}
	for i, f := range fields {
		if *c == charsetGB18030 {
			plain, err := simplifiedchinese.GB18030.NewDecoder().String(f)
			if err != nil || strings.ContainsRune(plain, utf8.RuneError) {
				return false
			}
			fields[i] = plain
		} else if !utf8.ValidString(f) {
			return false
		}
	}
	return true
}

// guess tells the character set of a row, or that the row does not tell. A row
// with only two-byte characters could be either and is read as UTF-8 for itself.
func guess(text string) charset {
	if !utf8.ValidString(text) {
		return charsetGB18030
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r >= 0x800 }) {
		return charsetUTF8
	}
	return ""
}
