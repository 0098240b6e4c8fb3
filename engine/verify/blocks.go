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

// blockBytes is how many bytes a batch of blocks has, when the last block makes
// it full: enough that the cost of a batch does not matter.
const blockBytes = 1 << 20

// blockBatch is a batch of blocks.
type blockBatch struct {
	batch
	data    []byte // memory of the blocks
	records []blockfile.Record
	parsed  chan struct{} // gets one value when the blocks are parsed
}

// Blocks checks the blocks in the sources, which follow one another as if they
// were one stream. The report tells what was read and checked, also if there
// is an error: that of opening or reading a source or of ctx, [ErrEmpty], or a
// [*blockfile.Error]. An error ends the work, except that blocks which cannot
// be parsed are findings.
func Blocks(ctx context.Context, e Engine, sources []Source, opts Options) (Report, error) {
	j := newJudge(e, opts)
	workers := max(1, opts.Workers)
	var batches []*blockBatch
	for range 2*workers + 2 { // each worker has one and finds the next, one is read, one is checked
		batches = append(batches, &blockBatch{parsed: make(chan struct{}, 1)})
	}
	p := newPipeline(batches...)

	work := make(chan *blockBatch, len(batches))
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			var block blockfile.Block
			for b := range work {
				b.parse(&block)
				b.parsed <- struct{}{}
			}
		})
	}
	read := func(ctx context.Context) error {
		defer close(work)
		for i := range sources {
			if err := readBlocks(ctx, &sources[i], p, work); err != nil {
				return err
			}
		}
		return nil
	}
	check := func(ctx context.Context, b *blockBatch) error {
		<-b.parsed
		return j.check(ctx, &b.batch)
	}
	err := p.run(ctx, read, check)
	wg.Wait()
	if err == nil && j.report.Items == 0 {
		err = fmt.Errorf("%w: the files hold no block", ErrEmpty)
	}
	return j.finish(true), err
}

// readBlocks fills batches with the blocks of a source. Workers and the
// checking get them.
func readBlocks(ctx context.Context, src *Source, p *pipeline[*blockBatch], work chan<- *blockBatch) error {
	in, err := src.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	r := blockfile.NewReader(contextReader{ctx, in}, src.Key)
	for err == nil {
		var b *blockBatch
		if b, err = p.take(ctx); err != nil {
			return err
		}
		if err = b.read(r); err != nil && err != io.EOF {
			err = at(src, err)
		}
		if len(b.records) == 0 {
			p.free <- b
			continue
		}
		b.source = src
		work <- b
		p.full <- b
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// read fills the batch. At an error, the blocks before it are there.
func (b *blockBatch) read(r *blockfile.Reader) error {
	if b.data == nil {
		b.data = make([]byte, blockBytes+blockfile.MaxBlockSize)
		b.offset = func(item int) int64 { return b.records[item].Offset }
	}
	b.records = b.records[:0]
	b.room = append(b.room[:0], make([]byte, pow.HeaderSize)...)
	b.bytes = 0
	for b.bytes < blockBytes {
		rec, err := r.Next(b.data[b.bytes:])
		if err != nil {
			return err
		}
		b.records = append(b.records, rec)
		b.room = append(b.room, rec.Block[:pow.HeaderSize]...)
		b.bytes += int64(len(rec.Block))
	}
	return nil
}

// parse parses the blocks and checks what they hold.
func (b *blockBatch) parse(block *blockfile.Block) {
	b.faults, b.txs = b.faults[:0], 0
	for i, rec := range b.records {
		if err := block.Parse(rec.Block); err != nil {
			var e *blockfile.Error
			errors.As(err, &e)
			e.Offset += rec.BlockOffset
			b.faults = append(b.faults, itemFault{i, Fault{BadBlock, e.Error()}})
			continue
		}
		b.txs += int64(len(block.TxIDs))
		for _, err := range []error{block.CheckMerkle(), block.CheckWitness()} {
			var e *blockfile.Error
			if errors.As(err, &e) {
				b.faults = append(b.faults, itemFault{i, Fault{blockReasons[e.Kind], e.Text}})
			}
		}
	}
}
