package chaintest

import (
	"sync"

	"stele/engine/pow"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// Roots returns the secret root keys of [Network]; two of the three must sign. The
// caller must not change them.
func Roots() []record.PrivateKey { return roots() }

// roots remembers the keys, which take a while to derive.
var roots = sync.OnceValue(network.DevRoots)

// Network returns a new network for tests. It is as network.Dev, with a limit
// that every second hash meets, a minute a block, a coinbase maturity of 5 and
// blocks of at most 1 MB. Edit functions may change the copy before its genesis
// block is solved.
func Network(edit ...func(p *network.Params)) *network.Params {
	p := *network.Dev
	p.Name = "chaintest"
	p.ID = 0x74736574
	p.Pow = &pow.Params{
		Name:             "chaintest",
		PowLimit:         pow.ZeroBits(1),
		PowLimitBits:     0x207fffff,
		TargetSpacing:    spacing,
		TargetTimespan:   16 * spacing,
		RetargetInterval: 16,
	}
	p.GenesisMessage = "chaintest"
	p.Maturity = 5
	p.MaxBlockSize = 1_000_000
	for _, f := range edit {
		f(&p)
	}
	if err := p.SolveGenesis(); err != nil {
		panic(err)
	}
	return &p
}

// spacing is the time that a block should take, in seconds. A period between
// retargets is measured over one gap less than it has blocks, so the builder
// lets a little more time pass: step. Then the target stays at its limit.
const (
	spacing = 60
	step    = 64
)

// Mine gives the header the first nonce with which it meets its own nBits.
func Mine(h *pow.Header) { seek(h, true) }

// Spoil gives the header the first nonce with which it does not meet its nBits.
func Spoil(h *pow.Header) { seek(h, false) }

func seek(h *pow.Header, met bool) {
	target, err := h.Bits.Target()
	if err != nil {
		return // no nonce makes a difference
	}
	for h.Nonce = 0; target.MetBy(h.Hash()) != met; h.Nonce++ {
		if h.Nonce == 1<<24 {
			panic("chaintest: no nonce found for " + h.Bits.String())
		}
	}
}
