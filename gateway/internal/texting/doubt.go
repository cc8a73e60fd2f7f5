package texting

import (
	"context"
	"errors"
	"time"

	"qingfeng/surveys/sqlstore"
)

const (
	// doubtPage is how many lost answers are looked at in one round.
	doubtPage = 500
	// maxHandings is how often a text is handed over after whose answer was lost
	// it is sent again, whatever a carrier says of it.
	maxHandings = 10
)

// settleDoubts finds out, until ctx ends, what became of texts whose answer was
// lost: a report that carries our id settles it by itself, then the carrier is
// asked, and only then is the text sent once more, the same in every word.
func (s *Service) settleDoubts(ctx context.Context) {
	ticker := time.NewTicker(s.opt.DoubtEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		list, err := s.opt.Store.AmbiguousTexts(ctx, s.opt.Now().Add(-s.opt.Patience), doubtPage)
		if err != nil && ctx.Err() == nil {
			s.trouble("list ambiguous texts", err)
		}
		for i := range list {
			if ctx.Err() != nil {
				return
			}
			result, err := s.settle(ctx, &list[i])
			if err != nil && ctx.Err() == nil && !errors.Is(err, sqlstore.ErrNotFound) { // not found: a report came
				s.trouble("settle ambiguous text", err)
				continue
			}
			s.counted.doubts.WithLabelValues(list[i].Carrier, result).Inc()
		}
	}
}

// Results of settling a doubt, as metrics name them.
const (
	doubtFound    = "found"    // the carrier had taken it
	doubtReleased = "released" // sent once more
	doubtGivenUp  = "given_up" // nobody will ever know
	doubtWaits    = "waits"    // the carrier could not tell yet
)

func (s *Service) settle(ctx context.Context, x *sqlstore.AmbiguousText) (result string, err error) {
	id := x.Message.ID
	if finder := s.finder(x.Carrier); finder != nil {
		asking, cancel := context.WithTimeout(ctx, s.opt.SendTimeout)
		sent, found, err := finder.Find(asking, x.Message, x.HandedAt)
		cancel()
		switch {
		case err != nil && s.opt.Now().Sub(x.HandedAt) < s.opt.FindPatience:
			if s.notices.due("find "+x.Carrier, time.Now()) {
				s.opt.Logger.Warn("the carrier cannot tell yet whether it took a text; it is asked again", "carrier", x.Carrier)
			}
			return doubtWaits, nil
		case err == nil && found:
			s.firm.forget(id)
			return doubtFound, s.opt.Store.RecordSent(ctx, sqlstore.SentText{ID: id, Carrier: x.Carrier, Sent: sent, At: s.opt.Now()})
		case err == nil:
			s.firm.add(id) // it was not taken that time
		}
	}
	// Once it may arrive twice, never a third time.
	if x.Handings-s.firm.of(id) <= 1 && x.Handings < maxHandings {
		return doubtReleased, s.opt.Store.ReleaseText(ctx, id)
	}
	s.firm.forget(id)
	s.opt.Logger.Warn("nobody knows whether a text arrived, and it is not sent again; its survey counts as undelivered", "carrier", x.Carrier, "handings", x.Handings)
	return doubtGivenUp, s.opt.Store.GiveUpText(ctx, id, s.opt.Now())
}

func (s *Service) finder(carrier string) Finder {
	for _, l := range s.lanes {
		if l.carrier.Name() == carrier {
			f, _ := l.carrier.(Finder)
			return f
		}
	}
	return nil
}
