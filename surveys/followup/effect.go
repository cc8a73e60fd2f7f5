package followup

import (
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Effect is one thing that follows from a text a patient sent. The caller
// stores all effects of a step, and the new conversation, in one transaction,
// and sends the texts afterwards. The kinds are SendText, RecordAnswer,
// KeepComment, OptOut, Resume, OpenClue, OpenCallback and EndInvitation.
type Effect interface{ effect() }

// SendText answers the patient at once, at any hour.
type SendText struct {
	// Invitation is what the text belongs to; zero: to the number alone.
	Invitation InvitationID
	Mode       surveys.Mode // of the invitation; empty: none
	Purpose    texting.Purpose
	Language   string
	// Question is the one that is asked or asked again; empty: none.
	Question surveys.ItemID
	// Variables are question and choices where a question is asked, department in
	// what Ask gives, and visits where two patients are told apart. What only the caller knows (the hotline,
	// a receipt code, a link) it adds itself.
	Variables []texting.Variable
}

// RecordAnswer keeps an answer. A low answer to the overall question, and a wish
// to be called, come with an OpenCallback.
type RecordAnswer struct {
	Invitation InvitationID
	Answer     Answer
}

// KeepComment keeps what was said and could not be counted.
type KeepComment struct {
	// Invitation is zero for a comment that belongs to no survey: it came late,
	// or nobody knows which of two patients wrote it.
	Invitation InvitationID
	Question   surveys.ItemID // what had been asked; empty: nothing
	Text       surveys.Secret
	At         time.Time
}

// OptOut stops every text of the hospital to the number. It never touches a
// clue.
type OptOut struct{ At time.Time }

// Resume undoes an opt-out. What it ended stays ended.
type Resume struct{ At time.Time }

// OpenClue hands a text to the clue lane: sealed, with nothing that leads back
// to the number, the visit or the invitation. The caller wipes the inbound
// text in the same transaction and, unless Supplement or Silent, makes the
// receipt code for the SendText that comes with it.
type OpenClue struct {
	Text surveys.Secret
	// Envelope says that it answers the envelope question with yes.
	Envelope bool
	// Supplement is a further text after a clue of the same number. It is kept
	// in the clue lane, because it may say more of it, is not counted as
	// another clue, and is not answered.
	Supplement bool
	// Silent is a clue from a number that gets no texts: it opted out.
	Silent bool
}

// OpenCallback asks for a call to the patient, the same day.
type OpenCallback struct {
	Invitation InvitationID
	Grade      surveys.Grade // the overall grade; 0: none yet
	Asked      bool          // the patient asks for it
}

// EndInvitation ends an invitation: complete, opted out, or stopped for the clue
// lane.
type EndInvitation struct {
	Invitation InvitationID
	State      InvitationState
}

func (SendText) effect()      {}
func (RecordAnswer) effect()  {}
func (KeepComment) effect()   {}
func (OptOut) effect()        {}
func (Resume) effect()        {}
func (OpenClue) effect()      {}
func (OpenCallback) effect()  {}
func (EndInvitation) effect() {}
