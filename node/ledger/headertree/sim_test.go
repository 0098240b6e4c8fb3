package headertree_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/headertree"
)

// simulated are rules whose blocks take a few hundred hashes.
var simulated = &pow.Params{
	Name:             "simulated",
	PowLimit:         pow.ZeroBits(1),
	PowLimitBits:     pow.ZeroBits(1).Bits(),
	TargetSpacing:    600,
	TargetTimespan:   144 * 600,
	RetargetInterval: 144,
}

// A network that mines with real hashes and a clock that they drive. Its miners
// know at once of every block.
type network struct {
	tree  *headertree.Tree
	clock float64   // seconds since 1970
	rates []float64 // hashes a second, of each miner

	wins   []int     // blocks of each miner
	luck   []float64 // hashes of each block, divided by the number expected
	blocks []block
}

type block struct {
	difficulty float64 // expected number of hashes
	seconds    float64 // that it took
}

func newNetwork(hashesPerBlock uint64, rates ...float64) *network {
	target := pow.Target{3: math.MaxUint64 / hashesPerBlock}
	return &network{
		tree:  newTree(simulated, target.Bits()),
		clock: start,
		rates: rates,
		wins:  make([]int, len(rates)),
	}
}

// mine adds a block. In each slot of time each miner hashes as often as its
// rate says; the hashes of a slot are spread evenly over it.
func (n *network) mine(t *testing.T) {
	tip := n.tree.Best()
	target, err := tip.NextBits().Target()
	if err != nil {
		t.Fatal(err)
	}
	work, _ := target.Work().Big().Float64()
	total := 0.0
	headers := make([][pow.HeaderSize]byte, len(n.rates))
	for i, rate := range n.rates {
		total += rate
		h := pow.Header{Prev: tip.Hash, MerkleRoot: pow.Hash{0: byte(i)}, Bits: tip.NextBits()}
		headers[i] = h.Encode()
	}

	began := n.clock
	due := make([]float64, len(n.rates)) // hashes that a miner may make
	for hashes := 1; ; {
		for i, rate := range n.rates {
			for due[i] += rate / slices.Min(n.rates); due[i] >= 1; due[i]-- {
				n.clock += 1 / total
				b := &headers[i]
				binary.LittleEndian.PutUint32(b[68:], max(uint32(n.clock), tip.MinTime()))
				binary.LittleEndian.PutUint32(b[76:], uint32(hashes))
				if hash := pow.Sum(b[:]); target.MetBy(hash) {
					n.add(t, b[:], hash)
					n.wins[i]++
					n.luck = append(n.luck, float64(hashes)/work)
					n.blocks = append(n.blocks, block{work, n.clock - began})
					return
				}
				hashes++
			}
		}
	}
}

// add adds a header that was found to the tree.
func (n *network) add(t *testing.T, b []byte, hash pow.Hash) {
	h, err := pow.DecodeHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := headertree.TooNew(h, time.Unix(int64(n.clock), 0), 7200); err != nil {
		t.Fatal(err)
	}
	added, err := n.tree.Add(h, hash)
	if err != nil {
		t.Fatal(err)
	}
	n.tree.SetBody(added)
	if n.tree.Best() != added {
		t.Fatal("a block on the tip is not the tip")
	}
}

// kolmogorovSmirnov returns the greatest distance between the distribution of
// the sample and the exponential one with mean 1.
func kolmogorovSmirnov(sample []float64) (distance float64) {
	sorted := slices.Sorted(slices.Values(sample))
	count := float64(len(sorted))
	for i, x := range sorted {
		p := 1 - math.Exp(-x)
		distance = max(distance, math.Abs(p-float64(i)/count), math.Abs(p-float64(i+1)/count))
	}
	return distance
}

// Block intervals are exponential, each miner finds blocks by its share of the
// hash rate, and the difficulty follows a hash rate that rises to eight times
// and falls again: three periods after a step (each changes it by 4 at most) it
// is within 35 % of the hashes that all miners make in 600 s, and stays there.
// That is four standard deviations of the length of 144 random intervals.
//
// All that happens follows from the hashes, so that each run is the same.
func TestSimulatedNetwork(t *testing.T) {
	const (
		slow     = 0.5 // hashes a second
		interval = 144
		bound    = 1.35
	)
	n := newNetwork(slow*600, slow/7, slow*2/7, slow*4/7)
	for _, phase := range []struct {
		factor  float64
		periods int
	}{{1, 8}, {8, 8}, {1, 8}} {
		total := 0.0
		for i := range n.rates {
			n.rates[i] = slow * phase.factor * []float64{1, 2, 4}[i] / 7
			total += n.rates[i]
		}
		n.blocks = nil
		for range phase.periods * interval {
			n.mine(t)
		}
		settled := n.blocks[3*interval:]
		seconds := 0.0
		for i, b := range settled {
			seconds += b.seconds
			if ratio := b.difficulty / (total * 600); ratio > bound || ratio < 1/bound {
				t.Fatalf("hash rate x %v, block %d after the step: the difficulty is %.2f of what it should be", phase.factor, 3*interval+i, ratio)
			}
		}
		// 720 intervals: the standard deviation of their mean is 3.7 %.
		mean := seconds / float64(len(settled))
		t.Logf("hash rate x %v: blocks take %.0f s once the difficulty has settled", phase.factor, mean)
		if math.Abs(mean-600) > 600*0.12 {
			t.Errorf("hash rate x %v: blocks take %.0f s, want 600", phase.factor, mean)
		}
	}

	blocks := float64(len(n.luck))
	distance := kolmogorovSmirnov(n.luck)
	t.Logf("%v blocks: Kolmogorov-Smirnov distance %.4f", blocks, distance)
	if limit := 1.628 / math.Sqrt(blocks); distance > limit { // 1 % of samples are further away
		t.Errorf("block intervals are not exponential: distance %.4f, limit %.4f", distance, limit)
	}

	chi := 0.0
	for i, wins := range n.wins {
		want := blocks * []float64{1, 2, 4}[i] / 7
		chi += (float64(wins) - want) * (float64(wins) - want) / want
	}
	t.Logf("blocks of each miner: %v, chi-square %.2f", n.wins, chi)
	if chi > 9.21 { // 1 % of samples, two degrees of freedom
		t.Errorf("blocks of each miner: %v for hash rates of 1:2:4, chi-square %.2f", n.wins, chi)
	}
}

// The test of the distribution can fail: it distinguishes the intervals of a
// chain whose difficulty is 10 % off.
func TestKolmogorovSmirnov(t *testing.T) {
	const count = 3456
	var exact, off []float64
	for i := range count {
		x := -math.Log(1 - (float64(i)+0.5)/count)
		exact, off = append(exact, x), append(off, x*1.1)
	}
	limit := 1.628 / math.Sqrt(count)
	if d := kolmogorovSmirnov(exact); d > 1e-3 {
		t.Errorf("exponential: distance %.4f", d)
	}
	if d := kolmogorovSmirnov(off); d < limit {
		t.Errorf("10 %% off: distance %.4f, limit %.4f", d, limit)
	}
}
