package pool

import (
	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Limits of what a pool remembers of records that it does not have, by why. Each kind
// has room of its own: a large block, or a flood of cheap records, does not displace
// the others.
const (
	maxMined    = 1000
	maxLeft     = 500
	maxRejected = 500
	// maxRecentSize is the maximum size of such a record, in bytes. Nearly all are
	// smaller, and all together take at most about 11 MB.
	maxRecentSize = 2048
)

// recent are records that lately were in the pool, or might have been.
type recent struct {
	mined    *bounded.Map[pow.Hash, *record.Record] // by full hash
	left     *bounded.Map[pow.Hash, *record.Record] // without being mined
	rejected *bounded.Map[pow.Hash, *record.Record] // by this pool's own policy
}

func newRecent() recent {
	return recent{
		mined:    bounded.NewMap[pow.Hash, *record.Record](maxMined),
		left:     bounded.NewMap[pow.Hash, *record.Record](maxLeft),
		rejected: bounded.NewMap[pow.Hash, *record.Record](maxRejected),
	}
}

func remember(kind *bounded.Map[pow.Hash, *record.Record], r *record.Record) {
	if r.Size() <= maxRecentSize {
		kind.Put(r.FullHash(), r)
	}
}

// isPolicy reports whether another pool may keep what is rejected for this reason.
func isPolicy(r reject.Reason) bool {
	switch r {
	case reject.FeeRateTooLow, reject.PoolFull, reject.QueueFull, reject.ReplacementTooLow:
		return true
	}
	return false
}

// Recent returns records that lately left the pool, or were rejected by its own policy:
// because of their fee, or for want of room. A block may have them nevertheless. They
// are at most 2,000, each with at most 2 kB, in no order, and none is in the pool. The
// signatures of rejected ones may be bad. The records must not be changed.
func (p *Pool) Recent() []*record.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	var records []*record.Record
	taken := map[pow.Hash]bool{}
	for _, kind := range []*bounded.Map[pow.Hash, *record.Record]{p.recent.mined, p.recent.left, p.recent.rejected} {
		for _, hash := range kind.Keys() {
			if p.table.full[hash] == nil && !taken[hash] {
				r, _ := kind.Get(hash)
				records, taken[hash] = append(records, r), true
			}
		}
	}
	return records
}
