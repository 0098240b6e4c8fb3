package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"stele/engine/pow"
)

// VerifyResult describes the outcome of a verification.
type VerifyResult struct {
	FirstInvalid int          // index of the first header that is not valid; -1 if all are
	Valid        int          // number of valid headers
	Devices      []DeviceWork // in the order of [Engine.Status]
}

// verifying sets the size of pieces of headers. A piece is short, because the
// caller waits for its batch. It is long compared with the one header of it that
// is checked twice and, on a GPU, with the copies at its start and end, during
// which the lane has no other copy under way.
var verifying = tuning{
	period:    5 * time.Millisecond,
	minPeriod: 100 * time.Microsecond,
	minHashes: 1 << 10,
	guess:     (1 << 12) / 0.002,
	speed:     func(u *unit) *speed { return &u.verifying },
}

// unset marks a verdict that a device has not set.
const unset = ^pow.Verdict(0)

// Verify checks encoded headers of pow.HeaderSize bytes each, one after the other
// in headers, and sets the verdict of each as [pow.Verify] does: it checks the
// hash against the target of the header's own nBits and, if linked, that each
// header but the first names the one before it as its parent.
//
// Every verdict but Valid is confirmed by package pow before it counts. Headers
// that no device can check are checked by package pow itself, which the result
// lists as the device "reference".
//
// The verdicts and the result are valid only if the error is nil. Errors: that of
// ctx, and [ErrLength] if the number of headers is not that of the verdicts.
func (e *Engine) Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) (VerifyResult, error) {
	none := VerifyResult{FirstInvalid: -1}
	if len(headers) != pow.HeaderSize*len(verdicts) {
		return none, fmt.Errorf("%w: %d bytes for %d verdicts, want %d bytes each",
			ErrLength, len(headers), len(verdicts), pow.HeaderSize)
	}
	if err := e.enter(); err != nil {
		return none, err
	}
	defer e.mu.RUnlock()

	b := batch{headers, linked, verdicts, e.stall}
	d := newDispatcher(ctx, e.verifying, e.units)
	defer d.stop()
	d.finite = true
	d.replace(batchRound(len(verdicts)))
	d.run(b.verify)
	if ctx.Err() == nil && !d.isDone() {
		d.units = append(slices.Clone(e.units), newUnit(Reference(), e.log))
		d.run(b.verify)
	}
	if !d.isDone() {
		return none, ctx.Err()
	}

	res := VerifyResult{FirstInvalid: -1, Valid: len(verdicts), Devices: d.deviceWork()}
	for i := range invalid(verdicts) {
		res.Valid--
		if res.FirstInvalid < 0 {
			res.FirstInvalid = i
		}
	}
	return res, nil
}

// invalid ranges over the indices of the verdicts that are not valid. It skips
// valid ones in blocks: one at a time they would take as long as a GPU takes to
// check the headers.
func invalid(verdicts []pow.Verdict) iter.Seq[int] {
	const block = 256
	var valid [block]pow.Verdict
	return func(yield func(int) bool) {
		for i := 0; i < len(verdicts); {
			if rest := verdicts[i:]; len(rest) >= block && [block]pow.Verdict(rest) == valid {
				i += block
				continue
			}
			for end := min(i+block, len(verdicts)); i < end; i++ {
				if verdicts[i] != pow.Valid && !yield(i) {
					return
				}
			}
		}
	}
}

// fill sets all verdicts to v.
func fill(verdicts []pow.Verdict, v pow.Verdict) {
	for i := range min(len(verdicts), 256) {
		verdicts[i] = v
	}
	for done := 256; done < len(verdicts); done *= 2 {
		copy(verdicts[done:], verdicts[:done])
	}
}

// batch holds the arguments of Verify.
type batch struct {
	headers  []byte
	linked   bool
	verdicts []pow.Verdict
	stall    time.Duration
}

// verify checks a piece of the batch on a device, and checks the device.
func (b batch) verify(ctx context.Context, u *unit, p piece, _ func([]hit)) result {
	first, end := int(p.off), int(p.off+p.n)
	headers := b.headers[first*pow.HeaderSize : end*pow.HeaderSize]
	verdicts := b.verdicts[first:end]
	fill(verdicts, unset)

	callCtx, cancel := u.callContext(ctx, b.stall)
	defer cancel()
	if err := u.device.Verify(callCtx, headers, b.linked, verdicts); err != nil {
		switch ended := callCtx.Err(); {
		case errors.Is(err, ErrWrong):
			u.disable(Sick, err.Error())
		case errors.Is(ended, context.DeadlineExceeded) && ctx.Err() == nil:
			u.disable(Sick, fmt.Sprintf("no header checked in %v", b.stall))
		case ended == nil:
			u.disable(Dead, err.Error())
		}
		return result{}
	}
	u.headers.Add(p.n)

	if b.linked && first > 0 && b.reference(first)&pow.BadLink != 0 {
		verdicts[0] |= pow.BadLink // the device could not see the header before
	}
	agree := func(i int) bool {
		got, want := verdicts[i], b.reference(first+i)
		if got != want {
			u.errors.Add(1)
			u.disable(Sick, fmt.Sprintf("verdict %q for header %d of a batch, the reference has %q",
				got, first+i, want))
		}
		return got == want
	}
	for i := range invalid(verdicts) {
		if !agree(i) {
			return result{}
		}
	}
	if !agree(rand.IntN(len(verdicts))) {
		return result{}
	}
	return result{done: p.n}
}

// reference returns the verdict of package pow on header i.
func (b batch) reference(i int) pow.Verdict { return pow.VerifyAt(b.headers, b.linked, i) }
