package analytics

import (
	"math"
	"time"

	"qingfeng/surveys"
)

// Audience says who looks at a board.
type Audience string

// Audiences. The office sees every department; a department's head sees the
// own one, with figures that move in steps.
const (
	AudienceOffice     Audience = "office"
	AudienceDepartment Audience = "department"
)

// Why a figure is withheld.
const (
	WithheldNoData    = "no_data"    // nobody answered: never 0 %
	WithheldNotEnough = "not_enough" // fewer than MinAnswers answered
	WithheldProtected = "protected"  // shown, it would give away one that is withheld
)

// DefaultMinAnswers is the least number of answers a score is shown from.
const DefaultMinAnswers = 10

// DefaultBatchStep is by how many answers at a time figures move for a
// department's head.
const DefaultBatchStep = 10

// BoardOptions chooses what a board shows.
type BoardOptions struct {
	From, To surveys.Day // the period, both included
	Today    surveys.Day // whose hours are shown
	// Hour is the hour of the day in progress, 0 to 23, at the hospital. Only
	// figures that move in steps use it: an hour is counted in once it is over.
	Hour       int
	Audience   Audience
	Department surveys.DepartmentID // for AudienceDepartment
	// Departments are those that lie below Department and are shown with it.
	Departments []surveys.DepartmentID
	MinAnswers  int // 0: DefaultMinAnswers
	BatchStep   int // 0: DefaultBatchStep; never less than MinAnswers
}

// BoardView is one board's content.
type BoardView struct {
	Hospital    Unit   `json:"hospital"`
	Departments []Unit `json:"departments"`
}

// Unit is the hospital, a department or a place with its figures. Figure holds
// asked ratings only; Unasked stands beside it.
//
// Figure is of all asked ratings of the unit, whatever the mode: every answer
// weighs the same. Modes has every mode that is in it, with what was offered and
// answered, whether its score is shown or withheld; whoever shows Figure where
// there are several shows them beside it, since modes are never pooled without
// being shown apart.
type Unit struct {
	ID         string             `json:"id"`
	Kind       string             `json:"kind"` // hospital, department, or a place's kind
	Name       surveys.Text       `json:"name"`
	WindowKind surveys.WindowKind `json:"window_kind,omitempty"`
	Figure     Figure             `json:"figure"`
	Modes      []ModeFigure       `json:"modes"`
	Unasked    Figure             `json:"unasked"`
	Hours      []HourFigure       `json:"hours"`
	Places     []Unit             `json:"places,omitempty"`
}

// ModeFigure is the part of a unit's figure that came in by one mode.
type ModeFigure struct {
	Mode   surveys.Mode `json:"mode"`
	Figure Figure       `json:"figure"`
}

// HourFigure is one hour of today: asked answers and their score, nil when it
// is of fewer than MinAnswers answers or would tell of fewer.
type HourFigure struct {
	Hour     int      `json:"hour"`
	Answered int64    `json:"answered"`
	Score    *float64 `json:"score"`
}

// Figure is what is known of a group of answers. Offered and Answered always
// stand; all other fields are absent unless Shown. Scores are 0 to 100, rounded
// to 0.01; shares are 0 to 1, rounded to 0.0001. Score and shares are raw, with
// flagged answers; CleanedScore leaves them out. Flagged, CleanedScore and
// Grades are for the office alone.
type Figure struct {
	Offered  int64 `json:"offered"`
	Answered int64 `json:"answered"`
	// ResponseRate is Answered/Offered, at most 1; nil when nobody was asked.
	ResponseRate     *float64 `json:"response_rate"`
	Shown            bool     `json:"shown"`
	Withheld         string   `json:"withheld,omitempty"`
	Score            *float64 `json:"score,omitempty"`
	ScoreLow         *float64 `json:"score_low,omitempty"`
	ScoreHigh        *float64 `json:"score_high,omitempty"`
	CleanedScore     *float64 `json:"cleaned_score,omitempty"`
	Flagged          *int64   `json:"flagged,omitempty"`
	Satisfied        *float64 `json:"satisfied,omitempty"` // grades 3 to 5, as 好差评 counts
	Dissatisfied     *float64 `json:"dissatisfied,omitempty"`
	DissatisfiedLow  *float64 `json:"dissatisfied_low,omitempty"`
	DissatisfiedHigh *float64 `json:"dissatisfied_high,omitempty"`
	Grades           []int64  `json:"grades,omitempty"` // grade 1 to 5
}

// Arrival is one rating that has just come in. Department and Place are empty
// for a survey after a stay in a ward that the hospital does not know.
type Arrival struct {
	At         time.Time            `json:"at"`
	Department surveys.DepartmentID `json:"department"`
	Place      surveys.PlaceID      `json:"place"`
	Grade      surveys.Grade        `json:"grade"`
	Series     surveys.Series       `json:"series"`
	Mode       surveys.Mode         `json:"mode,omitempty"`
}

// Position says which state of the counts a board was made from. Two positions
// with the same Epoch and Offset are the same state; within an epoch the
// offset only grows.
type Position struct {
	Epoch  string
	Offset int64
	AsOf   time.Time // when the last counts were applied
	Behind bool      // the counts lag behind what is stored
}

func round(x, unit float64) *float64 {
	r := math.Round(x/unit) * unit
	// Dividing by the reciprocal gives 0.61 where multiplying gives 0.6100000001.
	r = math.Round(r*math.Round(1/unit)) / math.Round(1/unit)
	return &r
}

func roundScore(x float64) *float64 { return round(x, 0.01) }
func roundShare(x float64) *float64 { return round(x, 0.0001) }

// render gives the figure of a group after suppression.
func (g *group) render(opt *BoardOptions, asked bool) Figure {
	f := Figure{Offered: g.live.offered, Answered: g.live.answered(), Withheld: g.withheld}
	if asked && f.Offered > 0 {
		f.ResponseRate = roundShare(min(1, float64(f.Answered)/float64(f.Offered)))
	}
	if g.withheld != "" {
		return f
	}
	f.Shown = true
	t := g.visible
	n := t.answered()
	score, low, high := meanScore(t.grades)
	f.Score, f.ScoreLow, f.ScoreHigh = roundScore(score), roundScore(low), roundScore(high)
	bad := t.grades[0] + t.grades[1]
	badLow, badHigh := Wilson(float64(bad), float64(n))
	f.Satisfied, f.Dissatisfied = roundShare(float64(n-bad)/float64(n)), roundShare(float64(bad)/float64(n))
	f.DissatisfiedLow, f.DissatisfiedHigh = roundShare(badLow), roundShare(badHigh)
	if opt.Audience != AudienceDepartment {
		f.Grades = t.grades[:]
		g.renderCleaned(&f, opt)
	}
	return f
}

// renderCleaned adds the score without flagged answers. It is not for a
// department's head: a piece may hold a single flagged answer, and the two
// scores together would tell what it said.
func (g *group) renderCleaned(f *Figure, opt *BoardOptions) {
	t := g.visible
	flagged := total(t.flagged)
	f.Flagged = &flagged
	var clean [5]int64
	for i := range clean {
		clean[i] = t.grades[i] - t.flagged[i]
	}
	if n := total(clean); n >= int64(opt.MinAnswers) {
		score, _, _ := meanScore(clean)
		f.CleanedScore = roundScore(score)
	}
}
