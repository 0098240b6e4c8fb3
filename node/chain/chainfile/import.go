package chainfile

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"stele/engine/pow"
	"stele/internal/pipeline"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/reject"
)

// Imported is the result of [Import].
type Imported struct {
	Blocks int      // read
	Added  int      // that the chain did not have
	From   uint32   // height of the tip before
	Height uint32   // of the tip after
	Tip    pow.Hash // after
}

// Import submits the blocks of a file to a chain, in order, under the same rules as
// blocks from peers. Blocks that the chain has are skipped, so that an import that
// was interrupted continues where it was. The chain keeps all blocks before the first
// one that is wrong.
//
// If the file can be read at any place (io.ReaderAt and io.Seeker, as an *os.File), its
// headers are read first. So the chain knows the work of the whole file when it gets
// the first block, and follows it even if it leaves the chain a long way below its tip.
//
// The file is read and decoded, and signatures are checked, a few MB ahead of the chain.
// So an import from a pipe ends only when the pipe has more data or is closed, even if a
// block is wrong.
//
// Errors about the file are an *[Error], with a reason (reject.Of) if a block breaks
// a rule. All others are errors of the chain, its store, or ctx. The result is valid in any
// case.
func Import(ctx context.Context, c *chain.Chain, p *network.Params, r *Reader, progress Progress) (Imported, error) {
	res := Imported{From: c.Tip().Height, Height: c.Tip().Height, Tip: c.Tip().Hash}
	if err := r.Head().Check(p); err != nil {
		return res, err
	}
	r.Limit(p.MaxBlockSize)
	i := importer{ctx: ctx, chain: c, params: p, reader: r, progress: progress, res: &res}
	err := i.run()
	res.Height, res.Tip = c.Tip().Height, c.Tip().Hash
	return res, err
}

// Check reports whether the file is one of a network. The error is an *[Error] with
// ErrNetwork.
func (h Head) Check(p *network.Params) error {
	if h.Network == p.ID && h.Genesis == block.Genesis(p).Hash() {
		return nil
	}
	return &Error{Offset: int64(len(magic)), Err: fmt.Errorf("%w: it has network %08x with genesis %v, not %s", ErrNetwork, h.Network, h.Genesis, p.Name)}
}

// importer imports one file.
type importer struct {
	ctx      context.Context
	chain    *chain.Chain
	params   *network.Params
	reader   *Reader
	progress Progress
	res      *Imported

	last   uint32   // height of the last block, 0 if it is not known
	ahead  *Reader  // of the headers before their bodies; nil: there is none, or it has ended
	proven pow.Work // of the chain up to the last header
}

func (i *importer) run() error {
	if err := i.scan(); err != nil {
		return err
	}
	i.chain.CatchUp(true)
	defer i.chain.CatchUp(false) // syncs what an error leaves
	workers := min(runtime.GOMAXPROCS(0), maxWorkers)
	if err := pipeline.Run(i.ctx, workers, i.chunks, i.prepare, i.submit); err != nil {
		return err
	}
	return i.chain.Sync()
}

const (
	// A chunk is full with this many records, so that signatures fill batches
	// even where blocks are small, or with this many bytes.
	chunkRecords = 1024
	chunkBytes   = 1 << 20

	// maxWorkers bounds the chunks in memory. The chain takes blocks one after the
	// other, and can hardly keep up with as many.
	maxWorkers = 8
)

// chunk is a run of blocks of the file.
type chunk struct {
	items []item
	err   error // after the items
}

// item is a block on its way into the chain.
type item struct {
	Entry
	raw   []byte       // nil: the chain has the block
	block *block.Block // decoded by prepare
	err   error        // of that
}

// chunks yields the whole file. An error ends the last chunk.
func (i *importer) chunks(yield func(*chunk) bool) {
	for {
		p := &chunk{}
		size, records := 0, 0
		for size < chunkBytes && records < chunkRecords && p.err == nil {
			var read item
			if read, p.err = i.read(); p.err == nil {
				p.items = append(p.items, read)
				size += pow.HeaderSize + len(read.raw)
				records += block.CountRecords(read.raw)
			}
		}
		if !yield(p) || p.err != nil {
			return
		}
	}
}

