// Package configs holds the data that comes with the program: the sample
// hospital, the roles, the nine rules, the calendar, the questionnaires, the
// forms of the follow-up, and the complete example of a settings file. It holds
// no code beyond the embedding of that data.
package configs

import "embed"

// Files holds the YAML files by their names in this directory, for example
// "hospital.yaml" and "questionnaires/window.yaml".
//
//go:embed *.yaml questionnaires/*.yaml forms/*.yaml
var Files embed.FS
