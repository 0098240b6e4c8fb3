package cpu

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"stele/engine"
	"stele/engine/pow"
	"stele/engine/pow/powtest"
	"stele/kernels/sig"
	"stele/kernels/simd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eachKernel runs f with the chosen kernels and with every kernel that can be
// used here.
func eachKernel(t *testing.T, f func(t *testing.T, d engine.Device)) {
	names := []string{""}
	for _, v := range simd.Variants() {
		if v.Available {
			names = append(names, v.Name)
		}
	}
	for _, name := range names {
		t.Run("kernel "+name, func(t *testing.T) {
			d, err := Open(Options{Kernel: name})
			if err != nil {
				t.Fatal(err)
			}
			f(t, d)
		})
	}
}

func TestOpen(t *testing.T) {
	var name string // of a kernel that STELE_CPU allows
	for _, v := range simd.Variants() {
		if v.Available {
			name = v.Name
		}
	}
	d, err := Open(Options{Threads: 3, Kernel: name})
	if err != nil {
		t.Fatal(err)
	}
	info := d.Info()
	if info.ID != ID || info.Kind != "cpu" || info.Name == "" || info.Lanes != 3 || info.Threads != 3 || !info.Pinned ||
		info.SearchKernel != name || info.VerifyKernel != name || info.Features == nil || len(info.Kernels) != len(simd.Variants()) {
		t.Errorf("info %+v", info)
	}

	for _, f := range append(simd.Features(), sig.Features()...) {
		if n := count(info.Features, f); n != 1 {
			t.Errorf("features %v: %s is listed %d times", info.Features, f, n)
		}
	}

	d, err = Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if info := d.Info(); info.Threads != runtime.GOMAXPROCS(0) || info.SearchKernel == "" || info.VerifyKernel == "" {
		t.Errorf("info %+v", info)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// count returns how often a value is in a list.
func count(list []string, value string) (n int) {
	for _, x := range list {
		if x == value {
			n++
		}
	}
	return n
}

func TestOpenErrors(t *testing.T) {
	for _, n := range []int{-1, MaxThreads + 1} {
		if _, err := Open(Options{Threads: n}); !errors.Is(err, ErrThreads) {
			t.Errorf("%d threads: got %v, want ErrThreads", n, err)
		}
	}
	if _, err := Open(Options{Kernel: "abacus"}); err == nil {
		t.Error("an unknown kernel is accepted")
	}
}

func testJob(seed byte, zeros int) engine.Job {
	return engine.Job{Header: powtest.Header(seed), Target: pow.ZeroBits(zeros)}
}

func TestScan(t *testing.T) {
	tests := []struct {
		name  string
		zeros int
		r     pow.Range
	}{
		{"empty", 0, pow.Range{First: 9}},
		{"one", 0, pow.Range{First: 9, Count: 1}},
		{"all hits, round the ring", 0, pow.Range{First: 1<<32 - 5, Count: 1000}},
		{"several calls of the kernel", 7, pow.Range{First: 1<<32 - 70000, Count: simd.MaxNonces*2 + 77}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job := testJob(3, tt.zeros)
			want := powtest.Hits(job.Header, job.Target, tt.r)
			eachKernel(t, func(t *testing.T, d engine.Device) {
				var early []uint32
				got, err := d.Scan(context.Background(), &job, tt.r, func(nonces []uint32) { early = append(early, nonces...) })
				if err != nil || got.Done != tt.r.Count || !slices.Equal(got.Nonces, want) || !slices.Equal(early, want) {
					t.Errorf("done %d, %d nonces, %d of them early, %v; want %d, %d", got.Done, len(got.Nonces), len(early), err, tt.r.Count, len(want))
				}
			})
		})
	}
}

// countdown is a context that ends after n looks at it.
type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

func TestScanCancelled(t *testing.T) {
	job := testJob(3, 6)
	r := pow.Range{First: 77, Count: simd.MaxNonces * 3}
	var want []uint32
	pow.Search(&job.Header, job.Target, pow.Range{First: 77, Count: simd.MaxNonces}, func(n uint32) { want = append(want, n) })
	eachKernel(t, func(t *testing.T, d engine.Device) {
		got, err := d.Scan(&countdown{context.Background(), 1}, &job, r, nil)
		if !errors.Is(err, context.Canceled) || got.Done != simd.MaxNonces || !slices.Equal(got.Nonces, want) {
			t.Errorf("done %d, %d nonces, %v; want %d, %d", got.Done, len(got.Nonces), err, simd.MaxNonces, len(want))
		}
	})
}

// chain returns n headers, each the child of the one before, some of them
// above their target, some with nBits that stand for no target.
func chain(random *rand.Rand, n int) []byte {
	bits := []pow.Bits{0x207fffff, 0x207fffff, 0x207fffff, 0x1f7fffff, 0x20800000, 0, 0xff123456}
	headers := make([]byte, 0, n*pow.HeaderSize)
	parent := pow.Hash{1}
	for i := range n {
		h := pow.Header{Version: random.Uint32(), Prev: parent, Nonce: random.Uint32(), Bits: 0x207fffff}
		if i%16 > 12 { // runs of the same nBits and changes
			h.Bits = bits[random.IntN(len(bits))]
		}
		record := h.Encode()
		headers = append(headers, record[:]...)
		parent = h.Hash()
	}
	return headers
}

func TestVerify(t *testing.T) {
	headers := chain(rand.New(rand.NewPCG(1, 2)), 2*block+3)
	for _, broken := range []int{0, 1, block - 1, block, block + 1, 2 * block, 2*block + 2} {
		headers[broken*pow.HeaderSize+offPrev+31] ^= 0x80
	}
	for _, n := range []int{0, 1, 2, 15, 16, 17, block - 1, block, block + 1, 2*block + 3} {
		for _, linked := range []bool{false, true} {
			part := headers[:n*pow.HeaderSize]
			want := make([]pow.Verdict, n)
			pow.Verify(part, linked, want)
			eachKernel(t, func(t *testing.T, d engine.Device) {
				got := make([]pow.Verdict, n)
				for i := range got {
					got[i] = 0xff
				}
				if err := d.Verify(context.Background(), part, linked, got); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%d headers, linked %v: got %v, want %v", n, linked, got, want)
				}
			})
		}
	}
}

