package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"qingfeng/gateway/internal/config"
	"qingfeng/surveys"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

// anyHour has surveys leave whenever the bench runs, and nobody invited but
// whom the bench invites.
const anyHour = `calendar: calendar.yaml
followup: {send_from: "00:00", send_to: "24:00", daily_budget_yuan: 1000000, sampling_percent: 0}
`

// newTextingSite makes a site with more settings, whose surveys leave at any
// hour.
func (b *bench) newTextingSite(ctx context.Context, more string) (*site, error) {
	s, err := b.newSite(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.settingsFile(), []byte(settings+anyHour+more), 0o600); err != nil {
		return s, err
	}
	return s, os.WriteFile(s.dir+"/calendar.yaml", []byte("years: []\n"), 0o600)
}

// dischargers is how many stays are told of at a time, so that they share
// commits.
const dischargers = 400

// discharged has n patients discharged three days ago, each with a number, and
// gives their stays. Patients are numbered from first.
func discharged(ctx context.Context, store *sqlstore.Store, first, n int) ([]followup.VisitID, error) {
	visits := make([]followup.VisitID, n)
	at := time.Now().AddDate(0, 0, -3)
	var next atomic.Int64
	err := inParallel(dischargers, func(int) error {
		for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
			number := surveys.Secret(fmt.Sprintf("B%08d", first+i))
			done, err := store.ApplyVisitChange(ctx, followup.VisitChange{
				Source: "bench", Kind: followup.ChangeDischarged, At: at, Patient: number, Visit: "V" + number, Name: "测试患者", Inpatient: true,
				AdmittedAt: at.AddDate(0, 0, -5), DischargedAt: at, Disposition: followup.DispositionHome,
			}, sqlstore.Placement{
				Department: "cardiology", Place: "cardiology-ward", Bed: "1", Phone: texting.NumberOf(fmt.Sprintf("+86199%08d", first+i)), Country: "CN",
			})
			if err != nil {
				return fmt.Errorf("discharge a patient: %w", err)
			}
			visits[i] = done.Visit.ID
		}
		return ctx.Err()
	})
	return visits, err
}

// inviteAtOnce is how many invitations are queued in a transaction.
const inviteAtOnce = 500

// invited queues a first text for each stay, due at a moment.
func invited(ctx context.Context, cfg *config.Config, store *sqlstore.Store, visits []followup.VisitID, due time.Time) error {
	form := cfg.FollowupForm()
	for len(visits) > 0 {
		some := visits[:min(inviteAtOnce, len(visits))]
		visits = visits[len(some):]
		list := make([]sqlstore.NewInvitation, len(some))
		for i, visit := range some {
			list[i].Invitation = followup.Invitation{
				ID: newID(), Visit: visit, Form: form.Version(), Mode: surveys.ModeReply, Language: "zh", DueAt: due, ClosesAt: due.AddDate(0, 0, 40),
			}
			list[i].Text = sqlstore.NewText{DueAt: due, Segments: 1, Message: texting.Message{
				ID: newID(), Purpose: texting.PurposeInvite, Language: "zh", ValidFor: 24 * time.Hour,
				Body: "【清风医院】您好，您近日在心血管内科病区住院。您对这次住院总体满意吗？请回复数字1至5，5为非常满意，1为非常不满意。退订回T",
			}}
		}
		outcomes, err := store.QueueInvitations(ctx, list)
		if err != nil {
			return fmt.Errorf("queue invitations: %w", err)
		}
		for _, o := range outcomes {
			if o != sqlstore.Queued {
				return fmt.Errorf("an invitation is %s, not queued", o)
			}
		}
	}
	return nil
}
