package pow_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"stele/engine/pow"
)

// A share of a testnet3 block from the fields that Stratum sends, up to the
// hash and its difficulty.
func TestStratumShare(t *testing.T) {
	const (
		extranonce1 = "08000002"
		extranonce2 = "00000001"
		coinbase1   = "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff20020862062f503253482f04b8864e5008"
		coinbase2   = "072f736c7573682f000000000100f2052a010000001976a914d23fcdf86f7e756a64a7a9688ef9903327048ed988ac00000000"
		prev        = "4d16b6f85af6e2198f44ae2a6de67f78487ae5611b77c6c0440b921e00000000"
		version     = "00000002"
		bits        = "1c2ac4af"
		ntime       = "504e86ed"
		nonce       = "b2957c02"
	)
	integer := func(text string) uint32 { return binary.BigEndian.Uint32(mustBytes(t, text)) }

	id := pow.Sum(mustBytes(t, coinbase1+extranonce1+extranonce2+coinbase2))
	if want := "ec9d69b1c30dd91529e2f5a5636354a310a79b9b83622cfd79c8da9daa4d4132"; id.String() != want {
		t.Fatalf("coinbase id is %v, want %s", id, want)
	}
	words := mustBytes(t, prev) // the bytes of each 4-byte word are reversed
	for word := range slices.Chunk(words, 4) {
		slices.Reverse(word)
	}
	h := pow.Header{
		Version:    integer(version),
		Prev:       pow.Hash(words),
		MerkleRoot: pow.RootFromBranch(id, nil, 0),
		Time:       integer(ntime),
		Bits:       must(pow.ParseBits(bits))(t),
		Nonce:      integer(nonce),
	}
	encoded := h.Encode()
	if want := mustBytes(t, "02000000f8b6164d19e2f65a2aae448f787fe66d61e57a48c0c6771b1e920b440000000032414daa9ddac879fd2c62839b9ba710a3546363a5f5e22915d90dc3b1699deced864e50afc42a1c027c95b2"); !bytes.Equal(encoded[:], want) {
		t.Fatalf("header is %x, want %x", encoded, want)
	}
	hash := h.Hash()
	if want := "000000002076870fe65a2b6eeed84fa892c0db924f1482243a6247d931dcab32"; hash.String() != want {
		t.Fatalf("hash is %v, want %s", hash, want)
	}
	if got := hash.Difficulty(); got.String() != "7.8857809349609862" {
		t.Errorf("share difficulty is %v, want 7.8858", got)
	}
	target := must(h.Bits.Target())(t)
	if got := target.Difficulty(); got.String() != "5.98565110032135" {
		t.Errorf("network difficulty is %v, want 5.9857", got)
	}
	if err := h.CheckProofOfWork(pow.Bitcoin.PowLimit); err != nil {
		t.Errorf("the block is not solved: %v", err)
	}
	for difficulty, want := range map[string]bool{"1e-9": true, "7.8857": true, "7.8858": false, "8": false} {
		if got := mustDifficulty(t, difficulty).Target().MetBy(hash); got != want {
			t.Errorf("share of difficulty %s: %v, want %v", difficulty, got, want)
		}
	}
}
