package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/intake"
	"qingfeng/surveys/followup"
	"qingfeng/surveys/sqlstore"
)

type importCommand struct {
	File     string `arg:"" help:"CSV file of discharges; - reads standard input." placeholder:"FILE"`
	ToToday  bool   `help:"Move all dates by whole days so that the last discharge is of the last 24 hours: for the sample file."`
	JSON     bool   `name:"json" help:"Print the report as JSON."`
	MaxLines int    `help:"Refused lines and warnings to print." default:"20"`
}

// Run takes a file of discharges into the store, beside a running gateway if
// there is one. It fails when a line was refused; the others are taken.
func (c importCommand) Run(ctx context.Context, line *commands, w world) error {
	file, err := c.read(w)
	if err != nil {
		return err
	}
	var report intake.Report
	err = withStore(ctx, line, w, func(cfg *config.Config, store *sqlstore.Store) error {
		target := intake.Store(intakeStore{store})
		if c.ToToday {
			days, err := daysToToday(ctx, cfg, file)
			if err != nil {
				return err
			}
			target = movedStore{target, days}
		}
		in, err := newIntake(cfg, target)
		if err != nil {
			return err
		}
		report, err = in.ImportCSV(ctx, bytes.NewReader(file))
		return err
	})
	if err != nil {
		return fmt.Errorf("import discharges: %w", err)
	}
	if err := c.print(w, &report); err != nil {
		return err
	}
	switch {
	case report.Stopped != nil:
		return fmt.Errorf("import discharges: %s · %s", report.Stopped.ZH, report.Stopped.EN)
	case report.Refused > 0:
		return fmt.Errorf("import discharges: %d of %d lines were refused", report.Refused, report.Rows)
	}
	return nil
}

// maxImport is one byte more than intake reads, so that it can say what is
// wrong with a larger file.
const maxImport = 10<<20 + 1

func (c importCommand) read(w world) ([]byte, error) {
	in := w.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, usageError{fmt.Errorf("open file of discharges: %w", err)}
		}
		defer f.Close()
		in = f
	}
	file, err := io.ReadAll(io.LimitReader(in, maxImport))
	if err != nil {
		return nil, fmt.Errorf("read file of discharges: %w", err)
	}
	return file, nil
}

func (c importCommand) print(w world, r *intake.Report) error {
	if c.JSON {
		return json.NewEncoder(w.stdout).Encode(r)
	}
	fmt.Fprintf(w.stdout, "%d rows: %d added, %d updated, %d unchanged, %d older than what is known, %d refused; %d warnings\n",
		r.Rows, r.Added, r.Updated, r.Unchanged, r.Stale, r.Refused, r.Warnings)
	for i, l := range r.Lines {
		if i == c.MaxLines {
			fmt.Fprintf(w.stdout, "… and %d more\n", len(r.Lines)-i+r.Unlisted)
			break
		}
		fmt.Fprintf(w.stdout, "line %-5d %-8s %s · %s\n", l.Line, l.Kind, l.Reason.ZH, l.Reason.EN)
	}
	return nil
}

// daysToToday is by how many days a file's dates are to be moved.
func daysToToday(ctx context.Context, cfg *config.Config, file []byte) (int, error) {
	seen := &lastDischarge{}
	in, err := newIntake(cfg, seen)
	if err != nil {
		return 0, err
	}
	if _, err := in.ImportCSV(ctx, bytes.NewReader(file)); err != nil {
		return 0, err
	}
	if seen.at.IsZero() {
		return 0, errors.New("the file has no time of discharge")
	}
	return int(time.Since(seen.at).Hours() / 24), nil
}

// lastDischarge takes in nothing but the time of the last discharge.
type lastDischarge struct{ at time.Time }

// ApplyVisitChange implements intake.Store.
func (l *lastDischarge) ApplyVisitChange(_ context.Context, c followup.VisitChange, _ intake.Placement) (intake.Applied, error) {
	if c.DischargedAt.After(l.at) {
		l.at = c.DischargedAt
	}
	return intake.Applied{}, nil
}

// movedStore takes changes in as if they had been so many days later.
type movedStore struct {
	intake.Store
	days int
}

// ApplyVisitChange implements intake.Store.
func (m movedStore) ApplyVisitChange(ctx context.Context, c followup.VisitChange, at intake.Placement) (intake.Applied, error) {
	for _, t := range []*time.Time{&c.At, &c.AdmittedAt, &c.DischargedAt} {
		if !t.IsZero() {
			*t = t.AddDate(0, 0, m.days)
		}
	}
	return m.Store.ApplyVisitChange(ctx, c, at)
}