// A hash equal to the target is good, one above is not, in every limb.
func TestJudgeBorders(t *testing.T) {
	target, err := pow.Bits(0x1d00ffff).Target()
	if err != nil {
		t.Fatal(err)
	}
	var exact pow.Hash
	for i, limb := range target {
		binary.LittleEndian.PutUint64(exact[8*i:], limb)
	}
	for limb := range 4 {
		for _, tt := range []struct {
			add  uint64
			want pow.Verdict
		}{{0, pow.Valid}, {1, pow.HighHash}} {
			hash := exact
			binary.LittleEndian.PutUint64(hash[8*limb:], target[limb]+tt.add)
			record := make([]byte, pow.HeaderSize)
			binary.LittleEndian.PutUint32(record[offBits:], 0x1d00ffff)
			var j judge
			got := make([]pow.Verdict, 1)
			j.judge(record, [][32]byte{hash}, got)
			if got[0] != tt.want {
				t.Errorf("limb %d plus %d: got %v, want %v", limb, tt.add, got[0], tt.want)
			}
		}
	}
}

func TestVerifyProperty(t *testing.T) {
	d, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 100).Draw(t, "headers")
		headers := chain(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)), n)
		for range rapid.IntRange(0, 5).Draw(t, "flips") {
			if n > 0 {
				headers[rapid.IntRange(0, len(headers)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			}
		}
		linked := rapid.Bool().Draw(t, "linked")
		want, got := make([]pow.Verdict, n), make([]pow.Verdict, n)
		pow.Verify(headers, linked, want)
		if err := d.Verify(context.Background(), headers, linked, got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestVerifyCancelled(t *testing.T) {
	d, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 3 * block
	err = d.Verify(&countdown{context.Background(), 2}, make([]byte, n*pow.HeaderSize), false, make([]pow.Verdict, n))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestVerifyWrongLength(t *testing.T) {
	d, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(context.Background(), make([]byte, 79), false, make([]pow.Verdict, 1)); err == nil {
		t.Error("79 bytes are accepted as a header")
	}
}

// The engine finds on this device what the reference finds.
func TestWithEngine(t *testing.T) {
	d, err := Open(Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New([]engine.Device{d}, nil)
	defer e.Close()
	job, r := testJob(5, 10), pow.Range{First: 1<<32 - 1<<17, Count: 1 << 18}
	var want, got []uint32
	pow.Search(&job.Header, job.Target, r, func(n uint32) { want = append(want, n-r.First) })
	sum, err := e.Search(context.Background(), job, r, func(h engine.Hit) { got = append(got, h.Nonce-r.First) })
	slices.Sort(got)
	if err != nil || sum.Scanned != r.Count || !slices.Equal(got, want) {
		t.Errorf("%+v, %v: found %d, want %d", sum, err, len(got), len(want))
	}
	headers := chain(rand.New(rand.NewPCG(1, 2)), 10_000)
	verdicts, reference := make([]pow.Verdict, 10_000), make([]pow.Verdict, 10_000)
	pow.Verify(headers, true, reference)
	if _, err := e.Verify(context.Background(), headers, true, verdicts); err != nil || !slices.Equal(verdicts, reference) {
		t.Errorf("verify: %v, verdicts equal: %v", err, slices.Equal(verdicts, reference))
	}
	for _, s := range e.Status() {
		if s.State != engine.OK || s.HardwareErrors != 0 {
			t.Errorf("status %+v", s)
		}
	}
}

// BenchmarkVerify measures one thread: the device, its kernel alone, the rest
// of its loop alone, and the device under an engine.
func BenchmarkVerify(b *testing.B) {
	const n = 1 << 16
	headers, verdicts := powtest.Chain(n), make([]pow.Verdict, n)
	d, err := Open(Options{})
	if err != nil {
		b.Fatal(err)
	}
	best, err := simd.Best()
	if err != nil {
		b.Fatal(err)
	}
	report := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/header")
	}
	b.Run("device", func(b *testing.B) {
		for b.Loop() {
			if err := d.Verify(context.Background(), headers, true, verdicts); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
	b.Run("kernel only", func(b *testing.B) {
		hashes := make([][32]byte, block)
		for b.Loop() {
			for i := 0; i < n; i += block {
				best.Hash.Hash(hashes, headers[i*pow.HeaderSize:(i+block)*pow.HeaderSize])
			}
		}
		report(b)
	})
	b.Run("verdicts only", func(b *testing.B) {
		hashes := make([][32]byte, block)
		best.Hash.Hash(hashes, headers[:block*pow.HeaderSize])
		j := judge{linked: true}
		for b.Loop() {
			for range n / block {
				j.judge(headers[:block*pow.HeaderSize], hashes, verdicts[:block])
			}
		}
		report(b)
	})
	b.Run("engine", func(b *testing.B) {
		one, err := Open(Options{Threads: 1})
		if err != nil {
			b.Fatal(err)
		}
		e := engine.New([]engine.Device{one}, nil)
		defer e.Close()
		for b.Loop() {
			if _, err := e.Verify(context.Background(), headers, true, verdicts); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
}
