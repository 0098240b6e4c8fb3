package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// code is a part of a kernel with its registers.
type code struct {
	ops  []op
	name map[reg]string
}

// messageCode is all of the kernels for messages and pairs but the lines between the
// parts, and the reading of rows.
type messageCode struct {
	asm                                  *asm
	rows                                 [2]code
	first, sixteen, forward, digest, end code
	initial, kept, padding, digestAfter  code
}

func newMessageCode() *messageCode {
	h, a := messageHasher, newAsm(4)
	c := &messageCode{asm: a}
	for s := range c.rows {
		c.rows[s].ops, c.rows[s].name = h.rowsOf(a, s)
	}
	for _, p := range []struct {
		to   *code
		part part
	}{
		{&c.first, h.firstRounds}, {&c.sixteen, h.sixteen}, {&c.forward, h.forward}, {&c.digest, h.digest}, {&c.end, h.end},
		{&c.initial, func(b *block, _ int, _ operand, _, _ map[reg]string) { initial(b) }},
		{&c.kept, h.kept}, {&c.padding, h.paddingRounds}, {&c.digestAfter, h.digestAfter},
	} {
		p.to.ops, p.to.name = h.code(a, p.part)
	}
	return c
}

// parts are all parts.
func (c *messageCode) parts() []*code {
	return []*code{
		&c.rows[0], &c.rows[1], &c.first, &c.sixteen, &c.forward, &c.digest, &c.end,
		&c.initial, &c.kept, &c.padding, &c.digestAfter,
	}
}

// messageMachine runs the parts as the lines of the kernels do.
type messageMachine struct {
	*machine
	*messageCode
}

func (c *messageCode) machine(t *testing.T, rng *rand.Rand) messageMachine {
	m := newMachine(t, 16)
	m.scratch(rng, c.asm)
	m.regs["Z31"] = swapTable
	m.mem["(R11)"], m.mem["(DI)"] = make([]byte, batchRows), make([]byte, 32*hashSize)
	return messageMachine{m, c}
}

// part runs a part. Only Z0 to Z15 and Z31 keep their values between parts.
func (m messageMachine) part(c code) {
	for i := 16; i < 31; i++ {
		m.regs[fmt.Sprintf("Z%d", i)] = lanesOf(0x9e3779b9)
	}
	m.name = func(x reg) string { return c.name[x] }
	m.run(c.ops)
}

// blocks reads a block of 64 bytes for each lane.
func (m messageMachine) blocks(block func(lane int) []byte) {
	for s := range m.rows {
		for lane := range 16 {
			var row vector
			for i := range row {
				row[i] = binary.LittleEndian.Uint32(block(16*s + lane)[4*i:])
			}
			m.regs[fmt.Sprintf("Z%d", lane)] = row
		}
		m.part(m.rows[s])
	}
}

// sixtyFour does the rounds of a block.
func (m messageMachine) sixtyFour() {
	m.part(m.first)
	for turn := 1; turn < 4; turn++ {
		m.table(k[16*turn:])
		m.part(m.sixteen)
	}
}

// table sets what R13 points to.
func (m messageMachine) table(words []uint32) {
	m.mem["(R13)"] = make([]byte, 4*len(words))
	for i, x := range words {
		binary.LittleEndian.PutUint32(m.mem["(R13)"][4*i:], x)
	}
}

// sum is what the kernel for messages does with a message in each lane.
func (m messageMachine) sum(messages [32][]byte) []byte {
	m.part(m.initial)
	steps := 0
	var padded [32][]byte
	for lane, text := range messages {
		p := append(slices.Clone(text), 0x80)
		p = append(p, make([]byte, (120-len(p)%64)%64)...)
		padded[lane] = binary.BigEndian.AppendUint64(p, 8*uint64(len(text)))
		blocks := len(padded[lane]) / blockSize
		binary.LittleEndian.PutUint32(m.mem["(R11)"][batchLeft+4*lane:], -uint32(blocks))
		steps = max(steps, blocks)
	}
	for step := range steps {
		binary.LittleEndian.PutUint32(m.mem["(R11)"][batchStep:], uint32(step))
		m.blocks(func(lane int) []byte {
			at := min(step*blockSize, len(padded[lane])-blockSize) // of one that has ended any
			return padded[lane][at:]
		})
		m.sixtyFour()
		m.part(m.forward)
	}
	m.part(m.digest)
	m.sixtyFour()
	m.part(m.end)
	return m.mem["(DI)"]
}

