package config

import (
	"slices"
	"strings"

	"qingfeng/surveys/followup"
	"qingfeng/surveys/texting"
)

// builtinForms are the forms that come with the program, by their ids.
var builtinForms = []string{"discharge-short", "discharge-national"}

// forms reads the built-in forms, and the one the settings name where that is a
// file of its own.
func (l *loader) forms(c *Config) {
	for _, id := range builtinForms {
		name := "forms/" + id + ".yaml"
		file, text := l.file("followup.form", "", name)
		form := l.form(file, text)
		c.loaded.forms = append(c.loaded.forms, form)
		if c.Followup.Form == id {
			c.loaded.form = form
		}
	}
	if c.loaded.form != nil {
		return
	}
	if !strings.HasSuffix(c.Followup.Form, ".yaml") && !strings.HasSuffix(c.Followup.Form, ".yml") {
		l.late("followup.form", "%q is neither a built-in form (%s) nor a file that ends in .yaml", c.Followup.Form, strings.Join(builtinForms, ", "))
		return
	}
	form := l.form(l.file("followup.form", c.Followup.Form, ""))
	c.loaded.form = form
	c.loaded.forms = l.formsApart(c.loaded.forms, form)
}

// messages reads the texts the program sends and has the domain judge them.
func (l *loader) messages(name string, text []byte) *texting.Templates {
	t := &texting.Templates{}
	doc := l.document(name, text, t)
	warnings := &document{name: doc.name, lines: doc.lines, broken: doc.broken, mute: doc.mute}
	for _, p := range t.Check() {
		to := doc
		if p.Warning {
			to = warnings
		}
		to.add(p.Path, "%s", p.Text)
	}
	l.warnings = append(l.warnings, warnings.sorted()...)
	l.done(doc)
	return t
}

// form reads one form and has the domain judge it.
func (l *loader) form(name string, text []byte) *followup.Form {
	f := &followup.Form{}
	doc := l.document(name, text, f)
	for _, p := range f.Check() {
		doc.add(p.Path, "%s", p.Text)
	}
	l.done(doc)
	return f
}

// formsApart adds a form of the hospital to the built-in ones. The store keeps
// one content under an id and revision, so a form of other content needs its
// own.
func (l *loader) formsApart(forms []*followup.Form, own *followup.Form) []*followup.Form {
	i := slices.IndexFunc(forms, func(f *followup.Form) bool { return f.ID == own.ID && f.Revision == own.Revision })
	switch {
	case i < 0:
		return append(forms, own)
	case forms[i].Version() != own.Version() && len(l.problems) == 0:
		l.late("followup.form", "has the id and revision of the built-in %s but other content; give it its own id or the next revision", own.ID)
	}
	return forms
}
