// Package replies understands what patients type back to a text message: an
// answer to the question that was asked, a wish to be left alone, or a word
// that opens the clue lane.
//
// It never guesses. Only a reply whose answer stands by itself is taken; what
// could be read in two ways is asked back, once, by the conversation. Whole
// replies are judged, never words found somewhere inside them, except for the
// words of the clue lane.
//
// The order in which a conversation asks: StopWord, StartWord and HelpWord,
// then ClueIn, then Understand.
//
// There is no I/O, clock, randomness or logging, and no state.
package replies
