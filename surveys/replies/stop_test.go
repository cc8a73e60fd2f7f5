package replies

import (
	"slices"
	"strings"
	"testing"
)

func TestKeywords(t *testing.T) {
	for _, row := range rows(t, "stop.tsv", 2) {
		text, want := row[0], row[1]
		got := "-"
		switch {
		case StopWord(text):
			got = "stop"
		case StartWord(text):
			got = "start"
		case HelpWord(text):
			got = "help"
		}
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

// Twilio acts on these itself; we must not take one of them for an answer.
func TestStopWordKnowsTwiliosOwn(t *testing.T) {
	for _, word := range []string{"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"} {
		if !StopWord(word) {
			t.Errorf("%s is no opt-out", word)
		}
	}
}

func TestStopWordBySentence(t *testing.T) {
	wishes, ordinary := rows(t, "leave-alone.tsv", 1), rows(t, "ordinary.tsv", 1)
	if len(wishes) < 30 || len(ordinary) < 30 {
		t.Fatalf("%d wishes and %d ordinary sentences, want 30 of each or more", len(wishes), len(ordinary))
	}
	for _, row := range wishes {
		for _, text := range []string{row[0], strings.ToUpper(row[0]), " " + row[0] + "。🙏"} {
			if !StopWord(text) {
				t.Errorf("%q is not honoured", text)
			}
		}
	}
	for _, row := range ordinary {
		if StopWord(row[0]) || StartWord(row[0]) || HelpWord(row[0]) {
			t.Errorf("%q is taken for a keyword", row[0])
		}
	}
}

// Nothing around a wish is part of it: one more sentence and it is a comment.
func TestStopWordIsTheWholeReply(t *testing.T) {
	for _, row := range rows(t, "leave-alone.tsv", 1) {
		for _, text := range []string{row[0] + "，护士说的", "医生说：" + row[0], "the nurse said " + row[0], row[0] + " 5分"} {
			if StopWord(text) {
				t.Errorf("%q is honoured, with something else in it", text)
			}
		}
	}
}

// An answer of any table is never a keyword, but for the single letters that
// collide: N is one.
func TestNoAnswerIsAKeyword(t *testing.T) {
	for _, row := range rows(t, "replies.tsv", 3) {
		if StopWord(row[0]) && row[0] != "n" {
			t.Errorf("%q answers %s and is an opt-out", row[0], row[1])
		}
	}
}

func TestClue(t *testing.T) {
	for _, row := range rows(t, "clues.tsv", 3) {
		text := row[0]
		if got := Clue(text); got != (row[1] == "yes") {
			t.Errorf("Clue(%q) = %v, want %s", text, got, row[1])
		}
		if got := ClueIn(text, YesNo()); got != (row[2] == "yes") {
			t.Errorf("ClueIn(%q, envelope) = %v, want %s", text, got, row[2])
		}
		if got := ClueIn(text, Grades()); got != (row[1] == "yes") {
			t.Errorf("ClueIn(%q, grades) = %v, want %s", text, got, row[1])
		}
	}
}

// Every word of the lane is found in any sentence, and split by anything that
// is not seen.
func TestClueWordsCannotBeHidden(t *testing.T) {
	for _, c := range clueWords {
		for _, sep := range []string{"", " ", "\u200b", "\u00ad", "\u2060", "*", ".", "_"} {
			runes := strings.Split(c.word, "")
			text := "那天" + strings.Join(runes, sep) + "，记不清了"
			if !Clue(text) {
				t.Errorf("%q is no clue", text)
			}
		}
		for _, but := range c.but {
			if Clue(but) && !slices.ContainsFunc(clueWords, func(o struct {
				word string
				but  []string
			}) bool {
				return o.word != c.word && strings.Contains(but, o.word)
			}) {
				t.Errorf("%q is a clue", but)
			}
		}
	}
}
