package cuda_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/kernels/cuda"
)

// where the parameter of roll has its addresses
const rollVersions, rollHits = 48, 72

// versionsOf returns headers that differ in the version: bits 13 and up count,
// as BIP 320 has it.
func versionsOf(header [pow.HeaderSize]byte) [][pow.HeaderSize]byte {
	all := make([][pow.HeaderSize]byte, cuda.Versions)
	for i := range all {
		all[i] = header
		v := binary.LittleEndian.Uint32(header[:])
		binary.LittleEndian.PutUint32(all[i][:], v&^0x1fffe000|uint32(i)<<13)
	}
	return all
}

// pair is a hit of roll.
type pair struct{ nonce, version uint32 }

func order(a, b pair) int {
	return int(int64(a.nonce)<<8|int64(a.version)) - int(int64(b.nonce)<<8|int64(b.version))
}

// roll runs a roll entry and returns how many hits it counted, and those that
// it kept, in order.
func roll(m machine, entry string, headers [][pow.HeaderSize]byte, target pow.Target, r pow.Range, grid, rounds, capacity int) (int, []pair, error) {
	hits := newHits(capacity, 2)
	var states []byte
	for i := range headers {
		states = append(states, cuda.VersionState(&headers[i])...)
	}
	params := cuda.NewJob(&headers[0], target.Bytes()).RollParams(cuda.Range{First: r.First, Count: r.Count, Rounds: uint32(rounds)}, 0, 0)
	if err := m.Launch(entry, grid, cuda.Roll.Threads(), params, buffer(rollVersions, states), buffer(rollHits, hits)); err != nil {
		return 0, nil, err
	}
	count, kept, err := readHits(hits, 2)
	var pairs []pair
	for _, hit := range kept {
		pairs = append(pairs, pair{hit[0], hit[1]})
	}
	slices.SortFunc(pairs, order)
	return count, pairs, err
}

// checkRoll compares a launch with the reference.
func checkRoll(m machine, entry string, headers [][pow.HeaderSize]byte, target pow.Target, r pow.Range, grid, rounds int) error {
	var want []pair
	for i := range headers {
		for _, n := range candidates(&headers[i], target, r) {
			want = append(want, pair{n, uint32(i)})
		}
	}
	slices.SortFunc(want, order)
	count, got, err := roll(m, entry, headers, target, r, grid, rounds, len(want)+8)
	if err == nil && (count != len(want) || !slices.Equal(got, want)) {
		err = fmt.Errorf("counted %d, hits %d, want %d", count, got, want)
	}
	if err != nil {
		return fmt.Errorf("header %x, target %v, %d nonces from %d, %d blocks, %d rounds: %w", headers[0], target, r.Count, r.First, grid, rounds, err)
	}
	return nil
}

func TestRollFindsRealNonces(t *testing.T) {
	everywhere(t, cuda.Roll, func(t *testing.T, m machine, e cuda.Entry, slow bool) {
		for i, text := range blocks {
			if slow && i > 1 {
				break
			}
			h := parse(text)
			target, err := h.Bits.Target()
			if err != nil {
				t.Fatal(err)
			}
			real, version := h.Encode(), uint32(i*31)
			headers := versionsOf(real)
			headers[version] = real
			count, got, err := roll(m, e.Name, headers, target, pow.Range{First: h.Nonce - 3, Count: 5}, 1, 1, 4)
			if err != nil {
				t.Fatal(err)
			}
			for _, hit := range got { // another version may be equal to the real one
				if hit.nonce != h.Nonce || headers[hit.version] != real {
					t.Errorf("found %d, which is none", hit)
				}
			}
			if count == 0 || !slices.Contains(got, pair{h.Nonce, version}) {
				t.Errorf("found %d, %d in all, want nonce %d in version %d", got, count, h.Nonce, version)
			}
		}
	})
}

// rollCases are launches at all places where something wraps or ends.
var rollCases = []struct {
	first        uint32
	count        uint64
	grid, rounds int
}{
	{0, 0, 1, 1},
	{5, 0, 1, 0},
	{1<<32 - 1, 1, 1, 1},
	{1<<32 - 1, 2, 1, 1},
	{0, 63, 2, 1},
	{1<<32 - 64, 64, 1, 1},
	{1<<32 - 40, 65, 1, 2}, // over the end of the nonces
	{777, 65, 2, 1},
	{1<<31 - 70, 200, 2, 2},
}

func TestRollIsExact(t *testing.T) {
	everywhere(t, cuda.Roll, func(t *testing.T, m machine, e cuda.Entry, slow bool) {
		r := newRand(1)
		for _, c := range rollCases {
			if slow && c.count > 2 && c.count != 65 {
				continue
			}
			headers := versionsOf(randomHeader(r))
			pow.SetNonce(&headers[9], c.first)
			near := topOf(pow.Sum(headers[9][:])) // that of the first nonce
			tops := []uint32{0xffffffff, 0x03ffffff, near >> 4, near, near - 1}
			if slow {
				tops = []uint32{0x03ffffff + near>>4}
			}
			for _, top := range tops {
				if err := checkRoll(m, e.Name, headers, below(top), pow.Range{First: c.first, Count: c.count}, c.grid, c.rounds); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// The versions may differ in all that is in the first 64 bytes.
func TestRollProperty(t *testing.T) {
	onHost(t, cuda.Roll, func(t *testing.T, m machine, e cuda.Entry) {
		rapid.Check(t, func(t *rapid.T) {
			r := newRand(rapid.Uint64().Draw(t, "seed"))
			headers := make([][pow.HeaderSize]byte, cuda.Versions)
			tail := randomHeader(r)
			for i := range headers {
				headers[i] = randomHeader(r)
				copy(headers[i][64:], tail[64:])
			}
			grid, rounds := rapid.IntRange(1, 3).Draw(t, "grid"), rapid.IntRange(1, 2).Draw(t, "rounds")
			count := rapid.Uint64Range(0, uint64(min(grid*rounds*cuda.Tile, 80))).Draw(t, "count")
			top := rapid.Uint32().Draw(t, "top") >> rapid.IntRange(0, 12).Draw(t, "zeros")
			if err := checkRoll(m, e.Name, headers, below(top), pow.Range{First: rapid.Uint32().Draw(t, "first"), Count: count}, grid, rounds); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func TestRollOverflow(t *testing.T) {
	everywhere(t, cuda.Roll, func(t *testing.T, m machine, e cuda.Entry, _ bool) {
		headers := versionsOf(randomHeader(newRand(2)))
		const nonces = 2
		all := nonces * cuda.Versions // every hash meets the target
		for _, capacity := range []int{1, all - 1, all} {
			count, got, err := roll(m, e.Name, headers, below(1<<32-1), pow.Range{First: 5, Count: nonces}, 1, 1, capacity)
			if err != nil {
				t.Fatal(err)
			}
			if kept := len(slices.Compact(got)); count != all || kept != capacity {
				t.Errorf("capacity %d: %d counted, %d kept, want %d counted", capacity, count, kept, all)
			}
		}
	})
}
