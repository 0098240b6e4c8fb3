package main

import (
	"fmt"
	"os"
)

func newBlock(a *asm, lanes int, masked bool) *block {
	return &block{asm: a, lanes: lanes, masked: masked, xors: map[string]operand{}, pinned: map[reg]string{}}
}

// pin is a register that keeps its value throughout.
func (b *block) pin(name string) reg {
	b.regs++
	b.pinned[b.regs] = name
	return b.regs
}

func (b *block) konst(v uint32) operand { return b.asm.konst(v) }

// take returns the operations so far and starts anew.
func (b *block) take() []op {
	ops := b.ops
	b.ops = nil
	return ops
}

// merge interleaves streams in proportion to their lengths.
func merge(streams ...[]op) []op {
	var out []op
	pos := make([]int, len(streams))
	for {
		best, bestAt := -1, 2.0
		for i, s := range streams {
			if pos[i] < len(s) {
				if at := float64(pos[i]) / float64(len(s)); at < bestAt {
					best, bestAt = i, at
				}
			}
		}
		if best < 0 {
			return out
		}
		out = append(out, streams[best][pos[best]])
		pos[best]++
	}
}

// allocate gives the ops registers prefix0 to prefix(n-1), less the pinned.
func (b *block) allocate(ops []op, prefix string, n int) (map[reg]string, int) {
	taken := map[string]bool{}
	for _, p := range b.pinned {
		taken[p] = true
	}
	var pool []string
	for i := range n {
		if p := fmt.Sprintf("%s%d", prefix, i); !taken[p] {
			pool = append(pool, p)
		}
	}
	name, most, err := allocate(ops, pool, b.pinned)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
	return name, most
}
