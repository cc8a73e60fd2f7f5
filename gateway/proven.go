package main

import (
	"context"
	"time"

	"qingfeng/analytics"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// selfTested is the boards' copy of the counts, as far as self-tests go.
type selfTested interface {
	Position() analytics.Position
	SelfTests(day surveys.Day) map[string]bool
}

// provenStore is the store with devices judged by the whole way of a rating: a
// self-test proves a device once it has also come through the stream. While the
// scores are behind, which boards say anyway, the store's word is enough.
type provenStore struct {
	*sqlstore.Store
	scores selfTested
	zone   *time.Location
	now    func() time.Time
}

// Devices lists the devices, those marked whose test has not come through.
func (p provenStore) Devices(ctx context.Context) ([]surveys.Device, error) {
	devices, err := p.Store.Devices(ctx)
	if err != nil || p.scores.Position().Behind {
		return devices, err
	}
	today := surveys.DayOf(p.now(), p.zone)
	through := p.scores.SelfTests(today)
	for i := range devices {
		d := &devices[i]
		_, counted := through[d.ID.String()]
		d.TestUncounted = !counted && !d.LastTestAt.IsZero() && surveys.DayOf(d.LastTestAt, p.zone) == today
	}
	return devices, nil
}
