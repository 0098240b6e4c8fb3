package cuda_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/kernels/cuda"
)

// where the parameter of scan has the address of the hits
const scanHits = 160

// search runs a scan entry and returns how many nonces it counted and those
// that it kept, in order.
func search(m machine, entry string, header *[pow.HeaderSize]byte, target pow.Target, r pow.Range, s shape, capacity int) (int, []uint32, error) {
	hits := newHits(capacity, 1)
	params := cuda.NewJob(header, target.Bytes()).ScanParams(cuda.Range{First: r.First, Count: r.Count, Rounds: uint32(s.rounds)}, 0)
	if err := m.Launch(entry, s.grid, s.threads, params, buffer(scanHits, hits)); err != nil {
		return 0, nil, err
	}
	count, kept, err := readHits(hits, 1)
	var nonces []uint32
	for _, hit := range kept {
		nonces = append(nonces, hit[0])
	}
	slices.Sort(nonces)
	return count, nonces, err
}

// candidates returns the nonces of a range that a kernel must report: those
// with which the first word of the hash is not above that of the target.
func candidates(header *[pow.HeaderSize]byte, target pow.Target, r pow.Range) []uint32 {
	var nonces []uint32
	pow.Search(header, below(target.Top32()), r, func(n uint32) { nonces = append(nonces, n) })
	slices.Sort(nonces)
	return nonces
}

// checkSearch compares a launch with the reference.
func checkSearch(m machine, entry string, header *[pow.HeaderSize]byte, target pow.Target, r pow.Range, s shape) error {
	want := candidates(header, target, r)
	count, got, err := search(m, entry, header, target, r, s, len(want)+8)
	if err == nil && (count != len(want) || !slices.Equal(got, want)) {
		err = fmt.Errorf("counted %d, nonces %d, want %d", count, got, want)
	}
	if err != nil {
		return fmt.Errorf("header %x, target %v, %d nonces from %d, %v: %w", *header, target, r.Count, r.First, s, err)
	}
	return nil
}

func TestScanFindsRealNonces(t *testing.T) {
	everywhere(t, cuda.Scan, func(t *testing.T, m machine, e cuda.Entry, _ bool) {
		for _, text := range blocks {
			h := parse(text)
			target, err := h.Bits.Target()
			if err != nil {
				t.Fatal(err)
			}
			header := h.Encode()
			pow.SetNonce(&header, 0) // it must not matter
			r := pow.Range{First: h.Nonce - 70, Count: 100}
			count, got, err := search(m, e.Name, &header, target, r, shape{2, 32, 2}, 4)
			if err != nil {
				t.Fatal(err)
			}
			if count != 1 || !slices.Equal(got, []uint32{h.Nonce}) {
				t.Errorf("found %d, nonces %d, want %d alone", count, got, h.Nonce)
			}
		}
	})
}

// scanCases are launches at all places where something wraps or ends.
var scanCases = []struct {
	first uint32
	count uint64
	shape
}{
	{0, 0, shape{1, 32, 1}},
	{0, 1, shape{1, 32, 1}},
	{1<<32 - 1, 1, shape{1, 1, 1}},
	{1<<32 - 1, 2, shape{1, 2, 1}},
	{0, 64, shape{1, 32, 2}},
	{1<<32 - 50, 100, shape{2, 25, 2}},   // over the end of the nonces
	{1<<31 - 40, 77, shape{1, 64, 2}},    // the last threads have fewer
	{12345, 60, shape{3, 32, 3}},         // most threads have none
	{0x00ffffe0, 65, shape{1, 13, 5}},    // a carry in the nonce's bytes
	{1<<32 - 128, 256, shape{1, 256, 1}}, // the largest block
	{77, 8, shape{8, 1, 1}},
	{77, 0, shape{1, 8, 0}}, // no rounds
}

func TestScanIsExact(t *testing.T) {
	everywhere(t, cuda.Scan, func(t *testing.T, m machine, e cuda.Entry, slow bool) {
		r := newRand(1)
		for _, c := range scanCases {
			header := randomHeader(r)
			nonces := pow.Range{First: c.first, Count: c.count}
			pow.SetNonce(&header, c.first)
			near := topOf(pow.Sum(header[:])) // that of the first nonce
			tops := []uint32{0xffffffff, 0x80000000, 0x7fffffff, 0x10000000, 0, near, near - 1, near + 1}
			if slow {
				tops = []uint32{0xffffffff, 0x3fffffff, near, near - 1}
			}
			for _, top := range tops {
				if err := checkSearch(m, e.Name, &header, below(top), nonces, c.shape); err != nil {
					t.Error(err)
				}
			}
			// Lower words of the target never lose a nonce.
			if err := checkSearch(m, e.Name, &header, pow.Target{0, 0, 0, uint64(near) << 32}, nonces, c.shape); err != nil {
				t.Error(err)
			}
		}
	})
}

// The hits that meet the target are those of the reference, for any job.
func TestScanProperty(t *testing.T) {
	onHost(t, cuda.Scan, func(t *testing.T, m machine, e cuda.Entry) {
		rapid.Check(t, func(t *rapid.T) {
			var header [pow.HeaderSize]byte
			copy(header[:], rapid.SliceOfN(rapid.Byte(), len(header), len(header)).Draw(t, "header"))
			target := pow.Target{0, 0, 0, rapid.Uint64Min(1<<56).Draw(t, "target")}
			s := shape{rapid.IntRange(1, 4).Draw(t, "grid"), rapid.IntRange(1, 256).Draw(t, "threads"), rapid.IntRange(1, 4).Draw(t, "rounds")}
			all := uint64(s.grid * s.threads * s.rounds)
			r := pow.Range{First: rapid.Uint32().Draw(t, "first"), Count: rapid.Uint64Range(0, all).Draw(t, "count")}
			_, found, err := search(m, e.Name, &header, target, r, s, int(all))
			if err != nil {
				t.Fatal(err)
			}
			var got, want []uint32
			for _, n := range found {
				pow.SetNonce(&header, n)
				if target.MetBy(pow.Sum(header[:])) {
					got = append(got, n)
				}
			}
			pow.Search(&header, target, r, func(n uint32) { want = append(want, n) })
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("nonces %d, want %d", got, want)
			}
		})
	})
}

// More hits than fit are counted, and those that fit are kept.
func TestScanOverflow(t *testing.T) {
	everywhere(t, cuda.Scan, func(t *testing.T, m machine, e cuda.Entry, _ bool) {
		header := randomHeader(newRand(2))
		r, s := pow.Range{First: 5, Count: 96}, shape{1, 32, 3}
		want := candidates(&header, below(1<<31), r)
		for _, capacity := range []int{0, 1, len(want) - 1, len(want)} {
			count, got, err := search(m, e.Name, &header, below(1<<31), r, s, capacity)
			if err != nil {
				t.Fatal(err)
			}
			if count != len(want) {
				t.Errorf("capacity %d: %d counted, want %d", capacity, count, len(want))
			}
			if kept := len(slices.Compact(got)); kept != capacity {
				t.Errorf("capacity %d: %d nonces kept", capacity, kept)
			}
			for _, n := range got {
				if !slices.Contains(want, n) {
					t.Errorf("capacity %d: %d is no hit", capacity, n)
				}
			}
		}
	})
}
