package p2p

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/rules"
	"stele/node/p2p/book"
	"stele/node/p2p/wire"
	"stele/node/pool"
)

// However often peers send what this node cannot judge as its disk is full, the log has
// one line in 10 s.
func TestFloodOfWarnings(t *testing.T) {
	bubble(t, func(w *world) {
		var log lines
		n := w.node(func(o *Options) { o.Log = log.logger() })
		count := func() (all int) {
			for _, line := range log.take() {
				if line == "record not judged" {
					all++
				}
			}
			return all
		}
		for i := range 3 {
			n.onLoop(func() {
				for range 1000 {
					n.records.outcome(nil, errors.New("no space left on device"))
				}
			})
			if got := count(); got != i+1 {
				t.Fatalf("%d lines, want %d", got, i+1)
			}
			time.Sleep(warnEvery)
		}
	})
}

// Peers that come and go get their addresses from one sample of a large book: to draw one
// takes milliseconds.
func TestSampleIsShared(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		n.onLoop(func() {
			for i := range 20_000 {
				source := netip.AddrFrom4([4]byte{10, byte(i), 1, 1})
				addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), 1)
				n.book.Add(n.now(), source, book.Announced{Addr: addr, Seen: n.now()})
			}
		})
		sample := func() map[wire.Addr]bool {
			all := map[wire.Addr]bool{}
			n.onLoop(func() {
				for _, a := range n.addresses.sample(wire.MaxAddrs).Addrs {
					all[a] = true
				}
			})
			return all
		}
		first := sample()
		differ := func() (count int) {
			for a := range sample() {
				if !first[a] {
					count++
				}
			}
			return count
		}
		if n := differ(); len(first) < 500 || n > 0 {
			t.Errorf("%d of %d addresses differ at once", n, len(first))
		}
		time.Sleep(2 * time.Minute)
		if n := differ(); n < 100 {
			t.Errorf("only %d of %d addresses differ later", n, len(first))
		}
		n.onLoop(func() {
			if got := len(n.addresses.sample(10).Addrs); got != 10 {
				t.Errorf("%d addresses, want 10", got)
			}
		})
	})
}

// slowView is a view that keeps who reads it, until it is released.
type slowView struct {
	rules.View
	read    atomic.Bool
	release chan struct{}
}

func (v *slowView) Get(key []byte) ([]byte, error) {
	v.read.Store(true)
	<-v.release
	return v.View.Get(key)
}

// A pool that is busy, as while a template is made, delays no hello.
func TestHelloWhilePoolIsBusy(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		n.add(w.payments(1)...)
		v := &slowView{View: n.chain.View(), release: make(chan struct{})}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _, err := n.pool.Select(rules.NewState(v), n.chain.NextContext(), pool.Limits{Records: 1, Bytes: 1000})
			w.must(err)
		}()
		for !v.read.Load() {
			runtime.Gosched()
		}
		var said atomic.Bool
		go func() {
			n.hello(&peer{})
			said.Store(true)
		}()
		for i := 0; i < 1_000_000 && !said.Load(); i++ {
			runtime.Gosched()
		}
		if !said.Load() {
			t.Error("no hello")
		}
		close(v.release)
		<-ended
	})
}

// Peers that send long frames which nobody asked for, slowly, delay no answer that this
// node waits for.
func TestSlowPushesDelayNoAnswer(t *testing.T) {
	bubbleOf(t, largeNetwork, func(w *world) {
		c := w.crowd(50)
		n := w.node()
		n.give(c.blocks...)
		honest := w.node(peersOf(n))
		honest.give(c.blocks...)
		w.waitFor(time.Minute, "connected", func() bool { return len(n.Status().Connected) == 1 })
		frame := make([]byte, 300<<10)
		binary.LittleEndian.PutUint32(frame, 500<<10)
		frame[4] = byte(wire.KindCompact)
		for range 100 {
			conn := w.greetRaw(n, w.host())
			go func() { _, _ = conn.Write(frame) }() // fails when the node ends it
		}
		time.Sleep(2 * time.Second)
		b := w.builder.Extend(c.tip(), c.records(300_000)...)
		honest.give(b)
		if took := n.reaches(b, time.Minute); took > 2*time.Second {
			t.Errorf("the block took %v", took)
		}
	})
}

