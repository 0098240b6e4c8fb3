package chain

import (
	"context"
	"errors"

	"stele/internal/pipeline"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/store"
)

// A replay is a pipeline. The store is read block by block into chunks. Workers decode
// them and check everything that needs no state, above all signatures. The caller applies
// them in order.

const (
	// A chunk is full with this many records, so that signatures fill batches
	// even where blocks are small, or with this many bytes.
	chunkRecords = 1024
	chunkBytes   = 1 << 20
)

// chunk is a run of blocks.
type chunk struct {
	first  uint32 // height
	raw    []rawBlock
	blocks []*block.Block // before the first one with a fault
	err    error          // that fault
}

// rawBlock is a block as it is stored.
type rawBlock struct{ body, undo []byte }

// replay checks all blocks from r.first to the tip.
func (r *replay) replay(ctx context.Context) error {
	verifier := record.NewVerifier(0, 1) // each worker calls it, with its own chunk
	prepare := func(p *chunk) { p.err = r.checkChunk(p, verifier) }
	return pipeline.Run(ctx, r.options.Workers, r.chunks, prepare, r.applyChunk)
}

// chunks yields all blocks to replay. A block that cannot be read ends the last chunk.
func (r *replay) chunks(yield func(*chunk) bool) {
	for height := r.first; height <= r.tip.Height; {
		p := &chunk{first: height}
		size := 0
		for records := 0; height <= r.tip.Height && size < chunkBytes && records < chunkRecords; height++ {
			raw, err := r.readRaw(height)
			if err != nil {
				p.err = err
				yield(p)
				return
			}
			p.raw = append(p.raw, raw)
			size += len(raw.body) + len(raw.undo)
			records += block.CountRecords(raw.body)
		}
		if !yield(p) {
			return
		}
	}
}

// applyChunk applies the blocks of a chunk, and returns the first fault.
func (r *replay) applyChunk(p *chunk) error {
	for i, b := range p.blocks {
		if err := r.apply(b, p.first+uint32(i), p.raw[i].undo); err != nil {
			return err
		}
	}
	return p.err
}

func (r *replay) readRaw(height uint32) (rawBlock, error) {
	hash := r.tip.Ancestor(height).Hash
	body, err := r.store.Body(hash)
	if err != nil {
		return rawBlock{}, unreadable(err, int64(height), "body")
	}
	undo, err := r.store.Undo(hash)
	if err != nil {
		return rawBlock{}, unreadable(err, int64(height), "undo")
	}
	return rawBlock{body, undo}, nil
}

// unreadable adds to an error of the store which block and field could not be read.
func unreadable(err error, height int64, field string) error {
	var damage *store.Damage
	switch {
	case errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrPruned):
		return &store.Damage{Height: height, Field: field, Detail: "it is missing"}
	case errors.As(err, &damage) && damage.Height == store.NoHeight:
		return &store.Damage{Height: height, Field: field, File: damage.File, Detail: damage.Detail}
	}
	return err
}

// checkChunk decodes the blocks of a chunk and checks everything that needs no
// state.
func (r *replay) checkChunk(p *chunk, verifier *record.Verifier) error {
	fault := p.err // of reading, after the blocks that were read
	var records []*record.Record
	var from []int // index in records of the first record of each block
	for i, raw := range p.raw {
		height := p.first + uint32(i)
		b, err := decodeBlock(raw.body, r.params, r.tip.Ancestor(height).Hash, height)
		if err == nil {
			if broken := b.Check(r.params); broken != nil {
				err = corrupt(height, "body", "%v", broken)
			}
		}
		if err != nil {
			fault = err
			break
		}
		from = append(from, len(records))
		records = append(records, b.Records[1:]...)
		p.blocks = append(p.blocks, b)
	}
	bad, err := verifier.Verify(records)
	if err == nil {
		return fault
	}
	i := len(from) - 1
	for from[i] > bad {
		i--
	}
	p.blocks = p.blocks[:i]
	return corrupt(p.first+uint32(i), "signature", "record %d: %v", bad-from[i]+1, err)
}
