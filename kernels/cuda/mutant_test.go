package cuda_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"stele/engine/pow"
	"stele/kernels/cuda"
	"stele/kernels/cuda/ptx"
)

// judge runs an entry over inputs small enough to be run many times, until it
// fails.
func judge(m machine, e cuda.Entry) error {
	r := newRand(7)
	switch e.Kind {
	case cuda.Scan:
		header := randomHeader(r)
		if err := checkSearch(m, e.Name, &header, below(1<<32-1), pow.Range{First: 9, Count: 3}, shape{1, 4, 1}); err != nil {
			return err
		}
		return checkSearch(m, e.Name, &header, below(1<<30), pow.Range{First: 1<<32 - 21, Count: 41}, shape{2, 7, 3})
	case cuda.Roll:
		headers := versionsOf(randomHeader(r))
		if err := checkRoll(m, e.Name, headers, below(1<<31), pow.Range{First: 1<<32 - 1, Count: 2}, 1, 1); err != nil {
			return err
		}
		return checkRoll(m, e.Name, headers, below(1<<28), pow.Range{First: 9, Count: 65}, 2, 1)
	case cuda.Verify:
		var headers []byte
		for _, bits := range []uint32{0x2007ffff, 0x207fffff, 0x21007fff, 0x22000040, 0x1f7fffff, 0x20ffffff, 0x22007fff, 0x03000001, 0x00000001, 0x23000001, 0x20000000} {
			for range 6 {
				h := randomHeader(r)
				binary.LittleEndian.PutUint32(h[72:], bits)
				headers = append(headers, h[:]...)
			}
		}
		genesis := parse(blocks[0]).Encode()
		if err := checkVerify(m, e, headers[:160], 1, 2, false); err != nil {
			return err
		}
		return checkVerify(m, e, append(headers, genesis[:]...), 1, 40, true)
	case cuda.Link:
		return checkLinks(m, e, 40, shape{2, 9, 1})
	case cuda.Hash:
		data := make([]byte, 150)
		randomBytes(r, data)
		messages := []cuda.Message{
			{At: [3]uint32{0, 6, 143}, Size: [3]uint32{4, 100, 4}},
			{At: [3]uint32{3, 7, 0}, Size: [3]uint32{2, 0, 150}},
			{At: [3]uint32{1}, Size: [3]uint32{55}},
		}
		return checkHash(m, e, data, messages, apart(messages), shape{1, 2, 1})
	case cuda.Merkle:
		return checkMerkle(m, e, r, []int{1, 7, 4, 2, 4, 2, 4}, shape{2, 2, 1})
	}
	return errors.New("an entry of no known kind")
}

// The tests notice a fault in the PTX: of random changes of one instruction
// nearly all make an entry fail. A few make no difference, as that of a bit
// that is later dropped.
func TestMutantsAreNoticed(t *testing.T) {
	const mutants, least = 10, 8
	for _, e := range cuda.Entries() {
		t.Run(e.Name, func(t *testing.T) {
			m, err := newInterpreter(e.PTX)
			if err != nil {
				t.Fatal(err)
			}
			if err := judge(m, e); err != nil {
				t.Fatal("as shipped: ", err)
			}
			noticed := 0
			for seed := range uint64(mutants) {
				mutant, err := ptx.Mutate(e.PTX, seed, e.Name)
				if err != nil {
					t.Fatal(err)
				}
				if m, err = newInterpreter(mutant.Text); err != nil {
					t.Fatal(err)
				}
				if judge(m, e) != nil {
					noticed++
				} else {
					t.Logf("not noticed: %v", mutant)
				}
			}
			if noticed < least {
				t.Errorf("%d of %d mutants were noticed, expected %d", noticed, mutants, least)
			}
		})
	}
}
