package query

// At returns a reader that answers as of the block of the chain at a height, as the
// block after it found things. Histories, and lists in the order of the chain, end with
// that block. Lists by state and counts exist at the tip only: [ErrOnlyNow]. What waits
// in the pool is left out. If the chain changes its branch below the height, the answers
// of the reader are [ErrBusy] from then on. Errors: [ErrNotFound] above the tip,
// [store.ErrPruned], [ErrTooFar].
func (r *Reader) At(height uint32) (*Reader, error) {
	if tip := r.chain.Tip().Height; height > tip {
		return nil, fail(ErrNotFound, "the chain has no block at height %d yet; its tip is at %d", height, tip)
	}
	return nil, fail(ErrTooFar, "answers as of earlier heights are not built in yet")
}

// Height returns the height of the block as of which the reader answers: that of the
// tip, unless the reader is pinned.
func (r *Reader) Height() uint32 { return r.chain.Tip().Height }

// Pinned reports whether the reader is one of [Reader.At].
func (r *Reader) Pinned() bool { return false }
