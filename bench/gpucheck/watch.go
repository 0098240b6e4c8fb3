package gpucheck

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"stele/bench"
	"stele/cgo/nvml"
)

// Sources of a clock.
const (
	fromNVML    = "nvml"
	fromSMI     = "nvidia-smi"
	fromHighest = "highest" // no sensor: the highest clock according to the driver
)

// Sample has the readings of the sensors at a time. A missing reading is 0.
type Sample struct {
	Time        time.Time `json:"time"`
	ClockMHz    float64   `json:"clock_mhz"` // of the SMs
	PowerW      float64   `json:"power_w"`
	Temperature float64   `json:"temperature_c"`
	Throttle    []string  `json:"throttle,omitempty"` // why the clock is lower than it could be
}

// sampling is the interval of samples.
const sampling = 100 * time.Millisecond

// watcher reads the sensors of a GPU until stop, with NVML, or with nvidia-smi
// without NVML. Safe for concurrent use.
type watcher struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	source string   // fromNVML, fromSMI; "": no sample yet
	absent []string // why a source was not used
	all    []Sample
}

func watch(ctx context.Context, uuid string) *watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.run(ctx, uuid)
	}()
	return w
}

func (w *watcher) run(ctx context.Context, uuid string) {
	if w.try(fromNVML, w.readNVML(ctx, uuid)) {
		return
	}
	// Drivers from R535 on have the first name, and newer ones lack the second.
	for _, throttle := range []string{"clocks_event_reasons.active", "clocks_throttle_reasons.active"} {
		if ctx.Err() != nil || w.try(fromSMI+" with "+throttle, w.readSMI(ctx, uuid, throttle)) {
			return
		}
	}
}

// try records why a source has no samples, and reports whether it has some.
func (w *watcher) try(source string, err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.source == "" && err != nil {
		w.absent = append(w.absent, fmt.Sprintf("%s: %v", source, err))
	}
	return w.source != ""
}

// readNVML reads NVML until ctx ends or a call fails.
func (w *watcher) readNVML(ctx context.Context, uuid string) error {
	tick := time.NewTicker(sampling)
	defer tick.Stop()
	for {
		r, err := nvml.Read(uuid)
		if err != nil {
			return err
		}
		if r.Clock == nil {
			return fmt.Errorf("the clock cannot be read: %s", r.Absent["clock_mhz"])
		}
		s := Sample{Time: time.Now(), ClockMHz: float64(*r.Clock), Throttle: r.Throttle}
		if r.Power != nil {
			s.PowerW = *r.Power
		}
		if r.Temperature != nil {
			s.Temperature = float64(*r.Temperature)
		}
		w.add(fromNVML, s)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// readSMI reads the output of nvidia-smi until it or ctx ends.
func (w *watcher) readSMI(ctx context.Context, uuid, throttle string) error {
	cmd := exec.CommandContext(ctx, "nvidia-smi", "-i", uuid, "-lms", strconv.Itoa(int(sampling.Milliseconds())),
		"--query-gpu=clocks.sm,power.draw,temperature.gpu,"+throttle, "--format=csv,noheader,nounits")
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	last := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if s, ok := parseSMI(lines.Text()); ok {
			w.add(fromSMI, s)
		} else {
			last = strings.TrimSpace(lines.Text())
		}
	}
	err = cmd.Wait()
	if last != "" {
		return errors.New(last) // nvidia-smi writes its errors to standard output
	}
	return err
}

// parseSMI parses a line of nvidia-smi. A line without a clock is not a sample.
func parseSMI(line string) (s Sample, ok bool) {
	f := strings.Split(line, ",")
	if len(f) != 4 {
		return s, false
	}
	number := func(i int) float64 {
		x, _ := strconv.ParseFloat(strings.TrimSpace(f[i]), 64) // "[N/A]": 0
		return x
	}
	bits, _ := strconv.ParseUint(strings.TrimSpace(f[3]), 0, 64) // "[N/A]": 0
	s = Sample{time.Now(), number(0), number(1), number(2), nvml.Reasons(bits)}
	return s, s.ClockMHz > 0
}

func (w *watcher) add(source string, s Sample) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.source = source
	w.all = append(w.all, s)
}

// since returns the medians of the samples from a time on, and their source; "" if
// there are none.
func (w *watcher) since(from time.Time) (clockMHz, powerW, celsius float64, source string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var clock, power, heat []float64
	for _, s := range w.all {
		if s.Time.After(from) {
			clock, power, heat = append(clock, s.ClockMHz), append(power, s.PowerW), append(heat, s.Temperature)
		}
	}
	if len(clock) == 0 {
		return 0, 0, 0, ""
	}
	return bench.Median(clock), bench.Median(power), bench.Median(heat), w.source
}

// stop ends the reading. It returns about one sample per second, and their source or
// the reason why there are none. It does not wait for a driver that hangs.
func (w *watcher) stop() (thin []Sample, sensors string) {
	w.cancel()
	select {
	case <-w.done:
	case <-time.After(2 * time.Second):
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.all {
		if len(thin) == 0 || s.Time.Sub(thin[len(thin)-1].Time) >= time.Second {
			thin = append(thin, s)
		}
	}
	sensors = w.source
	if sensors == "" {
		sensors = "none"
	}
	if len(w.absent) > 0 {
		sensors += " (" + strings.Join(slices.Clone(w.absent), "; ") + ")"
	}
	return thin, sensors
}
