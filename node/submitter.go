package node

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/reject"
	"stele/node/query"
	"stele/node/stratum"
)

// maxSolved bounds the parents that a blockSubmitter remembers.
const maxSolved = 1024

// blockSubmitter submits the blocks that this node's miners find to the chain.
// Only a block on the tip counts: one beside it could at best start a branch that
// nobody needs. Safe for concurrent use.
type blockSubmitter struct {
	chain  *chain.Chain
	params *network.Params
	now    func() time.Time
	log    *slog.Logger

	mu     sync.Mutex
	solved *bounded.Set[pow.Hash] // parents for which this node found a block
}

// minedCounts counts what became of blocks. Safe for concurrent use.
type minedCounts struct {
	blocks, stale, rejected atomic.Uint64
}

func (n *minedCounts) status() query.Mined {
	return query.Mined{Blocks: n.blocks.Load(), Stale: n.stale.Load(), Rejected: n.rejected.Load()}
}

// Why a block does not become the tip.
var (
	errStale    = fmt.Errorf("%w: another block on its parent was faster", stratum.ErrStale)
	errSolved   = fmt.Errorf("%w: this node has a block on its parent already", stratum.ErrStale)
	errBadClock = errors.New("the clock is wrong, no block is accepted until it is set")
)

func newBlockSubmitter(c *chain.Chain, p *network.Params, now func() time.Time, log *slog.Logger) *blockSubmitter {
	return &blockSubmitter{chain: c, params: p, now: now, log: log, solved: bounded.NewSet[pow.Hash](maxSolved)}
}

// onTip reports whether a block on a parent would become the tip.
func (s *blockSubmitter) onTip(parent pow.Hash) bool { return parent == s.chain.Tip().Hash }

// isOver reports whether a block on a parent is of no use, and no loss either:
// the chain has gone on, and this node found a block on that parent itself.
func (s *blockSubmitter) isOver(parent pow.Hash) bool {
	if s.onTip(parent) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.solved.Has(parent)
}

// countStale counts a stale block and returns errStale. Blocks on a parent for
// which this node already found one are not counted: it returns errSolved.
func (s *blockSubmitter) countStale(parent pow.Hash, n *minedCounts) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.solved.Has(parent) {
		return errSolved
	}
	n.stale.Add(1)
	return errStale
}

// markSolved notes that a block was found on a parent. It is called before the
// block is submitted: further blocks on the parent are late from then on.
func (s *blockSubmitter) markSolved(parent pow.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.solved.Add(parent)
}

// submit submits a block to the chain and counts what becomes of it. By is the device
// or worker that found it, for the log. Errors: errStale and errSolved
// (both are stratum.ErrStale), errBadClock, those of chain.Submit.
func (s *blockSubmitter) submit(b *block.Block, n *minedCounts, by slog.Attr) error {
	if !s.onTip(b.Header.Prev) {
		return s.countStale(b.Header.Prev, n)
	}
	if clockError(b.Header.Time, s.now(), s.params) != nil {
		return errBadClock // it was set back a moment ago; the templater logs it
	}
	s.markSolved(b.Header.Prev)
	outcome, err := s.chain.Submit(b)
	reason, rejected := reject.Of(err)
	switch {
	case err == nil && outcome == chain.Extended:
		n.blocks.Add(1)
		s.log.Debug("block mined", "height", s.chain.Tip().Height, "hash", b.Hash(), "records", len(b.Records)-1, by)
		return nil
	case err == nil: // another block came in between
		n.stale.Add(1)
		return errStale
	case rejected:
		n.rejected.Add(1)
		s.log.Error("own block rejected", "reason", reason, "err", err, by)
	case !errors.Is(err, chain.ErrStopped): // which the chain has logged
		s.log.Error("block not submitted", "err", err, by)
	}
	return err
}
