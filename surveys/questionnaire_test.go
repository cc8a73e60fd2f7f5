package surveys_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qingfeng/surveys"
)

func text(zh, en string) surveys.Text { return surveys.Text{ZH: zh, EN: en} }

func windowQuestionnaire() *surveys.Questionnaire {
	var grades []surveys.Option
	for g := surveys.VeryDissatisfied; g <= surveys.VerySatisfied; g++ {
		grades = append(grades, surveys.Option{ID: fmt.Sprint(int(g)), Text: g.Text()})
	}
	return &surveys.Questionnaire{
		ID: "window", Revision: 1, Title: text("窗口服务评价", "Window service"),
		Items: []surveys.Item{
			{ID: "satisfaction", Kind: surveys.ItemGrade, Text: text("这次办事，您满意吗？", "How was it?"), Options: grades},
			{ID: "reasons", Kind: surveys.ItemTags, Text: text("哪里不好？", "What went wrong?"),
				When:    &surveys.Condition{Item: "satisfaction", AtMost: 2},
				Options: []surveys.Option{{ID: "less_queueing", Text: text("排队太久", "Long queue")}}},
			{ID: "praise", Kind: surveys.ItemTags, Text: text("哪里好？", "What was good?"),
				When:    &surveys.Condition{Item: "satisfaction", AtLeast: 4},
				Options: []surveys.Option{{ID: "finer_service", Text: text("服务细致", "Careful")}}},
			{ID: "comment", Kind: surveys.ItemText, Text: text("想说的话", "Comment"), MaxLength: 2000},
			{ID: "callback_phone", Kind: surveys.ItemPhone, Text: text("请回电", "Call me"),
				When: &surveys.Condition{Item: "satisfaction", AtMost: 2}},
		},
	}
}

func TestQuestionnaireCheck(t *testing.T) {
	tests := []struct {
		name   string
		change func(q *surveys.Questionnaire)
		want   []string // paths of the problems
	}{
		{"nothing wrong", func(*surveys.Questionnaire) {}, nil},
		{"no items", func(q *surveys.Questionnaire) { q.Items = nil }, []string{"items"}},
		{"revision zero", func(q *surveys.Questionnaire) { q.Revision = 0 }, []string{"revision"}},
		{"a language missing", func(q *surveys.Questionnaire) { q.Title.EN = " " }, []string{"title.en"}},
		{"four grades", func(q *surveys.Questionnaire) { q.Items[0].Options = q.Items[0].Options[:4] }, []string{"items[0].options"}},
		{"grades out of order", func(q *surveys.Questionnaire) { slices.Reverse(q.Items[0].Options) },
			[]string{"items[0].options[0].id", "items[0].options[1].id", "items[0].options[3].id", "items[0].options[4].id"}},
		{"an id twice", func(q *surveys.Questionnaire) { q.Items[2].ID = "reasons" }, []string{"items[2].id"}},
		{"a condition on a later item", func(q *surveys.Questionnaire) { q.Items[1].When.Item = "comment" }, []string{"items[1].when.item"}},
		{"a condition that never holds", func(q *surveys.Questionnaire) { q.Items[1].When.AtLeast = 4 }, []string{"items[1].when"}},
		{"a tag twice", func(q *surveys.Questionnaire) { q.Items[1].Options = append(q.Items[1].Options, q.Items[1].Options[0]) },
			[]string{"items[1].options[1].id"}},
		{"a comment beyond the bound", func(q *surveys.Questionnaire) { q.Items[3].MaxLength = 2001 }, []string{"items[3].max_length"}},
		{"an unknown kind", func(q *surveys.Questionnaire) { q.Items[3].Kind = "slider" }, []string{"items[3].kind"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := windowQuestionnaire()
			tt.change(q)
			var got []string
			for _, p := range q.Check() {
				got = append(got, p.Path)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// The version of an unchanged questionnaire may never change: stored answers
// refer to it.
func TestQuestionnaireVersionIsItsContent(t *testing.T) {
	q := windowQuestionnaire()
	const frozen = surveys.VersionID("906886ee30143680")
	if got := q.Version(); got != frozen {
		t.Errorf("Version() = %s, want %s", got, frozen)
	}
	changed := windowQuestionnaire()
	changed.Items[1].Options[0].Text.ZH += "！"
	if changed.Version() == q.Version() {
		t.Error("changing one character kept the version")
	}
}

func TestTagItem(t *testing.T) {
	q := windowQuestionnaire()
	tests := []struct {
		grade surveys.Grade
		tag   string
		want  surveys.ItemID
	}{
		{1, "less_queueing", "reasons"},
		{2, "less_queueing", "reasons"},
		{3, "less_queueing", ""},
		{5, "finer_service", "praise"},
		{1, "finer_service", ""},
		{1, "no_such_tag", ""},
	}
	for _, tt := range tests {
		got, ok := q.TagItem(tt.grade, tt.tag)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("TagItem(%d, %q) = %q, %v, want %q", tt.grade, tt.tag, got, ok, tt.want)
		}
	}
}

func TestTagWords(t *testing.T) {
	q := &surveys.Questionnaire{Items: []surveys.Item{
		{ID: "overall", Kind: surveys.ItemGrade},
		{ID: "reasons", Kind: surveys.ItemTags, When: &surveys.Condition{Item: "overall", AtMost: 2}, Options: []surveys.Option{
			{ID: "manner", Text: text("态度冷淡", "Cold manner")}, {ID: "queue", Text: text("排队太久", "Long wait")},
		}},
		{ID: "praises", Kind: surveys.ItemTags, When: &surveys.Condition{Item: "overall", AtLeast: 4}, Options: []surveys.Option{
			{ID: "manner", Text: text("热情周到", "Warm and kind")},
		}},
	}}
	for _, tt := range []struct {
		name  string
		grade surveys.Grade
		tags  []string
		want  []surveys.Option
	}{
		{"a reason", 1, []string{"queue", "manner"}, []surveys.Option{{ID: "queue", Text: text("排队太久", "Long wait")}, {ID: "manner", Text: text("态度冷淡", "Cold manner")}}},
		{"the same tag as praise", 5, []string{"manner"}, []surveys.Option{{ID: "manner", Text: text("热情周到", "Warm and kind")}}},
		{"not offered after that grade", 5, []string{"queue"}, []surveys.Option{{ID: "queue", Text: text("queue", "queue")}}},
		{"offered nowhere", 1, []string{"other"}, []surveys.Option{{ID: "other", Text: text("other", "other")}}},
		{"none", 1, nil, []surveys.Option{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, q.TagWords(tt.grade, tt.tags)); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
		})
	}
}
