package miner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/pow"
)

// searcher finds the hits of the slow device.
var searcher engine.Device

func TestMain(m *testing.M) {
	var err error
	if searcher, err = cpu.Open(cpu.Options{}); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

var errDown = errors.New("connection refused")

// pool is a source that a test controls.
type pool struct {
	name   string
	target pow.Target
	refuse error                              // of Run, if the pool is up
	silent bool                               // gives no work
	answer func(context.Context, Share) error // nil: checks and takes it

	mu       sync.Mutex
	down     bool
	session  Session
	end      context.CancelFunc
	runs     int
	jobs     int
	works    []*Work
	accepted []Share
	seen     map[pow.Hash]bool
	changed  chan struct{}
	bad      []string
}

func newPool(name string) *pool {
	return &pool{name: name, target: pow.ZeroBits(10), seen: map[pow.Hash]bool{}, changed: make(chan struct{})}
}

func (p *pool) Name() string { return p.name }
func (p *pool) User() string { return p.name + ".worker" }

func (p *pool) Run(ctx context.Context, s Session) error {
	p.mu.Lock()
	p.runs++
	if p.refuse != nil || p.down {
		defer p.mu.Unlock()
		if p.refuse != nil {
			return p.refuse
		}
		return errDown
	}
	broken, end := context.WithCancel(ctx)
	defer end()
	p.session, p.end = s, end
	p.mu.Unlock()
	if !p.silent {
		p.give(p.jobs == 0)
	}
	<-broken.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session = nil
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.New("connection reset")
}

// give sends new work to the session.
func (p *pool) give(clean bool) *Work {
	p.mu.Lock()
	p.jobs++
	w := p.work(fmt.Sprint(p.jobs), clean)
	p.works = append(p.works, w)
	s := p.session
	p.mu.Unlock()
	if s != nil {
		s.Work(w)
	}
	return w
}

func (p *pool) work(id string, clean bool) *Work {
	return &Work{
		ID: id, Clean: clean, Target: p.target,
		Time: 1_700_000_000, Received: time.Now(), Extranonces: 1 << 16,
		Header: func(extranonce uint64, t uint32) pow.Header {
			root := pow.Sum(fmt.Appendf(nil, "%s %s %d", p.name, id, extranonce))
			return pow.Header{Version: 0x20000000, MerkleRoot: root, Time: t, Bits: 0x1d00ffff}
		},
		Submit: p.submit,
	}
}

// submit waits while the pool is down, as a source has to.
func (p *pool) submit(ctx context.Context, s Share) error {
	if p.answer != nil {
		return p.answer(ctx, s)
	}
	for {
		p.mu.Lock()
		if !p.down {
			defer p.mu.Unlock()
			return p.take(s)
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *pool) take(s Share) error {
	want := s.Work.Header(s.Extranonce, s.Header.Time)
	want.Nonce = s.Header.Nonce
	want.Version = s.Header.Version
	switch {
	case want != s.Header || s.Header.Hash() != s.Hash:
		p.bad = append(p.bad, fmt.Sprintf("the share %v has another header", s.Hash))
	case !s.Work.Target.MetBy(s.Hash):
		p.bad = append(p.bad, "low difficulty")
	case p.seen[s.Hash]:
		p.bad = append(p.bad, "duplicate")
	}
	p.seen[s.Hash] = true
	p.accepted = append(p.accepted, s)
	return nil
}

// set takes the pool down, or up again.
func (p *pool) set(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	if down && p.session != nil {
		p.end()
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pool) check(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.bad {
		t.Errorf("%s: %s", p.name, b)
	}
}

// slow is a device with a known speed: perSecond nonces. It sleeps, so that in a
// bubble of synctest its time costs nothing.
type slow struct {
	id, uuid string
	threads  int // more than 0: it is a CPU
	mu       sync.Mutex
	mode     mode
}

type mode int

const (
	honest  mode = iota
	hanging      // until its context ends
	wrong        // finds what is no hit
	blind        // finds nothing
	early        // honest, and reports hits as soon as it has them
)

const perSecond = 2048

func (d *slow) set(m mode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mode = m
}

func (d *slow) Info() engine.Info {
	return engine.Info{ID: d.id, UUID: d.uuid, Threads: d.threads, Kind: "fake", Lanes: 1}
}

func (d *slow) Scan(ctx context.Context, job *engine.Job, r pow.Range, report func([]uint32)) (engine.ScanResult, error) {
	d.mu.Lock()
	mode := d.mode
	d.mu.Unlock()
	if mode == early {
		return d.scanEarly(ctx, job, r, report)
	}
	start := time.Now()
	all := time.Duration(r.Count) * time.Second / perSecond
	if mode == hanging {
		all = 1000 * time.Hour
	}
	timer := time.NewTimer(all)
	defer timer.Stop()
	var err error
	select {
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	res := engine.ScanResult{Done: min(uint64(time.Since(start)*perSecond/time.Second), r.Count)}
	switch mode {
	case hanging:
		res.Done = 0
	case wrong:
		return engine.ScanResult{Nonces: []uint32{r.First, r.First + 1, r.First + 2}, Done: r.Count}, nil
	case honest:
		r.Count = res.Done
		found, failed := searcher.Scan(context.Background(), job, r, nil)
		if failed != nil {
			return engine.ScanResult{}, failed
		}
		res.Nonces = found.Nonces
	}
	return res, err
}

// scanEarly searches in steps, as the real devices do: after each it reports what it
// has found, and looks whether it has to stop.
func (d *slow) scanEarly(ctx context.Context, job *engine.Job, r pow.Range, report func([]uint32)) (res engine.ScanResult, err error) {
	const step = perSecond / 8
	for res.Done < r.Count && ctx.Err() == nil {
		part := pow.Range{First: r.First + uint32(res.Done), Count: min(step, r.Count-res.Done)}
		time.Sleep(time.Duration(part.Count) * time.Second / perSecond)
		found, err := searcher.Scan(context.Background(), job, part, nil)
		if err != nil {
			return res, err
		}
		res.Done += part.Count
		res.Nonces = append(res.Nonces, found.Nonces...)
		report(found.Nonces)
	}
	return res, ctx.Err()
}

func (d *slow) Verify(_ context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
	pow.Verify(headers, linked, verdicts)
	return nil
}

func (d *slow) Close() error { return nil }

// rig is a miner that runs in a bubble.
type rig struct {
	*Miner
	t    *testing.T
	stop context.CancelFunc
	done chan error
}

// start runs a miner with the options, a device and the sources.
func start(t *testing.T, o Options, d *slow, sources ...Source) *rig {
	t.Helper()
	if d == nil {
		d = &slow{id: "slow"}
	}
	e := engine.New([]engine.Device{d}, nil)
	o.Engine, o.Sources = e, sources
	r := &rig{Miner: New(o), t: t, done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() {
		defer func() { _ = e.Close() }()
		r.done <- r.Run(ctx)
	}()
	synctest.Wait()
	return r
}

// end stops a miner, and fails if Run returns an error.
func (r *rig) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Errorf("run: %v", err)
	}
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// activeSource returns the source whose work is mined.
func (r *rig) activeSource() string {
	for _, s := range r.Status().Sources {
		if s.Active {
			return s.Name
		}
	}
	return ""
}

// nonces returns what the engine has finished.
func (r *rig) nonces() (n uint64) {
	for _, d := range r.Status().Devices {
		n += d.Nonces
	}
	return n
}

// idle returns the seconds that the device did nothing since a time.
func (r *rig) idle(since time.Time, before uint64) float64 {
	return time.Since(since).Seconds() - float64(r.nonces()-before)/perSecond
}
