package endtoend

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"stele/bench"
	"stele/engine/miner"
	"stele/engine/miner/stratum"
	"stele/engine/pow"
)

// channel is a session that passes on its work.
type channel chan *miner.Work

func (c channel) Work(w *miner.Work) { c <- w }
func (c channel) HashRate() float64  { return 0 }

// connect returns a pool, and the work that a client receives from it.
func connect(t testing.TB, mask uint32, difficulty string) (*pool, channel) {
	t.Helper()
	d, err := pow.ParseDifficulty(difficulty)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPool(mask, d)
	if err != nil {
		t.Fatal(err)
	}
	client, err := stratum.New(stratum.Options{URL: p.url(), User: "w", VersionMask: mask, SuggestDifficulty: d})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	works, done := make(channel, 10), make(chan struct{})
	go func() {
		defer close(done)
		_ = client.Run(ctx, works) // until ctx ends
	}()
	t.Cleanup(func() { cancel(); <-done; p.close() })
	return p, works
}

// share returns a share with an extranonce: the first nonce that meets the target.
func share(w *miner.Work, extranonce uint64) miner.Share {
	header := w.Header(extranonce, w.Time)
	for {
		encoded := header.Encode()
		if hash := pow.Sum(encoded[:]); w.Target.MetBy(hash) {
			return miner.Share{Work: w, Extranonce: extranonce, Header: header, Hash: hash}
		}
		header.Nonce++
	}
}

// The real client gets each job with its difficulty, its shares are accepted once, and
// those of an older job are stale.
func TestPool(t *testing.T) {
	for _, mask := range []uint32{0, miner.DefaultVersionMask} {
		p, works := connect(t, mask, "1e-9")
		old := <-works
		if old.VersionMask != mask || old.Target.Difficulty().Float64() > 1.01e-9 {
			t.Errorf("mask %x, difficulty %v", old.VersionMask, old.Target.Difficulty())
		}
		for i := range uint64(3) {
			if err := old.Submit(t.Context(), share(old, i)); err != nil {
				t.Errorf("share %d: %v", i, err)
			}
		}
		if p.counted() != 3 {
			t.Errorf("%d shares accepted", p.counted())
		}
		late := share(old, 3)
		d, _ := pow.ParseDifficulty("2e-9")
		n, err := p.send(d)
		if err != nil {
			t.Fatal(err)
		}
		w := <-works
		for w.ID != jobID(n) {
			w = <-works
		}
		if !w.Clean || w.Target.Difficulty().Float64() < 1.99e-9 || p.times()[n].IsZero() {
			t.Errorf("job %+v", w)
		}
		if err := old.Submit(t.Context(), late); err == nil || !strings.Contains(err.Error(), "stale") && !strings.Contains(err.Error(), "lost") {
			t.Errorf("a late share: %v", err)
		}
	}
}

// Whatever breaks the protocol ends the connection, and the next one is served.
func TestPoolHostile(t *testing.T) {
	d, _ := pow.ParseDifficulty("1")
	p, err := newPool(0, d)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for _, line := range []string{"\x00\x01", "{}[", strings.Repeat("x", 1<<14), `{"id":1,"method":"mining.submit","params":[1,2]}`, `{"id":1,"method":"mining.configure","params":7}`} {
		conn, err := net.Dial("tcp", p.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Write([]byte(line + "\n")); err != nil {
			t.Logf("%.20q: %v", line, err) // the pool hung up first
		}
		answer, _ := bufio.NewReader(conn).ReadString('\n')
		if strings.Contains(answer, `"result":true`) {
			t.Errorf("%.20q was accepted: %s", line, answer)
		}
		_ = conn.Close()
	}
	if p.counted() != 0 {
		t.Errorf("%d shares accepted", p.counted())
	}
}

// BenchmarkShare submits shares one after the other: client, loopback and pool. The
// processor time is that of both sides.
func BenchmarkShare(b *testing.B) {
	_, works := connect(b, miner.DefaultVersionMask, "1e-9")
	w := <-works
	before, _ := bench.ProcessorTime()
	for i := 0; b.Loop(); i++ {
		if err := w.Submit(b.Context(), share(w, uint64(i))); err != nil {
			b.Fatal(err)
		}
	}
	after, _ := bench.ProcessorTime()
	b.ReportMetric(float64(after-before)/float64(b.N), "cpu-ns/op")
}
