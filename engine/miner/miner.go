package miner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"stele/engine"
	"stele/engine/miner/health"
	"stele/internal/rate"
	"stele/internal/wake"
)

// Options configure a miner.
type Options struct {
	Engine  *engine.Engine // the caller keeps it, but no other miner may use it
	Sources []Source       // in order of preference; their names differ
	Log     *slog.Logger   // nil: silent
	Version string         // of the program, for Status

	// QuietShares is for a source that logs its blocks itself: the miner does not log
	// accepted shares, and logs rejected ones at [slog.LevelDebug].
	QuietShares bool

	// Systemd reports to systemd that the program is ready, what the miner does and
	// that it is healthy (sd_notify(3)). It is for a program that only mines: without
	// a device that works, systemd restarts it.
	Systemd bool

	// Sensors reads the sensors of the device with a UUID. Nil: there are none.
	// One goroutine calls it, and it may block.
	Sensors func(uuid string) (Sensors, error)
	// CPUEnergy returns the joules that the processor packages of the machine have used
	// since a fixed moment. Nil: they are not known. One goroutine calls it.
	CPUEnergy func() (float64, error)
	Limits    health.Limits // SetLimits changes them
	Rules     health.Rules  // for devices that fail; the zero value takes health.Defaults
	Hooks     health.Hooks

	// OnSwitch is called when every device searches a new job. It must be quick and
	// must not call the miner or the engine. Nil: nothing is called.
	OnSwitch func(engine.Job)

	// OnShare is called for the answer to each share. It must be quick, must not block
	// and must not call the miner. Whoever sets it shows the answers: the miner logs
	// them at [slog.LevelDebug] then. Nil: nothing is called.
	OnShare func(Answer)
}

// ErrNoSource is the kind of the error of [Miner.Run] that there is no source of
// work, or that all sources reject this miner.
var ErrNoSource = errors.New("no source of work")

// times are the timeouts of a miner.
type times struct {
	firstWork           time.Duration // for a session to have work
	nextWork            time.Duration // for it to have new work; later something is wrong behind it
	settle              time.Duration // for a better source to be connected, after it broke
	backOff, maxBackOff time.Duration // between two sessions: the first, and the longest
	fatal               time.Duration // after an error that is ErrFatal
	keepWork            time.Duration // to mine the last work when no source has any
	leave               time.Duration // for a removed source
	rejecting           time.Duration // of all shares, before a source is suspended
	suspend, maxSuspend time.Duration // for a suspended source: the first time, and the longest
	stall, deviceSick   time.Duration // without a nonce, of all devices and of one
	patience            time.Duration // of systemd's watchdog, when nothing is finished
	grace, abandon      time.Duration // at the end: for answers, and for goroutines that hang
}

var defaultTimes = times{
	firstWork: 20 * time.Second,
	nextWork:  30 * time.Minute,
	settle:    30 * time.Second,
	backOff:   time.Second, maxBackOff: time.Minute,
	fatal:     5 * time.Minute,
	keepWork:  15 * time.Minute,
	leave:     10 * time.Second,
	rejecting: 30 * time.Second,
	suspend:   5 * time.Minute, maxSuspend: time.Hour,
	stall: 10 * time.Second, deviceSick: 45 * time.Second,
	patience: 2 * time.Minute, // the first trials of a sick device come before
	grace:    time.Second, abandon: time.Second,
}

// Miner mines. Safe for concurrent use.
type Miner struct {
	Options
	times times
	hooks *health.Runner

	changed wake.Signal    // set when there may be something else to mine
	tasks   sync.WaitGroup // all goroutines but those of hooks

	mu       sync.Mutex // guards what follows, with the upstreams and devices
	started  time.Time
	running  context.Context // of the sources and what they are sent; nil: not running
	broken   error           // why Run must end
	paused   bool
	sources  []*upstream
	leaving  []*upstream // removed sources that have not ended yet
	active   *upstream   // whose work is mined; nil: none
	everWork bool        // some source has had work

	current  *Work         // nil: nothing to mine
	since    time.Time     // when current came; zero: the devices were stopped then, or since
	assigned *Work         // what the engine mines
	noDevice bool          // the engine has none left
	working  chan struct{} // closed when the devices have stopped; nil: they are stopped
	stalled  time.Time     // since when nothing is finished; zero: something is

	hits      hitIndex
	devices   []*device
	counted   rate.Window[nonces]   // of all devices
	progress  rate.Window[progress] // of all devices, longer and coarser
	estimate  Estimate
	total     tally
	switches  latencies
	switching struct { // the newest job, until all devices search it
		job  engine.Job
		from time.Time // when its work came; zero: they do
	}
}

// New returns a miner, which does nothing before [Miner.Run].
func New(o Options) *Miner {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = rate.Logger(o.Log) // a source causes lines by sessions, jobs, shares and blocks
	m := &Miner{
		Options:  o,
		times:    defaultTimes,
		hooks:    health.NewRunner(o.Hooks, o.Log),
		changed:  wake.New(),
		started:  time.Now(),
		hits:     newHitIndex(),
		counted:  newCounted(),
		progress: rate.Window[progress]{Every: time.Minute, Keep: estimateWindow},
		total:    newTally(),
	}
	m.SetSources(o.Sources)
	o.Engine.OnBegin(m.switched)
	for _, s := range o.Engine.Status() {
		m.devices = append(m.devices, newDevice(s.Info, m.started, o.Rules))
	}
	return m
}

