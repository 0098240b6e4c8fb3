package pow

import "math/big"

// Params are the proof-of-work rules of a chain.
type Params struct {
	Name string

	PowLimit     Target // the easiest target that a block may have
	PowLimitBits Bits   // its compact form

	TargetSpacing    uint32 // intended seconds for a block
	TargetTimespan   uint32 // intended seconds for the blocks of a retarget period
	RetargetInterval uint32 // blocks in a period; heights that it divides are retargets

	// Rules of test networks. They are zero elsewhere.

	// MinDifficultyAfter is a number of seconds. A block whose time is more than
	// that after its parent's has PowLimitBits, whatever the blocks around it have.
	// Such a block does not change nBits of the blocks after it, except at a
	// retarget. 0 means never.
	MinDifficultyAfter uint32
	// NoRetarget means that a retarget changes nothing.
	NoRetarget bool
	// BIP94 means that a retarget starts from the nBits of the first block of the
	// period instead of the last, and that the first block of a period is at most
	// 600 seconds before its parent.
	BIP94 bool
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

// The test networks of Bitcoin.
var (
	Testnet3 = testnet("testnet3", false)
	Testnet4 = testnet("testnet4", true)

	Signet = &Params{
		Name:             "signet",
		PowLimit:         Target{0, 0, 0, 0x377ae000000},
		PowLimitBits:     0x1e0377ae,
		TargetSpacing:    Bitcoin.TargetSpacing,
		TargetTimespan:   Bitcoin.TargetTimespan,
		RetargetInterval: Bitcoin.RetargetInterval,
	}

	Regtest = &Params{
		Name:               "regtest",
		PowLimit:           Target{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0) >> 1}, // 2^255-1
		PowLimitBits:       0x207fffff,
		TargetSpacing:      Bitcoin.TargetSpacing,
		TargetTimespan:     Bitcoin.TargetTimespan,
		RetargetInterval:   Bitcoin.RetargetInterval,
		MinDifficultyAfter: 2 * Bitcoin.TargetSpacing,
		NoRetarget:         true,
	}
)

// testnet returns the rules of a public test network: those of Bitcoin, and
// blocks of minimum difficulty after 20 minutes.
func testnet(name string, bip94 bool) *Params {
	p := *Bitcoin
	p.Name = name
	p.MinDifficultyAfter = 2 * p.TargetSpacing
	p.BIP94 = bip94
	return &p
}

// maxRetargetFactor bounds how much one retarget changes the target.
const maxRetargetFactor = 4

// Retarget returns the nBits of the first block of a retarget period. The period
// before it had bits; firstTime and lastTime are the times of its first and last
// block, in seconds since 1970 (the last may be before the first). The target
// changes in proportion to the time that the period took, at most by a factor of
// 4, and never above PowLimit. With NoRetarget the result is bits.
//
// The rule is CalculateNextWorkRequired of Bitcoin Core, including its period that
// is one block too short. Unlike there, the product cannot overflow.
// Errors: those of [Bits.Target].
func (p *Params) Retarget(bits Bits, firstTime, lastTime uint32) (Bits, error) {
	target, err := bits.Target()
	if err != nil {
		return 0, err
	}
	if p.NoRetarget {
		return bits, nil
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
