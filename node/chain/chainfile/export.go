package chainfile

import (
	"context"
	"fmt"
	"io"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/store"
)

// Exported is the result of [Export].
type Exported struct {
	First  uint32 // height of the first block: above 1 if bodies are pruned
	Height uint32 // of the last block, the tip
	Tip    pow.Hash
	Blocks int
	Bytes  int64 // of encoded blocks
}

// Progress is called with the height that was reached, and the height of the last
// block; 0 if that is not known.
type Progress func(height, last uint32)

// Export writes the blocks of the chain in a store, from the first one whose body is
// stored on. Block 0 is left out. The store must not change meanwhile. Errors: those of
// the store and of out.
func Export(ctx context.Context, s *store.Store, p *network.Params, out io.Writer, progress Progress) (Exported, error) {
	tip, found, err := s.Tip()
	if err != nil {
		return Exported{}, err
	}
	if !found {
		return Exported{}, fmt.Errorf("the store has no blocks: %w", store.ErrNotFound)
	}
	first, err := oldest(s, tip.Height)
	if err != nil {
		return Exported{}, err
	}
	res := Exported{First: first, Height: tip.Height, Tip: tip.Hash}
	w := NewWriter(out, Head{Network: p.ID, Genesis: block.Genesis(p).Hash(), First: first})
	for height := first; height <= tip.Height; height++ {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		hash, err := s.HashAt(height)
		if err != nil {
			return res, err
		}
		raw, err := s.Body(hash)
		if err != nil {
			return res, fmt.Errorf("block %d: %w", height, err)
		}
		if err := w.Write(raw); err != nil {
			return res, err
		}
		res.Blocks++
		res.Bytes += int64(len(raw))
		if progress != nil {
			progress(height, tip.Height)
		}
	}
	return res, w.Close()
}

// oldest returns the height of the first block of the chain, from 1 on, from which all
// bodies are stored. Bodies are pruned from below.
func oldest(s *store.Store, tip uint32) (uint32, error) {
	low, high := uint32(1), tip
	for low < high {
		middle := low + (high-low)/2
		hash, err := s.HashAt(middle)
		if err != nil {
			return 0, err
		}
		_, meta, err := s.Header(hash)
		if err != nil {
			return 0, err
		}
		if meta.HasBody {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low, nil
}
