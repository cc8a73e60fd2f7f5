// Package followup is the domain of the survey after discharge (满意度测评 / 随访):
// visits as the hospital's systems tell of them, forms and their scales, who is
// invited when and who is not, the conversation by text, responses, and what
// became of every invitation.
//
// Everything here is a value: time, identifiers and randomness come in as
// arguments, and a step gives the new value with the effects the caller stores
// and carries out.
package followup
