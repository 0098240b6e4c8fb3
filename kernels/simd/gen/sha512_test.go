package main

import (
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// messageBlocks returns the blocks of a message, with its padding.
func messageBlocks(message []byte) (blocks [][128]byte) {
	padded := append(slices.Clone(message), 0x80)
	for len(padded)%128 != 112 {
		padded = append(padded, 0)
	}
	padded = binary.BigEndian.AppendUint64(append(padded, make([]byte, 8)...), 8*uint64(len(message)))
	for b := range slices.Chunk(padded, 128) {
		blocks = append(blocks, [128]byte(b))
	}
	return blocks
}

// sha512IV is the hash before the first block.
var sha512IV = [8]uint64{
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
}

// checkSHA512 hashes eight messages with one to three blocks.
func checkSHA512(rng *rand.Rand, m *limbMachine, ops []op) error {
	m.modular = true
	var messages [limbLanes][]byte
	for lane := range messages {
		messages[lane] = randomBytes(rng, rng.IntN(360))
		for i, x := range sha512IV {
			m.mem[sha512State+slot(i)][lane] = x
		}
	}
	for n := range 3 {
		m.mask["K1"] = 0
		for lane, message := range messages {
			blocks := messageBlocks(message)
			if n >= len(blocks) {
				continue
			}
			m.mask["K1"] |= 1 << lane
			for w := range 16 {
				m.mem[sha512Blocks+slot(2*lane+w/8)][w%8] = binary.LittleEndian.Uint64(blocks[n][8*w:])
			}
		}
		if err := m.run(ops); err != nil {
			return err
		}
	}
	for lane, message := range messages {
		want := sha512.Sum512(message)
		for i := range slot(8) {
			if m.mem[sha512State+i][lane] != binary.BigEndian.Uint64(want[8*i:]) {
				return fmt.Errorf("lane %d: word %d of the hash of %d bytes", lane, i, len(message))
			}
		}
	}
	return nil
}

func TestSHA512(t *testing.T) {
	l, ops, name := stage{name: "sha512", emit: sha512Block}.code(new(pool64))
	if err := checkAddresses(ops); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 10 {
		if err := checkSHA512(rng, newLimbMachine(l, name), ops); err != nil {
			t.Fatal(err)
		}
	}
	// Any mistake spreads over the whole hash: a sample of mutants is enough.
	for range 60 {
		i := rng.IntN(len(ops))
		without := slices.Clone(ops)
		if ops[i].class == store {
			without = slices.Delete(without, i, i+1)
		} else {
			without[i].mn, without[i].src = garbage, nil
		}
		if checkSHA512(rng, newLimbMachine(l, name), without) == nil {
			t.Errorf("without instruction %d, %s, it is as good", i, l.asm.format(ops[i:i+1], name)[0])
		}
	}
}
