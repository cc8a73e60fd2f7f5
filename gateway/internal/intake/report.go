package intake

import "qingfeng/surveys"

// maxListed is how many lines a report lists; the rest is counted.
const maxListed = 1000

// LineKind says what a line of a report is about.
type LineKind string

// Kinds of line.
const (
	LineRefused LineKind = "refused" // nothing of the line was taken
	LineWarning LineKind = "warning" // the line was taken; somebody should look
)

// Line is what a report says of one line of a file: its number, counted from 1
// for the header, and a reason. It never quotes the line.
type Line struct {
	Line   int          `json:"line"`
	Kind   LineKind     `json:"kind"`
	Reason surveys.Text `json:"reason"`
}

// Report says what became of a file's rows: Rows is the sum of Added, Updated,
// Unchanged, Stale and Refused.
type Report struct {
	Rows      int `json:"rows"`
	Added     int `json:"added"`     // visits nobody had told of before
	Updated   int `json:"updated"`   // visits of which something new is known
	Unchanged int `json:"unchanged"` // all of it was known
	Stale     int `json:"stale"`     // older than what is known
	Refused   int `json:"refused"`
	Warnings  int `json:"warnings"`
	// Lines are the first 1,000 refused lines and warnings; Unlisted counts the rest.
	Lines    []Line `json:"lines"`
	Unlisted int    `json:"unlisted,omitempty"`
	// Stopped says why reading ended before the file did; the rows before are
	// taken. nil: it was read to its end.
	Stopped *surveys.Text `json:"stopped,omitempty"`
}

func (r *Report) list(line int, kind LineKind, reason surveys.Text) {
	if kind == LineRefused {
		r.Rows++
		r.Refused++
	} else {
		r.Warnings++
	}
	if len(r.Lines) >= maxListed {
		r.Unlisted++
		return
	}
	r.Lines = append(r.Lines, Line{line, kind, reason})
}

// count enters a row that was taken.
func (r *Report) count(line int, result Result) {
	r.Rows++
	switch {
	case result.Outcome == OutcomeStale:
		r.Stale++
		r.list(line, LineWarning, surveys.Text{ZH: "已有更新的信息，本行未改变", EN: "something newer is known; the line changed nothing"})
	case result.Outcome == OutcomeRepeated:
		r.Unchanged++
	case result.Created:
		r.Added++
	default:
		r.Updated++
	}
	if result.UnknownWard {
		r.list(line, LineWarning, surveys.Text{ZH: "病区未知，请在设置中添加对应关系", EN: "the ward is unknown; map it in the settings"})
	}
	if result.Unreachable {
		r.list(line, LineWarning, surveys.Text{ZH: "没有可发短信的手机号（14 岁以下须为监护人的）", EN: "no mobile number that may be texted (under 14: a guardian's)"})
	}
}
