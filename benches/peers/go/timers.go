package main

import (
	"fmt"
	"math/rand"
	"sort"
	"time"
)

const (
	timersLive = 1_000_000
	rounds     = 7
)

// Prints nanoseconds per Reset to a later time, and per Stop and Reset to any time: each the lower
// quartile of its rounds, timers in random order.
func timers() {
	random := rand.New(rand.NewSource(1))
	spread := func() time.Duration {
		return time.Minute + time.Duration(random.Int63n(int64(30*time.Second)))
	}
	all := make([]*time.Timer, timersLive)
	for at := range all {
		all[at] = time.AfterFunc(spread(), func() {})
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	times := make([]time.Duration, len(all))
	for at := range times {
		times[at] = spread()
	}
	later := 10 * time.Minute
	reset := quartile(func() {
		later += time.Second
		for _, timer := range all {
			timer.Reset(later)
		}
	})
	replace := quartile(func() {
		for at, timer := range all {
			timer.Stop()
			timer.Reset(times[at])
		}
	})
	fmt.Printf("%.1f %.1f\n", reset, replace)
}

func quartile(run func()) float64 {
	figures := make([]float64, rounds)
	for at := range figures {
		started := time.Now()
		run()
		figures[at] = float64(time.Since(started).Nanoseconds()) / timersLive
	}
	sort.Float64s(figures)
	return figures[rounds/4]
}
