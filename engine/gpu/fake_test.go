package gpu

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/pow"
	kernels "stele/kernels/cuda"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

// fake is a driver whose GPUs compute with package pow.
type fake struct {
	list   []cuda.Device
	limits map[int]int // of power, by ordinal
	system *system     // with this driver

	mu      sync.Mutex
	headers map[string][pow.HeaderSize]byte // by the part of the parameters that stands for them
	calls   []string                        // all calls, in order
	before  func(call string)               // called before each call; may be nil
	faultAt int                             // number of the call that fails, from 1 on, or everyCall
	fault   func(call string) error
	reports func(nonces []uint32) []uint32 // what a search says of its candidates
	loading func(e kernels.Entry) error    // what compiling it answers; nil: it compiles
	blind   string                         // the entry of a search that finds nothing
	rolls   func([]engine.Candidate) []engine.Candidate
	bits    func(bad []byte)                 // what a check of headers says
	hashes  func(hashes []byte)              // what hash and merkle write
	slow    func(entry string) time.Duration // how long a launch takes; nil: as long as it takes
	onReset func()
	open    map[string]int // things that are in use, by kind
	gpus    []*fakeGPU
	stale   []string // calls that give back what a reset has given back
}

// everyCall is for fake.faultAt.
const everyCall = -1

const jobParams = 108 // bytes of a search's parameters that stand for the header

func newFake(n int) *fake {
	f := &fake{limits: map[int]int{}, headers: map[string][pow.HeaderSize]byte{}, open: map[string]int{}}
	for i := range n {
		f.list = append(f.list, cuda.Device{
			Index: i, Ordinal: i, Name: "Fake GPU", UUID: fmt.Sprintf("GPU-0000000%d-aaaa", i), PCI: fmt.Sprintf("0000:%02x:00.0", 0x41+i),
			Major: 9, SMs: 2, ClockKHz: 1_000_000,
		})
	}
	f.system = newSystem(fakeDriver{f})
	f.know([pow.HeaderSize]byte{})
	var self [pow.HeaderSize]byte
	for i := range self {
		self[i] = byte(7 * i)
	}
	f.know(self)
	return f
}

// know makes the GPUs recognize a header by the parameters made of it.
func (f *fake) know(header [pow.HeaderSize]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.headers[string(kernels.NewJob(&header, [32]byte{}).ScanParams(kernels.Range{}, 0)[:jobParams])] = header
}

// call counts a call and returns the error that it must return.
func (f *fake) call(name string) error {
	f.mu.Lock()
	f.calls = append(f.calls, name)
	fault := f.fault
	if len(f.calls) != f.faultAt && f.faultAt != everyCall {
		fault = nil
	}
	before := f.before
	f.mu.Unlock()
	if before != nil {
		before(name)
	}
	if fault != nil {
		return fault(name)
	}
	return nil
}

// total returns how many calls were made.
func (f *fake) total() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

// count returns how often a call was made.
func (f *fake) count(call string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (f *fake) hold(kind string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[kind] += n
}

// checkReleased fails the test if something is still in use.
func (f *fake) checkReleased(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.stale) > 0 {
		t.Errorf("given back after a reset: %v", f.stale)
	}
	for kind, n := range f.open {
		if n != 0 {
			t.Errorf("%d %s not released", n, kind)
		}
	}
}

// awaitReleased is checkReleased after calls that hung have returned.
func (f *fake) awaitReleased(t *testing.T) {
	t.Helper()
	inUse := func() (n int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, m := range f.open {
			n += m
		}
		return n
	}
	for end := time.Now().Add(20 * time.Second); inUse() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	f.checkReleased(t)
}

func (f *fake) devices() ([]cuda.Device, error) { return f.list, f.call("devices") }
func (f *fake) version() int                    { return 12040 }
func (f *fake) sensors(g cuda.Device) sensors   { return sensors{limit: f.limits[g.Ordinal]} }

