package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A pipeline is a loop with several items in flight, each some rounds behind the next
// newer one.
//
// An item is written as one program of many rounds. fold cuts it into segments of
// block.turn rounds each. A turn of the loop does all segments, each for another item:
// the first for the newest, the last for the oldest. So rounds that wait for each
// other have rounds of other items between them, and the sparse rounds of one item,
// whose words are constants, lie beside dense rounds of another.
type pipeline struct {
	ops   []op
	items int            // in flight: segments of an item
	entry map[reg]string // registers with values that the turn before has left
	exit  map[reg]string // values that the turn leaves, and their registers
}

// segment returns the segment that has a time.
func (b *block) segment(at float64) int { return int(at / b.turn) }

// fold makes a turn of ops, the program of an item, in the order of the times. The
// operations of a round are spread evenly over it.
func (b *block) fold(ops []op) pipeline {
	ops = spread(ops)
	p := pipeline{}
	for i := range ops {
		o := &ops[i]
		o.age = b.segment(o.at)
		o.at -= float64(o.age) * b.turn
		p.items = max(p.items, o.age+1)
	}
	p.entry, p.exit = b.carry(ops)
	slices.SortStableFunc(ops, func(x, y op) int { return cmp.Or(cmp.Compare(x.at, y.at), y.age-x.age) })
	p.ops = ops
	return p
}

// spread returns ops with those of each round spread evenly over it.
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

// carry gives a value that is read in a later turn than the one that makes it a
// register for each turn up to there, and lets the operations read that. entry are those
// registers, exit the values that become them.
func (b *block) carry(ops []op) (entry, exit map[reg]string) {
	type life struct {
		age int // of the newest register
		reg reg // the newest register
	}
	entry, exit = map[reg]string{}, map[reg]string{}
	lives := map[reg]life{}
	for i, o := range ops {
		src := slices.Clone(o.src)
		for j, s := range src {
			l, made := lives[s.reg]
			if !made {
				continue // in memory, or pinned
			}
			for ; l.age < o.age; l.age++ {
				b.regs++
				name := fmt.Sprintf("Z%d", len(entry))
				entry[b.regs], exit[l.reg], b.carried[b.regs] = name, name, s.reg
				l.reg = b.regs
			}
			lives[s.reg], src[j].reg = l, l.reg
		}
		ops[i].src = src
		if o.dst != 0 {
			lives[o.dst] = life{o.age, o.dst}
		}
	}
	return entry, exit
}

// follow replaces the address register bySegment[0] in the operations of each segment by
// the one of the segment.
func (p *pipeline) follow(bySegment []string) {
	for _, o := range p.ops {
		for j, s := range o.src {
			offset, ok := strings.CutSuffix(s.mem, "("+bySegment[0]+")")
			if !ok {
				continue
			}
			if o.age >= len(bySegment) {
				fail("segment %d reads %s, which has registers for %d segments", o.age, s.mem, len(bySegment))
			}
			o.src[j].mem = fmt.Sprintf("%s(%s)", offset, bySegment[o.age])
		}
	}
}

// finish orders the operations of the turn for m and gives them registers of the machine.
func (p *pipeline) finish(b *block, m model) (name map[reg]string) {
	p.ops = schedule(p.ops, len(p.entry), p.exit, m)
	p.ops, name = b.allocate(p.ops, registers{"Z", 0, 32}, p.entry, maps.Clone(p.exit))
	return name
}
