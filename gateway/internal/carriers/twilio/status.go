package twilio

import "qingfeng/surveys/texting"

// statuses maps Twilio's message statuses to ours. Failed and canceled never
// left Twilio; undelivered did, and did not arrive.
var statuses = map[string]texting.Status{
	"accepted":    texting.StatusQueued,
	"scheduled":   texting.StatusQueued,
	"queued":      texting.StatusQueued,
	"sending":     texting.StatusQueued,
	"sent":        texting.StatusSent,
	"delivered":   texting.StatusDelivered,
	"read":        texting.StatusDelivered,
	"undelivered": texting.StatusUndelivered,
	"failed":      texting.StatusRefused,
	"canceled":    texting.StatusRefused,

	"partially_delivered": texting.StatusSent,
}
