package headerchain

import (
	"encoding/binary"

	"stele/engine/pow"
)

// UnknownHeight is a height that is not known.
const UnknownHeight int64 = -1

// Offsets in an encoded header. Decoding the whole header would take as long as
// all the rules.
const (
	prevOffset = 4
	rootOffset = 36
	timeOffset = 68
	bitsOffset = 72
)

// genesis holds the first block of each known chain.
var genesis = map[*pow.Params]pow.Hash{
	pow.Bitcoin:  mustHash("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
	pow.Testnet3: mustHash("000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"),
	pow.Testnet4: mustHash("00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043"),
	pow.Signet:   mustHash("00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6"),
	pow.Regtest:  mustHash("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
}

// Chain checks headers one after the other. It has a fixed size of about 100
// bytes, however long the chain is. Not safe for concurrent use.
type Chain struct {
	params *pow.Params // nil: no rules about nBits
	height int64       // of the next header, or UnknownHeight
	seen   int64       // headers so far

	times [MedianSpan]uint32 // of the last headers; header n is at n%MedianSpan

	bits        pow.Bits   // of the last header
	lastTime    uint32     // of the last header
	limitFault  *Violation // of bits
	periodTime  uint32     // of the first header of the period
	periodBits  pow.Bits   // of the same
	periodKnown bool       // whether that header was seen

	regular      pow.Bits // see Past.RegularBits
	regularKnown bool     // whether a header with those was seen
}

// New returns an empty chain. If params is nil, only times are checked. Height is
// the height of the first header; [UnknownHeight] becomes 0 if that header has no
// parent.
func New(params *pow.Params, height int64) *Chain {
	return &Chain{params: params, height: height}
}

// Height returns the height of the next header, or [UnknownHeight].
func (c *Chain) Height() int64 { return c.height }

// Append appends an encoded header of [pow.HeaderSize] bytes to the chain. The
// error is nil or [Violations]: all rules that the header breaks, of those that
// can be checked, in the order genesis, limit, retarget, time, time warp.
func (c *Chain) Append(header []byte) error {
	time := binary.LittleEndian.Uint32(header[timeOffset:])
	bits := pow.Bits(binary.LittleEndian.Uint32(header[bitsOffset:]))

	var faults Violations
	if c.seen == 0 {
		faults.add(c.first(header))
	}
	if c.params != nil {
		if bits != c.bits || c.seen == 0 {
			c.limitFault = checkLimit(c.params, bits)
		}
		if c.limitFault != nil {
			faults.add(c.limitFault)
		}
		if !c.bitsAreUsual(bits) {
			faults.add(c.checkBits(bits, time))
		}
	}
	if !c.timeIsAfterMedian(time) {
		faults.add(Past{MedianTime: c.medianTime()}.CheckTime(time))
	}
	starts := c.startsPeriod()
	if starts && c.seen > 0 {
		faults.add(c.past().checkBIP94(c.params, time))
	}

	if starts {
		c.periodTime, c.periodBits, c.periodKnown = time, bits, true
	}
	if starts || c.params != nil && bits != c.params.PowLimitBits {
		c.regular, c.regularKnown = bits, true
	}
	c.times[c.seen%MedianSpan] = time
	c.bits, c.lastTime = bits, time
	c.seen++
	if c.height != UnknownHeight {
		c.height++
	}
	if faults == nil {
		return nil
	}
	return faults
}

// CheckLimit checks only that nBits are not above the limit of the chain. Invalid
// nBits pass: the check of proof of work reports them. The error is nil or
// [Violations].
func CheckLimit(params *pow.Params, bits pow.Bits) error {
	if v := checkLimit(params, bits); v != nil {
		return Violations{v}
	}
	return nil
}

func checkLimit(params *pow.Params, bits pow.Bits) *Violation {
	target, err := bits.Target()
	if params == nil || err != nil || target.Cmp(params.PowLimit) <= 0 {
		return nil
	}
	return violation(BitsAboveLimit, "nBits %v, expected at most %v", bits, params.PowLimitBits)
}

// first checks that the chain starts with its genesis block.
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

// bitsAreUsual reports whether nBits need no further check: they are those of the
// header before, on a chain where only a retarget changes them.
func (c *Chain) bitsAreUsual(bits pow.Bits) bool {
	return bits == c.bits && c.params.MinDifficultyAfter == 0 && !c.startsPeriod()
}

// checkBits checks nBits of the next header if enough of the earlier headers are
// known.
func (c *Chain) checkBits(bits pow.Bits, time uint32) error {
	if c.seen == 0 || c.height == UnknownHeight {
		return nil
	}
	past := c.past()
	switch {
	case c.startsPeriod() && !c.periodKnown:
		return nil
	case c.params.MinDifficultyAfter > 0 && !c.regularKnown && !c.startsPeriod() && !past.isLate(c.params, time):
		return nil
	}
	return past.CheckBits(c.params, bits, time)
}

// past returns the known facts about the headers before the next one, whose
// height must be known.
func (c *Chain) past() Past {
	return Past{
		Height: c.height, Bits: c.bits, Time: c.lastTime,
		PeriodTime: c.periodTime, PeriodBits: c.periodBits, RegularBits: c.regular,
	}
}

// startsPeriod reports whether the next header is the first of a period
// between retargets.
func (c *Chain) startsPeriod() bool {
	return c.params != nil && c.height != UnknownHeight && startsPeriod(c.params, c.height)
}

// timeIsAfterMedian reports whether time is greater than the median of the last
// 11 times, which is so if at least 6 of them are smaller. Early in the chain
// there are fewer times. If earlier headers are unknown, any time passes.
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
