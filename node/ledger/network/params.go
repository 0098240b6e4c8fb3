package network

import (
	"fmt"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// Params are the rules of one network, as far as they differ from those of
// another.
type Params struct {
	// Name is the word for the network on command lines.
	Name string
	// ID is in every record, so that none is good on two networks.
	ID uint32

	// Pow has the proof-of-work limit, the spacing of blocks and the retarget.
	Pow *pow.Params

	GenesisTime    uint32 // seconds since 1970
	GenesisNonce   uint32 // makes the genesis block meet Pow.PowLimitBits
	GenesisMessage string // stands in the coinbase of block 0; at most 64 bytes

	// Subsidy is what the coinbases of the first HalvingInterval blocks may
	// create. It halves with every further interval.
	Subsidy         record.Amount
	HalvingInterval uint32 // blocks
	// Maturity is how many blocks a coinbase waits: that of block h is spendable
	// in block h+Maturity.
	Maturity uint32
	// MaxBlockSize is the maximum size of an encoded block, in bytes.
	MaxBlockSize int
	// MaxFuture is how far the time of a block may be ahead of the clock of
	// whoever checks it, in seconds.
	MaxFuture uint32

	// MinWork is the least total work of the chain that a node follows: branches with
	// less are not worth their memory. It is no rule of the network and may grow with
	// each version of the program. Zero: any chain.
	MinWork pow.Work
	// Port is where nodes listen for peers, unless they are configured otherwise.
	Port uint16
	// Seeds are nodes that give a new node addresses of others, as HOST:PORT. A name
	// may have several addresses.
	Seeds []string

	// AfterSales has the periods and fees of after-sales records.
	AfterSales AfterSales

	// Roots are the keys that grant and revoke roles when RootThreshold of them
	// sign. They may be rotated later.
	Roots         []record.Key
	RootThreshold int
	// Alloc are the balances before the first block.
	Alloc []Allocation
}

// Allocation is a balance that a key has before the first block.
type Allocation struct {
	Key    record.Key
	Amount record.Amount
}

// All returns all networks.
func All() []*Params { return []*Params{Main, Test, Dev} }

// Lookup returns the network of that name.
func Lookup(name string) (*Params, error) {
	for _, p := range All() {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("invalid network %q: must be main, test or dev", name)
}

// SubsidyAt returns what the coinbase of the block at height may create beside
// the fees: Subsidy, halved every HalvingInterval blocks and rounded down, as
// GetBlockSubsidy of Bitcoin Core.
func (p *Params) SubsidyAt(height uint32) record.Amount {
	return p.Subsidy >> (height / p.HalvingInterval) // nothing is left after 64 halvings
}
