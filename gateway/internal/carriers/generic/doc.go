// Package generic is a carrier whose HTTP interface is written in the settings:
// where a text is sent and in which fields, what a yes looks like, and how
// delivery reports and replies come in. It serves gateways in the house, such as
// Kannel (a preset) or a bridge to SMPP, and small providers.
//
// It knows nothing of any provider beyond its presets. Nothing personal stands
// in its errors or log lines; of an answer it repeats the status code alone.
package generic
