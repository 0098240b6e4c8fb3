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

// Options are what a miner is made of.
type Options struct {
	Engine  *engine.Engine // it stays the caller's; no other may mine with it
	Sources []Source       // in order of preference; their names differ
	Log     *slog.Logger   // nil is silent
	Version string         // of the program, for Status

	// Sensors reads the sensors of the device with a UUID. Nil: there are none.
	// It is called by one goroutine.
	Sensors func(uuid string) (Sensors, error)
	Limits  health.Limits // SetLimits changes them
	Rules   health.Rules  // for devices that fail; the zero value is good
	Hooks   health.Hooks
}

// ErrNoSource says that there is no source of work, or that all refuse this
// miner.
var ErrNoSource = errors.New("no source of work")

// times are how long a miner waits for what.
type times struct {
	firstWork         time.Duration // for a session to give work
	nextWork          time.Duration // for it to give new work: then something is wrong behind it
	settle            time.Duration // for a better source to stand, after it broke
	backOff, longest  time.Duration // between two sessions: at first, and at most
	fatal             time.Duration // after an error that is ErrFatal
	keepWork          time.Duration // to mine the last work when no source gives any
	leave             time.Duration // for a source that was taken away
	refusals          time.Duration // of all shares, before a source is set aside
	aside             time.Duration // for a source that is set aside: at first
	longestAside      time.Duration // and at most
	stall, deviceSick time.Duration // without a nonce, of all devices and of one
	patience          time.Duration // of systemd's watchdog, when nothing is finished
	grace, abandon    time.Duration // at the end: for answers, and for what hangs
}

var usual = times{
	firstWork: 20 * time.Second,
	nextWork:  30 * time.Minute,
	settle:    30 * time.Second,
	backOff:   time.Second, longest: time.Minute,
	fatal:    5 * time.Minute,
	keepWork: 15 * time.Minute,
	leave:    10 * time.Second,
	refusals: 30 * time.Second,
	aside:    5 * time.Minute, longestAside: time.Hour,
	stall: 10 * time.Second, deviceSick: 45 * time.Second,
	patience: 2 * time.Minute, // the first trials of a sick device come before
	grace:    time.Second, abandon: time.Second,
}

// Miner mines. Its methods may be called by several goroutines at once.
type Miner struct {
	Options
	times times
	hooks *health.Runner

	changed wake.Signal    // set when there may be something else to mine
	tasks   sync.WaitGroup // all goroutines but those of hooks

	mu       sync.Mutex // guards what follows, and what lies below
	started  time.Time
	running  context.Context // of the sources and what they are sent; nil: not running
	broken   error           // why Run has to end
	paused   bool
	sources  []*upstream
	leaving  []*upstream // sources that were taken away, and have not ended yet
	active   *upstream   // whose work is mined; nil: none
	everWork bool        // some source gave work

	current  *Work // nil: nothing to mine
	since    time.Time
	given    *Work     // that the engine has
	noDevice bool      // the engine has none left
	stalled  time.Time // since when nothing is finished; zero: something is

	hits     hitIndex
	devices  []*device
	counted  rate.Window[nonces]   // of all devices
	progress rate.Window[progress] // of all devices, longer and coarser
	estimate Estimate
	total    tally
	switches latencies
	begin    struct { // the job that devices go over to
		job engine.Job
		at  time.Time
	}
}

// New returns a miner. It does nothing before Run.
func New(o Options) *Miner {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = rate.Logger(o.Log) // a source decides how often it has a session, jobs, shares and blocks
	m := &Miner{
		Options:  o,
		times:    usual,
		hooks:    health.NewRunner(o.Hooks, o.Log),
		changed:  wake.New(),
		started:  time.Now(),
		hits:     newHitIndex(),
		counted:  newCounted(),
		progress: rate.Window[progress]{Every: time.Minute, Keep: estimateWindow},
		total:    newTally(),
	}
	m.SetSources(o.Sources)
	o.Engine.OnBegin(m.begun)
	for _, s := range o.Engine.Status() {
		m.devices = append(m.devices, newDevice(s.Info, m.started, o.Rules))
	}
	return m
}

