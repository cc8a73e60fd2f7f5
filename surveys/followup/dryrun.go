package followup

import "qingfeng/surveys"

// Cost is what one invitation costs. Least is its first text alone; Most adds
// the reminder and, in reply mode, every further text of the survey.
type Cost struct {
	LeastSegments, MostSegments int
	Least, Most                 surveys.Fen
}

// Plan is what a set of visits adds up to.
type Plan struct {
	Visits        int64       `json:"visits"`
	LeastSegments int64       `json:"least_segments"`
	MostSegments  int64       `json:"most_segments"`
	Least         surveys.Fen `json:"least_fen"`
	Most          surveys.Fen `json:"most_fen"`
}

func (p *Plan) add(c Cost) {
	p.Visits++
	p.LeastSegments += int64(c.LeastSegments)
	p.MostSegments += int64(c.MostSegments)
	p.Least += c.Least
	p.Most += c.Most
}

// DryRun adds up what a campaign would do, before it does it. Its size is that
// of the hospital (departments, days, modes) and not of the candidates, so that
// a million of them can be added one by one.
type DryRun struct {
	Looked       int64                          `json:"looked"`
	Invited      Plan                           `json:"invited"`
	ByMode       map[surveys.Mode]*Plan         `json:"by_mode"`
	ByDepartment map[surveys.DepartmentID]*Plan `json:"by_department"` // "": unknown
	ByDay        map[surveys.Day]*Plan          `json:"by_day"`        // of the first text
	Refused      map[Reason]int64               `json:"refused"`
	// Samples are the first few visits of each reason; those invited stand
	// under the empty one.
	Samples map[Reason][]Sample `json:"samples"`

	hours  Hours
	sample int
}

// Sample is one visit of a dry run. Visit is our own number and names nobody.
type Sample struct {
	Visit      VisitID              `json:"visit"`
	Department surveys.DepartmentID `json:"department,omitempty"`
	Decision   Decision             `json:"-"`
}

// NewDryRun begins a dry run that keeps up to sample visits of each reason. The
// days it counts by are those of the hours' zone.
func NewDryRun(hours Hours, sample int) *DryRun {
	return &DryRun{
		ByMode: map[surveys.Mode]*Plan{}, ByDepartment: map[surveys.DepartmentID]*Plan{}, ByDay: map[surveys.Day]*Plan{},
		Refused: map[Reason]int64{}, Samples: map[Reason][]Sample{}, hours: hours, sample: sample,
	}
}

// Add counts one candidate with its decision. cost is looked at only for who is
// invited.
func (d *DryRun) Add(c *Candidate, decision Decision, cost Cost) {
	d.Looked++
	if kept := d.Samples[decision.Reason]; len(kept) < d.sample {
		d.Samples[decision.Reason] = append(kept, Sample{Visit: c.Visit.ID, Department: c.Visit.Department, Decision: decision})
	}
	if !decision.Invited() {
		d.Refused[decision.Reason]++
		return
	}
	d.Invited.add(cost)
	planOf(d.ByMode, decision.Mode).add(cost)
	planOf(d.ByDepartment, c.Visit.Department).add(cost)
	planOf(d.ByDay, surveys.DayOf(decision.DueAt, d.hours.Zone)).add(cost)
}

func planOf[K comparable](of map[K]*Plan, key K) *Plan {
	p := of[key]
	if p == nil {
		p = &Plan{}
		of[key] = p
	}
	return p
}
