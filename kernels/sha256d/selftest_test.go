package sha256d

import (
	"errors"
	"fmt"
	"testing"
	"unsafe"
)

// bySingles is a kernel that hashes its lanes one after the other. spoil, if not nil,
// changes the hashes of a batch, or of a turn of pairs.
func bySingles(name string, spoil func(hashes [][32]byte)) *Kernel {
	const lanes = 4
	texts := map[*batch]*[lanes][]byte{}
	return &Kernel{
		name: name, made: true, lanes: lanes, least: 2, initial: new([maxLanes][32]byte),
		blocks: func(b *batch, steps, last uint64) {
			if b.step == 0 {
				texts[b] = new([lanes][]byte)
			}
			text := texts[b]
			for lane := range lanes {
				n := min(int(steps), max(0, -int(b.left[lane])-int(b.step)))
				text[lane] = append(text[lane], b.rows[lane][:n*blockSize]...)
			}
			b.step += uint32(steps)
			if last == 0 {
				return
			}
			for lane, padded := range text {
				if n := len(padded); n > 0 {
					size := int(padded[n-1]) | int(padded[n-2])<<8 | int(padded[n-3])<<16
					b.hashes[lane] = doubleSum(padded[:min(size/8, n)])
				}
			}
			if spoil != nil {
				spoil(b.hashes[:lanes])
			}
		},
		nodes: func(parents, nodes *[32]byte, turns uint64) {
			to, from := unsafe.Slice(parents, lanes*turns), unsafe.Slice(nodes, 2*lanes*turns)
			copy(to, doublePairs(from))
			if spoil != nil {
				spoil(to)
			}
		},
	}
}

func TestKnownAnswersOfEveryKernel(t *testing.T) {
	eachKernel(t, func(t *testing.T, k *Kernel) {
		if err := k.knownAnswers(); err != nil {
			t.Error(err)
		}
	})
	if err := bySingles("right", nil).knownAnswers(); err != nil {
		t.Error(err)
	}
}

// A kernel with any wrong hash is rejected.
func TestWrongHashIsRejected(t *testing.T) {
	wrong := []*Kernel{
		bySingles("hashes nothing", func(hashes [][32]byte) { clear(hashes) }),
		bySingles("swaps two hashes", func(hashes [][32]byte) { hashes[1], hashes[2] = hashes[2], hashes[1] }),
	}
	for lane := range 4 {
		wrong = append(wrong, bySingles(fmt.Sprintf("flips a bit in lane %d", lane), func(hashes [][32]byte) {
			for i := lane; i < len(hashes); i += 4 {
				hashes[i][8*lane] ^= 1 << lane
			}
		}))
	}
	right := bySingles("", nil)
	onlyPairs, onlySum, stops := *right, *right, *right
	onlyPairs.blocks = wrong[0].blocks
	onlySum.nodes = wrong[0].nodes
	stops.blocks = func(b *batch, steps, last uint64) { // after eight blocks
		if b.step > 0 {
			b.left = [maxLanes]int32{}
		}
		right.blocks(b, steps, last)
	}
	for _, k := range append(wrong, &onlyPairs, &onlySum, &stops) {
		if err := k.knownAnswers(); !errors.Is(err, ErrWrong) {
			t.Errorf("the kernel that %s was not rejected: %v", k.name, err)
		}
	}
}

// The test runs once for a kernel, and its answer stands.
func TestSelfTestRunsOnce(t *testing.T) {
	runs := 0
	k := bySingles("counts", nil)
	nodes := k.nodes
	k.nodes = func(parents, from *[32]byte, turns uint64) { runs++; nodes(parents, from, turns) }
	for range 3 {
		if err := k.selfTest(); err != nil {
			t.Fatal(err)
		}
	}
	after := runs
	if k.nodes = func(_, _ *[32]byte, _ uint64) {}; k.selfTest() != nil || runs != after || runs == 0 {
		t.Errorf("tested again, %d runs", runs)
	}
}
