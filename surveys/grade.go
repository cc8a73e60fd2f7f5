package surveys

// Grade is one of the five grades of a conduct rating, 1 to 5, as the state's
// 好差评 rule for service windows has them; 5 is best.
type Grade int

// The five grades. Zero means "no grade" and is never stored.
const (
	VeryDissatisfied Grade = 1 // 非常不满意
	Dissatisfied     Grade = 2 // 不满意
	BasicSatisfied   Grade = 3 // 基本满意
	Satisfied        Grade = 4 // 满意
	VerySatisfied    Grade = 5 // 非常满意
)

// Valid reports whether g is one of the five grades.
func (g Grade) Valid() bool { return g >= VeryDissatisfied && g <= VerySatisfied }

// Low reports whether the grade opens a call-back (1 or 2).
func (g Grade) Low() bool { return g == VeryDissatisfied || g == Dissatisfied }

// Text gives the grade's words in both languages.
func (g Grade) Text() Text {
	switch g {
	case VeryDissatisfied:
		return Text{"非常不满意", "Very dissatisfied"}
	case Dissatisfied:
		return Text{"不满意", "Dissatisfied"}
	case BasicSatisfied:
		return Text{"基本满意", "Fairly satisfied"}
	case Satisfied:
		return Text{"满意", "Satisfied"}
	case VerySatisfied:
		return Text{"非常满意", "Very satisfied"}
	}
	return Text{}
}

// Text is something a person reads, in Chinese and English.
type Text struct {
	ZH string `json:"zh" yaml:"zh"`
	EN string `json:"en" yaml:"en"`
}

// Mode is how a response came in. Modes are never pooled without being shown
// apart.
type Mode string

// The modes a tablet can produce.
const (
	ModeWindow  Mode = "window"
	ModeBedside Mode = "bedside"
	ModeLobby   Mode = "lobby"
)

// The modes of a survey after discharge: how the text asked to be answered.
const (
	ModeReply Mode = "sms_reply" // question by question, by text
	ModeLink  Mode = "sms_link"  // on the phone page, opened by the link in the text
	ModeCode  Mode = "sms_code"  // by the code in the text, on a lobby tablet or the phone page
)

// Series keeps apart ratings that were asked for and those that were not.
type Series string

const (
	// SeriesAsked is a rating that answers a transaction's prompt.
	SeriesAsked Series = "asked"
	// SeriesUnasked is a rating somebody gave of their own accord; it has no
	// transaction and never enters a response rate.
	SeriesUnasked Series = "unasked"
)
