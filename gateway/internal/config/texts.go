package config

import (
	"slices"

	"qingfeng/surveys"
)

// nineRulesFile is nine-rules.yaml.
type nineRulesFile struct {
	Rules []surveys.Text `yaml:"rules"`
}

// nineRules reads the nine rules of clean practice.
func (l *loader) nineRules(name string, text []byte) []surveys.Text {
	var file nineRulesFile
	doc := l.document(name, text, &file)
	if len(file.Rules) != 9 {
		doc.add("rules", "has %d rules, want the nine", len(file.Rules))
	}
	for i, r := range file.Rules {
		checkText(doc, element("rules", i), r)
	}
	l.done(doc)
	return file.Rules
}

// questionnaire reads one questionnaire and has the domain judge it.
func (l *loader) questionnaire(name string, text []byte) *surveys.Questionnaire {
	q := &surveys.Questionnaire{}
	doc := l.document(name, text, q)
	for _, p := range q.Check() {
		doc.add(p.Path, "%s", p.Text)
	}
	l.done(doc)
	return q
}

// questionnairesApart reports two different questionnaires that share an id
// and revision: the store could keep only one of them.
func (l *loader) questionnairesApart(all map[surveys.DeviceKind]*surveys.Questionnaire) {
	if len(l.problems) > 0 {
		return
	}
	keys := map[surveys.DeviceKind]string{
		surveys.DeviceWindowTablet:  "questionnaires.window",
		surveys.DeviceBedsideTablet: "questionnaires.bedside",
		surveys.DeviceLobbyTablet:   "questionnaires.lobby",
	}
	kinds := []surveys.DeviceKind{surveys.DeviceWindowTablet, surveys.DeviceBedsideTablet, surveys.DeviceLobbyTablet}
	for i, kind := range kinds {
		q := all[kind]
		j := slices.IndexFunc(kinds[:i], func(k surveys.DeviceKind) bool {
			return all[k].ID == q.ID && all[k].Revision == q.Revision
		})
		if j >= 0 && all[kinds[j]].Version() != q.Version() {
			l.problems = append(l.problems, Problem{
				File: l.settings.name, Line: l.settings.line(keys[kind]), Key: keys[kind],
				Text: "has the id and revision of " + keys[kinds[j]] + " but other content; give it its own id or the next revision",
			})
		}
	}
}
