package bench

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"stele/bench"
	"stele/engine/pow"
	"stele/kernels/sha256d"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
)

// nodeKernel is the kernel of the cases with a node that chooses its kernels itself.
const nodeKernel = "node"

// blockWorker is the bench.Worker of the modes with blocks: a node connects all blocks of
// a chain, each from its bytes to its store. The store is in memory, because disks differ
// too much.
type blockWorker struct {
	chain   *benchChain
	warm    bool // the node knows the records, because they were in its pool
	plain   bool // the node uses no kernels
	threads int

	ready   []*benchNode // that have connected none of the blocks
	done    []*benchNode // that have all
	answers []pow.Hash   // the last block, and the digest of the state
}

// newBlockWorker returns a worker, which the caller must close.
func newBlockWorker(c *benchChain, mode bench.Mode, plain bool, threads int) *blockWorker {
	return &blockWorker{chain: c, warm: mode == bench.BlocksWarm, plain: plain, threads: threads, answers: make([]pow.Hash, 2)}
}

// Prepare opens a node for each time that the chain is connected.
func (w *blockWorker) Prepare(ctx context.Context, items uint64) error {
	if err := w.close(); err != nil {
		return err
	}
	for range items / (bench.BlockCount * bench.BlockRecords) {
		n, err := w.open(ctx)
		if err != nil {
			return err
		}
		w.ready = append(w.ready, n)
	}
	runtime.GC() // of what Prepare and others have left
	return nil
}

// open opens a node that has the blocks before those that are measured. A warm one has
// checked the records of these, too.
func (w *blockWorker) open(ctx context.Context) (*benchNode, error) {
	n, err := w.chain.openBefore(ctx, w.verifier())
	if err != nil || !w.warm {
		return n, err
	}
	if err := w.chain.admit(n); err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	return n, nil
}

// verifier returns a Verifier, which remembers the records that are measured if w is warm.
func (w *blockWorker) verifier() *record.Verifier {
	v := record.NewVerifier(verifierRecords, w.threads)
	if w.warm {
		v.VerifyEach(w.chain.records)
	}
	if w.plain {
		v.UseReference()
	}
	return v
}

// Do connects all blocks, whatever its arguments, by a node of Prepare: the list cannot be
// divided.
func (w *blockWorker) Do(ctx context.Context, _, _ int) error {
	n := w.ready[len(w.ready)-1]
	w.ready = w.ready[:len(w.ready)-1]
	w.done = append(w.done, n)
	if before := runtime.GOMAXPROCS(0); before != w.threads {
		runtime.GOMAXPROCS(w.threads)
		defer runtime.GOMAXPROCS(before)
	}
	if w.plain {
		sha256d.UsePlain(true)
		defer sha256d.UsePlain(false)
	}
	for _, raw := range w.chain.measured {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b, err := block.Decode(raw, w.chain.params.MaxBlockSize)
		if err != nil {
			return err
		}
		if _, err := n.chain.Submit(b); err != nil {
			return err
		}
	}
	tip := n.chain.Tip()
	w.answers[0], w.answers[1] = tip.Hash, tip.Digest
	return nil
}

// Answers returns the hash of the last block and the digest of the state after it.
func (w *blockWorker) Answers() []pow.Hash { return w.answers }

// close closes the nodes.
func (w *blockWorker) close() error {
	var errs []error
	for _, n := range slices.Concat(w.ready, w.done) {
		errs = append(errs, n.store.Close())
	}
	w.ready, w.done = nil, nil
	return errors.Join(errs...)
}
