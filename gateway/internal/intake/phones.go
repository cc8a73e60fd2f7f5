package intake

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

const (
	// maxCandidates and maxDigits bound what is tried of one field: how many
	// numbers, and how many bytes of each.
	maxCandidates = 8
	maxDigits     = 40
)

// Mobile finds the first number in a text that can be texted: valid in its
// country, and a mobile (or, where a country does not tell them apart, either).
// Several numbers may be separated by semicolons, commas, slashes or Chinese
// marks; a remark in brackets is passed over. region is the country of a number
// without a country code. Without such a number it gives zero values.
func Mobile(text surveys.Secret, region texting.Country) (texting.Number, texting.Country) {
	plain := norm.NFKC.String(string(text))
	candidates := strings.FieldsFunc(plain, func(r rune) bool { return strings.ContainsRune(";,/|、。\n\t", r) })
	for _, candidate := range candidates[:min(len(candidates), maxCandidates)] {
		candidate = withoutRemark(candidate)
		if candidate == "" || len(candidate) > maxDigits {
			continue
		}
		if number, country := mobile(candidate, region); country != "" {
			return number, country
		}
	}
	return texting.Number{}, ""
}

// withoutRemark leaves out what stands in brackets behind a number, such as its
// owner. Brackets around an area code, at the beginning, stay.
func withoutRemark(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '('); i >= 7 {
		s = s[:i]
	}
	return strings.TrimSpace(s)
}

func mobile(candidate string, region texting.Country) (texting.Number, texting.Country) {
	// A letter is no digit here: 1-800-FLOWERS and 1.39E+10 are not numbers of patients.
	if strings.ContainsFunc(candidate, func(r rune) bool { return !strings.ContainsRune("0123456789+-() .", r) }) {
		return texting.Number{}, ""
	}
	parsed, err := phonenumbers.Parse(candidate, string(region))
	if err != nil || !phonenumbers.IsValidNumber(parsed) {
		return texting.Number{}, ""
	}
	switch phonenumbers.GetNumberType(parsed) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
	default:
		return texting.Number{}, ""
	}
	country := phonenumbers.GetRegionCodeForNumber(parsed)
	if len(country) != 2 {
		return texting.Number{}, ""
	}
	return texting.NumberOf(phonenumbers.Format(parsed, phonenumbers.E164)), texting.Country(country)
}
