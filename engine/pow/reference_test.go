package pow_test

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"stele/engine/pow"
	"stele/engine/pow/powtest"
)

// hashAt is the hash of the header with another nonce, by the standard library.
func hashAt(header [pow.HeaderSize]byte, nonce uint32) pow.Hash {
	binary.LittleEndian.PutUint32(header[76:], nonce)
	return doubleSum(header[:])
}

// Every nonce of small ranges on both sides of the seam between 2^32-1 and 0,
// for targets from none to all.
func TestSearchExhaustive(t *testing.T) {
	header := mustHeader(t, genesisHex).Encode()
	const around = 300
	for _, first := range []uint32{0, 1, 255, 1<<31 - 10, 1 << 31, 1<<32 - 1, 1<<32 - 2, 1<<32 - around/2} {
		for _, zeroBits := range []uint{0, 1, 3, 6, 256} {
			limit := new(big.Int).Sub(power(256-zeroBits), big.NewInt(1))
			target := must(pow.TargetFromBig(limit))(t)
			var want []uint32
			for i := range uint32(around) {
				if nonce := first + i; number(hashAt(header, nonce)).Cmp(limit) <= 0 {
					want = append(want, nonce)
				}
			}
			for _, count := range []uint64{0, 1, 2, around} {
				r := pow.Range{First: first, Count: count}
				in := slices.Clone(want)
				in = slices.DeleteFunc(in, func(nonce uint32) bool { return uint64(nonce-first) >= count })
				if got := powtest.Hits(header, target, r); !slices.Equal(got, in) {
					t.Errorf("%+v, %d zero bits: nonces %v, want %v", r, zeroBits, got, in)
				}
			}
		}
	}
}

// A target equal to the hash is met, one below is not; nonces 0 and 2^32-1 are
// as good as others.
func TestSearchBorders(t *testing.T) {
	header := mustHeader(t, block125552Hex).Encode()
	for _, nonce := range []uint32{0, 1, 2504433986, 1<<32 - 1} {
		hash := number(hashAt(header, nonce))
		equal := must(pow.TargetFromBig(hash))(t)
		below := must(pow.TargetFromBig(new(big.Int).Sub(hash, big.NewInt(1))))(t)
		for _, r := range []pow.Range{{nonce, 1}, {nonce - 1, 2}, {nonce, 2}, {nonce - 1, 3}} {
			if got := powtest.Hits(header, equal, r); !slices.Contains(got, nonce) {
				t.Errorf("%+v, target equal to the hash of nonce %d: found %v", r, nonce, got)
			}
			if got := powtest.Hits(header, below, r); slices.Contains(got, nonce) {
				t.Errorf("%+v, target below the hash of nonce %d: found %v", r, nonce, got)
			}
		}
		if got := powtest.Hits(header, pow.MaxTarget, pow.Range{First: nonce}); len(got) != 0 {
			t.Errorf("empty range at %d: found %v", nonce, got)
		}
	}
}

func TestSearchFindsGenesis(t *testing.T) {
	genesis := mustHeader(t, genesisHex)
	target := must(genesis.Bits.Target())(t)
	header := genesis.Encode()
	pow.SetNonce(&header, 0)
	before := header
	if got := powtest.Hits(header, target, pow.Range{First: 2083236893 - 5000, Count: 10000}); !slices.Equal(got, []uint32{2083236893}) {
		t.Errorf("found %v, want the nonce of the genesis block", got)
	}
	pow.Search(&header, target, pow.Range{First: 1, Count: 10}, func(uint32) {})
	if header != before {
		t.Error("Search changed the header")
	}
}

const chainBits = 0x2000ffff // one hash in 256

// mineChain returns linked headers that meet chainBits, encoded one after the
// other.
func mineChain(t testing.TB, n int) []byte {
	t.Helper()
	target := must(pow.Bits(chainBits).Target())(t)
	var chain []byte
	prev := pow.Hash{}
	for i := range n {
		h := pow.Header{Version: 4, Prev: prev, MerkleRoot: leaves(n)[i], Time: 1700000000 + uint32(i), Bits: chainBits}
		for !target.MetBy(h.Hash()) {
			h.Nonce++
		}
		b := h.Encode()
		chain = append(chain, b[:]...)
		prev = h.Hash()
	}
	return chain
}

