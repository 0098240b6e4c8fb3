package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"stele/engine/headerchain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// ErrNoRecords is the error of a case without records.
var ErrNoRecords = errors.New("the case has no records")

// Source is where a case is collected from: a chain.
type Source interface {
	// Tip returns the height of the last block.
	Tip() uint32
	// Block returns the block at a height of the chain.
	Block(height uint32) (*block.Block, error)
	// Header returns the encoded header at a height of the chain.
	Header(height uint32) (Header, error)
	// Find returns the block of the chain that has a record.
	Find(id record.ID) (height uint32, index int, err error)
}

// Options of Collect.
type Options struct {
	// AllHeaders begins with the genesis block, so that the reader need not
	// know any block of the chain. Otherwise the headers begin shortly before
	// the first record.
	AllHeaders bool
}

// Collect returns the bundle of a case with these records, which must be in the
// chain. The source must not change meanwhile. Errors: [ErrNoRecords], and those
// of the source.
func Collect(src Source, p *network.Params, kind Kind, id record.ID, ids []record.ID, o Options) (*Bundle, error) {
	if len(ids) == 0 {
		return nil, fmt.Errorf("%w: %s %v", ErrNoRecords, kind, id)
	}
	b := &Bundle{Format: Format, Network: p.Name, Kind: kind, ID: id}
	for _, id := range ids {
		height, index, err := src.Find(id)
		if err != nil {
			return nil, fmt.Errorf("find record %v: %w", id, err)
		}
		blk, err := src.Block(height)
		if err != nil {
			return nil, fmt.Errorf("read block %d: %w", height, err)
		}
		if index >= len(blk.Records) || blk.Records[index].ID() != id {
			return nil, fmt.Errorf("record %v is not number %d of block %d, as the index says", id, index, height)
		}
		proof := block.Prove(blk, index)
		b.Records = append(b.Records, Entry{
			Height: height, Index: proof.Index, Count: proof.Count, Branch: proof.Branch,
			Record: blk.Records[index].Encode(),
		})
	}
	slices.SortFunc(b.Records, func(x, y Entry) int {
		return cmp.Or(cmp.Compare(x.Height, y.Height), cmp.Compare(x.Index, y.Index))
	})

	// The median time of a block is of its parent and the ten before that.
	if first := b.Records[0].Height; !o.AllHeaders && first > headerchain.MedianSpan {
		b.Start = first - headerchain.MedianSpan
	}
	for height := b.Start; height <= src.Tip(); height++ {
		h, err := src.Header(height)
		if err != nil {
			return nil, fmt.Errorf("read header %d: %w", height, err)
		}
		b.Headers = append(b.Headers, h)
	}
	return b, nil
}
