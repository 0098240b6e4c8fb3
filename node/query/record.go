package query

import (
	"errors"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/record"
	"stele/node/pool"
	"stele/node/store"
	"stele/node/views"
)

// Record is a record and where it is.
type Record struct {
	*record.Record
	FeeRate pool.Rate
	// Confirmations is how many blocks hold the record or stand on the one that
	// does: 1 if the tip has it, 0 while it waits in the pool. Then the fields
	// below are zero.
	Confirmations uint32
	Block         pow.Hash // that has it
	Place         store.Place
	BlockTime     uint32 // as the miner says
	MedianTime    uint32 // of the eleven blocks before: what the rules went by
	// Subject is what the record is about; nothing if the node has no index.
	Subject views.Subject
}

// Pooled reports whether the record waits for a block.
func (r *Record) Pooled() bool { return r.Block == pow.Hash{} }

// Signer is a key that signed a record, and as what.
type Signer struct {
	Key  record.Key
	Part string // as "seller": see [record.SignerParts]
}

// Signers returns who signed a record, in the order of the signatures.
func Signers(r *record.Record) []Signer {
	signers := []Signer{}
	parts := record.SignerParts(r.Payload)
	for i, key := range r.Signers() {
		if i < len(parts) {
			signers = append(signers, Signer{key, parts[i]})
		}
	}
	return signers
}

// Record returns the record with an id, from the pool or the chain. Errors:
// [ErrNotFound], [store.ErrPruned].
func (r *Reader) Record(id record.ID) (*Record, error) {
	if rec := r.pool.Get(id); rec != nil && r.past == nil {
		return &Record{Record: rec, FeeRate: pool.RateOf(rec)}, nil
	}
	found, err := r.chain.FindRecord(id)
	if err == nil {
		err = r.hasPlace(found.Place)
	}
	if err != nil {
		return nil, unknownRecord(err)
	}
	res := &Record{
		Record: found.Record, FeeRate: pool.RateOf(found.Record), Block: found.Block, Place: found.Place,
		Confirmations: r.confirmations(found.Place.Height),
	}
	if h, ok := r.chain.Header(found.Block); ok {
		res.BlockTime = h.Time
		if parent, ok := r.chain.Header(h.Prev); ok {
			res.MedianTime = parent.MedianTime
		}
	}
	if r.views != nil {
		if res.Subject, err = r.views.SubjectOf(id); err != nil && !errors.Is(err, views.ErrIncomplete) {
			return nil, err
		}
	}
	return res, nil
}

// Find returns a record of the chain with the proof that it is in its block.
// Errors: [ErrNotFound], [store.ErrPruned].
func (r *Reader) Find(id record.ID) (chain.Found, error) {
	found, err := r.chain.Find(id)
	if err == nil {
		err = r.hasPlace(found.Place)
	}
	return found, unknownRecord(err)
}

// hasPlace returns an error if a place is above the block of a pinned reader.
func (r *Reader) hasPlace(at store.Place) error {
	if r.past != nil && at.Height > r.Height() {
		return fail(ErrNotFound, "the record is in the block at height %d, above height %d", at.Height, r.Height())
	}
	return nil
}

// unknownRecord names what was not found.
func unknownRecord(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fail(ErrNotFound, "no record with this id is in the chain or the pool")
	}
	return err
}

// confirmations returns how many blocks hold a record at a height or stand on
// its block.
func (r *Reader) confirmations(height uint32) uint32 {
	if tip := r.tip(); tip.Height >= height {
		return tip.Height - height + 1
	}
	return 0
}
