package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"qingfeng/surveys"
)

// Names of the built-in files inside the configs file system.
const (
	builtinHospital  = "hospital.yaml"
	builtinRoles     = "roles.yaml"
	builtinCalendar  = "calendar.yaml"
	builtinNineRules = "nine-rules.yaml"
	builtinMessages  = "messages.yaml"
	builtinWindow    = "questionnaires/window.yaml"
	builtinBedside   = "questionnaires/bedside.yaml"
	builtinLobby     = "questionnaires/lobby.yaml"
)

// Load reads the settings at path over the defaults, then the environment over
// both, then every file the settings name; "" for path means the defaults.
// Files of the settings stand relative to the settings file, and a setting that
// names none takes the built-in one from configs. data_dir, store and listen.tls
// stand relative to the working directory.
//
// The error is a Problems that lists everything wrong; there is no Config then.
// Nothing is created on disk: see PhoneKey.
func Load(path string, getenv func(string) string, configs fs.FS) (*Config, error) {
	l := &loader{getenv: getenv, configs: configs, base: filepath.Dir(path)}
	c := Default()
	settings := newDocument(path)
	settings.unknown = secretInFile
	if path != "" {
		text, err := readBounded(func() (fs.File, error) { return os.Open(path) })
		if err != nil {
			return nil, Problems{{File: path, Text: err.Error()}}
		}
		settings.read(text, c)
	}
	l.settings = settings
	l.environment(c)
	l.check(c)
	l.done(settings)
	l.organisation(c)
	if len(l.problems) > 0 {
		return nil, l.problems
	}
	return c, nil
}

// loader carries one Load.
type loader struct {
	getenv   func(string) string
	configs  fs.FS
	base     string // directory of the settings file
	settings *document
	// fromEnvironment maps a key of the settings to the variable that
	// overrode it, so that a problem names what the reader has to change.
	fromEnvironment map[string]string
	problems        Problems
	warnings        Problems // what is worth reading and stops nothing
}

// done takes over a document's problems, in the order of its lines.
func (l *loader) done(doc *document) {
	l.problems = append(l.problems, doc.sorted()...)
}

// bad reports a problem of a setting, at the file's line or, when the
// environment gave the value, at its variable.
func (l *loader) bad(key, format string, args ...any) {
	if name, ok := l.fromEnvironment[key]; ok {
		l.badVariable(name, format, args...)
		return
	}
	if l.settings.name == "" {
		l.problems = append(l.problems, Problem{File: "built-in defaults", Key: key, Text: fmt.Sprintf(format, args...)})
		return
	}
	l.settings.add(key, format, args...)
}

func (l *loader) badVariable(name, format string, args ...any) {
	l.problems = append(l.problems, Problem{File: "environment", Key: name, Text: fmt.Sprintf(format, args...)})
}

// organisation reads every file the settings name.
func (l *loader) organisation(c *Config) {
	c.loaded.organisation = l.hospital(l.file("hospital", c.Hospital, builtinHospital))
	c.loaded.roles = l.roles(l.file("roles", c.Roles, builtinRoles))
	c.loaded.calendar = l.calendar(l.file("calendar", c.Calendar, builtinCalendar))
	c.loaded.nineRules = l.nineRules(l.file("nine_rules", c.NineRules, builtinNineRules))
	c.loaded.questionnaires = map[surveys.DeviceKind]*surveys.Questionnaire{
		surveys.DeviceWindowTablet:  l.questionnaire(l.file("questionnaires.window", c.Questionnaires.Window, builtinWindow)),
		surveys.DeviceBedsideTablet: l.questionnaire(l.file("questionnaires.bedside", c.Questionnaires.Bedside, builtinBedside)),
		surveys.DeviceLobbyTablet:   l.questionnaire(l.file("questionnaires.lobby", c.Questionnaires.Lobby, builtinLobby)),
	}
	l.questionnairesApart(c.loaded.questionnaires)
	c.loaded.messages = l.messages(l.file("messages", c.Messages, builtinMessages))
	c.loaded.warnings = l.warnings
	l.forms(c)
	l.intakeAliases(c)
}

// file gives the name to report and the text of the file a setting names, or
// of the built-in one. A file that cannot be read is a problem of the setting,
// and its text nil.
func (l *loader) file(key, setting, builtin string) (string, []byte) {
	if setting == "" {
		text, err := readBounded(func() (fs.File, error) { return l.configs.Open(builtin) })
		if err != nil {
			l.problems = append(l.problems, Problem{File: "built-in " + builtin, Text: err.Error()})
			return builtin, nil
		}
		return "built-in " + builtin, text
	}
	path := setting
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.base, path)
	}
	text, err := readBounded(func() (fs.File, error) { return os.Open(path) })
	if err != nil {
		l.problems = append(l.problems, Problem{
			File: l.settings.name, Line: l.settings.line(key), Key: key, Text: fmt.Sprintf("names %s, which %s", path, err),
		})
		return path, nil
	}
	return path, text
}

// document reads text strictly into dst. A nil text, a file that could not be
// read, is silent: it is reported already, and so is whatever follows from it.
func (l *loader) document(name string, text []byte, dst any) *document {
	doc := newDocument(name)
	if text == nil {
		doc.mute = true
		return doc
	}
	doc.read(text, dst)
	return doc
}

// readBounded reads a file of at most maxFile bytes. Its errors are the end of
// a sentence about the file and do not repeat the path.
func readBounded(open func() (fs.File, error)) ([]byte, error) {
	f, err := open()
	if err != nil {
		return nil, readError(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, readError(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("is larger than the %d bytes a configuration file may have", maxFile)
	}
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

func readError(err error) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("does not exist")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("may not be read by this user")
	case errors.As(err, &path):
		return fmt.Errorf("cannot be read: %w", path.Err)
	}
	return fmt.Errorf("cannot be read: %w", err)
}

// element names the i-th element of the list at path.
func element(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// checkName reports an id that is not a name in the sense of surveys.ValidName.
func checkName(doc *document, path, id string) {
	if !surveys.ValidName(id) {
		doc.add(path, "%q is not a name (a-z, 0-9, - and _, starting with a letter, at most 40)", id)
	}
}

// maxText is the longest a name or title may be, in bytes: what still fits on
// a tablet's line, with room to spare.
const maxText = 300

// checkText reports a text that lacks a language or cannot be shown.
func checkText(doc *document, path string, t surveys.Text) {
	for _, half := range []struct{ key, text string }{{"zh", t.ZH}, {"en", t.EN}} {
		switch {
		case strings.TrimSpace(half.text) == "":
			doc.add(path+"."+half.key, "is empty: every name is given in Chinese (zh) and English (en)")
		case len(half.text) > maxText:
			doc.add(path+"."+half.key, "has %d bytes, more than %d", len(half.text), maxText)
		case strings.ContainsFunc(half.text, func(r rune) bool { return r < 0x20 || r == 0x7f || r == 0xfffd }):
			doc.add(path+"."+half.key, "has a control character or is not UTF-8")
		}
	}
}

// checkOnce reports an id that was seen at another path before. An empty id is
// reported by whoever checks its form.
func checkOnce(doc *document, seen map[string]string, path, id string) {
	if id == "" {
		return
	}
	if first, twice := seen[id]; twice {
		doc.add(path, "%q is used twice, first as %s on line %d", id, first, doc.line(first))
		return
	}
	seen[id] = path
}

func oneOf[T ~string](value T, known ...T) bool { return slices.Contains(known, value) }