// A node with a full house of peers that send as fast as they can, and read nothing,
// stops in 5 s.
func TestStopUnderFlood(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		pause := 2 * time.Millisecond
		if raceDetector {
			pause *= 10
		}
		var all sync.WaitGroup
		for i := range 117 {
			conn := w.greetRaw(n, w.host())
			messages := []wire.Message{
				&wire.GetHeaders{Locator: []pow.Hash{{1}}}, &wire.GetBlocks{Hashes: []pow.Hash{w.builder.Genesis.Hash()}},
				&wire.Have{Hashes: []pow.Hash{{byte(i)}}}, &wire.GetAddrs{}, &wire.Want{Hashes: []pow.Hash{{2}}}, &wire.Ping{},
			}
			all.Go(func() {
				for k := 0; ; k++ {
					frame := must(n.limits().Append(nil, messages[(i+k)%len(messages)]))
					if _, err := conn.Write(frame); err != nil {
						return
					}
					time.Sleep(pause)
				}
			})
		}
		time.Sleep(time.Second)
		if got := len(n.Status().Connected); got < 64 {
			t.Errorf("%d connected", got)
		}
		start := time.Now()
		n.stop()
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
		all.Wait()
	})
}

// Peers that request large blocks and read nothing delay no block or record for a peer
// that reads.
func TestPeersThatReadNothing(t *testing.T) {
	bubbleOf(t, largeNetwork, func(w *world) {
		c := w.crowd(50)
		large := w.builder.Extend(c.tip(), c.records(2_000_000)...)
		n := w.node()
		n.give(c.blocks...)
		n.give(large)
		reader := w.node(peersOf(n))
		reader.reaches(large, 10*time.Second)
		ask := must(n.limits().Append(nil, &wire.GetBlocks{Hashes: slices.Repeat([]pow.Hash{large.Hash()}, 16)}))
		for range 100 {
			_, err := w.greetRaw(n, w.host()).Write(ask)
			w.must(err)
		}
		time.Sleep(time.Second)
		size := 300_000
		if os.Getenv("STELE_LONG") != "" {
			size = 3_800_000 // its compact form is long, too
		}
		records := c.records(size)
		start := time.Now()
		n.add(records[0])
		w.waitFor(time.Minute, "the record", func() bool { return reader.pooled(records[0]) })
		if took := time.Since(start); took > time.Second {
			t.Errorf("a record took %v", took)
		}
		b := w.builder.Extend(large, records...)
		n.give(b)
		if took := reader.reaches(b, time.Minute); took > 2*time.Second {
			t.Errorf("a block took %v", took)
		}
	})
}

// A peer that may not be blamed for a block of later rules may not send others.
func TestExcusedPeer(t *testing.T) {
	bubble(t, func(w *world) {
		blocks := w.grow(w.builder.Genesis, 30, 1)
		n := w.node()
		host := w.host()
		s := w.greet(n, host, withBlocks(blocks))
		later := bytes.Clone(blocks[0].Encode())
		later[pow.HeaderSize+4+4] = 250 // the type of the first record
		go s.serve(blocks, func(m wire.Message) wire.Message {
			if m, ok := m.(*wire.Block); ok {
				return &wire.Block{Raw: append(bytes.Clone(m.Raw[:pow.HeaderSize]), later[pow.HeaderSize:]...)}
			}
			return m
		})
		time.Sleep(10 * time.Second)
		if q := n.Status(); len(q.Connected) != 1 || q.Counts.MessagesIn["block"] == 0 {
			t.Fatalf("%+v", q)
		}
		w.must(s.Send(&wire.Block{Raw: later}))
		time.Sleep(time.Second)
		if gone, ok := n.goneFrom(host.Addr()); !ok || gone.Reason != string(wire.ReasonProtocol) {
			t.Errorf("%+v", gone)
		}
	})
}

// A peer that requests a block again and again while it is connected does not take the
// place of others.
func TestRepeatedRequests(t *testing.T) {
	bubble(t, func(w *world) {
		b := w.builder.Extend(w.builder.Genesis)
		n := w.node()
		greedy, other := w.greet(n, w.host()), w.greet(n, w.host())
		j := &job{block: b.Block}
		n.onLoop(func() { n.syncer.connecting[b.Hash()] = j })
		ask := &wire.GetBlocks{Hashes: slices.Repeat([]pow.Hash{b.Hash()}, wire.MaxGetBlocks)}
		for range 70 {
			w.must(greedy.Send(ask))
		}
		w.must(other.Send(&wire.GetBlocks{Hashes: ask.Hashes[:1]}))
		time.Sleep(time.Second)
		n.give(b)
		n.onLoop(func() {
			if len(j.waiters) != 2 {
				t.Errorf("%d requests wait", len(j.waiters))
			}
			n.syncer.connected(j, chain.Extended, nil)
		})
		other.wants(wire.KindBlock)
	})
}
