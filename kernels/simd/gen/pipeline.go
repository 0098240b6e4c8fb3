package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A pipeline is the turn of a loop in which several items are in flight, each so many
// rounds behind the next one.
//
// An item is written as one program of many rounds. fold cuts it every turn rounds
// into segments, and a turn of the loop does all segments, each for another item: the
// first for the newest, the last for the oldest. So rounds that depend on each other
// have rounds of other items between them, and the sparse rounds of one item (whose
// words are constants) lie beside dense rounds of another. Where the edge of the loop
// lies makes no difference to the processor; phase chooses it, so that few values
// cross it.
type pipeline struct {
	turn  float64 // rounds of a turn
	phase float64 // rounds from the edge of the loop to the start of an item
}

// folded is what fold makes of an item.
type folded struct {
	ops      []op
	segments int            // items in flight
	entry    map[reg]string // registers with values that the turn before leaves there
	exit     map[reg]string // the values that it leaves
}

// fold cuts ops, the program of an item, into segments, and puts the operations of a turn
// in the order of their times. Those of one round are spread evenly over it. Values
// that cross the edge of the loop get registers of the machine there.
func (b *block) fold(ops []op, p pipeline) folded {
	ops = spread(ops)
	f := folded{}
	for i := range ops {
		o := &ops[i]
		o.at += p.phase
		o.age = int(o.at / p.turn)
		o.at -= float64(o.age) * p.turn
		f.segments = max(f.segments, o.age+1)
	}
	f.entry, f.exit = b.carry(ops)
	slices.SortStableFunc(ops, func(x, y op) int { return cmp.Or(cmp.Compare(x.at, y.at), y.age-x.age) })
	f.ops = ops
	return f
}

// spread returns ops with those of one round spread evenly over it.
func spread(ops []op) []op {
	ops = slices.Clone(ops)
	for first := 0; first < len(ops); {
		n := 1
		for first+n < len(ops) && ops[first+n].at == ops[first].at {
			n++
		}
		for i := range n {
			ops[first+i].at += float64(i) / float64(n)
		}
		first += n
	}
	return ops
}

// carry gives each value that is read in a later turn than it is made a register for
// each turn after, because an operation reads what the turn before has left. entry
// are those registers, exit the values that become them.
func (b *block) carry(ops []op) (entry, exit map[reg]string) {
	entry, exit = map[reg]string{}, map[reg]string{}
	made := map[reg]int{}   // age
	latest := map[reg]reg{} // register of a value in the last turn so far
	lived := map[reg]int{}  // age of the last turn so far
	for i, o := range ops {
		src := slices.Clone(o.src)
		for j, s := range src {
			if _, ok := made[s.reg]; !ok || !s.isReg() {
				continue
			}
			for ; lived[s.reg] < o.age; lived[s.reg]++ {
				b.regs++
				name := fmt.Sprintf("Z%d", len(entry))
				entry[b.regs], exit[latest[s.reg]] = name, name
				b.carried[b.regs], latest[s.reg] = s.reg, b.regs
			}
			src[j].reg = latest[s.reg]
		}
		ops[i].src = src
		if o.dst != 0 {
			made[o.dst], lived[o.dst], latest[o.dst] = o.age, o.age, o.dst
		}
	}
	return entry, exit
}

// follow replaces the address register base, in the operations of each segment, by that
// of the segment.
func (f *folded) follow(base string, bySegment ...string) {
	for _, o := range f.ops {
		for j, s := range o.src {
			at, ok := strings.CutSuffix(s.mem, "("+base+")")
			if !ok {
				continue
			}
			if o.age >= len(bySegment) {
				fail("segment %d reads %s, which follows %d segments", o.age, s.mem, len(bySegment))
			}
			o.src[j].mem = at + "(" + bySegment[o.age] + ")"
		}
	}
}
