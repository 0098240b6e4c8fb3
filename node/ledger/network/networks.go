package network

import (
	"stele/engine/pow"
	"stele/node/ledger/record"
)

// Main is the network that is meant to last. Its roots are not named yet, so
// nobody can be granted a role before a launch names them.
var Main = &Params{
	Name: "main",
	ID:   0x6c657473, // "stel"

	Pow: &pow.Params{
		Name:             "main",
		PowLimit:         pow.Bitcoin.PowLimit,
		PowLimitBits:     pow.Bitcoin.PowLimitBits,
		TargetSpacing:    10 * 60,
		TargetTimespan:   14 * 24 * 60 * 60,
		RetargetInterval: 2016,
	},

	GenesisTime:    1795305600, // 2026-11-22 00:00:00 UTC
	GenesisNonce:   2_051_475_633,
	GenesisMessage: "Stele: what is carved in stone can be read by everybody",

	Subsidy:         125 * record.Coin / 10,
	HalvingInterval: 210_000,
	Maturity:        100,
	MaxBlockSize:    4_000_000,
	MaxFuture:       2 * 60 * 60,
	Port:            8699,
	AfterSales:      realTime,
}

// Test is a network for trials among several machines: as [Main], with a
// minute a block, a limit that one CPU core meets in a second, and the roots and
// funded keys of [Dev].
var Test = &Params{
	Name: "test",
	ID:   0x74657473, // "stet"

	Pow: &pow.Params{
		Name:             "test",
		PowLimit:         pow.ZeroBits(20),
		PowLimitBits:     0x1e0fffff,
		TargetSpacing:    60,
		TargetTimespan:   288 * 60,
		RetargetInterval: 288,
	},

	GenesisTime:    1795305600,
	GenesisNonce:   296_054,
	GenesisMessage: "Stele test network",

	Subsidy:         125 * record.Coin / 10,
	HalvingInterval: 210_000,
	Maturity:        100,
	MaxBlockSize:    4_000_000,
	MaxFuture:       2 * 60 * 60,
	Port:            18699,
	AfterSales:      realTime,

	Roots:         publicKeys(DevRoots()),
	RootThreshold: devRootThreshold,
	Alloc:         devAlloc(),
}

// Dev is a network for one machine: a block takes seconds, and the limit is so
// easy (about 4,096 hashes) that any device starts at once. Its secret keys are
// published: [DevRoots], [DevFaucets].
var Dev = &Params{
	Name: "dev",
	ID:   0x64657473, // "sted"

	Pow: &pow.Params{
		Name:             "dev",
		PowLimit:         pow.ZeroBits(12),
		PowLimitBits:     0x1f0fffff,
		TargetSpacing:    3,
		TargetTimespan:   16 * 3,
		RetargetInterval: 16,
	},

	GenesisTime:    1795305600,
	GenesisNonce:   3_117,
	GenesisMessage: "Stele development network",

	Subsidy:         125 * record.Coin / 10,
	HalvingInterval: 210_000,
	Maturity:        100,
	MaxBlockSize:    4_000_000,
	MaxFuture:       2 * 60 * 60,
	Port:            28699,
	AfterSales:      shortTime,

	Roots:         publicKeys(DevRoots()),
	RootThreshold: devRootThreshold,
	Alloc:         devAlloc(),
}

// DevWithDay returns [Dev] with after-sales days of so many seconds, as for a person who
// tries a case by hand. Its genesis block differs from that of Dev, so it is a network of
// its own, with the same name, ID and keys.
func DevWithDay(seconds uint32) (*Params, error) {
	p := *Dev
	if seconds == p.AfterSales.Day {
		return Dev, nil
	}
	p.AfterSales.Day = seconds
	return &p, p.SolveGenesis()
}