// judge is Verify by the standard library and big integers.
func judge(headers []byte, linked bool) []pow.Verdict {
	var verdicts []pow.Verdict
	var before pow.Hash
	for record := range slices.Chunk(headers, pow.HeaderSize) {
		verdict := pow.Valid
		hash := doubleSum(record)
		target, err := setCompact(pow.Bits(binary.LittleEndian.Uint32(record[72:])))
		if err != nil {
			verdict = pow.BadBits
		} else if number(hash).Cmp(target) > 0 {
			verdict = pow.HighHash
		}
		if linked && len(verdicts) > 0 && pow.Hash(record[4:36]) != before {
			verdict |= pow.BadLink
		}
		verdicts = append(verdicts, verdict)
		before = hash
	}
	return verdicts
}

func verify(headers []byte, linked bool) []pow.Verdict {
	verdicts := slices.Repeat([]pow.Verdict{0xff}, len(headers)/pow.HeaderSize) // all are set
	pow.Verify(headers, linked, verdicts)
	return verdicts
}

func TestVerifyFields(t *testing.T) {
	chain := mineChain(t, 5)
	const changed = 2 // the header in the middle
	const high, link, bits = pow.HighHash, pow.BadLink, pow.BadBits
	for _, c := range []struct {
		name   string
		change func(h *pow.Header)
		want   [5]pow.Verdict
	}{
		{"nothing", func(*pow.Header) {}, [5]pow.Verdict{}},
		{"version", func(h *pow.Header) { h.Version ^= 1 }, [5]pow.Verdict{2: high, 3: link}},
		{"prev", func(h *pow.Header) { h.Prev[0] ^= 1 }, [5]pow.Verdict{2: high | link, 3: link}},
		{"merkle root", func(h *pow.Header) { h.MerkleRoot[31] ^= 0x80 }, [5]pow.Verdict{2: high, 3: link}},
		{"time", func(h *pow.Header) { h.Time++ }, [5]pow.Verdict{2: high, 3: link}},
		{"bits harder", func(h *pow.Header) { h.Bits = 0x1d00ffff }, [5]pow.Verdict{2: high, 3: link}},
		{"bits easier", func(h *pow.Header) { h.Bits = 0x2100ffff }, [5]pow.Verdict{3: link}},
		{"bits negative", func(h *pow.Header) { h.Bits |= 0x800000 }, [5]pow.Verdict{2: bits, 3: link}},
		{"bits zero", func(h *pow.Header) { h.Bits = 0x20000000 }, [5]pow.Verdict{2: bits, 3: link}},
		{"bits too large", func(h *pow.Header) { h.Bits = 0x2200ffff }, [5]pow.Verdict{2: bits, 3: link}},
		{"bits zero and prev", func(h *pow.Header) { h.Bits = 0; h.Prev[31] ^= 1 }, [5]pow.Verdict{2: bits | link, 3: link}},
		{"nonce", func(h *pow.Header) { h.Nonce++ }, [5]pow.Verdict{2: high, 3: link}},
	} {
		headers := slices.Clone(chain)
		h := must(pow.DecodeHeader(headers[80*changed : 80*changed+80]))(t)
		c.change(&h)
		b := h.Encode()
		copy(headers[80*changed:], b[:])
		if got := verify(headers, true); !slices.Equal(got, c.want[:]) {
			t.Errorf("%s: verdicts %v, want %v", c.name, got, c.want)
		}
		for i := range c.want {
			c.want[i] &^= link
		}
		if got := verify(headers, false); !slices.Equal(got, c.want[:]) {
			t.Errorf("%s, unlinked: verdicts %v, want %v", c.name, got, c.want)
		}
	}
}

