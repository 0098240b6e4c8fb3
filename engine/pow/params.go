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

	// Rules of test networks. They are zero elsewhere.

	// MinDifficultyAfter is how many seconds a block must come after its parent
	// to have PowLimitBits, whatever the blocks around it have; 0 for never. Such
	// a block does not change nBits for the blocks after it, but for a retarget.
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

// Retarget returns the nBits of the first block of a retarget period. The
// period before it had bits; its first block is of firstTime and its last of
// lastTime (seconds since 1970; the last may be before the first). The target
// changes as the period's length, at most by a factor of 4, and never above
// PowLimit. The rule is CalculateNextWorkRequired of Bitcoin Core, with its
// period that is one block too short; only the product cannot overflow here.
// With NoRetarget, it is bits.
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
