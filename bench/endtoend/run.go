package endtoend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"stele/bench"
	"stele/engine"
	"stele/engine/miner"
	"stele/engine/miner/stratum"
	"stele/engine/pow"
)

// Options configure a measurement.
type Options struct {
	Devices     []engine.Device // [Run] closes them
	Plan        Plan
	VersionMask uint32 // bits of the version that the miner may roll; usually miner.DefaultVersionMask
	Log         *slog.Logger
	// Progress is called with the part that is done, from 0 to 1. Nil: nothing is
	// called.
	Progress func(done float64)
}

// ErrDevice is the kind of the error that a device left use.
var ErrDevice = errors.New("a device was lost")

// warmUps is the number of phases before the first round.
const warmUps = 2

// Run measures. If a device leaves use, it returns what was measured until then, with
// the reason in Incomplete; without a whole round that is an error. When ctx ends it
// returns the error of ctx.
func Run(ctx context.Context, o Options) (*bench.EndToEnd, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = func(float64) {}
	}
	r := &runner{Options: o, engine: engine.New(o.Devices, o.Log), order: rand.New(rand.NewPCG(1, 3))}
	r.engine.OnPiece(r.notePiece)
	for _, d := range o.Devices {
		r.lanes += d.Info().Threads
	}
	defer func() { _ = r.engine.Close() }() // the measurements are taken
	if err := r.warmUp(ctx); err != nil {
		return nil, err
	}
	stop, err := r.startMiner(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	err = r.measure(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		r.result.Incomplete = err.Error()
	}
	r.result.Derive()
	if r.result.Kept == nil {
		return nil, fmt.Errorf("no whole round: %w", err)
	}
	return &r.result, nil
}

// runner is the state of a measurement.
type runner struct {
	Options
	engine *engine.Engine
	pool   *pool
	miner  *miner.Miner
	ended  chan error // of the miner
	order  *rand.Rand
	rate   float64 // hashes per second, roughly
	lanes  int     // threads of the CPU device; 0: it is not used
	phases int     // done
	result bench.EndToEnd

	mu       sync.Mutex
	observed observed
}

// notePiece and noteSwitch are called by the engine and the miner.
func (r *runner) notePiece(p engine.PieceReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observed.pieces = append(r.observed.pieces, p)
}

func (r *runner) noteSwitch(job engine.Job) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.observed.switched == nil {
		r.observed.switched = map[uint64]time.Time{}
	}
	r.observed.switched[jobNumber(&job.Header)] = now
}

// takeObserved returns what was observed since the last call.
func (r *runner) takeObserved() observed {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.observed
	r.observed = observed{}
	return o
}

// maxWarmUp bounds the wait for the first hashes.
const maxWarmUp = 10 * time.Second

// warmUp measures the hash rate, by which the difficulties are chosen. A slow device may
// need longer than a phase to report any work.
func (r *runner) warmUp(ctx context.Context) error {
	for d := r.Plan.Phase; r.rate == 0; d *= 2 {
		hashes, took, err := bare(ctx, r.Devices, r.VersionMask, pow.ZeroBits(64), d)
		switch {
		case err != nil:
			return err
		case d > maxWarmUp:
			return fmt.Errorf("%w: nothing finished in %v", ErrDevice, d)
		}
		for _, n := range hashes {
			r.rate += float64(n) / took.Seconds()
		}
	}
	r.phaseDone()
	return nil
}

// phaseDone reports the progress.
func (r *runner) phaseDone() {
	r.phases++
	r.Progress(float64(r.phases) / float64(r.Plan.phases()))
}

// startMiner starts the pool and the miner, which is paused. Stop ends both.
func (r *runner) startMiner(ctx context.Context) (stop func(), err error) {
	d, err := difficultyFor(r.rate, usualShares)
	if err != nil {
		return nil, err
	}
	if r.pool, err = newPool(r.VersionMask, d); err != nil {
		return nil, err
	}
	client, err := stratum.New(stratum.Options{
		URL: r.pool.url(), User: "bench", Agent: "stele-bench",
		VersionMask: r.VersionMask, SuggestDifficulty: d, Log: r.Log,
	})
	if err != nil {
		r.pool.close()
		return nil, err
	}
	r.miner = miner.New(miner.Options{
		Engine: r.engine, Sources: []miner.Source{client}, Log: r.Log, QuietShares: true, OnSwitch: r.noteSwitch,
	})
	r.miner.Pause()
	running, cancel := context.WithCancel(ctx)
	r.ended = make(chan error, 1)
	go func() { r.ended <- r.miner.Run(running); close(r.ended) }()
	return func() {
		cancel()
		for range r.ended {
		}
		r.pool.close()
	}, nil
}

// measure takes the phases. An error other than that of ctx means that a device, or the
// miner, has failed.
func (r *runner) measure(ctx context.Context) error {
	if _, err := r.mine(ctx, bench.PhaseMining); err != nil { // warms up the engine
		return err
	}
	r.phaseDone()
	kinds := bench.PhaseKinds()
	for round := range r.Plan.Rounds {
		r.order.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		for _, kind := range kinds {
			phase, err := r.take(ctx, kind)
			if err != nil {
				return err
			}
			phase.Round, phase.Kind = round, kind
			r.result.Phases = append(r.result.Phases, phase)
			r.phaseDone()
		}
	}
	return nil
}

// take measures a phase.
func (r *runner) take(ctx context.Context, kind bench.PhaseKind) (bench.Phase, error) {
	if kind != bench.PhaseBare {
		return r.mine(ctx, kind)
	}
	d, err := difficultyFor(r.rate, usualShares)
	if err != nil {
		return bench.Phase{}, err
	}
	busy := r.processorTime()
	hashes, took, err := bare(ctx, r.Devices, r.VersionMask, d.Target(), r.Plan.Phase)
	if err != nil {
		return bench.Phase{}, fmt.Errorf("%w: %w", ErrDevice, err)
	}
	return bench.Phase{Seconds: took.Seconds(), CPU: busy(took), Devices: hashes}, nil
}

// processorTime begins to measure the processor time of the program. The function that it
// returns ends that, see [bench.Phase].CPU.
func (r *runner) processorTime() (of func(time.Duration) float64) {
	before, known := bench.ProcessorTime()
	return func(took time.Duration) float64 {
		after, _ := bench.ProcessorTime()
		if !known || r.lanes == 0 {
			return 0
		}
		return (after - before).Seconds() / took.Seconds() / float64(r.lanes)
	}
}
