package simd

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"stele/engine/pow"
	"stele/kernels/internal/prep"
	"stele/kernels/simd/pure"
)

type job = prep.Job

func TestKnownAnswersOfEveryKernel(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		if err := k.knownAnswers(); err != nil {
			t.Error(err)
		}
	})
}

// The table of the genesis block is what package pow makes of its header.
func TestGenesis(t *testing.T) {
	header, err := pow.ParseHeader(genesis.header)
	if err != nil {
		t.Fatal(err)
	}
	target, err := header.Bits.Target()
	if err != nil {
		t.Fatal(err)
	}
	if header.Nonce != genesis.nonce || target.Bytes() != genesis.target || pow.ZeroBits(8).Bytes() != genesis.easy {
		t.Errorf("nonce %d, target %v, easy target %v", header.Nonce, target, pow.ZeroBits(8))
	}
}

// wrongSearch is a kernel whose search is pure, but for what spoil does.
func wrongSearch(name string, spoil func(job *job, first uint32, candidates []uint64)) *Kernel {
	return &Kernel{name: name, width: 1, hash: pure.Hash, search: func(job *job, first uint32, candidates []uint64) {
		pure.Search(job, first, candidates)
		spoil(job, first, candidates)
	}}
}

// wrongHash is a kernel whose hash is pure, but for what spoil does.
func wrongHash(name string, width int, spoil func(hashes [][32]byte)) *Kernel {
	return &Kernel{name: name, width: width, search: pure.Search, hash: func(hashes [][32]byte, headers []byte) {
		pure.Hash(hashes, headers)
		spoil(hashes)
	}}
}

// drop clears the bits of nonces.
func drop(first uint32, candidates []uint64, wrong func(nonce uint32, i int) bool) {
	for i := range len(candidates) * group {
		if wrong(first+uint32(i), i) {
			candidates[i/group] &^= 1 << (i % group)
		}
	}
}

// A kernel with any wrong search result is rejected.
func TestWrongSearchIsRejected(t *testing.T) {
	wrong := []*Kernel{
		wrongSearch("finds nothing", func(_ *job, _ uint32, c []uint64) { clear(c) }),
		wrongSearch("leaves out the last nonce", func(_ *job, first uint32, c []uint64) {
			drop(first, c, func(_ uint32, i int) bool { return i == len(c)*group-1 })
		}),
		wrongSearch("leaves out the first nonce", func(_ *job, first uint32, c []uint64) {
			drop(first, c, func(_ uint32, i int) bool { return i == 0 })
		}),
		wrongSearch("leaves out nonce 0", func(_ *job, first uint32, c []uint64) {
			drop(first, c, func(nonce uint32, _ int) bool { return nonce == 0 })
		}),
		wrongSearch("leaves out nonce 2^32-1", func(_ *job, first uint32, c []uint64) {
			drop(first, c, func(nonce uint32, _ int) bool { return nonce == 1<<32-1 })
		}),
		wrongSearch("does not wrap", func(_ *job, first uint32, c []uint64) {
			drop(first, c, func(nonce uint32, _ int) bool { return nonce < first })
		}),
		wrongSearch("passes nonce 1 always", func(_ *job, _ uint32, c []uint64) {
			if len(c) > 0 {
				c[0] |= 2
			}
		}),
		wrongSearch("passes all", func(_ *job, _ uint32, c []uint64) {
			for i := range c {
				c[i] = 1<<64 - 1
			}
		}),
		wrongSearch("stops after the first group", func(_ *job, _ uint32, c []uint64) {
			if len(c) > 0 {
				clear(c[1:])
			}
		}),
		wrongSearch("reverses the groups", func(_ *job, _ uint32, c []uint64) { slices.Reverse(c) }),
		wrongSearch("compares signed numbers", func(j *job, first uint32, c []uint64) {
			low := *j
			low.Top = 1<<31 - 1
			positive := make([]uint64, len(c))
			pure.Search(&low, first, positive)
			for i := range c {
				if j.Top <= low.Top {
					c[i] |= ^positive[i]
				} else {
					c[i] &^= positive[i]
				}
			}
		}),
		{name: "compares by less, not less or equal", width: 1, hash: pure.Hash, search: func(j *job, first uint32, c []uint64) {
			less := *j
			less.Top-- // below 0 is everything
			pure.Search(&less, first, c)
		}},
		{name: "passes one too many at the target", width: 1, hash: pure.Hash, search: func(j *job, first uint32, c []uint64) {
			more := *j
			more.Top++
			pure.Search(&more, first, c)
		}},
		{name: "starts one nonce late", width: 1, hash: pure.Hash, search: func(j *job, first uint32, c []uint64) {
			pure.Search(j, first+1, c)
		}},
		{name: "does not add the midstate", width: 1, hash: pure.Hash, search: func(j *job, first uint32, c []uint64) {
			bad := *j
			bad.Mid = prep.IV
			pure.Search(&bad, first, c)
		}},
	}
	for _, lanes := range []int{4, 8, 16, 32, 64} {
		for lane := range lanes {
			wrong = append(wrong, wrongSearch(fmt.Sprintf("leaves out lane %d of %d", lane, lanes), func(_ *job, first uint32, c []uint64) {
				drop(first, c, func(_ uint32, i int) bool { return i%lanes == lane })
			}))
		}
	}
	for _, k := range wrong {
		if err := k.knownAnswers(); !errors.Is(err, errWrong) {
			t.Errorf("the kernel that %s was not rejected: %v", k.name, err)
		}
	}
}