// Every bit of every header of a chain, one at a time.
func TestVerifyEveryBit(t *testing.T) {
	chain := mineChain(t, 3)
	for bit := range 8 * len(chain) {
		headers := slices.Clone(chain)
		headers[bit/8] ^= 1 << (bit % 8)
		for _, linked := range []bool{false, true} {
			got, want := verify(headers, linked), judge(headers, linked)
			if !slices.Equal(got, want) {
				t.Errorf("bit %d changed, linked %v: verdicts %v, want %v", bit, linked, got, want)
			}
			if linked && bit < 160*8 && slices.Max(got) == pow.Valid {
				t.Errorf("bit %d changed, and all is valid", bit)
			}
		}
	}
}

// The first header of a batch has no header before it to be linked to.
func TestVerifyFirstLink(t *testing.T) {
	chain := mineChain(t, 3)
	if got := verify(chain[80:], true); !slices.Equal(got, []pow.Verdict{0, 0}) {
		t.Errorf("the rest of a chain: verdicts %v", got)
	}
	if got := verify(append(slices.Clone(chain[80:160]), chain[:80]...), true); !slices.Equal(got, []pow.Verdict{0, pow.BadLink}) {
		t.Errorf("swapped headers: verdicts %v", got)
	}
	if got := verify(nil, true); len(got) != 0 {
		t.Errorf("no headers: verdicts %v", got)
	}
}

// The verdict of one header is the one that the batch gives it.
func TestVerifyAt(t *testing.T) {
	const n = 6
	chain := mineChain(t, n)
	for bit := range 8 * len(chain) {
		headers := slices.Clone(chain)
		headers[bit/8] ^= 1 << (bit % 8)
		for _, linked := range []bool{false, true} {
			want := verify(headers, linked)
			for i := max(bit/640-1, 0); i < min(bit/640+2, n); i++ {
				if got := pow.VerifyAt(headers, linked, i); got != want[i] {
					t.Errorf("bit %d changed, linked %v: header %d: %v, want %v", bit, linked, i, got, want[i])
				}
			}
		}
	}
	for _, i := range []int{-1, n} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("header %d of %d did not panic", i, n)
				}
			}()
			pow.VerifyAt(slices.Clip(chain), false, i)
		}()
	}
}

func TestVerifyLengths(t *testing.T) {
	for _, c := range []struct{ bytes, verdicts int }{{79, 1}, {81, 1}, {160, 1}, {0, 1}, {80, 0}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("%d bytes for %d verdicts did not panic", c.bytes, c.verdicts)
				}
			}()
			pow.Verify(make([]byte, c.bytes), false, make([]pow.Verdict, c.verdicts))
		})
	}
}

func TestVerdictString(t *testing.T) {
	for verdict, want := range map[pow.Verdict]string{
		pow.Valid:                  "valid",
		pow.BadBits:                "bad bits",
		pow.HighHash:               "high hash",
		pow.BadLink:                "bad link",
		pow.HighHash | pow.BadLink: "high hash, bad link",
		pow.BadBits | pow.BadLink:  "bad bits, bad link",
		pow.BadLink | 0x10:         "bad link, unknown 0x10",
	} {
		if got := verdict.String(); got != want {
			t.Errorf("verdict %d is %q, want %q", verdict, got, want)
		}
	}
}

// The inner loops must not allocate.
func TestHotPathsDoNotAllocate(t *testing.T) {
	header := mustHeader(t, genesisHex).Encode()
	chain := mineChain(t, 8)
	verdicts := make([]pow.Verdict, 8)
	for name, f := range map[string]func(){
		"Search":   func() { pow.Search(&header, pow.Target{}, pow.Range{Count: 100}, func(uint32) {}) },
		"Verify":   func() { pow.Verify(chain, true, verdicts) },
		"VerifyAt": func() { pow.VerifyAt(chain, true, 3) },
	} {
		if got := testing.AllocsPerRun(10, f); got != 0 {
			t.Errorf("%s allocates %v times", name, got)
		}
	}
}
