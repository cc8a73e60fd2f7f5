package texting

import (
	"encoding/json"
	"errors"
	"slices"

	"qingfeng/surveys"
	"qingfeng/surveys/followup"
)

// memory is what is remembered of a number between its texts. The store seals
// it.
type memory struct {
	// State is the conversation's own, as NumberState encodes it.
	State json.RawMessage `json:"state,omitempty"`
	// Late are the surveys whose one notice to late texts was given. It stands
	// here because a survey that has ended remembers nothing.
	Late []followup.InvitationID `json:"late,omitempty"`
	// Day and Texts count the answers of a business day.
	Day   surveys.Day `json:"day,omitempty"`
	Texts int         `json:"texts,omitempty"`
}

const (
	// maxLate bounds what is remembered of ended surveys, of which the store
	// gives three.
	maxLate = 8
	// maxAnswers bounds how many texts a number is answered with in a day: a
	// machine that answers ours must not empty the hospital's purse. The longest
	// form has fewer questions than that.
	maxAnswers = 60
)

func decodeMemory(data []byte) (memory, followup.NumberState, error) {
	var m memory
	if len(data) > 0 && json.Unmarshal(data, &m) != nil {
		return m, followup.NumberState{}, errors.New("the memory of a number is damaged")
	}
	state, err := followup.DecodeNumberState(m.State)
	return m, state, err
}

// encode gives the memory for the store; before is what it was made of. Nil
// leaves what was, empty forgets it.
func (m memory) encode(state followup.NumberState, before []byte) ([]byte, error) {
	m.State = nil
	if state.Held != "" || len(state.Which) > 0 || !state.Focus.IsZero() {
		m.State = state.Encode()
	}
	m.Late = m.Late[max(0, len(m.Late)-maxLate):]
	if m.State == nil && len(m.Late) == 0 && m.Texts == 0 {
		if len(before) == 0 {
			return nil, nil
		}
		return []byte{}, nil
	}
	data, err := json.Marshal(m)
	if err != nil {
		return nil, errors.New("the memory of a number does not encode")
	}
	return data, nil
}

// late notes that a survey's notice to late texts was given.
func (m *memory) late(id followup.InvitationID) {
	if !slices.Contains(m.Late, id) {
		m.Late = append(m.Late, id)
	}
}
