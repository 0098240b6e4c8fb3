package ptx_test

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"flag"
	"os"
	"slices"
	"testing"

	"stele/engine/pow"
	"stele/kernels/cuda/ptx"
)

// Properties see the same random values on every run; -rapid.seed=N gives
// others.
func init() {
	if err := flag.Set("rapid.seed", "1"); err != nil {
		panic(err)
	}
}

// genesis is the header of Bitcoin's first block.
const genesis = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"

const genesisNonce = 2083236893

func header(t testing.TB) [pow.HeaderSize]byte {
	t.Helper()
	h, err := pow.ParseHeader(genesis)
	if err != nil {
		t.Fatal(err)
	}
	return h.Encode()
}

// read parses one of the modules in testdata; prelude.cuh there says how they
// are made.
func read(t testing.TB, name string) *ptx.Module {
	t.Helper()
	m, err := ptx.Parse(text(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func text(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".ptx")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func u32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// scanJob makes the struct job of testdata/scan.cu.
func scanJob(header *[pow.HeaderSize]byte, target pow.Target, capacity uint32, count, hits uint64) []byte {
	h := sha256.New()
	h.Write(header[:64])
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err)
	}
	var job []byte
	state = state[4:] // after its magic
	for i := range 8 {
		job = append(job, u32(binary.BigEndian.Uint32(state[4*i:]))...)
	}
	for i := range 3 {
		job = append(job, u32(binary.BigEndian.Uint32(header[64+4*i:]))...)
	}
	for _, limb := range target {
		job = append(job, u64(limb)...)
	}
	return slices.Concat(job, u32(1), u32(capacity), u32(0), u64(count), u64(hits)) // 4 bytes of padding
}

// scan runs the scan kernel and gives the nonces it found, in order.
func scan(t testing.TB, m *ptx.Module, target pow.Target, first uint32, blocks, threads, steps int) ([]uint32, ptx.Stats, error) {
	t.Helper()
	const capacity = 256
	var mem ptx.Memory
	count, err := mem.Alloc(4)
	if err != nil {
		t.Fatal(err)
	}
	hits, err := mem.Alloc(4 * capacity)
	if err != nil {
		t.Fatal(err)
	}
	if err := mem.Write(count, u32(0)); err != nil {
		t.Fatal(err)
	}
	h := header(t)
	params := [][]byte{scanJob(&h, target, capacity, count, hits), u32(first), u32(uint32(steps))}
	stats, err := m.Run("scan", [3]int{blocks, 1, 1}, [3]int{threads, 1, 1}, params, &mem, ptx.Options{Budget: 1 << 20})
	if err != nil {
		return nil, stats, err
	}
	b := make([]byte, 4)
	if err := mem.Read(count, b); err != nil {
		t.Fatal(err)
	}
	found := make([]byte, 4*min(binary.LittleEndian.Uint32(b), capacity))
	if err := mem.Read(hits, found); err != nil {
		t.Fatal(err)
	}
	var nonces []uint32
	for ; len(found) > 0; found = found[4:] {
		nonces = append(nonces, binary.LittleEndian.Uint32(found))
	}
	slices.Sort(nonces)
	return nonces, stats, nil
}

func reference(t testing.TB, target pow.Target, first uint32, count int) []uint32 {
	t.Helper()
	h := header(t)
	var nonces []uint32
	pow.Search(&h, target, pow.Range{First: first, Count: uint64(count)}, func(n uint32) { nonces = append(nonces, n) })
	slices.Sort(nonces)
	return nonces
}

// easy is met by one hash in n.
func easy(n uint64) pow.Target {
	t := pow.MaxTarget
	t[3] /= n
	return t
}

func TestScanFindsTheGenesisNonce(t *testing.T) {
	h, err := pow.ParseHeader(genesis)
	if err != nil {
		t.Fatal(err)
	}
	target, err := h.Bits.Target()
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := scan(t, read(t, "scan"), target, genesisNonce-100, 2, 32, 4)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(found, []uint32{genesisNonce}) {
		t.Errorf("found %d, expected %d alone", found, genesisNonce)
	}
}

func TestScanFindsAllOfAnEasyRange(t *testing.T) {
	m := read(t, "scan")
	for _, first := range []uint32{0, 1<<32 - 128, 1<<31 - 60} {
		want := reference(t, easy(10), first, 256)
		if len(want) < 5 {
			t.Fatalf("only %d nonces to be found", len(want))
		}
		found, _, err := scan(t, m, easy(10), first, 2, 64, 2)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(found, want) {
			t.Errorf("from %d: found %d, expected %d", first, found, want)
		}
	}
}

// BenchmarkScan reports the speed of the interpreter on a hash kernel.
func BenchmarkScan(b *testing.B) {
	m := read(b, "scan")
	var instructions, nonces uint64
	for b.Loop() {
		_, stats, err := scan(b, m, easy(1000), 0, 4, 64, 1)
		if err != nil {
			b.Fatal(err)
		}
		instructions += stats.Instructions
		nonces += 256
	}
	b.ReportMetric(float64(instructions)/1e6/b.Elapsed().Seconds(), "Minstr/s")
	b.ReportMetric(float64(nonces)/b.Elapsed().Seconds(), "nonces/s")
	b.ReportMetric(0, "ns/op")
}
