package gpucheck

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"

	"stele/cgo/cuda"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
)

// The work whose rate is measured: messages as long as a usual transaction, and trees as
// large as those of full blocks.
const (
	usualMessage = 400 // bytes
	usualTree    = 4000
)

// memory allocates memory of the device and fills it, for one part, whose process ends
// with it.
type memory struct {
	b   *device
	err error // of the first step that failed
}

// put returns device memory with these contents.
func (m *memory) put(data []byte) (p cuda.DevicePtr) {
	size := max(len(data), 1)
	if m.err == nil {
		p, m.err = m.b.c.Alloc(size)
	}
	var host []byte
	if m.err == nil {
		host, m.err = m.b.c.HostAlloc(size)
	}
	if m.err != nil {
		return 0
	}
	if m.err = m.b.s.CopyToDeviceAsync(p, host[:copy(host, data)]); m.err == nil {
		m.err = m.b.s.Synchronize()
	}
	if err := m.b.c.HostFree(host); m.err == nil {
		m.err = err
	}
	return p
}

// get returns n bytes of device memory.
func (m *memory) get(p cuda.DevicePtr, n int) []byte {
	if m.err != nil {
		return nil
	}
	host, err := m.b.c.HostAlloc(n)
	if err != nil {
		m.err = err
		return nil
	}
	if m.err = m.b.s.CopyToHostAsync(host, p); m.err == nil {
		m.err = m.b.s.Synchronize()
	}
	data := bytes.Clone(host)
	if err := m.b.c.HostFree(host); m.err == nil {
		m.err = err
	}
	return data
}

// hashWork is a list of messages in device memory.
type hashWork struct {
	messages []kernels.Message
	params   []byte
	hashes   cuda.DevicePtr
}

func (m *memory) hashWork(data []byte, messages []kernels.Message) *hashWork {
	w := &hashWork{messages: messages}
	var list []byte
	for i := range messages {
		messages[i].Hash, messages[i].Copy = uint32(i), uint32(i)
		list = messages[i].Append(list)
	}
	w.hashes = m.put(make([]byte, 32*len(messages)))
	w.params = kernels.HashParams(uint64(m.put(data)), uint64(m.put(list)), uint64(w.hashes), len(messages))
	return w
}

func (w *hashWork) launch(b *device, f *cuda.Function) error {
	threads := kernels.Hash.Threads()
	return b.s.Launch(f, [3]int{(len(w.messages) + threads - 1) / threads, 1, 1}, [3]int{threads, 1, 1}, 0, w.params)
}

// checkHash compares the hashes of messages of three pieces, of all lengths up to a few
// kilobytes, with the reference.
func (b *device) checkHash(f *cuda.Function, got *Entry) error {
	n := 50_000
	if b.small {
		n = 1_000
	}
	data := make([]byte, 1<<20)
	stream := seeded("gpu-check hash")
	_, _ = stream.Read(data) // never fails
	rng := rand.New(stream)
	messages := make([]kernels.Message, n)
	for i := range messages {
		for j := range messages[i].At {
			size := rng.IntN(1 << rng.IntN(12))
			messages[i].At[j], messages[i].Size[j] = uint32(rng.IntN(len(data)-size)), uint32(size)
		}
	}
	m := &memory{b: b}
	w := m.hashWork(data, messages)
	if m.err == nil {
		m.err = w.launch(b, f)
	}
	hashes := m.get(w.hashes, 32*n)
	if m.err != nil {
		return m.err
	}
	for i := range messages {
		var text []byte
		for j, at := range messages[i].At {
			text = append(text, data[at:at+messages[i].Size[j]]...)
		}
		got.Checked++
		if pow.Hash(hashes[32*i:]) != pow.Sum(text) {
			got.Wrong++
		}
	}
	return nil
}

