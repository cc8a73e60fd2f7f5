package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/alecthomas/kong"
)

// exit codes of the gateway.
const (
	exitOK     = 0
	exitFailed = 1 // the command ran and found or hit a problem
	exitUsage  = 2 // the command line or the configuration is wrong
)

// commands is the command line: one field a command.
type commands struct {
	Config string `help:"Settings file; without it the embedded defaults and the sample hospital are used." short:"c" type:"path" placeholder:"FILE" env:"QINGFENG_CONFIG"`

	Serve    serveCommand    `cmd:"" help:"Start the gateway."`
	Check    checkCommand    `cmd:"" help:"Check settings, hospital, questionnaires and store, and start nothing."`
	Verify   verifyCommand   `cmd:"" help:"Recount everything from the facts and compare: rollups, Redis, outbox, audit chain."`
	Rebuild  rebuildCommand  `cmd:"" help:"Count all scores again from the facts."`
	Backup   backupCommand   `cmd:"" help:"Write a consistent copy of the store while the gateway runs."`
	Restore  restoreCommand  `cmd:"" help:"Put a backup in the store's place. The gateway must be stopped."`
	Import   importCommand   `cmd:"" name:"import-discharges" help:"Take a CSV file of discharges in, so that the patients are followed up."`
	Simulate simulateCommand `cmd:"" help:"Talk with the follow-up in this terminal, or replay transcripts."`
	User     userCommand     `cmd:"" help:"Accounts of the desk."`
	Device   deviceCommand   `cmd:"" help:"Tablets and wall boards."`
	Token    tokenCommand    `cmd:"" help:"Bearer tokens for window systems."`
	Cert     certCommand     `cmd:"" help:"Make a local authority and a server certificate, or check the hospital's own."`
	Demo     demoCommand     `cmd:"" help:"Start a gateway with ten simulated tablets in a store of its own."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// usageError is an error of the caller's: settings or arguments.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// kongExit carries the exit code that kong asks for (after --help) out of the
// parser.
type kongExit int

// run is the whole program: it parses args, runs one command and gives the exit
// code. It never exits the process, so tests call it.
func run(ctx context.Context, args []string, w world) (code int) {
	defer func() {
		if caught := recover(); caught != nil {
			exit, ok := caught.(kongExit)
			if !ok {
				panic(caught)
			}
			code = int(exit)
		}
	}()
	var line commands
	parser, err := kong.New(&line,
		kong.Name("gateway"),
		kong.Description("Qingfeng (清风): hears a hospital's patients and keeps red envelopes out of medicine."),
		kong.UsageOnError(),
		kong.Writers(w.stdout, w.stderr),
		kong.Exit(func(code int) { panic(kongExit(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(w),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(w.stderr, "gateway:", err)
		return exitUsage
	}
	chosen, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(w.stderr, "gateway:", err)
		fmt.Fprintln(w.stderr, "Try: gateway --help")
		return exitUsage
	}
	if err := chosen.Run(&line); err != nil {
		fmt.Fprintln(w.stderr, "gateway:", err)
		if usage := (usageError{}); errors.As(err, &usage) {
			return exitUsage
		}
		return exitFailed
	}
	return exitOK
}
