package headerchain

import (
	"encoding/binary"

	"stele/engine/pow"
)

// UnknownHeight stands for a height that is not known.
const UnknownHeight int64 = -1

// Offsets in an encoded header. Decoding all of it would take as long as all
// the rules.
const (
	prevOffset = 4
	rootOffset = 36
	timeOffset = 68
	bitsOffset = 72
)

// genesis holds the first block of each known chain.
var genesis = map[*pow.Params]pow.Hash{
	pow.Bitcoin: mustHash("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
}

// Chain checks headers one after the other. It holds a few dozen bytes,
// however long the chain is.
type Chain struct {
	params *pow.Params // nil: no rules about nBits
	height int64       // of the next header, or UnknownHeight
	seen   int64       // headers so far

	times [MedianSpan]uint32 // of the last headers; header n is at n%MedianSpan

	bits        pow.Bits // of the last header
	lastTime    uint32   // of the last header
	limitFault  error    // of bits
	periodTime  uint32   // of the first header of the period
	periodKnown bool     // whether that header was seen
}

// New returns a chain that is still empty. Without params (nil) only times are
// checked. Height is that of the first header; with [UnknownHeight], it is 0
// if that header has no parent.
func New(params *pow.Params, height int64) *Chain {
	return &Chain{params: params, height: height}
}

// Height returns the height of the next header, or [UnknownHeight].
func (c *Chain) Height() int64 { return c.height }

// Append makes header, an encoded header of [pow.HeaderSize] bytes, the next
// of the chain. A [*Violation] names the first rule that it breaks, of those
// that can be checked, in the order: genesis, limit, retarget, time.
func (c *Chain) Append(header []byte) error {
	time := binary.LittleEndian.Uint32(header[timeOffset:])
	bits := pow.Bits(binary.LittleEndian.Uint32(header[bitsOffset:]))

	var fault error
	if c.seen == 0 {
		fault = c.first(header)
	}
	fault = c.checkBits(fault, bits)
	if !c.timeIsAfterMedian(time) && fault == nil {
		fault = Past{MedianTime: c.medianTime()}.CheckTime(time)
	}

	if c.startsPeriod() {
		c.periodTime, c.periodKnown = time, true
	}
	c.times[c.seen%MedianSpan] = time
	c.bits, c.lastTime = bits, time
	c.seen++
	if c.height != UnknownHeight {
		c.height++
	}
	return fault
}

// CheckLimit checks alone that nBits are not above the limit of the chain.
// Bits that are no target at all are left to the check of proof of work.
func CheckLimit(params *pow.Params, bits pow.Bits) error {
	target, err := bits.Target()
	if params == nil || err != nil || target.Cmp(params.PowLimit) <= 0 {
		return nil
	}
	return violation(BitsAboveLimit, "nBits %v, expected at most %v", bits, params.PowLimitBits)
}

// first looks whether the chain starts at its genesis block.
func (c *Chain) first(header []byte) error {
	noParent := pow.Hash(header[prevOffset:rootOffset]) == pow.Hash{}
	if noParent && c.height == UnknownHeight {
		c.height = 0
	}
	want, known := genesis[c.params]
	switch {
	case noParent && c.height != 0:
		return violation(BadGenesis, "the first block has no parent, expected one at height %d", c.height)
	case c.height != 0 || !known:
		return nil
	}
	if hash := pow.Sum(header); hash != want {
		return violation(BadGenesis, "the first block is %v, expected %v", hash, want)
	}
	return nil
}

// checkBits checks nBits of the next header; fault is what is known already.
func (c *Chain) checkBits(fault error, bits pow.Bits) error {
	if c.params == nil {
		return fault
	}
	if bits != c.bits || c.seen == 0 {
		c.limitFault = CheckLimit(c.params, bits)
	}
	if fault == nil {
		fault = c.limitFault
	}
	if fault != nil || c.seen == 0 || c.height == UnknownHeight {
		return fault
	}
	if c.startsPeriod() && !c.periodKnown {
		return nil
	}
	return c.past().CheckBits(c.params, bits)
}

// past returns what is known of the headers before the next one. Its height
// must be known.
func (c *Chain) past() Past {
	return Past{Height: c.height, Bits: c.bits, Time: c.lastTime, PeriodTime: c.periodTime}
}

// startsPeriod reports whether the next header is the first of a period
// between retargets.
func (c *Chain) startsPeriod() bool {
	return c.params != nil && c.height != UnknownHeight && startsPeriod(c.params, c.height)
}

// timeIsAfterMedian reports whether time is greater than the median of the last
// 11 times: whether at least 6 of them are smaller. Early in the chain there
// are fewer; where it is not known what came before, any time will do.
func (c *Chain) timeIsAfterMedian(time uint32) bool {
	if c.seen < MedianSpan && c.seen != c.height {
		return true
	}
	n := min(c.seen, MedianSpan)
	if n == 0 {
		return true
	}
	smaller := int64(0)
	for _, t := range c.times[:n] {
		if t < time {
			smaller++
		}
	}
	return smaller > n/2
}

// medianTime returns the median of the last 11 times.
func (c *Chain) medianTime() uint32 {
	return pow.MedianTime(c.times[:min(c.seen, MedianSpan)])
}

func mustHash(display string) pow.Hash {
	h, err := pow.ParseHash(display)
	if err != nil {
		panic(err)
	}
	return h
}