// reset destroys what is in the contexts of a GPU. It does not release them.
func (f *fake) reset(d cuda.Device) error {
	f.mu.Lock()
	hook := f.onReset
	f.mu.Unlock()
	if hook != nil {
		hook()
	}
	if err := f.call("reset"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.gpus {
		if g.ordinal != d.Ordinal || g.reset {
			continue
		}
		g.reset = true
		for kind, n := range g.holds {
			f.open[kind] -= n
		}
	}
	return nil
}

func (f *fake) openGPU(d cuda.Device) (gpu, error) {
	if err := f.call("open"); err != nil {
		return nil, err
	}
	g := &fakeGPU{fake: f, ordinal: d.Ordinal, holds: map[string]int{}, next: 1 << 20, memory: map[cuda.DevicePtr][]byte{}}
	f.mu.Lock()
	f.gpus = append(f.gpus, g)
	f.mu.Unlock()
	f.hold("contexts", 1)
	return g, nil
}

// hold counts what is made or given back in a context.
func (g *fakeGPU) hold(kind string, n int) {
	g.fake.mu.Lock()
	defer g.fake.mu.Unlock()
	switch {
	case !g.reset:
		g.holds[kind] += n
		g.open[kind] += n
	case n < 0:
		g.stale = append(g.stale, kind)
	}
}

// fakeDriver is fake as a driver.
type fakeDriver struct{ *fake }

func (d fakeDriver) open(g cuda.Device) (gpu, error) { return d.fake.openGPU(g) }

type fakeGPU struct {
	*fake
	ordinal int
	reset   bool           // guarded by fake.mu, as the next
	holds   map[string]int // what is in use, by kind

	mu     sync.Mutex
	next   cuda.DevicePtr
	memory map[cuda.DevicePtr][]byte
}

func poisoned(n int) []byte { return bytes.Repeat([]byte{0xa5}, n) }

func (g *fakeGPU) load(e kernels.Entry) (kernel, error) {
	if err := g.call("load"); err != nil {
		return nil, err
	}
	if g.loading != nil {
		if err := g.loading(e); err != nil {
			return nil, err
		}
	}
	g.hold("modules", 1)
	return fakeKernel{g, e}, nil
}

func (g *fakeGPU) queue() (queue, error) {
	if err := g.call("queue"); err != nil {
		return nil, err
	}
	g.hold("queues", 1)
	return &fakeQueue{gpu: g}, nil
}

func (g *fakeGPU) alloc(n int) (cuda.DevicePtr, error) {
	if err := g.call("alloc"); err != nil {
		return 0, err
	}
	g.hold("bytes of device memory", n)
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.next
	g.memory[p] = poisoned(n)
	g.next += cuda.DevicePtr(n+4095) &^ 4095
	return p, nil
}

func (g *fakeGPU) free(p cuda.DevicePtr) error {
	g.mu.Lock()
	n := len(g.memory[p])
	delete(g.memory, p)
	g.mu.Unlock()
	g.hold("bytes of device memory", -n)
	return g.call("free")
}

func (g *fakeGPU) hostAlloc(n int) ([]byte, error) {
	if err := g.call("hostAlloc"); err != nil {
		return nil, err
	}
	g.hold("bytes of pinned memory", n)
	return poisoned(n), nil
}

func (g *fakeGPU) hostFree(b []byte) error {
	g.hold("bytes of pinned memory", -len(b))
	return g.call("hostFree")
}

func (g *fakeGPU) close() error {
	g.fake.hold("contexts", -1)
	return g.call("close")
}

// at returns the memory from an address on.
func (g *fakeGPU) at(p cuda.DevicePtr) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	for base, b := range g.memory {
		if p >= base && p < base+cuda.DevicePtr(len(b)) {
			return b[p-base:]
		}
	}
	panic(fmt.Sprintf("no memory at %#x", p))
}

type fakeKernel struct {
	g *fakeGPU
	kernels.Entry
}

func (k fakeKernel) occupancy(int) (int, error) { return 4, k.g.call("occupancy") }
func (k fakeKernel) attributes() (cuda.FunctionAttributes, error) {
	return cuda.FunctionAttributes{Registers: 64}, k.g.call("attributes")
}
func (k fakeKernel) unload() error {
	k.g.hold("modules", -1)
	return k.g.call("unload")
}

// fakeQueue does its work when somebody waits for it.
type fakeQueue struct {
	gpu  *fakeGPU
	work []func()
}

func (q *fakeQueue) add(call string, f func()) error {
	if err := q.gpu.call(call); err != nil {
		return err
	}
	q.work = append(q.work, f)
	return nil
}