// A kernel with any wrong hash is rejected, with errWrong.
func TestWrongHashIsRejected(t *testing.T) {
	wrong := []*Kernel{
		wrongHash("hashes nothing", 1, func(hashes [][32]byte) { clear(hashes) }),
		wrongHash("reverses hashes", 1, func(hashes [][32]byte) {
			for i := range hashes {
				slices.Reverse(hashes[i][:])
			}
		}),
		wrongHash("swaps two hashes", 4, func(hashes [][32]byte) {
			if len(hashes) > 3 {
				hashes[2], hashes[3] = hashes[3], hashes[2]
			}
		}),
		wrongHash("spoils the last hash", 8, func(hashes [][32]byte) {
			if len(hashes) > 0 {
				hashes[len(hashes)-1][31] ^= 0x80
			}
		}),
	}
	for _, width := range []int{1, 4, 8, 16, 32} {
		for lane := range width {
			wrong = append(wrong, wrongHash(fmt.Sprintf("flips a bit in lane %d of %d", lane, width), width, func(hashes [][32]byte) {
				for i := lane; i < len(hashes); i += width {
					hashes[i][lane] ^= 1
				}
			}))
		}
	}
	for b := range pow.HeaderSize {
		wrong = append(wrong, &Kernel{name: fmt.Sprintf("hashes byte %d as 0", b), width: 1, search: pure.Search, hash: func(hashes [][32]byte, headers []byte) {
			headers = slices.Clone(headers)
			for i := b; i < len(headers); i += pow.HeaderSize {
				headers[i] = 0
			}
			pure.Hash(hashes, headers)
		}})
	}
	for _, k := range wrong {
		if err := k.knownHashes(); !errors.Is(err, errWrong) {
			t.Errorf("the kernel that %s was not rejected: %v", k.name, err)
		}
	}
	for _, k := range wrong[:2] {
		if err := k.knownAnswers(); !errors.Is(err, errWrong) {
			t.Errorf("the kernel that %s was not rejected: %v", k.name, err)
		}
	}
}

// The test runs once for a kernel, and its answer stands.
func TestSelfTestRunsOnce(t *testing.T) {
	runs := 0
	k := wrongHash("counts", 1, func(hashes [][32]byte) { runs++ })
	for range 3 {
		if err := k.selfTest(); err != nil {
			t.Fatal(err)
		}
	}
	if runs != 1 {
		t.Errorf("the hash of a kernel was tested %d times, want once", runs)
	}
	k.hash = func([][32]byte, []byte) {}
	if err := k.selfTest(); err != nil {
		t.Errorf("tested again: %v", err)
	}
}

// The table of nonces in the test is right.
func TestKnownAnswersTable(t *testing.T) {
	if genesis.header != realHeaders[0].header {
		t.Error("the header is not that of the genesis block")
	}
	parsed := realHeader(t, 0)
	if parsed.Nonce != genesis.nonce {
		t.Errorf("the nonce is %d, in the header stands %d", genesis.nonce, parsed.Nonce)
	}
	first := genesis.nonce - 2048
	want := hits(hashesOf(parsed.Encode(), first, 4096), first, targetBelow(t, 248))
	if !slices.Equal(genesis.nonces, want) {
		t.Errorf("nonces %v, want %v", genesis.nonces, want)
	}
}
