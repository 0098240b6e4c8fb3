package query

import (
	"errors"
	"time"

	"stele/node/chain"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
	"stele/node/views"
)

// At returns a reader that answers as of the block of the chain at a height: it shows a
// thing as the next block found it. Histories, and lists in the order of the chain, end
// with that block. Lists by state and counts exist at the tip only: [ErrOnlyNow]. Records
// that wait in the pool are not found, but Pool and ComingBlocks answer as ever.
//
// If the chain changes its branch below the block, the answers of the reader are
// [ErrBusy] from then on; if the block gets too far below the tip, they are [ErrTooFar].
// Errors: [ErrNotFound] above the tip, [store.ErrPruned], [ErrTooFar], [ErrBusy].
func (r *Reader) At(height uint32) (*Reader, error) {
	past, err := r.chain.Past(height)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fail(ErrNotFound, "the chain has no block at height %d: its tip is at height %d", height, r.chain.Tip().Height)
	}
	if err != nil {
		return nil, pastError(err)
	}
	pinned := *r
	pinned.past = past
	return &pinned, nil
}

// Height returns the height of the block as of which the reader answers. If it is not
// pinned that is the tip, and the answers of a moment later may be those of a newer one.
func (r *Reader) Height() uint32 { return r.tip().Height }

// Pinned reports whether the reader is one of [Reader.At].
func (r *Reader) Pinned() bool { return r.past != nil }

// tip returns the block as of which the reader answers.
func (r *Reader) tip() *chain.Tip {
	if r.past != nil {
		return r.past.Tip()
	}
	return r.chain.Tip()
}

// pastError turns an error of [chain.Past] into one of this package.
func pastError(err error) error {
	switch {
	case errors.Is(err, chain.ErrTooFar):
		return fail(ErrTooFar, "%v: ask for the history, which has every height, or replay the chain up to there", err)
	case errors.Is(err, store.ErrPruned):
		return fail(store.ErrPruned, "%v: ask a node that keeps all blocks", err)
	case errors.Is(err, chain.ErrReplaced):
		return errMoved()
	}
	return err
}

// onlyNow returns an error of a pinned reader: what exists at the tip only. Instead says
// what to ask.
func (r *Reader) onlyNow(what, instead string) error {
	if r.past == nil {
		return nil
	}
	return fail(ErrOnlyNow, "%s at the tip only: %s", what, instead)
}

// now is the state that the next block finds.
type now struct {
	view rules.View
	at   rules.Context
}

// look calls use with the state that the next block finds. At the tip it can change
// during the call.
func (r *Reader) look(use func(*now) error) error {
	if r.past == nil {
		return use(&now{r.chain.View(), r.chain.NextContext()})
	}
	return pastError(r.past.Read(func(v rules.View, c rules.Context) error { return use(&now{v, c}) }))
}

// looked is look for a call with a result.
func looked[T any](r *Reader, use func(*now) (T, error)) (res T, err error) {
	err = r.look(func(n *now) error {
		res, err = use(n)
		return err
	})
	return res, err
}

// accountOf returns the first key of the account that has or had a key.
func (r *Reader) accountOf(key record.Key) (record.Key, error) {
	v, err := r.lists()
	if err != nil {
		return key, err
	}
	if r.past == nil {
		return v.Account(key)
	}
	account, err := looked(r, func(n *now) (rules.Account, error) { return rules.GetAccount(n.view, key) })
	return account.ID, err
}

// waitPast is how long a pinned reader waits for the index, which is a moment behind the
// chain.
const waitPast = 200 * time.Millisecond

// hasPast returns an error if the index lacks the block of a pinned reader. It waits a
// little for the index.
func (r *Reader) hasPast(v *views.Views) error {
	if r.past == nil {
		return nil
	}
	for pause := time.Millisecond; ; pause *= 2 {
		if !r.isInChain() {
			return errMoved()
		}
		if at, ok := v.Tip(); ok && at.Height >= r.Height() {
			if h, known := r.chain.Header(at.Hash); known && h.InChain {
				return nil
			}
		}
		if pause > waitPast/2 {
			return fail(ErrBusy, "the index of the chain lacks the block at height %d; try again later", r.Height())
		}
		time.Sleep(pause)
	}
}

// isInChain reports whether the block of a pinned reader is part of the chain.
func (r *Reader) isInChain() bool {
	h, known := r.chain.Header(r.past.Tip().Hash)
	return known && h.InChain
}

// upTo cuts off the entries of a list above the block of a pinned reader. The list must
// have been read before.
func (r *Reader) upTo(entries []views.Entry) ([]views.Entry, error) {
	if r.past == nil {
		return entries, nil
	}
	if !r.isInChain() {
		return nil, errMoved() // the index may have followed the chain to another branch
	}
	for len(entries) > 0 && entries[len(entries)-1].Height > r.Height() {
		entries = entries[:len(entries)-1]
	}
	return entries, nil
}

// reaches reports whether a height is not above the block of a pinned reader.
func (r *Reader) reaches(height uint32) bool { return r.past == nil || height <= r.Height() }
