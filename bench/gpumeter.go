package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"stele/cgo/nvml"
	"stele/engine/host/energy"
)

// Sources of the energy of a GPU, for [EnergySource].
const (
	FromCounter = "NVML counter"
	FromPower   = "NVML power, integrated"
)

// powerEvery is the time between two readings of the power that are integrated.
const powerEvery = 50 * time.Millisecond

// GPUMeter reads the state of a GPU. If the GPU has no energy counter, a goroutine of
// the meter reads the power 20 times per second, and the energy is its integral. Its
// methods are safe for concurrent use.
type GPUMeter struct {
	read   func() (GPUState, error)
	start  time.Time
	stop   context.CancelFunc
	ended  chan struct{}
	source string // "" if there is none

	mu       sync.Mutex
	integral energy.Integral
	absent   string // why there is no energy, or none any more
}

// OpenGPUMeter opens the meter of the GPU with this UUID, which this process must use.
// Close it.
func OpenGPUMeter(uuid string) *GPUMeter {
	return newGPUMeter(func() (GPUState, error) { return readGPU(uuid) })
}

func newGPUMeter(read func() (GPUState, error)) *GPUMeter {
	m := &GPUMeter{
		read: read, start: time.Now(), stop: func() {}, ended: make(chan struct{}),
	}
	state, err := read()
	switch {
	case err != nil:
		m.absent = err.Error()
	case state.Energy != nil:
		m.source = FromCounter
	case state.Power != nil:
		m.source = FromPower
	default:
		m.absent = fmt.Sprintf("no energy counter (%s) and no reading of the power (%s)", state.Absent["energy_j"], state.Absent["power_w"])
	}
	if m.source != FromPower {
		close(m.ended)
		return m
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	go func() {
		defer close(m.ended)
		m.integrate(ctx)
	}()
	return m
}

// integrate reads the power until ctx ends.
func (m *GPUMeter) integrate(ctx context.Context) {
	ticker := time.NewTicker(powerEvery)
	defer ticker.Stop()
	for {
		m.State()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// State reads the state of the GPU; false if nothing can be read.
func (m *GPUMeter) State() (GPUState, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	state, err := m.read()
	if err != nil {
		m.lose(err.Error())
		return GPUState{}, false
	}
	reasons := state.Absent
	state.Absent = nil // always the same
	switch {
	case m.source == FromCounter && state.Energy == nil:
		m.lose(reasons["energy_j"])
	case m.source == FromPower && state.Power == nil:
		m.lose(reasons["power_w"])
	case m.source == FromPower && m.absent != "": // a part would look like the whole
	case m.source == FromPower:
		m.integral.Add(time.Since(m.start), *state.Power)
		joules := m.integral.Joules()
		state.Energy = &joules
	}
	return state, true
}

// lose notes why there is no energy any more. The first reason stays. The caller must
// hold m.mu.
func (m *GPUMeter) lose(reason string) {
	if m.absent == "" {
		m.absent = "lost during the run: " + reason
	}
}

// Source describes where the energy comes from.
func (m *GPUMeter) Source() (name, absent string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.source, m.absent
}

// Close stops the goroutine and waits for it.
func (m *GPUMeter) Close() {
	m.stop()
	<-m.ended
}

// readGPU reads the sensors of a GPU, and counts the other processes that use it.
func readGPU(uuid string) (GPUState, error) {
	reading, err := nvml.Read(uuid)
	if err != nil {
		return GPUState{}, err
	}
	state := GPUState{Reading: reading}
	// This process is one of them. Its number may differ inside a container, so it is
	// not searched for.
	if n, err := nvml.Processes(uuid); err == nil {
		others := max(0, n-1)
		state.Others = &others
	}
	return state, nil
}
