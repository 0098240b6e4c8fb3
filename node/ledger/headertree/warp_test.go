package headertree_test

import (
	"testing"

	"pgregory.net/rapid"

	"stele/engine/headerchain"
	"stele/engine/pow"
	"stele/node/ledger/headertree"
	"stele/node/ledger/reject"
)

// warpBits has room below the limit for a difficulty that falls.
const warpBits pow.Bits = 0x1a00ffff

// hashesOf returns the expected number of hashes of a block with these nBits.
func hashesOf(t interface{ Fatal(...any) }, bits pow.Bits) float64 {
	target, err := bits.Target()
	if err != nil {
		t.Fatal(err)
	}
	work, _ := target.Work().Big().Float64()
	return work
}

// A miner has all the hash rate, which at first gives a block every 600 s, and
// chooses the times of the blocks freely within the rules.
type miner struct {
	params *pow.Params
	rules  func(headerchain.Past, *pow.Params) uint32 // the least time of the next block

	past  headerchain.Past
	work  float64  // expected number of hashes of the last block
	times []uint32 // of the last blocks
	clock float64  // seconds; no block may be more than two hours ahead
	rate  float64  // hashes a second
}

func newMiner(t interface{ Fatal(...any) }, rules func(headerchain.Past, *pow.Params) uint32) *miner {
	work := hashesOf(t, warpBits)
	return &miner{
		params: pow.Bitcoin,
		rules:  rules,
		past:   headerchain.Past{Height: 1, Bits: warpBits, Time: start, PeriodTime: start, MedianTime: start},
		times:  []uint32{start},
		clock:  start,
		work:   work,
		rate:   work / 600,
	}
}

// bip54 is all that this chain asks; bitcoin is what Bitcoin asks.
func bip54(past headerchain.Past, params *pow.Params) uint32 { return past.MinTime(params) }
func bitcoin(past headerchain.Past, _ *pow.Params) uint32    { return past.MedianTime + 1 }

// next mines a block with the time that choose returns, given the earliest and
// the latest that are allowed.
func (m *miner) next(t interface{ Fatal(...any) }, choose func(height int64, first, last uint32) uint32) {
	bits, err := m.past.NextBits(m.params)
	if err != nil {
		t.Fatal(err)
	}
	if bits != m.past.Bits {
		m.work = hashesOf(t, bits)
	}
	m.clock += m.work / m.rate
	time := choose(m.past.Height, m.rules(m.past, m.params), uint32(m.clock)+7200)

	m.times = append(m.times, time)
	if m.past.Height%int64(m.params.RetargetInterval) == 0 {
		m.past.PeriodTime = time
	}
	m.past.Height++
	m.past.Bits = bits
	m.past.Time = time
	m.past.MedianTime = pow.MedianTime(m.times)
}

// honest uses the time of the clock.
func honest(_ int64, first, last uint32) uint32 { return max(first, last-7200) }

// timewarp holds all times back but that of the last block of a period.
func timewarp(height int64, first, last uint32) uint32 {
	if height%2016 == 2015 {
		return last
	}
	return first
}

// With BIP 54, the difficulty of a timewarp attack stays within 1 % of the
// honest one for ten periods. Without it, it falls to less than a hundredth.
func TestTimeWarpAttack(t *testing.T) {
	good, attacked, bitcoins := newMiner(t, bip54), newMiner(t, bip54), newMiner(t, bitcoin)
	tree := headertree.New(pow.Bitcoin, pow.Header{Time: start, Bits: warpBits})
	tip := tree.Best()
	for height := int64(1); height <= 10*2016; height++ {
		good.next(t, honest)
		attacked.next(t, timewarp)
		bitcoins.next(t, timewarp)

		// The tree takes the attacked chain, and has the same nBits.
		tip = add(t, tree, tip, attacked.past.Time, 0)
		if tip.Header.Bits != attacked.past.Bits {
			t.Fatalf("height %d: nBits %v, want %v", height, tip.Header.Bits, attacked.past.Bits)
		}
		if ratio := attacked.work / good.work; ratio < 0.99 {
			t.Fatalf("height %d: the difficulty is %.4f of the honest one", height, ratio)
		}
	}
	if ratio := bitcoins.work / good.work; ratio > 0.01 {
		t.Errorf("without BIP 54 the difficulty is still %.4f of the honest one: the attack does not work", ratio)
	}

	// What the attack needs is rejected: a period that begins far before the one
	// before it ends.
	for tip.Height%2016 != 2014 {
		tip = add(t, tree, tip, tip.MinTime(), 0)
	}
	tip = add(t, tree, tip, tip.MinTime()+3*headerchain.MaxBackward, 0)
	h := child(tip, tip.MedianTime()+1, 0)
	_, err := tree.Check(h)
	wantReason(t, err, reject.TimeWarp)
}

// Whatever times a miner puts on the first and the last block of each period,
// ten periods take no less than 99 % of the time that they take with honest
// times.
func TestNoTimesSpeedUp(t *testing.T) {
	const blocks = 10*2016 - 1
	good := newMiner(t, bip54)
	for range blocks {
		good.next(t, honest)
	}
	rapid.Check(t, func(t *rapid.T) {
		m := newMiner(t, bip54)
		// Where between the earliest and the latest time, in percent.
		choices := rapid.SliceOfN(rapid.SampledFrom([]uint32{0, 1, 25, 50, 75, 99, 100}), 20, 20).Draw(t, "choices")
		for range blocks {
			m.next(t, func(height int64, first, last uint32) uint32 {
				switch place := height % 2016; place {
				case 0, 2015:
					percent := choices[int(height/2016)*2+int(place/2015)]
					return first + uint32(uint64(last-first)*uint64(percent)/100)
				default:
					return first
				}
			})
		}
		if ratio := (m.clock - start) / (good.clock - start); ratio < 0.99 {
			t.Fatalf("the blocks took %.4f of the honest time", ratio)
		}
	})
}
