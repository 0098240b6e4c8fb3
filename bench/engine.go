package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stele/engine"
	"stele/engine/pow"
)

// ErrFellBack means that a device left use, so that others did its work and a rate
// would not be its own.
var ErrFellBack = errors.New("the device was disabled")

// EngineScan returns a function that searches through an engine, as every user of
// it does.
func EngineScan(e *engine.Engine) ScanFunc {
	return func(ctx context.Context, job *engine.Job, r pow.Range, found func(nonce, version uint32)) error {
		_, err := e.Search(ctx, *job, r, func(h engine.Hit) {
			found(h.Nonce, (h.Version&job.VersionMask)/(versionMask&-versionMask))
		})
		return err
	}
}

// EngineScanAll returns a function that searches through an engine with several
// devices, and the function for [Case.DeviceItems]. The search fails if a device
// does not take part.
func EngineScanAll(e *engine.Engine) (scan ScanFunc, deviceItems func() map[string]uint64) {
	done := map[string]uint64{}
	scan = func(ctx context.Context, job *engine.Job, r pow.Range, found func(nonce, version uint32)) error {
		sum, err := e.Search(ctx, *job, r, func(h engine.Hit) { found(h.Nonce, 0) })
		if err != nil {
			return err
		}
		for _, w := range sum.Devices {
			done[w.Device] += w.Items
		}
		return allTakePart(e)
	}
	deviceItems = func() map[string]uint64 {
		taken := done
		done = map[string]uint64{}
		return taken
	}
	return scan, deviceItems
}

// EngineIdle returns the function for [Case.DeviceIdle] of an engine.
func EngineIdle(e *engine.Engine) func() map[string]float64 {
	before := map[string]time.Duration{}
	since := func() map[string]float64 {
		idle := map[string]float64{}
		for _, d := range e.Status() {
			id := d.Info.ID
			idle[id] = (d.Idle - before[id]).Seconds()
			before[id] = d.Idle
		}
		return idle
	}
	since()
	return since
}

// allTakePart returns ErrFellBack if a device of the engine is not in use.
func allTakePart(e *engine.Engine) error {
	for _, d := range e.Status() {
		if d.State != engine.OK {
			return fmt.Errorf("%w: %s is %s: %s", ErrFellBack, d.Info.ID, d.State, d.Reason)
		}
	}
	return nil
}

// EngineVerify returns a function that verifies headers through an engine.
func EngineVerify(e *engine.Engine) VerifyFunc {
	return func(ctx context.Context, headers []byte, verdicts []pow.Verdict) error {
		got, err := e.Verify(ctx, headers, false, verdicts)
		switch {
		case err != nil:
			return err
		case got.FirstInvalid >= 0:
			return fmt.Errorf("%w: %v", ErrRejected, verdicts[got.FirstInvalid])
		}
		return allTakePart(e)
	}
}
