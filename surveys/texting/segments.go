package texting

import (
	"strings"
	"unicode/utf8"

	"qingfeng/surveys"
)

// Encoding is how a text goes over the air.
type Encoding string

// Encodings of a text.
const (
	GSM7 Encoding = "GSM-7" // the GSM 03.38 default alphabet, units are septets
	UCS2 Encoding = "UCS-2" // units are UTF-16 code units
)

// Limits of a text in units: of a single one, and of each part of a longer one,
// which gives six octets to the header that joins the parts.
const (
	gsmSingle, gsmPart = 160, 153
	ucsSingle, ucsPart = 70, 67
)

// Length is how long a text is.
type Length struct {
	Encoding Encoding
	Units    int
	// Segments is what a carrier charges for; 0 for an empty text.
	Segments int
}

// Measure gives the length of a text. A text of the GSM default alphabet is
// counted in septets, its extension characters (€ and brackets) as two; one
// other character makes the whole text UCS-2, counted in UTF-16 units. Neither
// a surrogate pair nor an extension character is split, so a long text may need
// more parts than its units alone would fill. Bytes that are not UTF-8 count as
// U+FFFD each, as they would be sent.
func Measure(text string) Length {
	length := Length{Encoding: encodingOf(text)}
	single, part := limits(length.Encoding)
	inPart := 0
	parts := 0
	for _, r := range text {
		n := units(r, length.Encoding)
		length.Units += n
		if parts == 0 || inPart+n > part {
			parts, inPart = parts+1, 0
		}
		inPart += n
	}
	length.Segments = parts
	if length.Units > 0 && length.Units <= single {
		length.Segments = 1
	}
	return length
}

// Split cuts a text into what its segments carry. The parts joined are the text
// (with U+FFFD for each byte that is not UTF-8); an empty text has none.
func Split(text string) []string {
	text = string([]rune(text))
	length := Measure(text)
	if length.Segments == 0 {
		return nil
	}
	if length.Segments == 1 {
		return []string{text}
	}
	_, part := limits(length.Encoding)
	var parts []string
	from, inPart := 0, 0
	for i, r := range text {
		n := units(r, length.Encoding)
		if inPart+n > part {
			parts = append(parts, text[from:i])
			from, inPart = i, 0
		}
		inPart += n
	}
	return append(parts, text[from:])
}

// Price is what a text of this length costs at a price in fen for each segment.
func Price(l Length, perSegment surveys.Fen) surveys.Fen {
	return surveys.Fen(l.Segments) * perSegment
}

func limits(e Encoding) (single, part int) {
	if e == GSM7 {
		return gsmSingle, gsmPart
	}
	return ucsSingle, ucsPart
}

func encodingOf(text string) Encoding {
	for _, r := range text {
		if !strings.ContainsRune(gsmBasic, r) && !strings.ContainsRune(gsmExtension, r) || r == utf8.RuneError {
			return UCS2
		}
	}
	return GSM7
}

// units gives how many units a character takes.
func units(r rune, e Encoding) int {
	switch {
	case e == GSM7 && strings.ContainsRune(gsmExtension, r), e == UCS2 && r > 0xFFFF:
		return 2
	}
	return 1
}

// The default alphabet and its extension (3GPP TS 23.038, 6.2.1 and 6.2.1.1).
// The capital C with cedilla is in, the small one is not.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)
