package verify

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	sha256 "github.com/minio/sha256-simd"

	"stele/engine"
	"stele/engine/blockfile/blockfiletest"
	"stele/engine/cpu"
	"stele/engine/pow"
)

// again gives data a number of times.
type again struct {
	data  []byte
	times int
	at    int
}

func (a *again) Read(p []byte) (int, error) {
	if a.times == 0 {
		return 0, io.EOF
	}
	n := copy(p, a.data[a.at:])
	if a.at += n; a.at == len(a.data) {
		a.at, a.times = 0, a.times-1
	}
	return n, nil
}

// nothing is an Engine that takes no time, to see what all the rest takes.
type nothing struct{}

func (nothing) Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) (engine.VerifyResult, error) {
	clear(verdicts)
	return engine.VerifyResult{}, nil
}

// openCPU returns an engine with one CPU thread.
func openCPU(b *testing.B) *engine.Engine {
	d, err := cpu.Open(cpu.Options{Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	e := engine.New([]engine.Device{d}, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	b.Cleanup(func() { e.Close() })
	return e
}

// BenchmarkHeaders checks 10 million headers: a chain of 2^20, again and again.
func BenchmarkHeaders(b *testing.B) {
	chain := mine(1 << 20)
	const times = 10
	run := func(e Engine) func(*testing.B) {
		return func(b *testing.B) {
			opts := linked
			opts.Workers = 1
			for b.Loop() {
				r, err := Headers(b.Context(), e, streamSource("x", &again{data: chain, times: times}), opts)
				if err != nil || r.Items != times<<20 {
					b.Fatal(err, r)
				}
			}
			b.ReportMetric(float64(b.N)*(times<<20)/b.Elapsed().Seconds()/1e6, "Mheaders/s")
		}
	}
	b.Run("cpu", run(openCPU(b)))
	b.Run("nothing", run(nothing{}))
}

// BenchmarkBlocks checks the same blocks again and again. It compares the time with
// that of sha256-simd, which hashes the same bytes once on one core, in turn: x-sha256
// is the median of the ratios.
func BenchmarkBlocks(b *testing.B) {
	files := map[string][]byte{
		"small": blockfiletest.Chain(b),
		"2013":  blockfiletest.Block277647(b),
	}
	for hash, raw := range blockfiletest.SegwitBlocks(b) {
		files["segwit-"+hash[len(hash)-6:]] = frame(raw)
	}
	e := openCPU(b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/workers=%d", name, workers), func(b *testing.B) {
				benchmarkBlocks(b, e, files[name], workers)
			})
		}
	}
}

func benchmarkBlocks(b *testing.B, e Engine, data []byte, workers int) {
	times := 200_000_000 / len(data)
	b.SetBytes(int64(times * len(data)))
	opts := Options{Unlinked: true, Workers: workers}
	var ratios []float64
	for b.Loop() {
		start := time.Now()
		r, err := Blocks(b.Context(), e, []Source{streamSource("x", &again{data: data, times: times})}, opts)
		if err != nil || r.Valid != r.Items {
			b.Fatal(err, r)
		}
		took := time.Since(start)
		b.StopTimer()
		start = time.Now()
		for range times {
			sha256.Sum256(data)
		}
		ratios = append(ratios, float64(time.Since(start))/float64(took))
		b.StartTimer()
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-sha256")
}
