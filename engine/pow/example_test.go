package pow_test

import (
	"fmt"
	"math/big"

	"stele/engine/pow"
)

// The first block of Bitcoin.
func ExampleHeader() {
	header := pow.Header{
		Version: 1,
		Time:    1231006505,
		Bits:    0x1d00ffff,
		Nonce:   2083236893,
	}
	header.MerkleRoot, _ = pow.ParseHash("4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")

	fmt.Println(header.Hash())
	fmt.Println(header.CheckProofOfWork(pow.Bitcoin.PowLimit))

	header.Nonce++
	fmt.Println(header.CheckProofOfWork(pow.Bitcoin.PowLimit) != nil)
	// Output:
	// 000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f
	// <nil>
	// true
}

// A hash has two byte orders: String shows the display order, the array has the
// internal order.
func ExampleHash() {
	hash, err := pow.ParseHash("000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(hash)
	fmt.Printf("%x\n", hash[:])
	// Output:
	// 000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f
	// 6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000
}

func ExampleBits_Target() {
	target, err := pow.Bits(0x1d00ffff).Target()
	fmt.Println(target, err)
	fmt.Println(target.Difficulty(), target.Work().Big())

	_, err = pow.Bits(0x1d80ffff).Target()
	fmt.Println(err)
	// Output:
	// 00000000ffff0000000000000000000000000000000000000000000000000000 <nil>
	// 1 4295032833
	// nBits is negative: 1d80ffff
}

// Search finds the nonces of a header whose hashes have 20 leading zero bits.
func ExampleSearch() {
	header, _ := pow.ParseHeader("0100000000000000000000000000000000000000000000000000000000000000" +
		"000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c")
	encoded := header.Encode()

	pow.Search(&encoded, pow.ZeroBits(20), pow.Range{First: 2083236893 - 100, Count: 1000}, func(nonce uint32) {
		pow.SetNonce(&encoded, nonce)
		fmt.Println(nonce, pow.Sum(encoded[:]))
	})
	// Output:
	// 2083236893 000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f
}

// Two headers of which the second does not name the first as its parent.
func ExampleVerify() {
	var headers []byte
	for nonce := range uint32(2) {
		encoded := pow.Header{Bits: 0x2100ffff, Nonce: nonce}.Encode()
		headers = append(headers, encoded[:]...)
	}
	verdicts := make([]pow.Verdict, 2)
	pow.Verify(headers, true, verdicts)
	fmt.Println(verdicts[0])
	fmt.Println(verdicts[1])
	// Output:
	// valid
	// bad link
}

// A proof that an id is in a block: its Merkle branch leads to the root.
func ExampleMerkleBranch() {
	ids := make([]pow.Hash, 5)
	for i := range ids {
		ids[i] = pow.Sum(fmt.Append(nil, "transaction ", i))
	}
	root, _ := pow.MerkleRoot(ids)
	branch := pow.MerkleBranch(ids, 3)
	fmt.Println(len(branch), pow.RootFromBranch(ids[3], branch, 3) == root)
	// Output:
	// 3 true
}

// A difficulty is exact, also below 1.
func ExampleParseDifficulty() {
	d, err := pow.ParseDifficulty("0.001")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d, d.Target())
	d, _ = pow.ParseDifficulty("1e12")
	fmt.Println(d, d.Target())
	// Output:
	// 0.001 000003e7fc180000000000000000000000000000000000000000000000000000
	// 1000000000000 00000000000000000119787e99468e32f6e0e71cef78ee034b5f8a0944d68076
}

// The difficulty adjusts every 2016 blocks, at most by a factor of 4. This is its
// first change, at height 32256.
func ExampleParams_Retarget() {
	const (
		firstTime = 1261130161 // of block 30240
		lastTime  = 1262152739 // of block 32255
	)
	next, err := pow.Bitcoin.Retarget(0x1d00ffff, firstTime, lastTime)
	fmt.Println(next, err)
	// Output:
	// 1d00d86a <nil>
}

func ExampleTargetFromBig() {
	_, err := pow.TargetFromBig(new(big.Int).Lsh(big.NewInt(1), 256))
	fmt.Println(err)
	// Output:
	// target out of range: 257 bits, at most 256
}
