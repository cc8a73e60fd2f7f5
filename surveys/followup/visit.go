package followup

import (
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/texting"
)

// Identifiers as the hospital's own systems give them. They are personal data:
// they stay in the SQL store, encrypted or as an HMAC.
type (
	// PatientNumber is the number of a person (病案号, MRN), unique in its source.
	PatientNumber = surveys.Secret
	// VisitNumber is the number of one stay (住院号, visit id).
	VisitNumber = surveys.Secret
)

// ChangeKind says what a message of the hospital's systems tells of a visit.
type ChangeKind string

// Kinds of change. The HL7 v2 trigger event each comes from is beside it.
const (
	ChangeAdmitted         ChangeKind = "admitted"          // A01, A04
	ChangeTransferred      ChangeKind = "transferred"       // A02
	ChangeDischarged       ChangeKind = "discharged"        // A03
	ChangeUpdated          ChangeKind = "updated"           // A08
	ChangeAdmissionUndone  ChangeKind = "admission_undone"  // A11
	ChangeDischargeUndone  ChangeKind = "discharge_undone"  // A13
	ChangeMerged           ChangeKind = "merged"            // A34, A40: Prior is now Patient
	ChangeTransferUndone   ChangeKind = "transfer_undone"   // A12
	ChangeReportedDeceased ChangeKind = "reported_deceased" // PID-30, a discharge disposition
)

// VisitChange is one message about a visit, wherever it came from. What it does
// not say is empty and leaves what is known as it is.
type VisitChange struct {
	Source  string // "hl7", "csv", "fhir", "desk"
	Message string // the sender's control id, for idempotence; empty: none
	Kind    ChangeKind
	// At is when it happened by the sender's clock.
	At time.Time

	Patient PatientNumber
	Prior   PatientNumber // merged: the number that is no more
	// Visit may be empty, as it often is where a discharge is undone: then the
	// change is about the patient's newest visit that its kind can mean.
	Visit VisitNumber

	Name     surveys.Secret
	Born     surveys.Day // zero: unknown
	Deceased bool
	// Phone and Guardian as the sender wrote them; under 14 only Guardian is
	// texted.
	Phone, Guardian surveys.Secret

	// Ward, Room, Bed and Service as the sender codes them; intake maps them.
	Ward, Room, Bed, Service string
	Attending                string // the sender's number of the physician
	// Inpatient is false for outpatient and emergency encounters, which get no
	// letters and their own survey, and in messages that say nothing of it: a
	// stay that was an inpatient's once remains it.
	Inpatient    bool
	AdmittedAt   time.Time
	DischargedAt time.Time
	// Disposition is where the patient went, as coded by the sender.
	Disposition Disposition
}

// Disposition is where a patient went at discharge.
type Disposition string

// Dispositions.
const (
	DispositionHome        Disposition = "home"
	DispositionTransferred Disposition = "transferred" // to another hospital
	DispositionDeceased    Disposition = "deceased"
	DispositionUnknown     Disposition = ""
)

// VisitState is where a visit stands.
type VisitState string

// States of a visit.
const (
	VisitAdmitted   VisitState = "admitted"
	VisitDischarged VisitState = "discharged"
	VisitCancelled  VisitState = "cancelled" // the admission was undone
)

// VisitID numbers visits in the store. It is ours and names nobody.
type VisitID int64

// PatientID numbers patients in the store.
type PatientID int64

// Visit is a stay as the store knows it, with what planning needs.
type Visit struct {
	ID         VisitID
	Patient    PatientID
	State      VisitState
	Department surveys.DepartmentID
	Place      surveys.PlaceID // the ward it ended in; empty: unknown ward
	Bed        surveys.BedID
	Inpatient  bool

	AdmittedAt   time.Time
	DischargedAt time.Time // zero: not discharged
	Disposition  Disposition
	Deceased     bool
	Born         surveys.Day
	Country      texting.Country // of the number that would be texted; empty: no number
	HasPhone     bool            // a number that may be texted: the patient's, or under 14 the guardian's
}
