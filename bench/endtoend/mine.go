package endtoend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stele/bench"
	"stele/engine"
	"stele/engine/miner"
	"stele/engine/pow"
)

// mine lets the miner mine for a phase. The miner is paused before and after it.
func (r *runner) mine(ctx context.Context, kind bench.PhaseKind) (bench.Phase, error) {
	d, err := difficultyFor(r.rate, r.Plan.sharesPerSecond(kind))
	if err != nil {
		return bench.Phase{}, err
	}
	r.pool.times() // of the phase before
	first, err := r.newJob(ctx, d)
	if err != nil {
		return bench.Phase{}, err
	}
	r.takeObserved()
	before, sharesBefore, acceptedBefore := r.engine.Status(), r.miner.Status().Shares, r.pool.counted()

	busy, start := r.processorTime(), time.Now()
	r.miner.Resume()
	last := first
	if kind == bench.PhaseSwitching {
		last, err = r.switchJobs(ctx, d, first, start)
	} else {
		err = r.sleep(ctx, r.Plan.Phase)
	}
	if err := errors.Join(err, r.miner.PauseAndWait(ctx)); err != nil {
		return bench.Phase{}, err
	}
	end := time.Now()
	took := end.Sub(start)
	share := busy(took)
	if err := r.await(ctx, func() bool { return r.miner.Status().Shares.Pending == 0 }, "answers to shares"); err != nil {
		return bench.Phase{}, err
	}

	p := bench.Phase{Seconds: took.Seconds(), CPU: share, Difficulty: d.Float64(), Accepted: r.pool.counted() - acceptedBefore}
	p.Stale, p.Rejected = rejections(sharesBefore, r.miner.Status().Shares)
	if kind == bench.PhaseSwitching {
		p.Switches = r.takeObserved().switches(first, last, r.pool.times(), end)
	}
	return p, countDevices(&p, before, r.engine.Status())
}

// countDevices sets the work of the devices from their counts before and after a phase.
// It is an error if one has left use or given wrong answers.
func countDevices(p *bench.Phase, before, after []engine.DeviceStatus) error {
	p.Devices, p.Idle = map[string]uint64{}, map[string]float64{}
	for i, s := range after {
		switch id := s.Info.ID; {
		case s.State != engine.OK:
			return fmt.Errorf("%w: %s is %s: %s", ErrDevice, id, s.State, s.Reason)
		case s.HardwareErrors > before[i].HardwareErrors:
			return fmt.Errorf("%w: %s gave wrong answers", ErrDevice, id)
		default:
			p.Devices[id] = s.Nonces - before[i].Nonces
			p.Idle[id] = (s.Idle - before[i].Idle).Seconds()
		}
	}
	return nil
}

// rejections returns the shares between two moments that were stale, and those that were
// not accepted for another reason.
func rejections(before, after miner.Shares) (stale, others uint64) {
	for cause, n := range after.Rejected {
		n -= before.Rejected[cause]
		if cause == miner.Stale {
			stale += n
		} else {
			others += n
		}
	}
	return stale, others
}

// newJob sends a job with shares of difficulty d, waits until the miner has it, and
// returns its number.
func (r *runner) newJob(ctx context.Context, d pow.Difficulty) (uint64, error) {
	if err := r.await(ctx, r.pool.connected, "the miner to connect"); err != nil {
		return 0, err
	}
	n, err := r.pool.send(d)
	if err != nil {
		return 0, err
	}
	id := jobID(n)
	return n, r.await(ctx, func() bool { return r.miner.Status().Work.ID == id }, "the miner to read a job")
}

// switchJobs sends new jobs for a phase that began at start, and returns the number of the
// last one.
func (r *runner) switchJobs(ctx context.Context, d pow.Difficulty, last uint64, start time.Time) (uint64, error) {
	for {
		left := r.Plan.Phase - time.Since(start)
		pause := pauseBeforeJob(r.order)
		if pause+jobPause > left { // the last one gets its time, too
			return last, r.sleep(ctx, left)
		}
		if err := r.sleep(ctx, pause); err != nil {
			return last, err
		}
		n, err := r.pool.send(d)
		if err != nil {
			return last, err
		}
		last = n
	}
}

// sleep waits. The error is that of ctx, or that the miner has ended.
func (r *runner) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err, first := <-r.ended:
		if !first {
			return fmt.Errorf("%w: the miner has ended", ErrDevice)
		}
		return fmt.Errorf("%w: the miner ended: %w", ErrDevice, err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// What the miner does between phases takes milliseconds.
const (
	awaitStep    = time.Millisecond
	awaitTimeout = 10 * time.Second
)

// await waits until a condition holds. What names it for the error.
func (r *runner) await(ctx context.Context, condition func() bool, what string) error {
	for end := time.Now().Add(awaitTimeout); !condition(); {
		if err := r.sleep(ctx, awaitStep); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("timeout: waited %v for %s", awaitTimeout, what)
		}
	}
	return nil
}