func (q *fakeQueue) upload(dst cuda.DevicePtr, src []byte) error {
	return q.add("upload", func() { copy(q.gpu.at(dst)[:len(src)], src) })
}

func (q *fakeQueue) download(dst []byte, src cuda.DevicePtr) error {
	return q.add("download", func() { copy(dst, q.gpu.at(src)[:len(dst)]) })
}

func (q *fakeQueue) zero(p cuda.DevicePtr, n int) error {
	return q.add("zero", func() { clear(q.gpu.at(p)[:n]) })
}

func (q *fakeQueue) wait() error {
	if err := q.gpu.call("wait"); err != nil {
		return err
	}
	for _, f := range q.work {
		f()
	}
	q.work = nil
	return nil
}

func (q *fakeQueue) close() error {
	q.gpu.hold("queues", -1)
	return q.gpu.call("close queue")
}

func (q *fakeQueue) launch(k kernel, blocks, threads int, params []byte) error {
	e := k.(fakeKernel)
	if threads != e.Kind.Threads() {
		return fmt.Errorf("%d threads in a block", threads)
	}
	return q.add("launch", func() {
		if slow := q.gpu.slow; slow != nil {
			time.Sleep(slow(e.Name))
		}
		switch e.Kind {
		case kernels.Scan:
			q.gpu.scan(e.Name, blocks*threads, params)
		case kernels.Roll:
			q.gpu.roll(blocks, params)
		case kernels.Verify:
			q.gpu.verify(params)
		case kernels.Link:
			q.gpu.link(params)
		case kernels.Hash:
			q.gpu.hash(params)
		case kernels.Merkle:
			q.gpu.merkle(params)
		}
	})
}

// scan is a search with so many threads.
func (g *fakeGPU) scan(entry string, threads int, params []byte) {
	le := binary.LittleEndian
	g.fake.mu.Lock()
	header, ok := g.headers[string(params[:jobParams])]
	g.fake.mu.Unlock()
	if !ok {
		panic("a job that the test does not know")
	}
	top := le.Uint32(params[jobParams:])
	tail := params[len(params)-24:]
	first, rounds, count := le.Uint32(tail), le.Uint32(tail[4:]), le.Uint64(tail[8:])
	hits := g.at(cuda.DevicePtr(le.Uint64(tail[16:])))

	var found []uint32
	for n := uint64(threads)*uint64(rounds) - 1; n < 1<<63; n-- { // backwards: no order is promised
		if n >= count {
			continue
		}
		nonce := first + uint32(n)
		pow.SetNonce(&header, nonce)
		if hash := pow.Sum(header[:]); le.Uint32(hash[28:]) <= top {
			found = append(found, nonce)
		}
	}
	if entry == g.blind {
		found = nil
	}
	if g.reports != nil {
		found = g.reports(found)
	}
	for _, nonce := range found {
		n := le.Uint32(hits)
		if n < le.Uint32(hits[4:]) {
			le.PutUint32(hits[8+4*n:], nonce)
		}
		le.PutUint32(hits, n+1)
	}
}

// roll is a search with several versions, in so many blocks.
func (g *fakeGPU) roll(blocks int, params []byte) {
	le := binary.LittleEndian
	top, rest := le.Uint32(params[44:]), params[48:]
	states := g.at(cuda.DevicePtr(le.Uint64(rest)))
	first, rounds, count := le.Uint32(rest[8:]), le.Uint32(rest[12:]), le.Uint64(rest[16:])
	hits := g.at(cuda.DevicePtr(le.Uint64(rest[24:])))

	tail := make([]byte, 16)
	for i := range 3 {
		binary.BigEndian.PutUint32(tail[4*i:], le.Uint32(params[32+4*i:]))
	}
	var found []engine.Candidate
	for i := range min(count, uint64(blocks*kernels.Tile)*uint64(rounds)) {
		nonce := first + uint32(i)
		le.PutUint32(tail[12:], nonce)
		for v := range uint32(kernels.Versions) {
			if hash := hashFrom(states[64*v:], tail); le.Uint32(hash[28:]) <= top {
				found = append(found, engine.Candidate{Nonce: nonce, Version: v})
			}
		}
	}
	slices.Reverse(found) // no order is promised
	if g.rolls != nil {
		found = g.rolls(found)
	}
	for _, c := range found {
		n := le.Uint32(hits)
		if n < le.Uint32(hits[4:]) {
			le.PutUint32(hits[8+8*n:], c.Nonce)
			le.PutUint32(hits[12+8*n:], c.Version)
		}
		le.PutUint32(hits, n+1)
	}
}

