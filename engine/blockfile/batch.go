package blockfile

import "slices"

// batchBytes is the number of bytes of blocks that makes a batch full: so many that
// the overhead of a batch does not matter.
const batchBytes = 1 << 20

// Batch is a run of blocks of one stream, read and parsed together. [Reader.Read]
// fills it, and reuses its memory. The zero value is ready to use.
type Batch struct {
	Records []Record // in the order of the stream

	memory []byte // the blocks lie in it
	starts []int  // where they begin in memory
	blocks []Block
	parts  parts
}

// Block returns a block, or why it could not be parsed: an [*Error] as of
// [Block.Parse].
func (b *Batch) Block(i int) (*Block, error) {
	if block := &b.blocks[i]; block.fault != nil {
		return nil, block.fault
	}
	return &b.blocks[i], nil
}

// room returns the memory for the blocks.
func (b *Batch) room() []byte {
	if b.memory == nil {
		b.memory = make([]byte, batchBytes+windowSize)
	}
	return b.memory
}

// clear empties the batch.
func (b *Batch) clear() {
	b.Records, b.starts, b.blocks = b.Records[:0], b.starts[:0], b.blocks[:0]
	b.parts.clear()
}

// add appends a block, which begins at start in memory. The error is that of its form;
// the batch has it all the same.
func (b *Batch) add(rec Record, start int) *Error {
	b.Records = append(grow(b.Records, 1), rec)
	b.starts = append(grow(b.starts, 1), start)
	n := len(b.blocks)
	b.blocks = grow(b.blocks, 1)[:n+1]
	block := &b.blocks[n]
	block.fault = block.parse(rec.Block, &b.parts)
	return block.fault
}

// grow makes room for n more elements. It at least doubles the memory, so that a batch
// soon has enough.
func grow[E any](s []E, n int) []E {
	if cap(s)-len(s) >= n {
		return s
	}
	return slices.Grow(s, max(n, len(s)))
}

// drop removes the block that was added last.
func (b *Batch) drop() {
	b.Records = b.Records[:len(b.Records)-1]
	b.starts = b.starts[:len(b.starts)-1]
	b.blocks = b.blocks[:len(b.blocks)-1]
}
