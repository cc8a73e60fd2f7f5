// Command invitation puts a survey that was sent into the store of a gateway
// that is not running, for the end-to-end tests: invitation <form> <code>
// <language>. It prints the token of its address.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"qingfeng/configs"
	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/httpapi"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// newID makes a UUIDv7.
func newID(now time.Time) (id surveys.FactID) {
	rand.Read(id[:]) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	for n := range 6 {
		id[n] = byte(now.UnixMilli() >> (40 - 8*n))
	}
	id[6], id[8] = 0x70|id[6]&0xf, 0x80|id[8]&0x3f
	return id
}

func run(ctx context.Context, form, code, language string) (err error) {
	cfg, err := config.Load("", os.Getenv, configs.Files)
	if err != nil {
		return err
	}
	key, err := cfg.PhoneKey()
	if err != nil {
		return err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Options{
		Path: cfg.StorePath(), Zone: cfg.Location(), PhoneKey: key, Calendar: cfg.Workdays(), CallbackWorkdays: cfg.Callbacks.CloseWorkdays, Place: cfg.Organisation().Place,
	})
	if err != nil {
		return err
	}
	defer func() {
		if closed := store.Close(); err == nil {
			err = closed
		}
	}()
	token, err := invite(ctx, store, cfg, form, surveys.Secret(code), language)
	if err == nil {
		fmt.Println(token)
	}
	return err
}

func invite(ctx context.Context, store *sqlstore.Store, cfg *config.Config, form string, code surveys.Secret, language string) (string, error) {
	var asked *followup.Form
	for _, f := range cfg.Forms() {
		if f.ID == form {
			asked = f
		}
	}
	if asked == nil {
		return "", fmt.Errorf("there is no form %s", form)
	}
	if err := store.PublishForm(ctx, asked); err != nil {
		return "", err
	}
	now := time.Now()
	patient := followup.PatientNumber("P" + newID(now).String())
	change := followup.VisitChange{
		Source: "csv", Kind: followup.ChangeDischarged, At: now.AddDate(0, 0, -2), Patient: patient, Visit: "V" + patient, Name: "赵国栋", Inpatient: true,
		AdmittedAt: now.AddDate(0, 0, -8), DischargedAt: now.AddDate(0, 0, -2), Disposition: followup.DispositionHome,
	}
	at := sqlstore.Placement{Department: "cardiology", Place: "cardiology-ward", Phone: texting.NumberOf("+8619900000101"), Country: "CN"}
	applied, err := store.ApplyVisitChange(ctx, change, at)
	if err != nil {
		return "", err
	}
	token, hash := httpapi.NewSurveyToken()
	id := newID(now)
	outcomes, err := store.QueueInvitations(ctx, []sqlstore.NewInvitation{{
		Invitation: followup.Invitation{ID: id, Visit: applied.Visit.ID, Form: asked.Version(), Mode: surveys.ModeLink, Language: language, DueAt: now, ClosesAt: now.AddDate(0, 0, 30)},
		TokenHash:  hash, Code: code,
		Text: sqlstore.NewText{Segments: 1, Message: texting.Message{ID: id, Purpose: texting.PurposeInvite, Language: language, Body: "【清风医院】", ValidFor: time.Hour}},
	}})
	if err != nil || outcomes[0] != sqlstore.Queued {
		return "", fmt.Errorf("queue the invitation: %v %w", outcomes, err)
	}
	taken, err := store.TakeTexts(ctx, sqlstore.Take{Now: now, Limit: 10, Routes: []sqlstore.Route{{Country: "CN", Carrier: "test", PerSegment: 5}}})
	if err != nil {
		return "", err
	}
	for _, text := range taken.Texts {
		sent := sqlstore.SentText{ID: text.Message.ID, Carrier: "test", Sent: texting.Sent{ProviderID: "T" + text.Message.ID.String()}, At: now}
		if err := store.RecordSent(ctx, sent); err != nil {
			return "", err
		}
	}
	return token, nil
}
