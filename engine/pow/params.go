package pow

import "math/big"

// Params are the proof-of-work rules of a chain.
type Params struct {
	Name string

	PowLimit     Target // the easiest target that a block may have
	PowLimitBits Bits   // its compact form

	TargetSpacing    uint32 // seconds that a block should take
	TargetTimespan   uint32 // seconds that the blocks between two retargets should take
	RetargetInterval uint32 // blocks between two retargets: at heights that it divides
}

// Bitcoin is the main network of Bitcoin.
var Bitcoin = &Params{
	Name:             "bitcoin",
	PowLimit:         Target{^uint64(0), ^uint64(0), ^uint64(0), 0xffffffff}, // 2^224-1
	PowLimitBits:     0x1d00ffff,
	TargetSpacing:    10 * 60,
	TargetTimespan:   14 * 24 * 60 * 60,
	RetargetInterval: 2016,
}

// maxRetargetFactor bounds how much one retarget changes the target.
const maxRetargetFactor = 4

// Retarget returns the nBits of the first block of a retarget period. The
// period before it had bits; its first block is of firstTime and its last of
// lastTime (seconds since 1970; the last may be before the first). The target
// changes as the period's length, at most by a factor of 4, and never above
// PowLimit. The rule is CalculateNextWorkRequired of Bitcoin Core, with its
// period that is one block too short; only the product cannot overflow here.
// Errors: those of [Bits.Target].
func (p *Params) Retarget(bits Bits, firstTime, lastTime uint32) (Bits, error) {
	target, err := bits.Target()
	if err != nil {
		return 0, err
	}
	want := int64(p.TargetTimespan)
	took := int64(lastTime) - int64(firstTime)
	took = max(took, want/maxRetargetFactor)
	took = min(took, want*maxRetargetFactor)

	next := target.Big()
	next.Mul(next, big.NewInt(took))
	next.Quo(next, big.NewInt(want))
	if next.Cmp(p.PowLimit.Big()) > 0 {
		return p.PowLimitBits, nil
	}
	return Target(limbsOf(next)).Bits(), nil
}
