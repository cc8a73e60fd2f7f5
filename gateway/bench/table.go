package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// figure is a line of the table: something of ours beside its raw limit.
type figure struct {
	name   string // for -only
	what   string
	beside string
	unit   unit
	// target bounds the ratio ours/raw, from above or, with atLeast, from below.
	target  float64
	atLeast bool
}

// sample is what one round gave.
type sample struct{ ours, raw float64 }

type result struct {
	figure
	samples []sample
}

// unit is how a figure's numbers are written.
type unit int

const (
	perSecond unit = iota
	seconds
	bytesEach
	share // of one core
)

func (f figure) show(n float64) string {
	switch f.unit {
	case perSecond:
		return thousands(n) + "/s"
	case seconds:
		return time.Duration(n * float64(time.Second)).Round(roundTo(n)).String()
	case bytesEach:
		return fmt.Sprintf("%.2f kB", n/1000)
	}
	return fmt.Sprintf("%.2f %%", 100*n)
}

// roundTo keeps three digits of a time.
func roundTo(s float64) time.Duration {
	switch {
	case s < 0.001:
		return time.Microsecond
	case s < 1:
		return 10 * time.Microsecond
	}
	return time.Millisecond
}

func thousands(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// ratios gives those of the rounds, smallest first.
func (r result) ratios() []float64 {
	var all []float64
	for _, s := range r.samples {
		all = append(all, s.ours/s.raw)
	}
	slices.Sort(all)
	return all
}

func (r result) met() bool {
	m := median(r.ratios())
	return r.atLeast && m >= r.target || !r.atLeast && m <= r.target
}

func (r result) medianOf(pick func(sample) float64) string {
	var all []float64
	for _, s := range r.samples {
		all = append(all, pick(s))
	}
	return r.show(median(all))
}

// printTable writes the results as one Markdown table.
func printTable(w io.Writer, machine string, results []result) {
	fmt.Fprintf(w, "\n%s\n\n", machine)
	fmt.Fprintln(w, "| figure | ours | beside | raw | ratio (least to most) | to reach | met |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|")
	table := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	for _, r := range results {
		sign, met := "≤", "**no**"
		if r.atLeast {
			sign = "≥"
		}
		if r.met() {
			met = "yes"
		}
		ratios := r.ratios()
		fmt.Fprintf(table, "| %s\t| %s\t| %s\t| %s\t| %.2f (%.2f to %.2f)\t| %s %.4g\t| %s\t|\n", r.what, r.medianOf(func(s sample) float64 { return s.ours }),
			r.beside, r.medianOf(func(s sample) float64 { return s.raw }), median(ratios), ratios[0], ratios[len(ratios)-1], sign, r.target, met)
	}
	_ = table.Flush() // as the lines before it: a terminal that is gone is nobody's figure
}

// machine says on what was measured.
func machine() string {
	model := "unknown CPU"
	if file, err := os.Open("/proc/cpuinfo"); err == nil {
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel := "unknown kernel"
	var name syscall.Utsname
	if syscall.Uname(&name) == nil {
		var text []byte
		for _, c := range name.Release {
			if c == 0 {
				break
			}
			text = append(text, byte(c))
		}
		kernel = "Linux " + string(text)
	}
	return fmt.Sprintf("%d cores, %s, %s, %s", runtime.NumCPU(), model, kernel, runtime.Version())
}