// Run mines until ctx ends, and then returns nil. Call it once. It returns an
// error when there is nothing left to wait for:
//
//   - [ErrNoSource]: there is no source, or all sources reject this miner and none
//     has ever had work;
//   - [engine.ErrNoDevice]: no device is left;
//   - [engine.ErrLost]: all devices of a kind are lost to the process.
//
// When ctx ends, the devices stop at once. Shares in flight get a second to be
// answered. Goroutines that do not heed their context then are abandoned after
// another second.
func (m *Miner) Run(ctx context.Context) error {
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	m.open(running)
	hooks := make(chan struct{})
	go func() { defer close(hooks); m.hooks.Run(running) }()
	m.tasks.Go(func() { m.watch(running) })
	if m.Sensors != nil || m.CPUEnergy != nil {
		m.tasks.Go(func() { m.sense(running) })
	}
	m.notify("READY=1")

	err := m.drive(ctx)

	m.notify("STOPPING=1")
	m.drain()
	end()
	ended := make(chan struct{})
	go func() { defer close(ended); m.tasks.Wait(); <-hooks }()
	select {
	case <-ended:
	case <-time.After(m.times.abandon):
		m.Log.Warn("a goroutine does not end, abandoned")
	}
	return err
}

// open starts the sources.
func (m *Miner) open(running context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running, m.started = running, time.Now()
	for _, u := range m.sources {
		m.startSource(u)
	}
	m.reselect()
}

// drain waits until the shares are answered, for a short time.
func (m *Miner) drain() {
	end := time.Now().Add(m.times.grace)
	for time.Now().Before(end) {
		m.mu.Lock()
		pending := 0
		for _, u := range slices.Concat(m.sources, m.leaving) {
			if u.connected {
				pending += u.pending()
			}
		}
		m.mu.Unlock()
		if pending == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Pause stops the devices, until [Miner.Resume]. The sessions stay.
func (m *Miner) Pause() { m.setPaused(true) }

// PauseAndWait stops the devices, and returns when they have stopped or when ctx ends,
// with its error. The miner must be running.
func (m *Miner) PauseAndWait(ctx context.Context) error {
	m.Pause()
	m.mu.Lock()
	working := m.working
	m.mu.Unlock()
	if working == nil {
		return ctx.Err()
	}
	select {
	case <-working:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stopped notes that no device works.
func (m *Miner) stopped() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.working != nil {
		close(m.working)
		m.working = nil
	}
}

// Resume ends a pause.
func (m *Miner) Resume() { m.setPaused(false) }

func (m *Miner) setPaused(paused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.paused != paused {
		m.paused = paused
		m.Log.Info(map[bool]string{true: "mining paused", false: "mining resumed"}[paused])
		m.changed.Wake()
	}
}

// SetLimits replaces the limits of temperature and power, from the next second on.
func (m *Miner) SetLimits(l health.Limits) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Limits = l
}

// drive keeps the engine mining while there is work.
func (m *Miner) drive(ctx context.Context) error {
	var run *run
	defer func() { run.stop(); m.stopped() }()
	for {
		job, act, err := m.next()
		switch {
		case err != nil:
			return err
		case act == stop:
			run.stop()
			run = nil
			m.stopped()
		case run == nil:
			run = m.start(ctx)
		}
		if act == switchJob {
			select {
			case run.jobs <- job:
			case <-run.ended:
			case <-ctx.Done():
			}
		}
		select {
		case <-m.changed:
		case <-run.end():
			if ctx.Err() == nil {
				m.engineEnded(run.err)
			}
			run = nil
			m.stopped()
		case <-ctx.Done():
			return nil
		}
	}
}

// run is a call of Engine.Mine. Nil is one that has ended.
type run struct {
	jobs   chan engine.Job
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // set before ended is closed
}

func (m *Miner) start(ctx context.Context) *run {
	ctx, cancel := context.WithCancel(ctx)
	r := &run{jobs: make(chan engine.Job), cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = m.Engine.Mine(ctx, r.jobs, m.roll, m.hit)
	}()
	return r
}

func (r *run) stop() {
	if r != nil {
		r.cancel()
		<-r.ended
	}
}

func (r *run) end() <-chan struct{} {
	if r == nil {
		return nil
	}
	return r.ended
}

// engineEnded records why the engine has stopped mining.
func (m *Miner) engineEnded(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.assigned = nil
	if !errors.Is(err, engine.ErrNoDevice) {
		m.broken = fmt.Errorf("the engine stopped: %w", err)
		m.changed.Wake()
		return
	}
	m.noDevice = true // until the watchdog gets one back
}

// act is what the engine has to do.
type act int

const (
	stop      act = iota // there is nothing to mine
	proceed              // with the job that it has
	switchJob            // to a new one
)

// next returns what the engine has to do now, with the job for switchJob.
func (m *Miner) next() (engine.Job, act, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.broken != nil:
		return engine.Job{}, stop, m.broken
	case m.current == nil || m.paused || m.noDevice:
		m.assigned, m.since = nil, time.Time{}
		return engine.Job{}, stop, nil
	}
	if m.working == nil {
		m.working = make(chan struct{})
	}
	if m.assigned == m.current {
		return engine.Job{}, proceed, nil
	}
	job, ok := m.roller().next(m.current, time.Now())
	if !ok {
		return engine.Job{}, proceed, nil // tick tries again
	}
	m.assigned = m.current
	m.switching.job, m.switching.from, m.since = job, m.since, time.Time{}
	return job, switchJob, nil
}

// switched is called by the engine when all devices search a job.
func (m *Miner) switched(job engine.Job) {
	now := time.Now()
	if m.OnSwitch != nil {
		m.OnSwitch(job)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if job == m.switching.job && !m.switching.from.IsZero() {
		m.switches.add(now.Sub(m.switching.from))
		m.switching.from = time.Time{}
	}
}
