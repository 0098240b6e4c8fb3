package miner_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/miner"
	"stele/engine/pow"
)

// wire is a source whose work has no shares. It sends new work for each byte that it
// reads from a connection.
type wire struct {
	conn    net.Conn
	sent    chan time.Time // when each byte was sent
	started chan bool
	arrived []time.Duration // until it was read
}

func (w *wire) Name() string { return "wire" }
func (w *wire) User() string { return "" }

func (w *wire) Run(_ context.Context, s miner.Session) error {
	s.Work(work(0))
	close(w.started)
	for n := 1; ; n++ {
		if _, err := w.conn.Read(make([]byte, 1)); err != nil {
			return err
		}
		w.arrived = append(w.arrived, time.Since(<-w.sent))
		s.Work(work(n))
	}
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

// startCPU starts a miner on the processor and returns when that has worked for a
// second. Each byte written to the connection makes new work.
func startCPU(b *testing.B) (*miner.Miner, *engine.Engine, *wire, net.Conn) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	out, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	in, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	device, err := cpu.Open(cpu.Options{})
	if err != nil {
		b.Fatal(err)
	}
	e := engine.New([]engine.Device{device}, nil)
	source := &wire{conn: in, sent: make(chan time.Time, 1), started: make(chan bool)}
	m := miner.New(miner.Options{Engine: e, Sources: []miner.Source{source}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		_, _ = in.Close(), out.Close()
		if err := <-done; err != nil {
			b.Error(err)
		}
		_ = e.Close()
	})
	<-source.started
	time.Sleep(time.Second)
	return m, e, source, out
}

// From a byte on a connection until it is read, and from there until every
// thread works on the new job.
func BenchmarkJobSwitch(b *testing.B) {
	m, _, source, out := startCPU(b)
	for range b.N {
		time.Sleep(50 * time.Millisecond)
		source.sent <- time.Now()
		if _, err := out.Write([]byte{1}); err != nil {
			b.Fatal(err)
		}
	}
	time.Sleep(200 * time.Millisecond)
	got := m.Status().JobSwitch
	arrived := slices.Sorted(slices.Values(source.arrived))
	b.ReportMetric(float64(arrived[len(arrived)/2])/1e6, "read-p50-ms")
	b.ReportMetric(float64(arrived[len(arrived)*99/100])/1e6, "read-p99-ms")
	b.ReportMetric(float64(got.P50)/1e6, "switch-p50-ms")
	b.ReportMetric(float64(got.P99)/1e6, "switch-p99-ms")
}

// The rate through the miner compared with that of the engine alone, interleaved so
// that other load on the machine affects both.
func BenchmarkRate(b *testing.B) {
	const slice = 2 * time.Second
	m, e, _, _ := startCPU(b)
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
