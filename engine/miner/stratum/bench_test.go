package stratum_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"stele/engine/miner"
	"stele/engine/miner/stratum"
	"stele/engine/stratum/stratumtest"
)

// channel is a session that passes on its work.
type channel chan *miner.Work

func (c channel) Work(w *miner.Work) { c <- w }
func (c channel) HashRate() float64  { return 0 }

// run runs a client until the benchmark is over, and returns its work.
func run(b *testing.B, o stratum.Options) channel {
	b.Helper()
	client, err := stratum.New(o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	works := make(channel, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = client.Run(ctx, works)
	}()
	b.Cleanup(func() { cancel(); <-done })
	return works
}

// BenchmarkNotify measures the time of a job from the pool's socket to the miner, over
// loopback.
func BenchmarkNotify(b *testing.B) {
	pool := stratumtest.New(b, stratumtest.Options{})
	works := run(b, stratum.Options{URL: pool.URL(), User: "w"})
	<-works
	for i := 0; b.Loop(); i++ {
		pool.Notify(stratumtest.MakeJob(2+i, 1, true))
		<-works
	}
}

// BenchmarkHeader makes the next header of a job with 12 Merkle hashes.
func BenchmarkHeader(b *testing.B) {
	job := stratumtest.MakeJob(1, 1, true)
	for len(job.Branch) < 12 {
		job.Branch = append(job.Branch, job.Branch...)
	}
	job.Branch = job.Branch[:12]
	pool := stratumtest.NewSilent(b, stratumtest.Options{Job: job})
	works := run(b, stratum.Options{URL: "stratum+tcp://pool:1", User: "w", Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		pool.Serve(theirs)
		return ours, nil
	}})
	w := <-works
	for i := uint64(0); b.Loop(); i++ {
		if h := w.Header(i, w.Time); h.Nonce != 0 {
			b.Fatal(fmt.Sprint(h))
		}
	}
}
