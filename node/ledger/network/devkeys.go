package network

import (
	"fmt"

	"github.com/minio/sha256-simd"

	"stele/node/ledger/record"
)

const (
	devRoots         = 3
	devRootThreshold = 2
	devFaucets       = 32
	devFaucetAmount  = 1_000_000 * record.Coin
)

// DevRoots returns the secret root keys of [Dev] and [Test], in the order of
// Params.Roots. Everybody knows them: the seed of each is the SHA-256 of
// "stele dev root 1", "stele dev root 2" and so on.
func DevRoots() []record.PrivateKey { return devKeys("root", devRoots) }

// DevFaucets returns the secret keys that have a balance from the start on
// [Dev] and [Test], in the order of Params.Alloc. Everybody knows them: the seed
// of each is the SHA-256 of "stele dev faucet 1", "stele dev faucet 2" and so on.
func DevFaucets() []record.PrivateKey { return devKeys("faucet", devFaucets) }

func devKeys(kind string, n int) []record.PrivateKey {
	keys := make([]record.PrivateKey, n)
	for i := range keys {
		seed := sha256.Sum256(fmt.Appendf(nil, "stele dev %s %d", kind, i+1))
		keys[i] = record.KeyFromSeed(seed)
	}
	return keys
}

func devAlloc() []Allocation {
	var all []Allocation
	for _, key := range publicKeys(DevFaucets()) {
		all = append(all, Allocation{Key: key, Amount: devFaucetAmount})
	}
	return all
}

func publicKeys(private []record.PrivateKey) []record.Key {
	keys := make([]record.Key, len(private))
	for i, key := range private {
		keys[i] = record.PublicOf(key)
	}
	return keys
}
