// Package storetest opens stores for tests and benches and fills them: a small
// hospital, builders of facts, and a seeder that goes through the same door as
// the tablets. Nothing in the program itself imports it.
package storetest

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

var (
	zone    = time.FixedZone("Asia/Shanghai", 8*60*60) // does not need the zone files
	version = Questionnaire().Version()
)

// Zone is the hospital's.
func Zone() *time.Location { return zone }

// Noon is midday of Saturday 2026-11-21 at the hospital: "now" unless a test
// says otherwise.
func Noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, zone) }

// Weekdays is a calendar without holidays.
type Weekdays struct{}

// AddWorkdays implements registers.Calendar.
func (Weekdays) AddWorkdays(d surveys.Day, n int) surveys.Day {
	for n > 0 {
		if d = d.AddDays(1); weekday(d) {
			n--
		}
	}
	return d
}

// WorkdaysBetween implements registers.Calendar: days after from, up to to.
func (Weekdays) WorkdaysBetween(from, to surveys.Day) int {
	n := 0
	for d := from; d < to; {
		if d = d.AddDays(1); weekday(d) {
			n++
		}
	}
	return n
}

func weekday(d surveys.Day) bool {
	w := d.Start(time.UTC).Weekday()
	return w != time.Saturday && w != time.Sunday
}

// Organisation is a hospital of two departments, three windows and a ward.
func Organisation() *surveys.Organisation {
	text := func(zh, en string) surveys.Text { return surveys.Text{ZH: zh, EN: en} }
	return surveys.NewOrganisation(text("测试医院", "Test Hospital"), nil,
		[]surveys.Department{
			{ID: "finance", Name: text("财务处", "Finance"), Level: surveys.LevelFunctional},
			{ID: "cardiology", Name: text("心内科", "Cardiology"), Level: surveys.LevelClinical},
		},
		[]surveys.Place{
			{ID: "settlement-1", Kind: surveys.PlaceWindow, Name: text("结算1号", "Settlement 1"), Department: "finance", WindowKind: surveys.WindowSettlement},
			{ID: "settlement-2", Kind: surveys.PlaceWindow, Name: text("结算2号", "Settlement 2"), Department: "finance", WindowKind: surveys.WindowSettlement},
			{ID: "registration-1", Kind: surveys.PlaceWindow, Name: text("挂号1号", "Registration 1"), Department: "finance", WindowKind: surveys.WindowRegistration},
			{ID: "ward-3", Kind: surveys.PlaceWard, Name: text("心内三病区", "Cardiology Ward 3"), Department: "cardiology", Beds: []surveys.BedID{"1", "2"}},
		}, nil)
}

// Questionnaire is a window questionnaire with reasons after a low grade and
// praise after a high one.
func Questionnaire() *surveys.Questionnaire {
	text := func(zh, en string) surveys.Text { return surveys.Text{ZH: zh, EN: en} }
	grades := make([]surveys.Option, 5)
	for i := range grades {
		grades[i] = surveys.Option{ID: string(rune('1' + i)), Text: surveys.Grade(i + 1).Text()}
	}
	return &surveys.Questionnaire{
		ID: "window", Revision: 1, Title: text("窗口评价", "Window rating"),
		Items: []surveys.Item{
			{ID: "satisfaction", Kind: surveys.ItemGrade, Text: text("您满意吗", "How was it"), Options: grades},
			{ID: "reasons", Kind: surveys.ItemTags, Text: text("为什么", "Why"), When: &surveys.Condition{Item: "satisfaction", AtMost: 2},
				Options: []surveys.Option{{ID: "queue", Text: text("排队久", "Long queue")}, {ID: "attitude", Text: text("态度差", "Attitude")}}},
			{ID: "praise", Kind: surveys.ItemTags, Text: text("好在哪里", "What was good"), When: &surveys.Condition{Item: "satisfaction", AtLeast: 4},
				Options: []surveys.Option{{ID: "careful", Text: text("细致", "Careful")}}},
		},
	}
}

// Key is the phone key of test stores.
func Key() []byte { return []byte("0123456789abcdef0123456789abcdef") }

// Options are those of a test store at path.
func Options(path string) sqlstore.Options {
	return sqlstore.Options{
		Path: path, Zone: zone, PhoneKey: Key(), Calendar: Weekdays{}, Place: Organisation().Place, ExpiryGrace: 5 * time.Second, Now: Noon,
	}
}

