package verify

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"stele/engine"
	"stele/engine/blockfile"
	"stele/engine/pow"
)

// Bounds of the trial that decides whether a device hashes blocks. A device whose
// kernels must be compiled first costs a second, so that it is tried only where there is
// much to do.
const (
	trialAfter   = 1 << 30   // bytes of blocks before the trial
	trialBatches = 8         // with the device, and without it
	trialBytes   = 512 << 10 // that a batch of the trial has at least
	trialMargin  = 0.9       // the device must need at most so much of the time
)

// merkler is an [Engine] that may have a device that hashes blocks, as [engine.Engine].
type merkler interface {
	MerkleLanes() int
	Merkle(ctx context.Context, w *pow.MerkleWork) error
	DisableMerkle(reason string)
}

// hashing decides which batches a device hashes. It compares the time of a worker for a
// batch, which hashes it itself or prepares it for the device and waits. Safe for
// concurrent use.
type hashing struct {
	device merkler       // nil: none
	chosen chan struct{} // closed when the device has won

	mu     sync.Mutex
	before int64 // bytes of blocks until the trial
	lanes  int   // batches that may be on the device
	busy   int   // batches that are
	warm   bool  // the device has hashed a batch
	state  trialState
	times  [2][]float64 // of the trial: seconds per byte without and with the device
}

type trialState int

const (
	trying trialState = iota // or not yet
	won
	lost
)

// newHashing returns the decisions about the device of an engine, if it has one that
// hashes blocks. It is tried after so many bytes of blocks.
func newHashing(e Engine, after int64) *hashing {
	h := &hashing{state: lost, chosen: make(chan struct{})}
	if m, ok := e.(merkler); ok && after >= 0 {
		if lanes := m.MerkleLanes(); lanes > 0 {
			h.device, h.before, h.lanes, h.state = m, after, lanes, trying
		}
	}
	return h
}

// begin reports whether the device hashes the next batch. Each begin needs an end.
func (h *hashing) begin(bytes int64) (onDevice bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.before > 0 {
		h.before -= bytes
		return false
	}
	switch h.state {
	case trying: // one at a time: the first waits for the compilation
		onDevice = h.busy == 0 && (!h.warm || len(h.times[1]) < trialBatches)
	case won:
		onDevice = h.busy < h.lanes
	}
	if onDevice {
		h.busy++
	}
	return onDevice
}

// end notes how long a batch took. err is that of the device.
func (h *hashing) end(onDevice bool, bytes int64, took time.Duration, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wasWarm := h.warm
	if onDevice {
		h.busy--
		h.warm = true
	}
	switch {
	case err != nil && (h.state == trying || !errors.Is(err, engine.ErrUnable)):
		h.state = lost
	case h.state != trying || h.before > 0 || !wasWarm || bytes < trialBytes:
	default:
		h.sample(onDevice, took.Seconds()/float64(bytes))
	}
}

// sample adds a time to the trial, and ends it when there are enough. The caller must
// hold h.mu.
func (h *hashing) sample(onDevice bool, perByte float64) {
	side := &h.times[0]
	if onDevice {
		side = &h.times[1]
	}
	if len(*side) < trialBatches {
		*side = append(*side, perByte)
	}
	if len(h.times[0]) < trialBatches || len(h.times[1]) < trialBatches {
		return
	}
	h.state = lost
	if median(h.times[1]) <= trialMargin*median(h.times[0]) {
		h.state = won
		close(h.chosen)
	}
}

// isChosen waits until the device has won, or until ended is closed, and reports which.
func (h *hashing) isChosen(ended <-chan struct{}) bool {
	select {
	case <-h.chosen:
		return true
	case <-ended:
		return false
	}
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// checkContents checks a batch, hashed by the device or by hasher.
func (h *hashing) checkContents(ctx context.Context, hasher *blockfile.Hasher, b *blockBatch) {
	b.onDevice = h.begin(b.bytes)
	start := time.Now()
	var failed error
	if b.onDevice {
		failed = h.hash(ctx, hasher, &b.blocks)
		b.onDevice = failed == nil
	} else {
		hasher.Hash(&b.blocks)
	}
	b.checkContents()
	h.end(b.onDevice || failed != nil, b.bytes, time.Since(start), failed)
}

// hash hashes a batch on the device, or without it after an error.
func (h *hashing) hash(ctx context.Context, hasher *blockfile.Hasher, blocks *blockfile.Batch) error {
	var failed error // of the device
	err := hasher.HashOn(func(w *pow.MerkleWork) error {
		failed = h.device.Merkle(ctx, w)
		return failed
	}, blocks)
	if err != nil && failed == nil { // its answer is wrong
		h.device.DisableMerkle(err.Error())
	}
	return err
}
