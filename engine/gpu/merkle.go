package gpu

import (
	"context"
	"encoding/binary"
	"fmt"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
)

// What one call of Merkle may have: enough for the blocks that are read together, and
// for one of the largest size.
const (
	maxData   = 8 << 20 // bytes
	maxHashes = 1 << 17 // also messages, and nodes above the leaves
	maxTrees  = 1 << 14 // also roots
)

// maxBlocks is how many blocks of 64 bytes a message for the GPU may have. Its thread
// would need too long for more, while one core is fast: the host hashes such messages.
const maxBlocks = 64

// forest is the memory of a lane for hashing blocks: a message, a hash and a node have
// as many bytes on the device as here.
type forest struct {
	data, messages, hashes, trees, roots, mutated []byte // pinned

	deviceData, deviceMessages, deviceHashes, deviceNodes cuda.DevicePtr
	deviceTrees, deviceRoots, deviceMutated               cuda.DevicePtr
}

const hashSize = len(pow.Hash{})

// Merkle implements engine.Merkler. The first call compiles the kernels and tests them.
func (d *Device) Merkle(ctx context.Context, w *pow.MerkleWork) error {
	s, err := d.current()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.openMerkle(ctx); err != nil {
		return err
	}
	return s.merkle(ctx, w)
}

// openMerkle loads and tests the kernels at its first call. If the driver rejects a
// kernel, this and all later calls return ErrUnable.
func (s *session) openMerkle(ctx context.Context) error {
	s.opens.Lock()
	defer s.opens.Unlock()
	if s.merkleTested || s.merkleErr != nil {
		return s.merkleErr
	}
	if err := s.loadMerkle(ctx); err != nil {
		return err
	}
	if s.merkleErr == nil {
		if err := s.testMerkle(ctx); err != nil {
			return err
		}
		s.merkleTested = true
	}
	return s.merkleErr
}

// loadMerkle loads the kernels. If the driver rejects one, it sets s.merkleErr.
func (s *session) loadMerkle(ctx context.Context) error {
	l, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer func() { s.free <- l }()
	type loaded struct {
		hash, merkle kernel
		err          error // isRejected
	}
	result := make(chan loaded, 1)
	err = s.doWithin(s.opening, l, "compiling a kernel", func() error {
		var k loaded
		if k.hash, k.err = s.load(entryOf(kernels.Hash)); k.err == nil {
			k.merkle, k.err = s.load(entryOf(kernels.Merkle))
		}
		if k.err != nil && !isRejected(k.err) {
			return k.err
		}
		result <- k
		return nil
	})
	if err != nil {
		return err
	}
	k := <-result
	s.hashKernel, s.merkleKernel = k.hash, k.merkle
	if k.err != nil {
		s.merkleErr = fmt.Errorf("%w: %w", engine.ErrUnable, k.err)
	}
	return nil
}

// merkle does work that passes its Check.
func (s *session) merkle(ctx context.Context, w *pow.MerkleWork) error {
	nodes := 0
	for _, t := range w.Trees {
		nodes += kernels.TreeNodes(int(t.Count))
	}
	if len(w.Data) > maxData || max(len(w.Messages), len(w.Hashes), nodes) > maxHashes || len(w.Trees) > maxTrees {
		return fmt.Errorf("%w: %d bytes, %d messages, %d hashes and %d trees are too many at once", engine.ErrUnable,
			len(w.Data), len(w.Messages), len(w.Hashes), len(w.Trees))
	}
	l, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer func() { s.free <- l }()
	if l.forest == nil {
		if err := s.makeForest(l); err != nil {
			return err
		}
	}
	f := l.forest
	messages := f.fill(w)
	if err := s.do(l, "queueing the hashes of blocks", func() error {
		return s.queueMerkle(l.queue, f, len(w.Data), messages, len(w.Hashes), len(w.Trees))
	}); err != nil {
		return err
	}
	if err := s.do(l, "the hashes of blocks", l.queue.wait); err != nil {
		return err
	}
	f.read(w)
	return nil
}

