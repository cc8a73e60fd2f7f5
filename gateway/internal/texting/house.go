package texting

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
	"qingfeng/surveys/texting"
)

// housePage is how many windows are closed, and reminders read, at a time.
const housePage = 500

// keepHouse closes windows and queues reminders until ctx ends.
func (s *Service) keepHouse(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.endWindows(ctx); err != nil && ctx.Err() == nil {
			s.trouble("end invitations", err)
		}
		if err := s.remind(ctx); err != nil && ctx.Err() == nil {
			s.trouble("queue reminders", err)
		}
		wait(ctx, s.opt.Housekeeping, s.house)
	}
}

func (s *Service) endWindows(ctx context.Context) error {
	for {
		ended, err := s.opt.Store.EndInvitations(ctx, s.opt.Now(), housePage)
		if err != nil || ended < housePage {
			return err
		}
	}
}

// remind queues the reminders whose hour has come.
func (s *Service) remind(ctx context.Context) error {
	now, rules := s.opt.Now(), &s.opt.Rules
	if rules.ReminderTo == 0 || !s.surveyHours(now).open {
		return nil
	}
	zone := rules.Hours.Zone
	from := surveys.DayOf(now, zone).AddDays(-rules.ReminderTo).Start(zone)
	before := now.In(zone).AddDate(0, 0, -rules.ReminderFrom).Add(time.Minute) // a reminder's minute begins without its seconds
	for {
		list, err := s.opt.Store.RemindersDue(ctx, from, before, housePage)
		if err != nil {
			return err
		}
		for i := range list {
			if at, due := rules.ReminderAt(&list[i].Invitation); !due || at.After(now) {
				continue
			}
			if err := s.remindOne(ctx, &list[i], now); err != nil {
				return err
			}
		}
		if len(list) < housePage {
			return nil
		}
		last := list[len(list)-1].Invitation.SentAt
		if !last.After(from) {
			last = from.Add(time.Millisecond)
		}
		from = last
	}
}

// remindOne queues the reminder of an invitation: with the same link or code,
// or the question that is open.
func (s *Service) remindOne(ctx context.Context, r *sqlstore.Reminder, now time.Time) error {
	c, err := s.opt.Store.FindInvitation(ctx, r.Invitation.ID)
	if err != nil {
		return ignoreNotFound(err)
	}
	t, err := s.thread(ctx, &c, false)
	if err != nil {
		return err
	}
	ask := t.Ask(texting.PurposeReminder)
	composed, err := s.compose(&ask, "", carried(r.First.Variables)...)
	if err != nil {
		return err
	}
	valid := min(r.Invitation.ClosesAt.Sub(now), time.Duration(max(1, s.opt.Rules.ReminderTo-s.opt.Rules.ReminderFrom))*24*time.Hour)
	_, err = s.opt.Store.QueueReminder(ctx, r.Invitation.ID, sqlstore.NewText{
		Segments: composed.Length.Segments, DueAt: now,
		Message: texting.Message{
			ID: newID(now), Purpose: texting.PurposeReminder, Language: t.Language, Body: composed.Body, Variables: composed.Variables, ValidFor: valid,
		},
	})
	return ignoreNotFound(err)
}

// carried are the values of the first text that only it has.
func carried(first []texting.Variable) []texting.Variable {
	var out []texting.Variable
	for _, v := range first {
		if v.Name == texting.VariableLink || v.Name == texting.VariableCode {
			out = append(out, v)
		}
	}
	return out
}

func ignoreNotFound(err error) error {
	if errors.Is(err, sqlstore.ErrNotFound) {
		return nil
	}
	return err
}

// newID makes the id of a text.
func newID(at time.Time) surveys.FactID {
	var random [10]byte
	rand.Read(random[:]) // never fails: it ends the program instead
	return surveys.NewFactID(at, random)
}
