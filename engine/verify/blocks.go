package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"stele/engine/blockfile"
	"stele/engine/pow"
)

// blockBatch is a batch of blocks.
type blockBatch struct {
	batch
	blocks   blockfile.Batch
	hashed   chan struct{} // receives one value when the contents of the blocks are checked
	onDevice bool          // a device has hashed them
}

// Blocks checks the blocks of the sources, which follow one another like one
// stream. It skips what it cannot read and lists it in the report as a [Gap]:
// bytes that are not a block, or the rest of a source that fails. The report
// covers all that was read, also if there is an error: that of the first gap, of
// ctx or of the engine, or [ErrEmpty].
func Blocks(ctx context.Context, e Engine, sources []Source, opts Options) (Report, error) {
	j := newJudge(e, opts)
	hashing := newHashing(e, opts.deviceAfter())
	own := max(1, opts.Workers)
	workers := own + hashing.lanes // those of the device mostly wait for it
	var batches []*blockBatch
	for range 2*workers + 2 { // each worker has one and the next one queued; one is read, one is checked
		batches = append(batches, &blockBatch{hashed: make(chan struct{}, 1)})
	}
	p := newPipeline(batches...)

	work, ended := make(chan *blockBatch, len(batches)), make(chan struct{})
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			if i >= own && !hashing.isChosen(ended) {
				return
			}
			var hasher blockfile.Hasher
			for b := range work {
				hashing.checkContents(ctx, &hasher, b)
				b.hashed <- struct{}{}
			}
		})
	}
	r := &blockReader{in: blockfile.NewReader(nil, [blockfile.KeySize]byte{}), magics: opts.magics(), pipeline: p, work: work}
	read := func(ctx context.Context) error {
		defer close(ended)
		defer close(work)
		for i := range sources {
			if err := r.read(ctx, &sources[i]); err != nil {
				return err
			}
		}
		return nil
	}
	check := func(ctx context.Context, b *blockBatch) error {
		<-b.hashed
		if b.onDevice {
			j.report.OnDevice += int64(len(b.blocks.Records))
		}
		return j.check(ctx, &b.batch)
	}
	err := p.run(ctx, read, check)
	wg.Wait()
	j.report.Gaps = r.gaps
	switch {
	case err != nil:
	case r.gaps.Count > 0:
		err = r.gaps.err()
	case j.report.Items == 0:
		err = fmt.Errorf("%w: the files have no block", ErrEmpty)
	}
	return j.finish(true), err
}

// blockReader fills batches with blocks and sends them to the workers and to the
// check.
type blockReader struct {
	in       *blockfile.Reader
	magics   []blockfile.Magic
	pipeline *pipeline[*blockBatch]
	work     chan<- *blockBatch
	gaps     Gaps
	afterGap bool // bytes were skipped since the last block
}

// read reads a source as far as possible. The error is that of ctx.
func (r *blockReader) read(ctx context.Context, src *Source) error {
	in, closer, err := open(ctx, src)
	if err != nil {
		return r.gap(ctx, Gap{Source: src.Name, Err: err})
	}
	defer closer.Close()
	r.in.Reset(in, src.Key, r.magics...)
	for {
		b, err := r.pipeline.take(ctx)
		if err != nil {
			return err
		}
		err = b.read(r.in)
		if len(b.blocks.Records) > 0 {
			b.source, b.afterGap = src, r.afterGap
			r.afterGap = false
			r.work <- b
			r.pipeline.full <- b
		} else {
			r.pipeline.free <- b
		}
		var skipped *blockfile.Error
		switch {
		case err == nil:
			continue
		case err == io.EOF:
			return nil
		case !errors.As(err, &skipped):
			return r.gap(ctx, Gap{Source: src.Name, Err: at(src, err)})
		case skipped.Skipped > 0:
			err = r.gap(ctx, Gap{src.Name, skipped.SkippedFrom, skipped.Skipped, at(src, err)})
		default:
			return r.gap(ctx, Gap{Source: src.Name, Offset: skipped.Offset, Err: at(src, err)})
		}
		if err != nil {
			return err
		}
	}
}

// gap adds a gap, unless ctx has ended and caused it.
func (r *blockReader) gap(ctx context.Context, g Gap) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.afterGap = true
	r.gaps.add(g)
	return nil
}

// read fills the batch. At an error, the batch has the blocks before it.
func (b *blockBatch) read(r *blockfile.Reader) error {
	err := r.Read(&b.blocks)
	b.offset = func(item int) int64 { return b.blocks.Records[item].Offset }
	b.room = append(b.room[:0], make([]byte, pow.HeaderSize)...)
	b.bytes = 0
	for _, rec := range b.blocks.Records {
		b.room = append(b.room, rec.Block[:pow.HeaderSize]...)
		b.bytes += int64(len(rec.Block))
	}
	return err
}

// checkContents checks all but the headers of blocks that are hashed.
func (b *blockBatch) checkContents() {
	b.faults, b.findings, b.contents, b.txs = b.faults[:0], b.findings[:0], b.contents[:0], 0
	for i, rec := range b.blocks.Records {
		block, err := b.blocks.Block(i)
		if err != nil {
			var e *blockfile.Error
			errors.As(err, &e)
			inFile := *e
			inFile.Offset += rec.BlockOffset
			b.faults = append(b.faults, itemFault{i, Fault{BadBlock, inFile.Error()}})
			b.contents = append(b.contents, content{})
			continue
		}
		b.txs += int64(len(block.TxIDs))
		b.contents = append(b.contents, content{
			parsed:         true,
			coinbaseHeight: block.CoinbaseHeight(),
			hasWitnesses:   block.HasWitnesses(),
			lacksWitnesses: block.LacksWitnesses(),
		})
		b.checkBlock(i, block)
	}
}

// checkBlock checks what a block has besides its header.
func (b *blockBatch) checkBlock(i int, block *blockfile.Block) {
	if err := block.CheckMerkle(); err != nil {
		b.fault(i, err)
	}
	if err := block.CheckWitness(); err != nil {
		b.fault(i, err)
	}
	for _, e := range block.CheckRules() {
		b.fault(i, e)
	}
	if n := block.ShortTransactions(); n > 0 {
		b.findings = append(b.findings, itemFault{i, Fault{ShortTransaction, fmt.Sprintf("%d of %d transactions have 64 bytes without their witnesses, like a node of the Merkle tree", n, len(block.TxIDs))}})
	}
}

// fault adds a fault in a block.
func (b *blockBatch) fault(item int, err error) {
	var e *blockfile.Error
	errors.As(err, &e)
	b.faults = append(b.faults, itemFault{item, Fault{blockReasons[e.Kind], e.Text}})
}