// pairs is what the kernel for pairs does with two nodes in each lane.
func (m messageMachine) pairs(nodes []byte) []byte {
	m.blocks(func(lane int) []byte { return nodes[blockSize*lane:] })
	m.part(m.initial)
	m.sixtyFour()
	m.part(m.kept)
	padding := paddingWords()
	for t := range padding {
		padding[t] += k[t]
	}
	for turn := range 4 {
		m.table(padding[16*turn:])
		m.part(m.padding)
	}
	m.part(m.digestAfter)
	m.sixtyFour()
	m.part(m.end)
	return m.mem["(DI)"]
}

// check runs both kernels. The messages have one to three blocks, in some order.
func (c *messageCode) check(t *testing.T, rng *rand.Rand) error {
	var messages [32][]byte
	for lane := range messages {
		messages[lane] = randomBytes(rng, rng.IntN(140))
	}
	got := c.machine(t, rng).sum(messages)
	for lane, text := range messages {
		if want := doubleSum(text); !bytes.Equal(got[hashSize*lane:][:hashSize], want[:]) {
			return fmt.Errorf("hash of the %d bytes in lane %d", len(text), lane)
		}
	}
	nodes := randomBytes(rng, 32*blockSize)
	got = c.machine(t, rng).pairs(nodes)
	for lane := range 32 {
		if want := doubleSum(nodes[blockSize*lane:][:blockSize]); !bytes.Equal(got[hashSize*lane:][:hashSize], want[:]) {
			return fmt.Errorf("parent in lane %d", lane)
		}
	}
	return nil
}

// The parts of the kernels, one after the other as their jumps order them, make the
// double SHA-256 of messages of different lengths and of pairs of nodes.
func TestMessageParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 0))
	c := newMessageCode()
	for range 3 {
		if err := c.check(t, rng); err != nil {
			t.Error(err)
		}
	}
}

// Without an instruction, or with one source exchanged for another, the hashes are wrong.
// Any mistake spreads over a whole hash, so a sample of mutants is enough.
func TestMessageMutants(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 0))
	c := newMessageCode()
	for n, p := range c.parts() {
		good := p.ops
		for range 7 {
			i := rng.IntN(len(good))
			o := good[i]
			p.ops = slices.Clone(good)
			text := c.asm.format(good[i:i+1], p.name)[0]
			switch j := rng.IntN(len(o.src)); {
			case o.class == store:
				p.ops = slices.Delete(p.ops, i, i+1)
				text = "without " + text
			case o.src[j].isReg() && !(o.tied && j == len(o.src)-1):
				other := good[rng.IntN(i+1)].dst
				if other == 0 || p.name[other] == p.name[o.src[j].reg] {
					continue
				}
				p.ops[i].src = slices.Clone(o.src)
				p.ops[i].src[j] = r(other)
				text += fmt.Sprintf(" with %s as source %d", p.name[other], j)
			default:
				p.ops[i].mn, p.ops[i].imm, p.ops[i].src, p.ops[i].tied = "VMOVDQA32", "", []operand{{mem: "swap<>(SB)"}}, false
				text += " with another result"
			}
			if c.check(t, rng) == nil {
				t.Errorf("part %d is as good: %s", n, text)
			}
		}
		p.ops = good
	}
	if err := c.check(t, rng); err != nil {
		t.Fatal(err)
	}
}