// New opens an empty store in a directory of the test, with the questionnaire
// published, and closes it at the test's end.
func New(tb testing.TB, change ...func(*sqlstore.Options)) *sqlstore.Store {
	tb.Helper()
	return Open(tb, filepath.Join(tb.TempDir(), "qingfeng.db"), change...)
}

// Open opens or creates the store at path, as New does.
func Open(tb testing.TB, path string, change ...func(*sqlstore.Options)) *sqlstore.Store {
	tb.Helper()
	opt := Options(path)
	for _, c := range change {
		c(&opt)
	}
	s, err := sqlstore.Open(tb.Context(), opt)
	if err != nil {
		tb.Fatalf("open store: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close store: %v", err)
		}
	})
	if err := s.PublishQuestionnaire(tb.Context(), Questionnaire()); err != nil {
		tb.Fatalf("publish questionnaire: %v", err)
	}
	return s
}

// ID makes the UUIDv7 numbered n of the moment at; the same arguments give the
// same id.
func ID(at time.Time, n uint64) surveys.FactID {
	var random [10]byte
	binary.BigEndian.PutUint64(random[2:], n)
	return surveys.NewFactID(at, random)
}

// Device is the device facts come from unless a test says otherwise.
func Device() surveys.DeviceID { return ID(Noon().AddDate(0, -1, 0), 1) }

// OriginAt is the origin of a fact of Device whose clock is right.
func OriginAt(at time.Time) surveys.Origin {
	return surveys.Origin{Device: Device(), ClientAt: at, OccurredAt: at, ReceivedAt: at.Add(50 * time.Millisecond)}
}

// Rating is an unasked rating numbered n at settlement-1.
func Rating(n uint64, at time.Time, grade surveys.Grade) *surveys.Rating {
	return &surveys.Rating{
		ID: ID(at, n), Origin: OriginAt(at), Place: "settlement-1", Department: "finance", Questionnaire: version,
		Grade: grade, Mode: surveys.ModeWindow, Language: "zh", Dwell: 3 * time.Second,
	}
}

// Prompt asks about the transaction with this number at settlement-1, made at
// the moment at and good for a minute.
func Prompt(n uint64, at time.Time, number surveys.TransactionNumber) surveys.Prompt {
	return surveys.Prompt{
		ID:          ID(at, n),
		Transaction: surveys.Transaction{Window: "settlement-1", Number: number, Kind: surveys.WindowSettlement, Staff: "1024"},
		CreatedAt:   at, ExpiresAt: at.Add(time.Minute),
	}
}

// SeedOptions say what Seed makes.
type SeedOptions struct {
	Ratings int
	// Days before and including Until the ratings are spread over, in order.
	Days  int
	Until time.Time // zero: Noon
	Seed  uint64
	// Places and their departments; nil: those of Organisation.
	Places []surveys.Place
	// Version the ratings name; empty: that of Questionnaire.
	Version surveys.VersionID
}

// seedWindow bounds what Seed has under way, below the store's own bound.
const seedWindow = 4096

// Seed records unasked ratings through Store.Submit and returns when all are
// on disk. About one in twelve grades is low, as at a real window.
func Seed(ctx context.Context, s *sqlstore.Store, opt SeedOptions) error {
	if opt.Until.IsZero() {
		opt.Until = Noon()
	}
	if opt.Places == nil {
		opt.Places = Organisation().Places
	}
	if opt.Version == "" {
		opt.Version = version
	}
	r := rand.New(rand.NewPCG(opt.Seed, 7))
	start := opt.Until.AddDate(0, 0, -max(opt.Days, 1))
	step := opt.Until.Sub(start) / time.Duration(max(opt.Ratings, 1))
	grades := []surveys.Grade{1, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5}
	slots := make(chan struct{}, seedWindow)
	failed := make(chan error, 1)
	for i := range opt.Ratings {
		select {
		case slots <- struct{}{}:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		at := start.Add(time.Duration(i+1) * step)
		place := opt.Places[r.IntN(len(opt.Places))]
		f := Rating(r.Uint64(), at, grades[r.IntN(len(grades))])
		f.Place, f.Department, f.Mode, f.Questionnaire = place.ID, place.Department, place.Kind.Mode(), opt.Version
		s.Submit(f, func(_ surveys.Outcome, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
			<-slots
		})
	}
	for range seedWindow {
		slots <- struct{}{}
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}
