package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"stele/engine/pow"
)

// ErrUnable is the kind of the error of a device that cannot do a piece of work, but is
// as usable as before.
var ErrUnable = errors.New("not for this device")

// Merkler is a [Device] that hashes the transactions and Merkle trees of blocks.
type Merkler interface {
	// Merkle does the work, which passes its Check, as [pow.MerkleWork.Compute] does.
	// Errors: ErrUnable if the work is too large for the device, or the device has no
	// kernel for it. After an error the hashes and roots are undefined.
	Merkle(ctx context.Context, w *pow.MerkleWork) error
}

// MerkleLanes returns how many concurrent calls of [Engine.Merkle] keep its device busy,
// or 0 if no device in use is a [Merkler].
func (e *Engine) MerkleLanes() int {
	if u, _ := e.merkler(); u != nil {
		return u.info.Lanes
	}
	return 0
}

// Merkle does the work on the first device in use that is a [Merkler]. One hash, chosen
// at random, is computed again: a device that gives a wrong one leaves use. The caller
// must compute again what a root that it did not expect depends on; a root that is in a
// header proves its leaves.
//
// Errors: that of ctx, [ErrNoDevice] if no device is left, that of the work's Check,
// [ErrUnable], [ErrWrong], and others of the device, which then leaves use.
func (e *Engine) Merkle(ctx context.Context, w *pow.MerkleWork) error {
	if err := w.Check(); err != nil {
		return err
	}
	if err := e.enter(); err != nil {
		return err
	}
	defer e.mu.RUnlock()
	u, m := e.merkler()
	if u == nil {
		return fmt.Errorf("%w that hashes blocks", ErrNoDevice)
	}
	callCtx, cancel := u.callContext(ctx, e.stall)
	defer cancel()
	err := m.Merkle(callCtx, w)
	if err == nil {
		err = u.checkMerkle(w)
	}
	switch ended := callCtx.Err(); {
	case err == nil, errors.Is(err, ErrUnable):
	case errors.Is(err, ErrWrong):
		u.disable(Sick, err.Error())
	case errors.Is(ended, context.DeadlineExceeded) && ctx.Err() == nil:
		u.disable(Sick, fmt.Sprintf("blocks not hashed in %v", e.stall))
	case ended == nil:
		u.disable(Dead, err.Error())
	}
	return err
}

// merkler returns the first device in use that is a Merkler, or nil.
func (e *Engine) merkler() (*unit, Merkler) {
	for _, u := range e.units {
		if m, ok := u.device.(Merkler); ok && u.inState(OK) {
			return u, m
		}
	}
	return nil, nil
}

// checkMerkle computes one hash again.
func (u *unit) checkMerkle(w *pow.MerkleWork) error {
	if len(w.Messages) == 0 {
		return nil
	}
	i := rand.IntN(len(w.Messages))
	m := &w.Messages[i]
	if got, want := w.Hashes[m.Hash], w.Sum(m); got != want || w.Hashes[m.Copy] != want {
		u.errors.Add(1)
		return fmt.Errorf("%w: hash %v of message %d of %d, the reference has %v", ErrWrong, got, i, len(w.Messages), want)
	}
	return nil
}

// DisableMerkle takes the device that does [Engine.Merkle] out of use, because a caller
// has found a wrong answer of it.
func (e *Engine) DisableMerkle(reason string) {
	if u, _ := e.merkler(); u != nil {
		u.errors.Add(1)
		u.disable(Sick, reason)
	}
}
