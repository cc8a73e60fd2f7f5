package surveys

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// ItemKind says how an item is answered.
type ItemKind string

// Kinds of item.
const (
	ItemGrade ItemKind = "grade" // one of five faces
	ItemTags  ItemKind = "tags"  // any number of the options
	ItemText  ItemKind = "text"  // free text, at most MaxLength characters
	ItemPhone ItemKind = "phone" // a number to be called back on
)

// MaxComment is the longest comment in characters (Unicode code points).
const MaxComment = 2000

// Option is one thing to choose: a grade's words or a tag.
type Option struct {
	ID   string `json:"id" yaml:"id"`
	Text Text   `json:"text" yaml:"text"`
}

// Condition shows an item only after some grades of an earlier grade item.
type Condition struct {
	Item    ItemID `json:"item" yaml:"item"`
	AtLeast Grade  `json:"at_least,omitempty" yaml:"at_least"` // 0: no lower bound
	AtMost  Grade  `json:"at_most,omitempty" yaml:"at_most"`   // 0: no upper bound
}

// Holds reports whether a grade meets the condition.
func (c Condition) Holds(g Grade) bool {
	return (c.AtLeast == 0 || g >= c.AtLeast) && (c.AtMost == 0 || g <= c.AtMost)
}

// Item is one question.
type Item struct {
	ID        ItemID     `json:"id" yaml:"id"`
	Kind      ItemKind   `json:"kind" yaml:"kind"`
	Text      Text       `json:"text" yaml:"text"`
	Options   []Option   `json:"options,omitempty" yaml:"options"`
	When      *Condition `json:"when,omitempty" yaml:"when"`
	MaxLength int        `json:"max_length,omitempty" yaml:"max_length"`
}

// Questionnaire is one revision of a set of questions. A published revision is
// frozen: its VersionID is its content, and every answer keeps it.
type Questionnaire struct {
	ID       string `json:"id" yaml:"id"`             // "window", "bedside"
	Revision int    `json:"revision" yaml:"revision"` // counts up by hand with each change of content
	Title    Text   `json:"title" yaml:"title"`
	Items    []Item `json:"items" yaml:"items"`
}

