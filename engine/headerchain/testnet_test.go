package headerchain

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// The genesis blocks as chainparams.cpp of Bitcoin Core makes them.
func TestGenesisOfTestNetworks(t *testing.T) {
	root := mustHash("4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")
	root4 := mustHash("7aa0a7ae1e223414cb807e40cd57e667b718e42aaf9306db9102fe28912b7b4e")
	for _, test := range []struct {
		params *pow.Params
		header pow.Header
	}{
		{pow.Testnet3, pow.Header{Version: 1, MerkleRoot: root, Time: 1296688602, Bits: 0x1d00ffff, Nonce: 414098458}},
		{pow.Testnet4, pow.Header{Version: 1, MerkleRoot: root4, Time: 1714777860, Bits: 0x1d00ffff, Nonce: 393743547}},
		{pow.Signet, pow.Header{Version: 1, MerkleRoot: root, Time: 1598918400, Bits: 0x1e0377ae, Nonce: 52613770}},
		{pow.Regtest, pow.Header{Version: 1, MerkleRoot: root, Time: 1296688602, Bits: 0x207fffff, Nonce: 2}},
	} {
		if err := test.header.CheckProofOfWork(test.params.PowLimit); err != nil {
			t.Errorf("%s: %v", test.params.Name, err)
		}
		raw := test.header.Encode()
		c := New(test.params, UnknownHeight)
		if err := c.Append(raw[:]); err != nil || c.Height() != 1 {
			t.Errorf("%s: %v, height %d", test.params.Name, err, c.Height())
		}
		raw[pow.HeaderSize-1] ^= 1
		wantViolation(t, New(test.params, UnknownHeight).Append(raw[:]), BadGenesis, "expected "+test.header.Hash().String())
		if bits := test.params.PowLimit.Bits(); bits != test.params.PowLimitBits {
			t.Errorf("%s: the limit is %v, not %v", test.params.Name, bits, test.params.PowLimitBits)
		}
	}
}

// coreNextWork is GetNextWorkRequired of Bitcoin Core (pow.cpp), as it stands
// there, for the header at index len(chain). The first of the chain has height 0.
func coreNextWork(p *pow.Params, chain []pow.Header, time uint32) pow.Bits {
	interval := int(p.RetargetInterval)
	last := len(chain) - 1
	if (last+1)%interval != 0 {
		if p.MinDifficultyAfter > 0 {
			if int64(time) > int64(chain[last].Time)+int64(p.TargetSpacing)*2 {
				return p.PowLimitBits
			}
			i := last
			for i > 0 && i%interval != 0 && chain[i].Bits == p.PowLimitBits {
				i--
			}
			return chain[i].Bits
		}
		return chain[last].Bits
	}
	first := last - (interval - 1)
	if p.NoRetarget {
		return chain[last].Bits
	}
	from := chain[last].Bits
	if p.BIP94 {
		from = chain[first].Bits
	}
	bits, err := (&pow.Params{TargetTimespan: p.TargetTimespan, PowLimit: p.PowLimit, PowLimitBits: p.PowLimitBits}).Retarget(from, chain[first].Time, chain[last].Time)
	if err != nil {
		panic(err)
	}
	return bits
}

// The rules of all networks about nBits, against those of Bitcoin Core, in
// periods of four blocks: with right and wrong nBits, and late blocks.
func TestBitsAgainstCore(t *testing.T) {
	const start = 1_000_000
	for _, network := range []*pow.Params{pow.Bitcoin, pow.Testnet3, pow.Testnet4, pow.Signet, pow.Regtest} {
		t.Run(network.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p := *network // another address, so that any block may be the first
				p.RetargetInterval = 4
				p.TargetTimespan = 4 * p.TargetSpacing
				chain := []pow.Header{{Version: 1, Time: start, Bits: p.PowLimitBits}}
				c := New(&p, UnknownHeight)
				raw := chain[0].Encode()
				if err := c.Append(raw[:]); err != nil {
					t.Fatal(err)
				}
				for range rapid.IntRange(1, 30).Draw(t, "headers") {
					last := chain[len(chain)-1]
					h := pow.Header{
						Prev: pow.Hash{1},
						Time: last.Time + rapid.SampledFrom([]uint32{1, 10, 100, 600, 1199, 1200, 1201, 5000}).Draw(t, "seconds"),
					}
					want := coreNextWork(&p, chain, h.Time)
					h.Bits = rapid.SampledFrom([]pow.Bits{want, want, want, last.Bits, p.PowLimitBits, 0x1c7fffff}).Draw(t, "nBits")
					raw := h.Encode()
					err := c.Append(raw[:])
					if errors.Is(err, BadRetarget) != (h.Bits != want) {
						t.Fatalf("height %d: nBits %v, Core wants %v: %v", len(chain), h.Bits, want, err)
					}
					chain = append(chain, h)
				}
			})
		})
	}
}

// A chain that begins in the middle of a period is not judged by what is not
// known.
func TestMinDifficultyFromTheMiddle(t *testing.T) {
	const limit, regular = 0x1d00ffff, 0x1c00ffff
	c := New(pow.Testnet3, 5000)
	for i, step := range []struct {
		time uint32
		bits pow.Bits
		bad  bool
	}{
		{0, limit, false},
		{1, 0x1c00fffe, false}, // the last regular nBits are unknown
		{2, regular, true},
		{3, regular, false},
		{1204, limit, false},
		{1205, regular, false},
		{2405, limit, true}, // 1200 seconds are not late
		{3606, regular, true},
	} {
		err := c.Append(header(step.time, step.bits))
		if errors.Is(err, BadRetarget) != step.bad {
			t.Errorf("header %d: %v", i, err)
		}
	}
}

// BIP 94: the first block of a period is at most 600 seconds before its parent.
func TestTimeWarpBIP94(t *testing.T) {
	for _, test := range []struct {
		params *pow.Params
		time   uint32
		bad    bool
	}{
		{pow.Testnet4, 99_400, false},
		{pow.Testnet4, 99_399, true},
		{pow.Testnet3, 99_399, false},
		{pow.Bitcoin, 99_399, false},
	} {
		c := New(test.params, 2015)
		if err := c.Append(header(100_000, 0x1d00ffff)); err != nil {
			t.Fatal(err)
		}
		err := c.Append(header(test.time, 0x1d00ffff))
		if test.bad {
			wantViolation(t, err, TimeWarp, "time 99399, expected at least 99400")
		} else if err != nil {
			t.Errorf("%s, time %d: %v", test.params.Name, test.time, err)
		}
	}
}
