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

// VerifyResult is what a verification found.
type VerifyResult struct {
	FirstInvalid int // index of the first header that is not valid; -1: none
	Valid        int // number of valid headers
	Devices      []Share
}

// verifying cuts headers. A piece is short, since a batch has to be checked
// soon, and long against the one header of it that is checked twice and, on a
// GPU, against the copies at its ends during which that lane has none under way.
var verifying = tuning{
	period:   5 * time.Millisecond,
	shortest: 100 * time.Microsecond,
	smallest: 1 << 10,
	guess:    (1 << 12) / 0.002,
	speed:    func(u *unit) *rate { return &u.verifying },
}

// unset stands for a verdict that a device has not given.
const unset = ^pow.Verdict(0)

// Verify checks the headers, pow.HeaderSize bytes each, that lie one after the
// other in headers, and sets the verdict of each, as [pow.Verify] does: the
// hash against the target of the header's own nBits and, if linked, that each
// but the first names the one before it as its parent.
//
// Every verdict but Valid is confirmed by pow.Verify before it counts. What no
// device can check is checked by pow.Verify itself; the share of that device
// is called "reference".
//
// The verdicts and the result mean something only if the error is nil. It is
// that of ctx, or [ErrLength] if headers and verdicts do not fit each other.
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
	f := newFeed(ctx, e.verifying, e.units)
	defer f.stop()
	f.ends = true
	f.replace(batchRound(len(verdicts)))
	f.run(b.verify)
	if ctx.Err() == nil && !f.over() {
		f.units = append(slices.Clone(e.units), newUnit(Reference(), e.log))
		f.run(b.verify)
	}
	if !f.over() {
		return none, ctx.Err()
	}

	res := VerifyResult{FirstInvalid: -1, Valid: len(verdicts), Devices: f.shares()}
	for i := range invalid(verdicts) {
		res.Valid--
		if res.FirstInvalid < 0 {
			res.FirstInvalid = i
		}
	}
	return res, nil
}

// invalid ranges over the indices of the verdicts that are not valid. Most are,
// and they are passed over in blocks: one at a time they would take as long as a
// GPU takes for the headers.
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

// batch is what Verify was given.
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

	bound, cancel := u.bound(ctx, b.stall)
	defer cancel()
	if err := u.device.Verify(bound, headers, b.linked, verdicts); err != nil {
		switch ended := bound.Err(); {
		case errors.Is(err, ErrWrong):
			u.putAside(Sick, err.Error())
		case errors.Is(ended, context.DeadlineExceeded) && ctx.Err() == nil:
			u.putAside(Sick, fmt.Sprintf("no header checked in %v", b.stall))
		case ended == nil:
			u.putAside(Dead, err.Error())
		}
		return result{}
	}
	u.headers.Add(p.n)

	if b.linked && first > 0 && b.check(first)&pow.BadLink != 0 {
		verdicts[0] |= pow.BadLink // the device could not see the header before
	}
	agree := func(i int) bool {
		got, want := verdicts[i], b.check(first+i)
		if got != want {
			u.errors.Add(1)
			u.putAside(Sick, fmt.Sprintf("said %q of header %d of a batch, the reference says %q",
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

// check returns what the reference says of header i.
func (b batch) check(i int) pow.Verdict {
	from := i
	if b.linked && i > 0 {
		from--
	}
	var verdicts [2]pow.Verdict
	n := i + 1 - from
	pow.Verify(b.headers[from*pow.HeaderSize:(i+1)*pow.HeaderSize], b.linked, verdicts[:n])
	return verdicts[n-1]
}
