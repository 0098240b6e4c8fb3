package headersync

import (
	"errors"

	"stele/engine/headerchain"
	"stele/engine/pow"
	"stele/node/ledger/reject"
)

// Point is a header of the node's tree, with what the rules need to know to judge its
// children.
type Point struct {
	Hash       pow.Hash
	Height     uint32
	Work       pow.Work // of the chain up to this header
	Bits       pow.Bits
	PeriodTime uint32 // time of the first header of its period between retargets
	// Times are those of the last headers up to this one, the oldest first: 11, or
	// as many as there are.
	Times []uint32
}

// tail is the end of a chain of headers. It has what the rules need to know, and a
// fixed size.
type tail struct {
	isSet      bool
	hash       pow.Hash
	height     uint32
	work       pow.Work
	bits       pow.Bits
	time       uint32
	periodTime uint32
	times      [headerchain.MedianSpan]uint32 // the oldest first, in the first count
	count      int

	workBits  pow.Bits // whose work is blockWork
	blockWork pow.Work
}

// newTail returns the chain that ends with a header of the tree.
func newTail(p Point) tail {
	t := tail{isSet: true, hash: p.Hash, height: p.Height, work: p.Work, bits: p.Bits, periodTime: p.PeriodTime}
	for _, time := range p.Times {
		t.pushTime(time)
	}
	return t
}

func (t *tail) pushTime(time uint32) {
	if t.count == len(t.times) {
		copy(t.times[:], t.times[1:])
		t.count--
	}
	t.times[t.count] = time
	t.count++
	t.time = time
}

// append checks the rules of a header about nBits and times, and makes it the last
// one. An error is that of package headerchain.
func (t *tail) append(params *pow.Params, h pow.Header, hash pow.Hash) error {
	past := headerchain.Past{
		Height: int64(t.height) + 1, Bits: t.bits, Time: t.time,
		PeriodTime: t.periodTime, MedianTime: pow.MedianTime(t.times[:t.count]),
	}
	err := past.CheckBits(params, h.Bits, h.Time)
	if err == nil {
		err = past.CheckTime(h.Time)
	}
	if err == nil {
		err = past.CheckTimeWarp(params, h.Time)
	}
	if err == nil && h.Bits != t.workBits {
		err = t.setWork(h.Bits)
	}
	if err != nil {
		return err
	}
	t.hash, t.bits = hash, h.Bits
	t.height++
	t.work = t.work.Add(t.blockWork)
	if t.height%params.RetargetInterval == 0 {
		t.periodTime = h.Time
	}
	t.pushTime(h.Time)
	return nil
}

// setWork computes the work of a block with these nBits, which most headers share
// with the one before.
func (t *tail) setWork(bits pow.Bits) error {
	target, err := bits.Target()
	if err != nil {
		return err
	}
	t.workBits, t.blockWork = bits, target.Work()
	return nil
}

// reasonOf returns the reason for an error of [tail.append].
func reasonOf(err error) reject.Reason {
	switch {
	case errors.Is(err, headerchain.TimeTooOld):
		return reject.TimeTooOld
	case errors.Is(err, headerchain.TimeWarp):
		return reject.TimeWarp
	default:
		return reject.BadBits
	}
}
