package gpucheck

import (
	"bufio"
	"context"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"stele/bench"
)

// Sample is what nvidia-smi told at a moment. What it did not tell is 0.
type Sample struct {
	Time        time.Time `json:"time"`
	ClockMHz    float64   `json:"clock_mhz"` // of the SMs
	PowerW      float64   `json:"power_w"`
	Temperature float64   `json:"temperature_c"`
	Throttle    string    `json:"throttle"` // clocks_throttle_reasons.active, a bit set in hex
}

// watcher reads nvidia-smi, if there is one, until it is stopped.
type watcher struct {
	cancel context.CancelFunc
	done   chan struct{}
	mu     sync.Mutex
	all    []Sample
}

func watch(ctx context.Context, uuid string) *watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{cancel: cancel, done: make(chan struct{})}
	cmd := exec.CommandContext(ctx, "nvidia-smi", "-i", uuid, "-lms", "100",
		"--query-gpu=clocks.sm,power.draw,temperature.gpu,clocks_throttle_reasons.active", "--format=csv,noheader,nounits")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil { // none there: the report says so by ClockOf
		close(w.done)
		return w
	}
	go func() {
		defer close(w.done)
		defer func() { _ = cmd.Wait() }() // killed by stop
		for lines := bufio.NewScanner(out); lines.Scan(); {
			w.add(lines.Text())
		}
	}()
	return w
}

func (w *watcher) add(line string) {
	f := strings.Split(line, ",")
	if len(f) < 4 {
		return
	}
	number := func(i int) float64 {
		x, _ := strconv.ParseFloat(strings.TrimSpace(f[i]), 64) // "[N/A]": 0
		return x
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, Sample{time.Now(), number(0), number(1), number(2), strings.TrimSpace(f[3])})
}

// since returns the medians of the samples from a time on, and whether there
// are any.
func (w *watcher) since(from time.Time) (clockMHz, powerW, celsius float64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var clock, power, heat []float64
	for _, s := range w.all {
		if s.Time.After(from) && s.ClockMHz > 0 {
			clock, power, heat = append(clock, s.ClockMHz), append(power, s.PowerW), append(heat, s.Temperature)
		}
	}
	return bench.Median(clock), bench.Median(power), bench.Median(heat), len(clock) > 0
}

// stop ends nvidia-smi and returns about one sample for each second.
func (w *watcher) stop() []Sample {
	w.cancel()
	<-w.done
	thin := []Sample{}
	for _, s := range w.all {
		if len(thin) == 0 || s.Time.Sub(thin[len(thin)-1].Time) >= time.Second {
			thin = append(thin, s)
		}
	}
	return thin
}
