package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// bench is one run of the program.
type bench struct {
	rounds  int
	quick   bool
	gateway string // the binary that is measured
	screens string // directory of the built screens
	dir     string // everything written in this run
	log     io.Writer
	many    *site // with years of answers; nil until a scene needs it
}

// scene measures figures that share a gateway. It calls record once a round
// for each of its figures.
type scene struct {
	figures []figure
	run     func(ctx context.Context, b *bench, record func(name string, s sample)) error
}

func scenes() []scene {
	return []scene{ackScene(), slowDiskScene(), boardScene(), idleScene(), startScene(), manyScene(), deadScene(), pageScene(), screenScene(), webhookScene(), dispatchScene(), planScene()}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == childFlag {
		return runChild(ctx, args[1:], stdout, stderr)
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	b := &bench{log: stderr}
	only := flags.String("only", "", "comma-separated `names` of figures; others of the same scene are measured with them")
	flags.IntVar(&b.rounds, "rounds", 0, "interleaved `rounds` of each figure; 5, with -quick 2")
	flags.BoolVar(&b.quick, "quick", false, "shorter rounds, fewer tablets, a million answers: for a look, not for the record")
	flags.StringVar(&b.gateway, "gateway", "bin/gateway", "the gateway `binary` to measure")
	flags.StringVar(&b.screens, "screens", "kiosk-ui/dist", "`directory` of the built screens")
	parent := flags.String("dir", "", "`directory` for data, on the disk to be measured; empty: the system's for temporary files")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if b.rounds <= 0 {
		b.rounds = 5
		if b.quick {
			b.rounds = 2
		}
	}
	// As the gateway runs: collections of the generator are not what is measured.
	debug.SetGCPercent(400)
	var err error
	if b.dir, err = os.MkdirTemp(*parent, "qingfeng-bench-"); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	defer os.RemoveAll(b.dir)
	if b.gateway, err = filepath.Abs(b.gateway); err == nil {
		_, err = os.Stat(b.gateway)
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench: build the gateway first (make build):", err)
		return 1
	}
	results, err := b.measure(ctx, names(*only))
	if len(results) > 0 {
		printTable(stdout, machine(), results)
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// measure runs the scenes that have one of the wanted figures, all without
// any, and goes on after a scene that failed.
func (b *bench) measure(ctx context.Context, only []string) ([]result, error) {
	var results []result
	var failed error
	for _, name := range only {
		if !slices.ContainsFunc(scenes(), func(s scene) bool { return s.has(name) }) {
			return nil, fmt.Errorf("there is no figure %q", name)
		}
	}
	defer func() {
		if b.many != nil {
			b.many.close()
		}
	}()
	for _, s := range scenes() {
		if len(only) > 0 && !slices.ContainsFunc(only, s.has) {
			continue
		}
		began := time.Now()
		samples := map[string][]sample{}
		err := s.run(ctx, b, func(name string, one sample) {
			samples[name] = append(samples[name], one)
			fmt.Fprintf(b.log, "%-18s ours %-14s raw %-14s ratio %.3f\n", name, s.figure(name).show(one.ours), s.figure(name).show(one.raw), one.ours/one.raw)
		})
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("measure %s: %w", s.figures[0].name, err))
		}
		for _, f := range s.figures {
			if len(samples[f.name]) > 0 {
				results = append(results, result{f, samples[f.name]})
			}
		}
		fmt.Fprintf(b.log, "  (%s)\n", time.Since(began).Round(time.Second))
		if ctx.Err() != nil {
			return results, errors.Join(failed, ctx.Err())
		}
	}
	return results, failed
}

func (s scene) has(name string) bool {
	return slices.ContainsFunc(s.figures, func(f figure) bool { return f.name == name })
}

func (s scene) figure(name string) figure {
	return s.figures[slices.IndexFunc(s.figures, func(f figure) bool { return f.name == name })]
}

// length shortens a round with -quick.
func (b *bench) length(full time.Duration) time.Duration {
	if b.quick {
		return full / 2
	}
	return full
}

// count makes a crowd smaller with -quick.
func (b *bench) count(full, quick int) int {
	if b.quick {
		return quick
	}
	return full
}
