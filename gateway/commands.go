package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"qingfeng/configs"
	"qingfeng/gateway/internal/config"
	"qingfeng/gateway/internal/tlscert"
	"qingfeng/surveys"
	"qingfeng/surveys/sqlstore"
)

// loadConfig reads the settings; every problem with them is a usageError.
func loadConfig(line *commands, w world) (*config.Config, error) {
	cfg, err := config.Load(line.Config, w.getenv, configs.Files)
	if err != nil {
		return nil, usageError{err}
	}
	return cfg, nil
}

// openStore opens the configured store, making or migrating it: only what
// serves does that.
func openStore(ctx context.Context, cfg *config.Config) (*sqlstore.Store, error) {
	return openStoreAs(ctx, cfg, false)
}

// openExisting opens the configured store as it is. There must be one, of this
// program's schema: beside a running gateway nothing may migrate it.
func openExisting(ctx context.Context, cfg *config.Config) (*sqlstore.Store, error) {
	if _, err := os.Stat(cfg.StorePath()); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w", cfg.StorePath(), sqlstore.ErrNoStore) // before a key is made for it
	}
	return openStoreAs(ctx, cfg, true)
}

func openStoreAs(ctx context.Context, cfg *config.Config, existing bool) (*sqlstore.Store, error) {
	key, err := cfg.PhoneKey()
	if err != nil {
		return nil, fmt.Errorf("read phone key: %w", err)
	}
	store, err := sqlstore.Open(ctx, sqlstore.Options{
		Path: cfg.StorePath(), Existing: existing, Zone: cfg.Location(), PhoneKey: key, Calendar: cfg.Workdays(), CallbackWorkdays: cfg.Callbacks.CloseWorkdays,
		Place: cfg.Organisation().Place, ExpiryGrace: cfg.GamingRules().ExpiryGrace, Logger: newLogger(cfg, os.Stderr),
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.StorePath(), err)
	}
	return store, nil
}

// withStore runs fn on the configured store, which must exist, and closes it.
func withStore(ctx context.Context, line *commands, w world, fn func(*config.Config, *sqlstore.Store) error) error {
	cfg, err := loadConfig(line, w)
	if err != nil {
		return err
	}
	store, err := openExisting(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(fn(cfg, store), store.Close())
}

type versionCommand struct{}

// Run prints what was built.
func (versionCommand) Run(w world) error {
	version := "development"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				version = s.Value
			}
		}
		fmt.Fprintf(w.stdout, "qingfeng %s (%s)\n", version, info.GoVersion)
	}
	return nil
}

type checkCommand struct{}

// Run reads everything the gateway would start with, and starts nothing.
func (checkCommand) Run(ctx context.Context, line *commands, w world) error {
	cfg, err := loadConfig(line, w)
	if err != nil {
		return err
	}
	org := cfg.Organisation()
	fmt.Fprintf(w.stdout, "settings        fine\nhospital        %s: %d departments, %d places, %d staff\n",
		org.Name.ZH, len(org.Departments), len(org.Places), len(org.Staff))
	for kind, q := range cfg.QuestionnaireOf() {
		fmt.Fprintf(w.stdout, "questionnaire   %s for %s: revision %d, version %s\n", q.ID, kind, q.Revision, q.Version())
	}
	form := cfg.FollowupForm()
	fmt.Fprintf(w.stdout, "follow-up       %s: revision %d, version %s, by %s\n", form.ID, form.Revision, form.Version(), strings.Join(cfg.Carriers.InUse(), ", "))
	for _, warning := range cfg.Warnings() {
		fmt.Fprintf(w.stdout, "                look at %s\n", warning)
	}
	if today := surveys.DayOf(time.Now(), cfg.Location()); !cfg.Workdays().Covers(today) {
		fmt.Fprintf(w.stdout, "calendar        has no holidays for %d: weekends only until calendar.yaml is extended\n", int(today)/10000)
	}
	if cfg.Listen.TLS.Enabled() {
		info, err := tlscert.CheckPair(tlscert.Pair(cfg.Listen.TLS), time.Now())
		if err != nil {
			return fmt.Errorf("check certificate: %w", err)
		}
		fmt.Fprintf(w.stdout, "certificate     for %v until %s\n", info.Names, info.NotAfter.Format(time.DateOnly))
		for _, warning := range info.Warnings {
			fmt.Fprintln(w.stdout, "                ", warning)
		}
	}
	if _, err := os.Stat(cfg.StorePath()); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(w.stdout, "store           %s will be created at the first start\n", cfg.StorePath())
		return nil
	}
	store, err := openExisting(ctx, cfg)
	if err != nil {
		return err
	}
	last, err := store.LastSequence(ctx)
	if err == nil {
		fmt.Fprintf(w.stdout, "store           %s: opens, %d events\n", cfg.StorePath(), last)
	}
	return errors.Join(err, store.Close())
}

type backupCommand struct {
	To string `arg:"" help:"File to write; it must not exist." type:"path"`
}

// Run writes a consistent copy of the store, beside a running gateway if there is one.
func (c backupCommand) Run(ctx context.Context, line *commands, w world) error {
	return withStore(ctx, line, w, func(cfg *config.Config, store *sqlstore.Store) error {
		if err := store.Backup(ctx, c.To); err != nil {
			return fmt.Errorf("back up store: %w", err)
		}
		fmt.Fprintf(w.stdout, "%s\nThe key %s is not in it: without that file no phone number can be read. Keep a copy of it elsewhere.\n", c.To, cfg.PhoneKeyPath())
		return nil
	})
}

type restoreCommand struct {
	From    string `arg:"" help:"Backup to restore." type:"existingfile"`
	Replace bool   `help:"Replace the store that is there; it is kept beside the new one."`
}

// Run puts a backup in the store's place.
func (c restoreCommand) Run(ctx context.Context, line *commands, w world) error {
	cfg, err := loadConfig(line, w)
	if err != nil {
		return err
	}
	if err := sqlstore.Restore(ctx, c.From, cfg.StorePath(), c.Replace); err != nil {
		return fmt.Errorf("restore store: %w", err)
	}
	fmt.Fprintf(w.stdout, "%s restored from %s\n", cfg.StorePath(), c.From)
	return nil
}

type deviceCommand struct {
	List deviceListCommand `cmd:"" help:"List enrolled devices."`
}

type deviceListCommand struct{}

// Run lists devices with what is wrong with them.
func (deviceListCommand) Run(ctx context.Context, line *commands, w world) error {
	return withStore(ctx, line, w, func(cfg *config.Config, store *sqlstore.Store) error {
		devices, err := store.Devices(ctx)
		if err != nil {
			return fmt.Errorf("list devices: %w", err)
		}
		table := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "DEVICE\tKIND\tNAME\tPLACE\tLAST SEEN\tSTATE")
		for i := range devices {
			d := &devices[i]
			state := "fine"
			if faults := d.Faults(time.Now(), cfg.Location()); len(faults) > 0 {
				state = fmt.Sprint(faults)
			}
			if !d.RevokedAt.IsZero() {
				state = "revoked " + d.RevokedAt.In(cfg.Location()).Format(time.DateOnly)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.Kind, d.Name, d.Place, clock(d.LastSeenAt, cfg), state)
		}
		return table.Flush()
	})
}

func clock(t time.Time, cfg *config.Config) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(cfg.Location()).Format("2006-01-02 15:04")
}
