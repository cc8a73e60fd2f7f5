package followup_test

import (
	"testing"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

func BenchmarkReceive(b *testing.B) {
	c, now := talk(b, 1, surveys.ModeReply)
	for b.Loop() {
		c.Receive(followup.Reply{Text: "５分，谢谢"}, now)
	}
}

func BenchmarkDecide(b *testing.B) {
	c, r, now := home(b), rules(), at(b, "2026-11-18 10:05")
	for b.Loop() {
		c.Visit.ID++
		followup.Decide(c, r, now)
	}
}
