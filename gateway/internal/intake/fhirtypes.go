package intake

import (
	"encoding/json"
	"slices"
	"strings"
)

// The parts of FHIR R4 (4.0.1) that are read. Everything else is passed over.
type (
	fhirHead struct {
		ResourceType string `json:"resourceType"`
		ID           string `json:"id"`
	}
	fhirBundle struct {
		Entry []struct {
			FullURL  string          `json:"fullUrl"`
			Resource json.RawMessage `json:"resource"`
		} `json:"entry"`
	}
	fhirEncounter struct {
		ID   string `json:"id"`
		Meta struct {
			LastUpdated string `json:"lastUpdated"`
		} `json:"meta"`
		Contained   []json.RawMessage `json:"contained"`
		Identifier  []fhirIdentifier  `json:"identifier"`
		Status      string            `json:"status"`
		Class       fhirCoding        `json:"class"`
		ServiceType fhirConcept       `json:"serviceType"`
		Subject     fhirReference     `json:"subject"`
		Participant []struct {
			Type       []fhirConcept `json:"type"`
			Individual fhirReference `json:"individual"`
		} `json:"participant"`
		Period          fhirPeriod `json:"period"`
		Hospitalization struct {
			DischargeDisposition fhirConcept `json:"dischargeDisposition"`
		} `json:"hospitalization"`
		Location []struct {
			Location     fhirReference `json:"location"`
			Status       string        `json:"status"`
			PhysicalType fhirConcept   `json:"physicalType"`
		} `json:"location"`
	}
	fhirPatient struct {
		Identifier       []fhirIdentifier `json:"identifier"`
		Name             []fhirName       `json:"name"`
		Telecom          []fhirTelecom    `json:"telecom"`
		BirthDate        string           `json:"birthDate"`
		DeceasedBoolean  bool             `json:"deceasedBoolean"`
		DeceasedDateTime string           `json:"deceasedDateTime"`
		Contact          []struct {
			Relationship []fhirConcept `json:"relationship"`
			Telecom      []fhirTelecom `json:"telecom"`
		} `json:"contact"`
	}
	fhirLocation struct {
		Identifier   []fhirIdentifier `json:"identifier"`
		Name         string           `json:"name"`
		PhysicalType fhirConcept      `json:"physicalType"`
	}
	fhirPeriod struct {
		Start string `json:"start"`
		End   string `json:"end"`
	}
	fhirIdentifier struct {
		Use    string      `json:"use"`
		Type   fhirConcept `json:"type"`
		System string      `json:"system"`
		Value  string      `json:"value"`
	}
	fhirCoding struct {
		Code string `json:"code"`
	}
	fhirConcept struct {
		Coding []fhirCoding `json:"coding"`
		Text   string       `json:"text"`
	}
	fhirReference struct {
		Reference  string         `json:"reference"`
		Display    string         `json:"display"`
		Identifier fhirIdentifier `json:"identifier"`
	}
	fhirName struct {
		Use    string   `json:"use"`
		Text   string   `json:"text"`
		Family string   `json:"family"`
		Given  []string `json:"given"`
	}
	fhirTelecom struct {
		System string `json:"system"`
		Value  string `json:"value"`
		Use    string `json:"use"`
	}
)

// code is a concept's first code, or its text.
func (c fhirConcept) code() string {
	for _, coding := range c.Coding {
		if coding.Code != "" {
			return coding.Code
		}
	}
	return c.Text
}

// is reports whether a concept has one of the codes, or one as its text.
func (c fhirConcept) is(codes ...string) bool {
	return slices.Contains(codes, c.Text) || slices.ContainsFunc(c.Coding, func(x fhirCoding) bool { return slices.Contains(codes, x.Code) })
}

// tail is the id at the end of a reference such as Location/ward-7.
func (r fhirReference) tail() string {
	path, _, _ := strings.Cut(r.Reference, "/_history/")
	return strings.TrimPrefix(path[strings.LastIndexByte(path, '/')+1:], "#")
}

// fhirPool finds the resources that came along, contained or bundled.
type fhirPool map[string]json.RawMessage

// add enters a resource under its reference, and under its URL in a bundle.
func (p fhirPool) add(head fhirHead, fullURL string, raw json.RawMessage) {
	if head.ID != "" {
		p[head.ResourceType+"/"+head.ID] = raw
	}
	if fullURL != "" {
		p[fullURL] = raw
	}
}

// find decodes the resource a reference of e leads to, if it came along.
func (p fhirPool) find(e *fhirEncounter, r fhirReference, kind string, into any) (json.RawMessage, bool) {
	if id, ok := strings.CutPrefix(r.Reference, "#"); ok {
		for _, raw := range e.Contained {
			var head fhirHead
			if json.Unmarshal(raw, &head) == nil && head.ResourceType == kind && strings.TrimPrefix(head.ID, "#") == id {
				return raw, json.Unmarshal(raw, into) == nil
			}
		}
		return nil, false
	}
	raw, ok := p[r.Reference]
	if !ok {
		raw, ok = p[kind+"/"+r.tail()]
	}
	var head fhirHead
	if !ok || json.Unmarshal(raw, &head) != nil || head.ResourceType != kind {
		return nil, false
	}
	return raw, json.Unmarshal(raw, into) == nil
}
