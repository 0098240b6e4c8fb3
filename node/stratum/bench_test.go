package stratum_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/stratum"
)

// rigs are connections that have authorized, each by a goroutine that counts jobs.
type rigs struct {
	all  []*testMiner
	seen chan struct{} // an element for each mining.notify that was read, if started
}

// connect connects n miners, with this number of different keys.
func (w *world) connect(n, keys int) *rigs {
	r := &rigs{seen: make(chan struct{}, n)}
	faucets := network.DevFaucets()
	for i := range n {
		// There are fewer published keys; any 32 bytes will do to pay to.
		key := record.PublicOf(faucets[i%keys%len(faucets)])
		key[5] ^= byte(i % keys / len(faucets))
		m := dial(w, w.address)
		m.login(fmt.Sprintf("%v.%d", key, i))
		r.all = append(r.all, m)
	}
	return r
}

// listen counts the jobs of all, until their connections end.
func (r *rigs) listen() {
	for _, m := range r.all {
		_ = m.conn.SetReadDeadline(time.Time{})
		go func() {
			for {
				line, err := m.lines.ReadSlice('\n')
				if err == bufio.ErrBufferFull {
					continue
				}
				if err != nil {
					return
				}
				if strings.Contains(string(line[:min(len(line), 60)]), "mining.notify") {
					r.seen <- struct{}{}
				}
			}
		}()
	}
}

// counting is a listener whose connections count what they have written.
type counting struct {
	net.Listener
	written chan struct{} // an element for each call, if it is not nil
}

func (l counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countingConn{c, l.written}, err
}

type countingConn struct {
	net.Conn
	written chan struct{}
}

func (c countingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	select {
	case c.written <- struct{}{}:
	default: // nobody counts yet
	}
	return n, err
}

// BenchmarkBroadcast is the time from a template for a new tip until the jobs of
// 1,000 miners are written, over loopback, all with one key and with a key each;
// and until the last of them has read it, where their reading, in the same
// process, is part of the time.
func BenchmarkBroadcast(b *testing.B) {
	const miners = 1000
	run := func(name string, keys int, read bool) {
		b.Run(name, func(b *testing.B) {
			written := make(chan struct{}, miners)
			w := newWorld(b, func(w *world, o *stratum.Options) {
				o.Log = nil
				w.wrap = func(l net.Listener) net.Listener { return counting{l, written} }
			})
			w.fill(7)
			w.take()
			r := w.connect(miners, keys)
			done := written
			if read {
				r.listen()
				done = r.seen
			}
			for i := 1; b.Loop(); i++ {
				b.StopTimer()
				w.tip = w.Extend(w.tip)
				made := w.template()
				for _, m := range r.all {
					if !read {
						m.awaitJob(i) // and read later
					}
				}
				for len(written) > 0 {
					<-written
				}
				b.StartTimer()
				w.server.Take(made)
				for range miners {
					<-done
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N), "ms/tip")
		})
	}
	run("written/one-key", 1, false)
	run("written/keys", miners, false)
	run("read/one-key", 1, true)
	run("read/keys", miners, true)
}

// BenchmarkShare is a share of a block with 4,000 records, from the miner's socket
// to the answer. The miner is in the same process: its part is in the time.
func BenchmarkShare(b *testing.B) {
	w := newWorld(b, func(_ *world, o *stratum.Options) { o.Log = nil })
	made := *w.template()
	made.Branch = made.Branch[:0:0]
	for i := range 12 {
		made.Branch = append(made.Branch, w.All()[i%3].Hash())
	}
	w.server.Take(&made)
	miners := w.connect(10, 10).all
	var shares [][]byte
	for i := 0; b.Loop(); i++ {
		if i == len(shares) {
			b.StopTimer()
			shares = append(shares, prepare(miners[i%len(miners)]))
			b.StartTimer()
		}
		m := miners[i%len(miners)]
		if _, err := m.conn.Write(shares[i]); err != nil {
			b.Fatal(err)
		}
		line, err := m.lines.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		if string(line) != "{\"id\":7,\"result\":true,\"error\":null}\n" && !strings.Contains(string(line), "mining.") {
			b.Fatalf("%s", line)
		}
	}
}

// prepare finds a share and returns the line that submits it.
func prepare(m *testMiner) []byte {
	p := m.find(m.user, m.job)
	return fmt.Appendf(nil, "{\"id\":7,\"method\":\"mining.submit\",\"params\":[%q,%q,%q,%q,%q]}\n", p...)
}