// Run mines until ctx ends, and then returns nil. It returns an error when there
// is nothing to wait for: no source, all sources refuse this miner and none ever
// gave work, no device is left, or all devices of a kind are lost to the process
// (engine.ErrLost). It is called once.
//
// When ctx ends, the devices stop at once. Shares on their way get a second to
// be answered, and what does not heed its context then is left behind after
// another second.
func (m *Miner) Run(ctx context.Context) error {
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	m.open(running)
	hooks := make(chan struct{})
	go func() { defer close(hooks); m.hooks.Run(running) }()
	m.tasks.Go(func() { m.watch(running) })
	if m.Sensors != nil {
		m.tasks.Go(func() { m.sense(running) })
	}
	notify("READY=1")

	err := m.drive(ctx)

	notify("STOPPING=1")
	m.drain()
	end()
	gone := make(chan struct{})
	go func() { defer close(gone); m.tasks.Wait(); <-hooks }()
	select {
	case <-gone:
	case <-time.After(m.times.abandon):
		m.Log.Warn("something does not end, and is left behind")
	}
	return err
}

// open begins to run.
func (m *Miner) open(running context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running, m.started = running, time.Now()
	for _, u := range m.sources {
		m.startSource(u)
	}
	m.decide()
}

// drain waits until the shares are answered, but not for long.
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

// Pause stops the devices. The sessions stay.
func (m *Miner) Pause() { m.setPaused(true) }

// Resume ends a pause.
func (m *Miner) Resume() { m.setPaused(false) }

func (m *Miner) setPaused(paused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.paused != paused {
		m.paused = paused
		m.Log.Info(map[bool]string{true: "mining is paused", false: "mining goes on"}[paused])
		m.changed.Wake()
	}
}

// SetLimits gives the miner other limits of temperature and power, from the next
// second on.
func (m *Miner) SetLimits(l health.Limits) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Limits = l
}

// drive keeps the engine mining while there is something to mine.
func (m *Miner) drive(ctx context.Context) error {
	var run *run
	defer func() { run.stop() }()
	for {
		job, act, err := m.next()
		switch {
		case err != nil:
			return err
		case act == idle:
			run.stop()
			run = nil
		case run == nil:
			run = m.start(ctx)
		}
		if act == give {
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
		case <-ctx.Done():
			return nil
		}
	}
}

// run is a call of Engine.Mine. A nil one has ended, and has no end.
type run struct {
	jobs   chan engine.Job
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // when it has ended
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

// engineEnded notes why the engine does not mine any more.
func (m *Miner) engineEnded(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.given = nil
	if !errors.Is(err, engine.ErrNoDevice) {
		m.broken = fmt.Errorf("the engine stopped: %w", err)
		m.changed.Wake()
		return
	}
	m.noDevice = true // until the watchdog has one back
}

// What the engine has to do.
type act int

const (
	idle act = iota
	keep     // go on
	give     // take a new job
)

// next returns what the engine has to do now.
func (m *Miner) next() (engine.Job, act, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.broken != nil:
		return engine.Job{}, idle, m.broken
	case m.current == nil || m.paused || m.noDevice:
		m.given = nil
		return engine.Job{}, idle, nil
	case m.given == m.current:
		return engine.Job{}, keep, nil
	}
	job, ok := m.roller().next(m.current, time.Now())
	if !ok {
		return engine.Job{}, keep, nil // tick tries again
	}
	m.given = m.current
	m.begin.job, m.begin.at = job, m.since
	return job, give, nil
}

// begun is called by the engine when all devices have begun with a job.
func (m *Miner) begun(job engine.Job) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if job == m.begin.job && !m.begin.at.IsZero() {
		m.switches.add(now.Sub(m.begin.at))
		m.begin.at = time.Time{}
	}
}