// makeForest allocates the memory of a lane.
func (s *session) makeForest(l *lane) error {
	made := make(chan *forest, 1)
	err := s.doWithin(s.opening, l, "allocating memory", func() error {
		f := &forest{}
		if err := s.allocAll(
			buffer{&f.data, &f.deviceData, maxData},
			buffer{&f.messages, &f.deviceMessages, maxHashes * kernels.MessageSize},
			buffer{&f.hashes, &f.deviceHashes, maxHashes * hashSize},
			buffer{nil, &f.deviceNodes, maxHashes * hashSize},
			buffer{&f.trees, &f.deviceTrees, maxTrees * kernels.TreeSize},
			buffer{&f.roots, &f.deviceRoots, maxTrees * hashSize},
			buffer{&f.mutated, &f.deviceMutated, maxTrees / 8},
		); err != nil {
			return err
		}
		made <- f
		return nil
	})
	if err == nil {
		l.forest = <-made
	}
	return err
}

// fill copies the work for the GPU, and hashes the messages that are too long for it. It
// returns how many messages are left. They are sorted by their blocks, so that the
// threads of a warp have about the same to do.
func (f *forest) fill(w *pow.MerkleWork) (messages int) {
	parallelCopy(f.data, w.Data)
	var long []pow.MerkleMessage
	var next [maxBlocks + 1]int // where the next message of so many blocks goes
	for i := range w.Messages {
		if n := blocksOf(&w.Messages[i]); n > maxBlocks {
			long = append(long, w.Messages[i])
		} else {
			next[n]++
			messages++
		}
	}
	at := 0
	for n, count := range next {
		next[n] = at
		at += count
	}
	for i := range w.Messages {
		m := &w.Messages[i]
		if n := blocksOf(m); n <= maxBlocks {
			device := kernels.Message{At: m.At, Size: m.Size, Hash: m.Hash, Copy: m.Copy}
			device.Append(f.messages[:kernels.MessageSize*next[n]])
			next[n]++
		}
	}
	w.Hash(long)
	for i := range w.Hashes {
		copy(f.hashes[hashSize*i:], w.Hashes[i][:])
	}
	trees, nodes := f.trees[:0], 0
	for _, t := range w.Trees {
		device := kernels.Tree{First: t.First, Count: t.Count, Nodes: uint32(nodes)}
		trees = device.Append(trees)
		nodes += kernels.TreeNodes(int(t.Count))
	}
	return messages
}

// blocksOf returns the number of blocks of a message with its padding.
func blocksOf(m *pow.MerkleMessage) uint64 { return (m.Length()+8)/64 + 1 }

// queueMerkle queues everything from the copies to the GPU to those back.
func (s *session) queueMerkle(q queue, f *forest, data, messages, hashes, trees int) error {
	words := (trees + 31) / 32 * 4
	steps := []func() error{
		func() error { return q.upload(f.deviceHashes, f.hashes[:hashSize*hashes]) },
	}
	if messages > 0 {
		params := kernels.HashParams(uint64(f.deviceData), uint64(f.deviceMessages), uint64(f.deviceHashes), messages)
		threads := kernels.Hash.Threads()
		steps = append(steps,
			func() error { return q.upload(f.deviceData, f.data[:(data+3)/4*4]) },
			func() error { return q.upload(f.deviceMessages, f.messages[:kernels.MessageSize*messages]) },
			func() error { return q.launch(s.hashKernel, (messages+threads-1)/threads, threads, params) })
	}
	if trees > 0 {
		params := kernels.MerkleParams(uint64(f.deviceHashes), uint64(f.deviceTrees), uint64(f.deviceNodes),
			uint64(f.deviceRoots), uint64(f.deviceMutated), trees)
		steps = append(steps,
			func() error { return q.upload(f.deviceTrees, f.trees[:kernels.TreeSize*trees]) },
			func() error { return q.zero(f.deviceRoots, hashSize*trees) }, // no root of earlier work is one of this
			func() error { return q.zero(f.deviceMutated, words) },
			func() error { return q.launch(s.merkleKernel, trees, kernels.Merkle.Threads(), params) },
			func() error { return q.download(f.roots[:hashSize*trees], f.deviceRoots) },
			func() error { return q.download(f.mutated[:words], f.deviceMutated) })
	}
	steps = append(steps, func() error { return q.download(f.hashes[:hashSize*hashes], f.deviceHashes) })
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// read sets the results.
func (f *forest) read(w *pow.MerkleWork) {
	for i := range w.Hashes {
		w.Hashes[i] = pow.Hash(f.hashes[hashSize*i:])
	}
	for i := range w.Trees {
		w.Roots[i] = pow.Hash(f.roots[hashSize*i:])
		w.Mutated[i] = binary.LittleEndian.Uint32(f.mutated[i/32*4:])>>(i%32)&1 == 1
	}
}
