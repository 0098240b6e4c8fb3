package verify

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"

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

// BenchmarkBlocks checks the same blocks again and again.
func BenchmarkBlocks(b *testing.B) {
	var segwit []byte
	for _, raw := range blockfiletest.SegwitBlocks(b) {
		segwit = append(segwit, frame(raw)...)
	}
	e := openCPU(b)
	for _, test := range []struct {
		name string
		data []byte
	}{
		{"small", blockfiletest.Chain(b)},
		{"2013", blockfiletest.Block277647(b)},
		{"segwit", segwit},
	} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/workers=%d", test.name, workers), func(b *testing.B) {
				times := 400_000_000 / len(test.data)
				b.SetBytes(int64(times * len(test.data)))
				opts := Options{Unlinked: true, Workers: workers}
				for b.Loop() {
					r, err := Blocks(b.Context(), e, []Source{streamSource("x", &again{data: test.data, times: times})}, opts)
					if err != nil || r.Valid != r.Items {
						b.Fatal(err, r)
					}
				}
			})
		}
	}
}
