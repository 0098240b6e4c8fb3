package sha256d

import (
	"encoding/binary"
	"slices"
	"sync"
)

const (
	blockSize = 64 // bytes
	maxLanes  = 32
	maxSteps  = 8   // blocks of each message in one call of a kernel
	maxTurns  = 128 // of a kernel for pairs in one call
)

// batch is what a kernel hashes at once: a message in each lane. The assembly knows
// where the first four fields are. A batch has no pointers, so that filling it costs
// the garbage collector nothing: to copy a message is cheaper than to note where its
// blocks lie.
type batch struct {
	// hashes are the results. Between calls the kernel keeps the states of the lanes
	// here, in a form of its own.
	hashes [maxLanes][32]byte
	left   [maxLanes]int32                      // minus the number of blocks of each message
	step   uint32                               // blocks done
	_      [60]byte                             // so that no block crosses a line of the cache
	rows   [maxLanes][maxSteps * blockSize]byte // the next blocks of each message, with the padding

	nodes [2 * maxLanes][32]byte // of a last turn for pairs
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// sum is [Kernel.Sum] for enough messages.
func (k *Kernel) sum(hashes [][32]byte, messages []Message) {
	sorted := orders.Get().(*[]order)
	defer orders.Put(sorted)
	*sorted = byLength(*sorted, messages)
	b := batches.Get().(*batch)
	defer batches.Put(b)
	rest := *sorted
	for len(rest) >= k.least {
		n := k.alone(rest)
		if n > 0 {
			sumEach(hashes, messages, rest[:n])
		} else {
			n = min(len(rest), k.lanes)
			k.batch(b, hashes, messages, rest[:n])
		}
		rest = rest[n:]
	}
	sumEach(hashes, messages, rest)
}

// sumEach hashes one message after the other.
func sumEach(hashes [][32]byte, messages []Message, some []order) {
	for _, o := range some {
		hashes[o.index] = sumOne(&messages[o.index])
	}
}

// alone returns how many of the first messages are so long that the other lanes would
// wait too long for them. A step of a batch takes as long as k.least blocks by
// themselves.
func (k *Kernel) alone(sorted []order) int {
	longest := int(sorted[0].blocks)
	for n := 1; n < k.least; n++ {
		if saved := longest - int(sorted[n].blocks); saved*k.least > n*longest {
			return n
		}
	}
	return 0
}

// batch hashes at most k.lanes messages, of which the first is the longest.
func (k *Kernel) batch(b *batch, hashes [][32]byte, messages []Message, some []order) {
	b.hashes, b.left, b.step = *k.initial, [maxLanes]int32{}, 0
	for lane, o := range some {
		b.left[lane] = -int32(o.blocks)
	}
	for blocks := some[0].blocks; b.step < blocks; {
		steps, last := blocks-b.step, uint64(1)
		if steps > maxSteps {
			steps, last = maxSteps, 0
		}
		for lane, o := range some {
			b.load(lane, &messages[o.index], int(o.blocks))
		}
		k.blocks(b, uint64(steps), last)
	}
	for lane, o := range some {
		hashes[o.index] = b.hashes[lane]
	}
}

// load copies the next blocks of a message to its lane, and adds the padding.
func (b *batch) load(lane int, m *Message, blocks int) {
	rows, begin, size := &b.rows[lane], int(b.step)*blockSize, m.size()
	end := blocks*blockSize - begin // of the padding
	for _, at := range [2]int{end - 2*blockSize, end - blockSize} {
		if 0 <= at && at < len(rows) {
			*(*[blockSize]byte)(rows[at:]) = [blockSize]byte{}
		}
	}
	to, offset := rows[:], begin
	for _, part := range m {
		if offset >= len(part) {
			offset -= len(part)
			continue
		}
		to, offset = to[copy(to, part[offset:]):], 0
	}
	if at := size - begin; 0 <= at && at < len(rows) {
		rows[at] = 0x80
	}
	if 0 < end && end <= len(rows) {
		binary.BigEndian.PutUint64(rows[end-8:], uint64(size)*8)
	}
}

// pairs is [Kernel.Pairs] for enough parents.
func (k *Kernel) pairs(parents, nodes [][32]byte) {
	for len(parents) >= k.lanes {
		turns := min(len(parents)/k.lanes, maxTurns)
		k.nodes(&parents[0], &nodes[0], uint64(turns))
		parents, nodes = parents[turns*k.lanes:], nodes[2*turns*k.lanes:]
	}
	if len(parents) < k.least {
		plainPairs(parents, nodes)
		return
	}
	b := batches.Get().(*batch)
	defer batches.Put(b)
	copy(b.nodes[:], nodes)
	k.nodes(&b.hashes[0], &b.nodes[0], 1)
	copy(parents, b.hashes[:])
}

// order is a message, and how many blocks it has with the padding.
type order struct{ blocks, index uint32 }

var orders = sync.Pool{New: func() any { return new([]order) }}

// blocksOf returns the number of blocks of a message of size bytes.
func blocksOf(size int) uint32 { return uint32((size + 8 + blockSize) / blockSize) }

// byLength returns an order for each message, the longest first. It uses the memory of
// reuse.
func byLength(reuse []order, messages []Message) []order {
	const long = 64 // blocks; messages of so many are sorted by comparison
	var start [long + 1]int
	for i := range messages {
		start[min(blocksOf(messages[i].size()), long)]++
	}
	sum := 0
	for blocks, n := range slices.Backward(start[:]) {
		start[blocks] = sum
		sum += n
	}
	sorted := slices.Grow(reuse[:0], sum)[:sum]
	for i := range messages {
		blocks := blocksOf(messages[i].size())
		at := &start[min(blocks, long)]
		sorted[*at] = order{blocks, uint32(i)}
		*at++
	}
	slices.SortFunc(sorted[:start[long]], func(a, b order) int { return int(b.blocks) - int(a.blocks) })
	return sorted
}