// read reads the next block, but not the body of one that the chain has.
func (i *importer) read() (read item, err error) {
	if read.Entry, err = i.reader.Next(); err == nil && !i.chain.HasBody(read.Header.Hash()) {
		read.raw, err = i.reader.Body()
	}
	return read, err
}

// prepare decodes the blocks of a chunk, up to the first that is none, and checks what
// can be checked ahead.
func (i *importer) prepare(p *chunk) {
	var blocks []*block.Block
	for n := range p.items {
		if next := &p.items[n]; next.raw != nil {
			if next.block, next.err = block.Decode(next.raw, i.params.MaxBlockSize); next.err != nil {
				break
			}
			blocks = append(blocks, next.block)
		}
	}
	i.chain.Prepare(blocks)
}

// submit submits the blocks of a chunk, and returns the first error.
func (i *importer) submit(p *chunk) error {
	for _, next := range p.items {
		if err := i.submitOne(next); err != nil {
			return err
		}
		if i.progress != nil {
			i.progress(next.Height, i.last)
		}
	}
	if p.err == io.EOF {
		return nil
	}
	return p.err
}

// submitOne submits a block, unless the chain has it.
func (i *importer) submitOne(next item) error {
	if err := i.ctx.Err(); err != nil {
		return err
	}
	if i.res.Blocks%maxHeaders == 0 {
		i.addHeaders()
	}
	if parent, ok := i.chain.Header(next.Header.Prev); ok && parent.Height+1 != next.Height {
		return &Error{Height: next.Height, Offset: next.Offset, Err: fmt.Errorf("%w: the height of the block is %d", ErrDamaged, parent.Height+1)}
	}
	i.res.Blocks++
	if next.raw == nil {
		return nil
	}
	err := next.err
	if err == nil {
		var outcome chain.Outcome
		if outcome, err = i.chain.Submit(next.block); err == nil && outcome != chain.Known {
			i.res.Added++
		}
	}
	if _, rejected := reject.Of(err); rejected {
		return &Error{Height: next.Height, Offset: next.Offset, Err: err}
	}
	return err
}

// maxHeaders is how many headers the chain gets before their bodies.
const maxHeaders = 2000

// scan reads the headers of the file, if it can be read twice, and finds out how much
// work they show. It stops at the first that is wrong: the blocks before it count.
func (i *importer) scan() error {
	headers := i.reader.again()
	if headers == nil {
		return nil
	}
	var parent pow.Hash
	for n := 0; ; n++ {
		if err := i.ctx.Err(); err != nil {
			return err
		}
		e, err := headers.Next()
		if err != nil || block.CheckHeader(e.Header, i.params) != nil {
			break
		}
		if n == 0 {
			known, ok := i.chain.Header(e.Header.Prev)
			if !ok {
				return nil // as the chain will say
			}
			parent, i.proven = known.Hash, known.Work
		}
		target, err := e.Header.Bits.Target()
		if err != nil || e.Header.Prev != parent {
			break
		}
		parent, i.proven, i.last = e.Header.Hash(), i.proven.Add(target.Work()), e.Height
	}
	i.ahead = i.reader.again()
	return nil
}

// addHeaders adds the headers of the next blocks to the chain. What is wrong with them
// is reported when their blocks are submitted.
func (i *importer) addHeaders() {
	var headers []pow.Header
	for i.ahead != nil && len(headers) < maxHeaders {
		e, err := i.ahead.Next()
		if err != nil {
			i.ahead = nil
			break
		}
		headers = append(headers, e.Header)
	}
	if len(headers) == 0 {
		return
	}
	if _, err := i.chain.AddHeaders(headers, i.proven); err != nil {
		i.ahead = nil
	}
}