// hashFrom hashes a header of which the state after 64 bytes and the other 16
// bytes are known.
func hashFrom(state, tail []byte) pow.Hash {
	var buffer [108]byte
	saved := append(buffer[:0], "sha\x03"...)
	for i := range 8 {
		saved = binary.BigEndian.AppendUint32(saved, binary.LittleEndian.Uint32(state[4*i:]))
	}
	saved = saved[:len(saved)+64]
	saved = binary.BigEndian.AppendUint64(saved, 64)
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(saved); err != nil {
		panic(err)
	}
	h.Write(tail)
	return sha256.Sum256(h.Sum(nil))
}

// batch is the parameters of verify and link.
func (g *fakeGPU) batch(params []byte) (headers []byte, hashes, bad []byte, count int) {
	le := binary.LittleEndian
	tail := params[len(params)-32:]
	if p := le.Uint64(tail[8:]); p != 0 {
		hashes = g.at(cuda.DevicePtr(p))
	}
	return g.at(cuda.DevicePtr(le.Uint64(tail))), hashes, g.at(cuda.DevicePtr(le.Uint64(tail[16:]))), int(le.Uint64(tail[24:]))
}

func (g *fakeGPU) verify(params []byte) {
	headers, hashes, bad, count := g.batch(params)
	verdicts := make([]pow.Verdict, count)
	pow.Verify(headers[:count*pow.HeaderSize], false, verdicts)
	for i, v := range verdicts {
		if v != pow.Valid {
			bad[i/8] |= 1 << (i % 8)
		}
		if hashes != nil {
			hash := pow.Sum(headers[i*pow.HeaderSize : (i+1)*pow.HeaderSize])
			copy(hashes[32*i:], hash[:])
		}
	}
	if g.bits != nil {
		g.bits(bad[:(count+7)/8])
	}
}

func (g *fakeGPU) link(params []byte) {
	headers, hashes, bad, count := g.batch(params)
	for i := 1; i < count; i++ {
		if string(headers[i*pow.HeaderSize+4:][:32]) != string(hashes[32*(i-1):][:32]) {
			bad[i/8] |= 1 << (i % 8)
		}
	}
}

// word returns a word of an array in device memory.
func word(b []byte, i int) int { return int(binary.LittleEndian.Uint32(b[4*i:])) }

// addresses returns the memory that the words of parameters from byte 32 on point to,
// and the number after them.
func (g *fakeGPU) addresses(params []byte) (memory [][]byte, count int) {
	for at := 32; at < len(params)-8; at += 8 {
		memory = append(memory, g.at(cuda.DevicePtr(binary.LittleEndian.Uint64(params[at:]))))
	}
	return memory, int(binary.LittleEndian.Uint64(params[len(params)-8:]))
}

func (g *fakeGPU) hash(params []byte) {
	memory, count := g.addresses(params)
	data, messages, hashes := memory[0], memory[1], memory[2]
	for i := range count {
		m := messages[kernels.MessageSize*i:]
		var text []byte
		for j := range 3 {
			text = append(text, data[word(m, j):][:word(m, 3+j)]...)
		}
		hash := pow.Sum(text)
		copy(hashes[32*word(m, 6):], hash[:])
		copy(hashes[32*word(m, 7):], hash[:])
	}
	if g.hashes != nil {
		g.hashes(hashes)
	}
}

func (g *fakeGPU) merkle(params []byte) {
	memory, count := g.addresses(params)
	hashes, trees, roots, mutated := memory[0], memory[1], memory[3], memory[4]
	for i := range count {
		t := trees[kernels.TreeSize*i:]
		ids := make([]pow.Hash, word(t, 1))
		for j := range ids {
			ids[j] = pow.Hash(hashes[32*(word(t, 0)+j):])
		}
		root, twice := pow.MerkleRoot(ids)
		copy(roots[32*i:], root[:])
		if twice {
			mutated[i/8] |= 1 << (i % 8)
		}
	}
}
