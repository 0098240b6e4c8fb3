package node

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/reject"
	"stele/node/stratum"
)

// mostSpent bounds the memory of what this node has found.
const mostSpent = 1024

// finds gives the blocks that this node's miners find to the chain. Only those on
// the tip count: a block beside it could at best be a branch that nobody needs.
type finds struct {
	chain  *chain.Chain
	params *network.Params
	now    func() time.Time
	log    *slog.Logger

	mu    sync.Mutex
	spent map[pow.Hash]bool // parents for which a block was found lately
}

// found counts what became of blocks.
type found struct {
	blocks, stale, refused atomic.Uint64
}

func (n *found) status() Mined {
	return Mined{Blocks: n.blocks.Load(), Stale: n.stale.Load(), Refused: n.refused.Load()}
}

// Why a block is not the tip.
var (
	errStale    = fmt.Errorf("%w: another one was faster", stratum.ErrStale)
	errBadClock = errors.New("the clock is wrong, no block is taken until it is set")
)

func newFinds(c *chain.Chain, p *network.Params, now func() time.Time, log *slog.Logger) *finds {
	return &finds{chain: c, params: p, now: now, log: log, spent: map[pow.Hash]bool{}}
}

// onTip tells whether a block on a parent would be on the tip.
func (f *finds) onTip(parent pow.Hash) bool { return parent == f.chain.Tip().Hash }

// late counts a block on a parent that came too late, because somebody else had
// one before. Further ones for a parent that has a block of this node are worth
// nothing, and no loss.
func (f *finds) late(parent pow.Hash, n *found) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.spent[parent] {
		n.stale.Add(1)
	}
}

// spend notes that a block was found on a parent. It comes before the block is
// submitted, since the others for the parent are late from then on.
func (f *finds) spend(parent pow.Hash) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.spent) >= mostSpent {
		clear(f.spent)
	}
	f.spent[parent] = true
}

// submit gives a block that somebody, by, has found to the chain, and counts what
// becomes of it. Errors: errStale, errBadClock, those of chain.Submit.
func (f *finds) submit(b *block.Block, n *found, by string) error {
	if !f.onTip(b.Header.Prev) {
		f.late(b.Header.Prev, n)
		return errStale
	}
	if clockError(b.Header.Time, f.now(), f.params) != nil {
		return errBadClock // it has just been set back; the feed tells it
	}
	f.spend(b.Header.Prev)
	outcome, err := f.chain.Submit(b)
	reason, refused := reject.Of(err)
	switch {
	case err == nil && outcome == chain.Extended:
		n.blocks.Add(1)
		f.log.Debug("block mined", "height", f.chain.Tip().Height, "hash", b.Hash(), "records", len(b.Records)-1, "by", by)
		return nil
	case err == nil: // somebody else's block came in between
		n.stale.Add(1)
		return errStale
	case refused:
		n.refused.Add(1)
		f.log.Error("the chain refused a block of this node", "reason", reason, "error", err, "by", by)
	case !errors.Is(err, chain.ErrStopped): // which the chain has logged
		f.log.Error("a block could not be submitted", "error", err, "by", by)
	}
	return err
}
