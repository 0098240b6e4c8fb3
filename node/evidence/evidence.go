package evidence

import (
	"errors"
	"fmt"

	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/bundle"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// Errors, to be tested with errors.Is.
var (
	// ErrNotFound means that the chain has no such case.
	ErrNotFound = errors.New("no such case")
	// ErrBusy means that the chain changed its branch in every attempt.
	ErrBusy = errors.New("the chain changes while the case is collected")
)

// maxTries is how many times Collect starts again because the chain has changed
// its branch.
const maxTries = 3

// Collect returns the bundle of a voucher or a claim, up to the tip. Errors:
// [ErrNotFound], [ErrBusy], [views.ErrTooMany] if the case has more than
// [bundle.MaxRecords] records, and those of the chain and the views.
func Collect(c *chain.Chain, v *views.Views, p *network.Params, kind bundle.Kind, id record.ID, o bundle.Options) (*bundle.Bundle, error) {
	for range maxTries {
		src := &source{chain: c, tip: c.Tip()}
		b, err := src.collect(v, p, kind, id, o)
		if h, ok := c.Header(src.tip.Hash); !ok || !h.InChain {
			continue // another branch: some records are of the old one, some of the new
		}
		return b, err
	}
	return nil, ErrBusy
}

// source is a chain up to the tip that it had when the collection began.
type source struct {
	chain *chain.Chain
	tip   *chain.Tip
	last  *block.Block // that was read: records of a case often share a block
	at    uint32
}

func (s *source) collect(v *views.Views, p *network.Params, kind bundle.Kind, id record.ID, o bundle.Options) (*bundle.Bundle, error) {
	ids, err := s.records(v, kind, id)
	if err != nil {
		return nil, err
	}
	return bundle.Collect(s, p, kind, id, ids, o)
}

// records returns the ids of the records of a case.
func (s *source) records(v *views.Views, kind bundle.Kind, id record.ID) ([]record.ID, error) {
	list := views.Voucher(id)
	if kind == bundle.Claim {
		list = views.Claim(id)
	}
	entries, err := v.All(list, bundle.MaxRecords)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 || entries[0].ID != id {
		return nil, fmt.Errorf("%w: the chain has no %s %v", ErrNotFound, kind, id)
	}
	var ids []record.ID
	have := map[record.ID]bool{}
	add := func(id record.ID) {
		if id != (record.ID{}) && !have[id] {
			have[id] = true
			ids = append(ids, id)
		}
	}
	for _, e := range entries {
		if e.Height > s.tip.Height {
			break // mined since
		}
		b, err := s.Block(e.Height)
		if err != nil {
			return nil, err
		}
		if int(e.Index) >= len(b.Records) || b.Records[e.Index].ID() != e.ID {
			return nil, fmt.Errorf("%w: record %v is not where the views have it", ErrBusy, e.ID)
		}
		add(e.ID)
		switch p := b.Records[e.Index].Payload.(type) {
		case record.ClaimOpen:
			add(p.Voucher)
		case record.SettleExecute:
			add(p.Replacement)
		}
	}
	return ids, nil
}

// Tip implements [bundle.Source].
func (s *source) Tip() uint32 { return s.tip.Height }

// Block implements [bundle.Source].
func (s *source) Block(height uint32) (*block.Block, error) {
	if s.last != nil && s.at == height {
		return s.last, nil
	}
	b, err := s.chain.BlockAt(height)
	if err == nil {
		s.last, s.at = b, height
	}
	return b, err
}

// Header implements [bundle.Source].
func (s *source) Header(height uint32) (bundle.Header, error) {
	h, ok := s.chain.HeaderAt(height)
	if !ok {
		return bundle.Header{}, fmt.Errorf("header %d: %w", height, store.ErrNotFound)
	}
	return bundle.Header(h.Header.Encode()), nil
}

// Find implements [bundle.Source].
func (s *source) Find(id record.ID) (height uint32, index int, err error) {
	found, err := s.chain.FindRecord(id)
	return found.Place.Height, int(found.Place.Index), err
}