// Canonical is the form that is hashed and kept: JSON with fields in their
// declared order and without HTML escaping of characters.
func (q *Questionnaire) Canonical() []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(q); err != nil {
		panic("questionnaire: plain values always encode: " + err.Error())
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// Version is the content hash of the questionnaire.
func (q *Questionnaire) Version() VersionID {
	sum := sha256.Sum256(q.Canonical())
	return VersionID(hex.EncodeToString(sum[:8]))
}

// Item finds a question by id.
func (q *Questionnaire) Item(id ItemID) (Item, bool) {
	for _, it := range q.Items {
		if it.ID == id {
			return it, true
		}
	}
	return Item{}, false
}

// GradeItem is the question the faces answer: the first item of kind grade.
func (q *Questionnaire) GradeItem() (Item, bool) {
	for _, it := range q.Items {
		if it.Kind == ItemGrade {
			return it, true
		}
	}
	return Item{}, false
}

// TagItem finds the tags item in which option tag may be chosen after grade g.
func (q *Questionnaire) TagItem(g Grade, tag string) (ItemID, bool) {
	for _, it := range q.Items {
		if it.Kind != ItemTags || (it.When != nil && !it.When.Holds(g)) {
			continue
		}
		for _, o := range it.Options {
			if o.ID == tag {
				return it.ID, true
			}
		}
	}
	return "", false
}

// TagWords gives tags chosen after grade g with the words they were offered
// under: the same tag may be worded as a reason after a low grade and as praise
// after a high one. A tag the questionnaire does not offer there stands for
// itself.
func (q *Questionnaire) TagWords(g Grade, tags []string) []Option {
	worded := make([]Option, len(tags))
	for i, tag := range tags {
		worded[i] = Option{ID: tag, Text: Text{ZH: tag, EN: tag}}
		item, ok := q.TagItem(g, tag)
		if !ok {
			continue
		}
		offered, _ := q.Item(item)
		for _, o := range offered.Options {
			if o.ID == tag {
				worded[i] = o
			}
		}
	}
	return worded
}

// Problem is one thing wrong with a questionnaire, at a path such as
// "items[2].options[0].id".
type Problem struct{ Path, Text string }

func (p Problem) String() string { return p.Path + ": " + p.Text }

// Check reports everything that is wrong with the questionnaire; nil means it
// can be published.
func (q *Questionnaire) Check() []Problem {
	var c checker
	c.id("id", q.ID)
	if q.Revision < 1 {
		c.add("revision", "must be 1 or more")
	}
	c.text("title", q.Title)
	if len(q.Items) == 0 {
		c.add("items", "must have at least one item")
	}
	earlier := map[ItemID]Item{}
	grades := 0
	for i, it := range q.Items {
		path := fmt.Sprintf("items[%d]", i)
		c.item(path, it, earlier)
		if it.Kind == ItemGrade {
			grades++
		}
		earlier[it.ID] = it
	}
	if len(q.Items) > 0 && grades != 1 {
		c.add("items", fmt.Sprintf("has %d items of kind grade, want exactly one", grades))
	}
	return c.problems
}

type checker struct{ problems []Problem }

func (c *checker) add(path, text string) { c.problems = append(c.problems, Problem{path, text}) }

func (c *checker) text(path string, t Text) {
	if strings.TrimSpace(t.ZH) == "" {
		c.add(path+".zh", "is empty")
	}
	if strings.TrimSpace(t.EN) == "" {
		c.add(path+".en", "is empty")
	}
}

func (c *checker) id(path, id string) {
	if !ValidName(id) {
		c.add(path, fmt.Sprintf("%q is not a name (a-z, 0-9, - and _, starting with a letter, at most 40)", id))
	}
}

func (c *checker) item(path string, it Item, earlier map[ItemID]Item) {
	c.id(path+".id", string(it.ID))
	if _, twice := earlier[it.ID]; twice {
		c.add(path+".id", fmt.Sprintf("%q is used twice", it.ID))
	}
	c.text(path+".text", it.Text)
	c.options(path, it)
	if it.When != nil {
		on, ok := earlier[it.When.Item]
		if !ok || on.Kind != ItemGrade {
			c.add(path+".when.item", fmt.Sprintf("%q is not an earlier item of kind grade", it.When.Item))
		}
		if it.When.AtLeast != 0 && !it.When.AtLeast.Valid() || it.When.AtMost != 0 && !it.When.AtMost.Valid() {
			c.add(path+".when", "bounds must be grades 1 to 5")
		}
		if it.When.AtMost != 0 && it.When.AtLeast > it.When.AtMost {
			c.add(path+".when", "at_least is above at_most, so the item is never shown")
		}
	}
	if it.Kind == ItemText && (it.MaxLength < 1 || it.MaxLength > MaxComment) {
		c.add(path+".max_length", fmt.Sprintf("must be 1 to %d", MaxComment))
	}
}

func (c *checker) options(path string, it Item) {
	switch it.Kind {
	case ItemGrade:
		if len(it.Options) != 5 {
			c.add(path+".options", fmt.Sprintf("has %d grades, want five, worst (id \"1\") to best (id \"5\")", len(it.Options)))
			return
		}
		for i, o := range it.Options {
			if want := string(rune('1' + i)); o.ID != want {
				c.add(fmt.Sprintf("%s.options[%d].id", path, i), fmt.Sprintf("is %q, want %q", o.ID, want))
			}
		}
	case ItemTags:
		if len(it.Options) == 0 {
			c.add(path+".options", "must have at least one tag")
		}
		seen := map[string]bool{}
		for i, o := range it.Options {
			at := fmt.Sprintf("%s.options[%d]", path, i)
			c.id(at+".id", o.ID)
			if seen[o.ID] {
				c.add(at+".id", fmt.Sprintf("%q is used twice", o.ID))
			}
			seen[o.ID] = true
		}
	case ItemText, ItemPhone:
		if len(it.Options) != 0 {
			c.add(path+".options", "only grade and tags items have options")
		}
	default:
		c.add(path+".kind", fmt.Sprintf("%q is not grade, tags, text or phone", it.Kind))
	}
	for i, o := range it.Options {
		c.text(fmt.Sprintf("%s.options[%d].text", path, i), o.Text)
	}
}

// ValidName reports whether s can name something in configuration: a lower-case
// letter, then letters, digits, hyphens or underscores, at most 40 characters.
func ValidName(s string) bool {
	if s == "" || len(s) > 40 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