// rateHash measures the hashing of usual messages in device memory.
func (b *device) rateHash(ctx context.Context, f *cuda.Function, got *Entry, rep *Report, sensors *watcher, opts Options) error {
	n := 1 << 18
	if b.small {
		n = 1 << 8
	}
	data := make([]byte, n*usualMessage)
	_, _ = seeded("gpu-check messages").Read(data) // never fails
	messages := make([]kernels.Message, n)
	for i := range messages { // the pieces of a transaction with witnesses
		at := uint32(i * usualMessage)
		messages[i].At, messages[i].Size = [3]uint32{at, at + 6, at + usualMessage - 4}, [3]uint32{4, usualMessage - 10, 4}
	}
	m := &memory{b: b}
	w := m.hashWork(data, messages)
	if m.err != nil {
		return m.err
	}
	return b.rateLaunches(ctx, n, got, rep, sensors, opts, func() error { return w.launch(b, f) })
}

// merkleWork is a list of trees in device memory.
type merkleWork struct {
	trees          []kernels.Tree
	params         []byte
	roots, mutated cuda.DevicePtr
}

// merkleWork makes trees of these sizes, whose leaves follow one another.
func (m *memory) merkleWork(leaves []byte, counts []int) *merkleWork {
	w := &merkleWork{}
	var list []byte
	first, nodes := 0, 0
	for _, n := range counts {
		w.trees = append(w.trees, kernels.Tree{First: uint32(first), Count: uint32(n), Nodes: uint32(nodes)})
		list = w.trees[len(w.trees)-1].Append(list)
		first += n
		nodes += kernels.TreeNodes(n)
	}
	w.roots, w.mutated = m.put(make([]byte, 32*len(counts))), m.put(make([]byte, (len(counts)+31)/32*4))
	w.params = kernels.MerkleParams(uint64(m.put(leaves)), uint64(m.put(list)), uint64(m.put(make([]byte, 32*nodes))),
		uint64(w.roots), uint64(w.mutated), len(counts))
	return w
}

func (w *merkleWork) launch(b *device, f *cuda.Function) error {
	return b.s.Launch(f, [3]int{len(w.trees), 1, 1}, [3]int{kernels.Merkle.Threads(), 1, 1}, 0, w.params)
}

// checkMerkle compares the roots of trees of all sizes up to that of a full block with
// the reference. In some of them two nodes of a pair are equal.
func (b *device) checkMerkle(f *cuda.Function, got *Entry) error {
	counts := []int{4000, 4095, 4096, 4097}
	last := 600
	if b.small {
		counts, last = nil, 80
	}
	for n := 1; n <= last; n++ {
		counts = append(counts, n)
	}
	stream := seeded("gpu-check merkle")
	var leaves []byte
	var roots []pow.Hash
	var mutated []bool
	for i, n := range counts {
		ids := make([]pow.Hash, n)
		for j := range ids {
			_, _ = stream.Read(ids[j][:]) // never fails
		}
		if width := 1 << (i / 3 % 4); i%3 == 0 && 2*width <= n {
			copy(ids[width:2*width], ids[:width])
		}
		for _, id := range ids {
			leaves = append(leaves, id[:]...)
		}
		root, twice := pow.MerkleRoot(ids)
		roots, mutated = append(roots, root), append(mutated, twice)
	}
	m := &memory{b: b}
	w := m.merkleWork(leaves, counts)
	if m.err == nil {
		m.err = w.launch(b, f)
	}
	found, bits := m.get(w.roots, 32*len(counts)), m.get(w.mutated, (len(counts)+31)/32*4)
	if m.err != nil {
		return m.err
	}
	for i := range counts {
		got.Checked++
		twice := binary.LittleEndian.Uint32(bits[i/32*4:])>>(i%32)&1 == 1
		if pow.Hash(found[32*i:]) != roots[i] || twice != mutated[i] {
			got.Wrong++
		}
	}
	return nil
}

// rateMerkle measures trees of full blocks in device memory, in leaves.
func (b *device) rateMerkle(ctx context.Context, f *cuda.Function, got *Entry, rep *Report, sensors *watcher, opts Options) error {
	counts := make([]int, 256)
	if b.small {
		counts = counts[:1]
	}
	for i := range counts {
		counts[i] = usualTree
	}
	n := len(counts) * usualTree
	leaves := make([]byte, 32*n)
	_, _ = seeded("gpu-check leaves").Read(leaves) // never fails
	m := &memory{b: b}
	w := m.merkleWork(leaves, counts)
	if m.err != nil {
		return m.err
	}
	return b.rateLaunches(ctx, n, got, rep, sensors, opts, func() error { return w.launch(b, f) })
}
