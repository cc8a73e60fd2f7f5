package main

import (
	"slices"
	"sync"
	"time"
)

// latencies collects durations from many workers.
type latencies struct {
	mu  sync.Mutex
	all []time.Duration
}

func (l *latencies) add(more []time.Duration) {
	l.mu.Lock()
	l.all = append(l.all, more...)
	l.mu.Unlock()
}

// quantile gives the q-th (0 to 1) of what was collected; 0 when nothing was.
func (l *latencies) quantile(q float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == 0 {
		return 0
	}
	slices.Sort(l.all)
	return l.all[int(q*float64(len(l.all)-1))]
}

// median of at least one number.
func median(numbers []float64) float64 {
	sorted := slices.Sorted(slices.Values(numbers))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}
