package query

import (
	"errors"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/pool"
	"stele/node/views"
)

// Totals are counts of what the chain has, as the index counts them. What is not
// in a map is 0.
type Totals struct {
	Height    uint32                 // up to which the index has the chain
	Records   map[record.Type]uint64 // coinbases included; nil if Of narrows the totals
	Vouchers  map[rules.VoucherState]uint64
	Claims    map[rules.ClaimState]uint64
	Overdue   uint64                         // claims whose deadline has passed and that wait for somebody to act
	Shipments map[rules.ShipmentState]uint64 // nil if Of narrows the totals
	Pool      pool.Counts                    // of this node, since it was started
	// Rejections are the records that the pool of this node has rejected since it was
	// started, by reason, from all sources.
	Rejections map[reject.Reason]uint64
}

// Totals returns the counts of the whole chain, or of a seller's or a product's
// vouchers and claims. They are read one after the other: a new block can come
// between. Errors: [ErrInvalid], [ErrNoViews], and those of the disk.
func (r *Reader) Totals(of Of) (*Totals, error) {
	if of.Holder != nil || of.Maker != nil || of.Carrier != nil {
		return nil, fail(ErrInvalid, "totals are those of a seller or a product")
	}
	if err := r.onlyNow("the counts are kept", "ask without a height, or count the records of the blocks up to it"); err != nil {
		return nil, err
	}
	scope, err := r.scope(of)
	if err != nil {
		return nil, err
	}
	v, err := r.lists()
	if err != nil {
		return nil, err
	}
	t := &Totals{Pool: r.pool.Stats().Counts, Rejections: r.pool.Rejections()}
	if tip, ok := v.Tip(); ok {
		t.Height = tip.Height
	}
	var failed [4]error
	t.Vouchers, failed[0] = counts(v, views.Vouchers, scope, VoucherStates())
	t.Claims, failed[1] = counts(v, views.Claims, scope, ClaimStates())
	t.Overdue, failed[2] = v.Count(views.Claims, scope, views.Overdue)
	if scope == views.All() {
		t.Records, err = v.CountRecords()
		t.Shipments, failed[3] = counts(v, views.Shipments, scope, ShipmentStates())
	}
	return t, errors.Join(append(failed[:], err)...)
}

func counts[S ~uint8](v *views.Views, kind views.Kind, scope views.Scope, states []S) (map[S]uint64, error) {
	all := map[S]uint64{}
	for _, s := range states {
		n, err := v.Count(kind, scope, uint8(s))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			all[s] = n
		}
	}
	return all, nil
}

// BlockLine is a block with what its records add up to.
type BlockLine struct {
	Header
	views.BlockSummary
}

// Blocks returns the blocks of the chain from a height down, or from the tip of
// the index if it is not that high. Errors: [ErrBusy], [ErrNoViews], and those of
// the disk.
func (r *Reader) Blocks(from uint32, limit int) ([]BlockLine, error) {
	blocks := []BlockLine{}
	v, err := r.lists()
	if err != nil {
		return nil, err
	}
	tip, ok := v.Tip()
	if !ok {
		return blocks, nil
	}
	if r.past != nil {
		from = min(from, r.Height())
	}
	for height := int64(min(from, tip.Height)); height >= 0 && len(blocks) < limit; height-- {
		h, known := r.chain.HeaderAt(uint32(height))
		summary, listed, err := v.Block(uint32(height))
		if err != nil {
			return nil, err
		}
		if known && listed {
			blocks = append(blocks, BlockLine{Header{h}, summary})
		}
	}
	if h, ok := r.chain.Header(tip.Hash); !ok || !h.InChain {
		return nil, errMoved() // the index was on another branch
	}
	return blocks, nil
}
