package bench

import (
	"context"
	"errors"
	"fmt"

	"stele/engine"
	"stele/engine/pow"
)

// ErrFellBack says that a device did not do its work itself, so that a rate
// would not be its own.
var ErrFellBack = errors.New("the device was put aside")

// EngineScan searches through an engine, as every user of it does.
func EngineScan(e *engine.Engine) ScanFunc {
	return func(ctx context.Context, job *engine.Job, r pow.Range, found func(nonce, version uint32)) error {
		_, err := e.Search(ctx, *job, r, func(h engine.Hit) {
			found(h.Nonce, (h.Version&job.VersionMask)/(versionMask&-versionMask))
		})
		return err
	}
}

// EngineScanAll searches through an engine with several devices. shares is the
// function of [Case].Shares. It is an error if a device does not take part.
func EngineScanAll(e *engine.Engine) (scan ScanFunc, shares func() map[string]uint64) {
	done := map[string]uint64{}
	scan = func(ctx context.Context, job *engine.Job, r pow.Range, found func(nonce, version uint32)) error {
		sum, err := e.Search(ctx, *job, r, func(h engine.Hit) { found(h.Nonce, 0) })
		if err != nil {
			return err
		}
		for _, s := range sum.Devices {
			done[s.Device] += s.Items
		}
		return allTakePart(e)
	}
	shares = func() map[string]uint64 {
		taken := done
		done = map[string]uint64{}
		return taken
	}
	return scan, shares
}

// allTakePart returns ErrFellBack if a device of the engine does not work.
func allTakePart(e *engine.Engine) error {
	for _, d := range e.Status() {
		if d.State != engine.OK {
			return fmt.Errorf("%w: %s is %s: %s", ErrFellBack, d.Info.ID, d.State, d.Reason)
		}
	}
	return nil
}

// EngineVerify verifies through an engine.
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
