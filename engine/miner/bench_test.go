package miner_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/miner"
	"stele/engine/pow"
)

// hard is work without shares.
type hard struct{ session chan miner.Session }

func (h hard) Name() string { return "hard" }

func (h hard) Run(ctx context.Context, s miner.Session) error {
	s.Work(work(0))
	h.session <- s
	<-ctx.Done()
	return ctx.Err()
}

func work(n int) *miner.Work {
	return &miner.Work{
		ID: fmt.Sprint(n), Clean: true, Target: pow.ZeroBits(200),
		Time: 1_700_000_000, Received: time.Now(), Extranonces: 1 << 32,
		Header: func(extranonce uint64, t uint32) pow.Header {
			return pow.Header{MerkleRoot: pow.Sum(fmt.Append(nil, n, extranonce)), Time: t, Bits: 0x1d00ffff}
		},
		Submit: func(context.Context, miner.Share) error { return nil },
	}
}

// startCPU starts a miner on the processor that has worked for a second.
func startCPU(b *testing.B) (*miner.Miner, *engine.Engine, miner.Session) {
	b.Helper()
	device, err := cpu.Open(cpu.Options{})
	if err != nil {
		b.Fatal(err)
	}
	e := engine.New([]engine.Device{device}, nil)
	source := hard{make(chan miner.Session, 1)}
	m := miner.New(miner.Options{Engine: e, Sources: []miner.Source{source}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		_ = e.Close()
	})
	s := <-source.session
	time.Sleep(time.Second)
	return m, e, s
}

// The time from new work to the first nonces of it on every thread.
func BenchmarkJobSwitch(b *testing.B) {
	m, _, s := startCPU(b)
	for n := range b.N {
		before := m.Status().JobSwitch.Count
		s.Work(work(n + 1))
		for m.Status().JobSwitch.Count == before {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond)
	}
	got := m.Status().JobSwitch
	b.ReportMetric(float64(got.P50)/1e6, "p50-ms")
	b.ReportMetric(float64(got.P99)/1e6, "p99-ms")
	b.ReportMetric(float64(got.Max)/1e6, "max-ms")
}

// The rate through the miner against that of the engine alone, in turn, so that
// what else the machine does is in both.
func BenchmarkRate(b *testing.B) {
	const slice = 2 * time.Second
	m, e, _ := startCPU(b)
	rate := func() float64 {
		time.Sleep(100 * time.Millisecond)
		before, start := e.Status()[0].Nonces, time.Now()
		time.Sleep(slice)
		return float64(e.Status()[0].Nonces-before) / time.Since(start).Seconds()
	}
	through, alone := 0.0, 0.0
	for range b.N {
		through += rate()

		m.Pause()
		header := work(0).Header(0, 0)
		job := engine.Job{Header: header.Encode(), Target: pow.ZeroBits(200)}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				_, _ = e.Search(ctx, job, pow.Range{Count: pow.NonceSpace}, func(engine.Hit) {})
			}
		}()
		alone += rate()
		cancel()
		<-done
		m.Resume()
	}
	b.ReportMetric(through/float64(b.N)/1e6, "MH/s")
	b.ReportMetric(100*through/alone, "%-of-search")
}
