package p2p

import (
	"slices"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/p2p/relay"
	"stele/node/p2p/simnet"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
	"stele/node/pool"
)

// mesh makes n nodes with a latency of 50 ms one way and 10 Mbit/s each, and connects
// each to links random ones before it.
func (w *world) mesh(n, links int) []*testNode {
	w.Helper()
	w.net.SetDefault(simnet.Line{Latency: 50 * time.Millisecond})
	var all []*testNode
	for i := range n {
		var to []*testNode
		for _, k := range w.builder.Rand.Perm(i)[:min(i, links)] {
			to = append(to, all[k])
		}
		node := w.node(peersOf(to...))
		node.host.SetRates(10e6/8, 10e6/8)
		all = append(all, node)
	}
	w.waitFor(10*time.Second, "all are connected", func() bool {
		open := 0
		for _, n := range all {
			open += len(n.Status().Connected)
		}
		want := 0
		for i := range n {
			want += 2 * min(i, links)
		}
		return open == want
	})
	return all
}

// payments returns n payments of the funded accounts, valid after genesis.
func (w *world) payments(n int) []*record.Record {
	b := w.builder
	to := record.PublicOf(b.NewKey())
	next := map[record.Key]uint64{}
	var all []*record.Record
	for i := range n {
		r := b.Frame(b.Genesis, b.Funded(b.Genesis, i%4))
		r.Seq += next[r.Key]
		next[r.Key]++
		r.Payload = record.Pay{To: to, Amount: 1}
		r.Fee = pool.DefaultMinRate.Fee(400)
		all = append(all, b.Sign(r))
	}
	return all
}

// add gives records to the pool of a node, as its API does.
func (n *testNode) add(records ...*record.Record) {
	n.w.Helper()
	for _, err := range n.pool.Add(records...) {
		n.w.must(err)
	}
}

// pooled reports whether the pool of the node has all records.
func (n *testNode) pooled(records ...*record.Record) bool {
	return !slices.ContainsFunc(records, func(r *record.Record) bool { return n.pool.ByFullHash(r.FullHash()) == nil })
}

// Records reach all of 20 nodes within 400 ms, in 99 of 100 cases, and each node checks
// their signatures once.
func TestRecordsReachAll(t *testing.T) {
	bubble(t, func(w *world) {
		nodes := w.mesh(20, 4)
		records := w.payments(100)
		before := testVerifier.Stats()
		begin := time.Now()
		const every = 40 * time.Millisecond
		missing := make([][]*testNode, len(records)) // nodes without a record
		for i := range missing {
			missing[i] = nodes
		}
		var took []time.Duration
		for sent, step := 0, 0; len(took) < len(records); step++ {
			if time.Since(begin) > time.Minute {
				t.Fatalf("%d of %d records have reached all", len(took), len(records))
			}
			for sent < len(records) && time.Since(begin) >= time.Duration(sent)*every {
				nodes[sent%4*5].add(records[sent]) // an account sends to one node
				sent++
			}
			for i := range sent {
				if len(missing[i]) == 0 {
					continue
				}
				missing[i] = slices.DeleteFunc(slices.Clone(missing[i]), func(n *testNode) bool { return n.pooled(records[i]) })
				if len(missing[i]) == 0 {
					took = append(took, time.Since(begin)-time.Duration(i)*every)
				}
			}
			time.Sleep(2 * time.Millisecond)
		}
		slices.Sort(took)
		p99 := took[len(took)*99/100-1]
		var bytes uint64
		for _, n := range nodes {
			for _, k := range []wire.Kind{wire.KindHave, wire.KindWant, wire.KindRecords} {
				bytes += n.counts.out[k].bytes.Load()
			}
		}
		t.Logf("to all: p50 %v, p99 %v, max %v; %d bytes sent for each record and node",
			took[len(took)/2], p99, took[len(took)-1], bytes/uint64(len(nodes)*len(records)))
		if p99 > 400*time.Millisecond {
			t.Errorf("99 of 100 records need up to %v", p99)
		}
		after := testVerifier.Stats()
		if checks := after.Checked + after.Hits - before.Checked - before.Hits; checks != uint64(len(nodes)*len(records)) {
			t.Errorf("%d checks of signatures, want one of each of %d records at %d nodes", checks, len(records), len(nodes))
		}
	})
}

// A record with a bad signature costs the peer its connection, and its address is
// avoided. The good copy of the record is not kept away.
func TestForgedRecords(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		good := w.payments(1)[0]
		bad := *good
		bad.Signatures = slices.Clone(good.Signatures)
		bad.Signatures[0][0] ^= 1
		forged := record.New(bad)
		from := w.host()
		s := w.greet(n, from)
		w.must(s.Send(&wire.Records{Records: [][]byte{forged.Encode()}}))
		s.wantsBye(wire.Reason(reject.BadSignature))
		w.waitFor(time.Second, "the address is discouraged", func() bool { return n.Status().Discouraged == 1 })
		if n.pooled(forged) {
			t.Error("the forged record is in the pool")
		}

		honest := w.greet(n, w.host())
		w.must(honest.Send(&wire.Have{Hashes: []pow.Hash{good.FullHash()}}))
		want := honest.wants(wire.KindWant).(*wire.Want)
		if !slices.Equal(want.Hashes, []pow.Hash{good.FullHash()}) {
			t.Fatalf("wanted %v", want.Hashes)
		}
		w.must(honest.Send(&wire.Records{Records: [][]byte{good.Encode()}}))
		w.waitFor(time.Second, "the record is pooled", func() bool { return n.pooled(good) })
		w.waitFor(time.Second, "the peer is credited", func() bool { return n.Status().Counts.RecordsAccepted == 1 })
	})
}

// A flood of forged records costs at most the check of one batch: with the first
// verdict the peer goes, and with it what waits of it.
func TestForgedFlood(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		before := testVerifier.Stats().Checked
		to := record.PublicOf(w.builder.NewKey())
		s := w.greet(n, w.host())
		for i := range 5000 {
			frame := w.builder.Frame(w.builder.Genesis, w.builder.Funded(w.builder.Genesis, i%4))
			frame.Payload = record.Pay{To: to, Amount: record.Amount(i + 1)}
			frame.Fee = pool.DefaultMinRate.Fee(400)
			if err := s.Send(&wire.Records{Records: [][]byte{record.New(frame).Encode()}}); err != nil {
				break
			}
		}
		s.wantsBye(wire.Reason(reject.BadSignature))
		time.Sleep(time.Minute)
		if checked := testVerifier.Stats().Checked - before; checked > maxBatch {
			t.Errorf("%d signatures were checked", checked)
		}
	})
}

// A record with a broken encoding is a fault, one of a later type is none.
func TestRecordForms(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		r := w.payments(1)[0]
		later := slices.Clone(r.Encode())
		later[4] = 250 // type
		s := w.greet(n, w.host())
		w.must(s.Send(&wire.Records{Records: [][]byte{later, r.Encode()}}))
		w.waitFor(time.Second, "the other record is pooled", func() bool { return n.pooled(r) })
		if c := n.Status().Counts; c.Records[reject.UnknownType] != 1 {
			t.Errorf("counted %v", c.Records)
		}
		long := append(slices.Clone(r.Encode()), 0)
		w.must(s.Send(&wire.Records{Records: [][]byte{long}}))
		s.wantsBye(wire.Reason(reject.BadRecordEncoding))
	})
}

// If a peer does not send what it has announced, the next one is asked after two
// seconds.
func TestHaveWithoutRecords(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		r := w.payments(1)[0]
		hash := []pow.Hash{r.FullHash()}
		silent := w.greet(n, w.host())
		w.must(silent.Send(&wire.Have{Hashes: hash}))
		silent.wants(wire.KindWant)
		honest := w.greet(n, w.host())
		w.must(honest.Send(&wire.Have{Hashes: hash}))
		asked := time.Now()
		honest.wants(wire.KindWant)
		if after := time.Since(asked); after > 2*time.Second {
			t.Errorf("asked after %v", after)
		}
		w.must(honest.Send(&wire.Records{Records: [][]byte{r.Encode()}}))
		w.waitFor(time.Second, "the record is pooled", func() bool { return n.pooled(r) })
		silent.wantsBye(wire.ReasonLate)
	})
}

// What a peer requests is sent, and what the pool lacks is named.
func TestWant(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		records := w.payments(240)
		n.add(records...)
		s := w.greet(n, w.host())
		m := &wire.Want{Hashes: []pow.Hash{{1}}}
		for _, r := range records {
			m.Hashes = append(m.Hashes, r.FullHash())
		}
		w.must(s.Send(m))
		absent := s.wants(wire.KindAbsent).(*wire.Absent)
		if absent.Request != wire.KindWant || !slices.Equal(absent.Hashes, []pow.Hash{{1}}) {
			t.Errorf("absent %+v", absent)
		}
		for got := 0; got < len(records); {
			size := 0
			for _, raw := range s.wants(wire.KindRecords).(*wire.Records).Records {
				if !slices.Equal(raw, records[got].Encode()) {
					t.Fatalf("record %d is another one", got)
				}
				size += len(raw)
				got++
			}
			if size > 60<<10 {
				t.Errorf("a message with %d bytes", size)
			}
		}
		// A peer that says what it lacks is not asked again.
		w.must(s.Send(&wire.Have{Hashes: []pow.Hash{{2}}}))
		s.wants(wire.KindWant)
		w.must(s.Send(&wire.Absent{Request: wire.KindWant, Hashes: []pow.Hash{{2}}}))
		time.Sleep(time.Second)
		n.onLoop(func() {
			if status := n.records.relay.Status(); status.Fetching != 0 || len(n.peers) != 1 {
				t.Errorf("%+v; %d peers", status, len(n.peers))
			}
		})
	})
}

// Records that come before those they need wait for them.
func TestOrphanRecords(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		records := w.payments(40) // ten of each account
		s := w.greet(n, w.host())
		for _, r := range slices.Backward(records) {
			w.must(s.Send(&wire.Records{Records: [][]byte{r.Encode()}}))
			time.Sleep(10 * time.Millisecond)
		}
		w.waitFor(time.Second, "all are pooled", func() bool { return n.pooled(records...) })
		w.waitFor(time.Second, "none waits", func() bool { return n.Status().Counts.Orphans == 0 })
	})
}

// A record that waits for one which is mined elsewhere is tried again with the block.
func TestOrphanAfterBlock(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		records := w.payments(5)
		s := w.greet(n, w.host())
		w.must(s.Send(&wire.Records{Records: [][]byte{records[4].Encode()}}))
		w.waitFor(time.Second, "it waits", func() bool { return n.Status().Counts.Orphans == 1 })
		n.give(w.builder.Extend(w.builder.Genesis, records[0]))
		w.waitFor(time.Second, "it is pooled", func() bool { return n.pooled(records[4]) })
		// What was mined is not requested again.
		w.must(s.Send(&wire.Have{Hashes: []pow.Hash{records[0].FullHash()}}))
		time.Sleep(time.Second)
		n.onLoop(func() {
			if status := n.records.relay.Status(); status.Fetching != 0 {
				t.Errorf("%+v", status)
			}
		})
	})
}

// A peer that takes no records gets none, and must not send any.
func TestWithoutRecords(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		r := w.payments(1)[0]
		s := w.greet(n, w.host(), func(h *wire.Hello) { h.Services = wire.ServesBlocks })
		n.add(r)
		time.Sleep(5 * time.Second)
		for len(s.got) > 0 {
			if m := <-s.got; m.Kind() == wire.KindHave || m.Kind() == wire.KindRecords {
				t.Errorf("got %v", m)
			}
		}
		w.must(s.Send(&wire.Have{Hashes: []pow.Hash{{1}}}))
		s.wantsBye(wire.ReasonProtocol)
		if (&peer{kind: slots.BlocksOnly, hello: *w.hello()}).takesRecords() {
			t.Error("records are exchanged on a connection for blocks only")
		}
	})
}

// A peer hears of no record below its fee rate.
func TestFeeRate(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		records := w.payments(8)
		rate := uint64(pool.RateOf(records[0]))
		s := w.greet(n, w.host(), func(h *wire.Hello) { h.MinFeeRate = rate + 1 })
		n.add(records[:4]...)
		time.Sleep(time.Second)
		for len(s.got) > 0 {
			if m := <-s.got; m.Kind() == wire.KindHave || m.Kind() == wire.KindRecords {
				t.Errorf("got %v", m)
			}
		}
		w.must(s.Send(&wire.FeeRate{Min: rate}))
		time.Sleep(time.Second)
		n.add(records[4:]...)
		for got := 0; got < 4; {
			got += len(s.wants(wire.KindRecords).(*wire.Records).Records)
		}
		if got := n.Status().Connected[0].MinFeeRate; got != rate {
			t.Errorf("the status shows %d, want %d", got, rate)
		}
		n.onLoop(func() { n.records.tellRate(1099); n.records.tellRate(1100); n.records.tellRate(1150) })
		if m := s.wants(wire.KindFeeRate).(*wire.FeeRate); m.Min != 1100 {
			t.Errorf("the fee rate is %d, want 1100: a tenth more than before", m.Min)
		}
	})
}

// Two nodes hear of the records in each other's pool when they connect, whoever calls.
func TestBacklog(t *testing.T) {
	bubble(t, func(w *world) {
		a := w.node()
		b := w.node(peersOf(a))
		w.waitFor(5*time.Second, "connected", func() bool { _, ok := b.peerAt(a); return ok })
		w.net.Cut(a.host, b.host)
		time.Sleep(3 * time.Minute)
		records := w.payments(500)
		for _, r := range records { // all of an author at one node
			if r.Key == records[0].Key {
				a.add(r)
			} else {
				b.add(r)
			}
		}
		time.Sleep(10 * time.Second)
		w.net.HealAll()
		w.waitFor(time.Minute, "all are pooled", func() bool { return a.pooled(records...) && b.pooled(records...) })
	})
}

// A peer that announces without end is asked for what it may announce, and no more is
// read; others are served meanwhile.
func TestHaveFlood(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		s := w.greet(n, w.host())
		for i := range 60 {
			m := &wire.Have{}
			for k := range wire.MaxHave {
				m.Hashes = append(m.Hashes, pow.Hash{1, byte(i), byte(k), byte(k >> 8)})
			}
			w.must(s.Send(m))
		}
		time.Sleep(500 * time.Millisecond)
		n.onLoop(func() {
			if status := n.records.relay.Status(); status.Fetching > 5000 {
				t.Errorf("%+v", status)
			}
		})
		r := w.payments(1)[0]
		honest := w.greet(n, w.host())
		w.must(honest.Send(&wire.Have{Hashes: []pow.Hash{r.FullHash()}}))
		honest.wants(wire.KindWant)
		w.must(honest.Send(&wire.Records{Records: [][]byte{r.Encode()}}))
		w.waitFor(time.Second, "the record is pooled", func() bool { return n.pooled(r) })
	})
}

// A flood of records that pay too little is read as slowly as the limits say, costs no
// check of signatures, and delays no records of others.
func TestCheapFlood(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		before := testVerifier.Stats().Checked
		s, honest := w.greet(n, w.host()), w.greet(n, w.host())
		to := record.PublicOf(w.builder.NewKey())
		for i := range 12000 {
			frame := w.builder.Frame(w.builder.Genesis, w.builder.Funded(w.builder.Genesis, i%4))
			frame.Payload, frame.Fee = record.Pay{To: to, Amount: record.Amount(i + 1)}, 1
			if s.Send(&wire.Records{Records: [][]byte{record.New(frame).Encode()}}) != nil {
				break
			}
			if i%100 == 99 {
				time.Sleep(50 * time.Millisecond)
			}
		}
		r := w.payments(1)[0]
		w.must(honest.Send(&wire.Records{Records: [][]byte{r.Encode()}}))
		w.waitFor(time.Second, "the honest record is pooled", func() bool { return n.pooled(r) })
		time.Sleep(4 * time.Second)
		if checked := testVerifier.Stats().Checked - before; checked > 1 {
			t.Errorf("%d signatures were checked", checked)
		}
		cheap, limit := n.Status().Counts.Records[reject.FeeRateTooLow], uint64(allowedRecords.burst+12*int(allowedRecords.perSecond))
		if cheap < uint64(allowedRecords.burst) || cheap > limit {
			t.Errorf("%d records were read, the limit is %d", cheap, limit)
		}
	})
}

// A request does not open the door for records that were not requested.
func TestUnaskedRecords(t *testing.T) {
	for _, c := range []struct {
		name string
		size int // records of a message
		want wire.Reason
	}{{"a long answer", 9, wire.ReasonProtocol}, {"many pushes", 8, wire.ReasonTooMuch}} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(w *world) {
				n := w.node()
				s := w.greet(n, w.host())
				w.must(s.Send(&wire.Have{Hashes: []pow.Hash{{1}}}))
				s.wants(wire.KindWant)
				to := record.PublicOf(w.builder.NewKey())
				frame := w.builder.Frame(w.builder.Genesis, w.builder.Funded(w.builder.Genesis, 0))
				frame.Fee = 1 // which is no fault
				for i := range 1000 {
					m := &wire.Records{}
					for k := range c.size {
						frame.Payload = record.Pay{To: to, Amount: record.Amount(i*c.size + k + 1)}
						m.Records = append(m.Records, record.New(frame).Encode())
					}
					if s.Send(m) != nil {
						break
					}
					time.Sleep(time.Millisecond)
				}
				s.wantsBye(c.want)
			})
		})
	}
}

// While the chain catches up nothing is requested or judged. What peers have announced
// or pushed meanwhile is requested afterwards.
func TestRecordsWhileCatchingUp(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		s := w.greet(n, w.host())
		records := w.payments(4)
		far := func(on bool) {
			n.onLoop(func() {
				n.syncer.catchingUp = on
				n.records.handleAll()
			})
		}
		far(true)
		w.must(s.Send(&wire.Records{Records: [][]byte{records[0].Encode()}}))
		w.must(s.Send(&wire.Have{Hashes: []pow.Hash{records[1].FullHash()}}))
		time.Sleep(5 * time.Second)
		for len(s.got) > 0 {
			if m := <-s.got; m.Kind() == wire.KindWant {
				t.Errorf("got %v", m)
			}
		}
		if n.pooled(records[0]) {
			t.Error("a record was judged")
		}
		far(false)
		if m := s.wants(wire.KindWant).(*wire.Want); len(m.Hashes) != 2 {
			t.Errorf("%d records are requested, want 2", len(m.Hashes))
		}
	})
}

// All of what a peer announces, up to 5,000 records, is requested, as it answers.
func TestManyHaves(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		s := w.greet(n, w.host())
		const messages = 5
		for i := range messages {
			m := &wire.Have{}
			for k := range wire.MaxHave {
				m.Hashes = append(m.Hashes, pow.Hash{1, byte(i), byte(k), byte(k >> 8)})
			}
			w.must(s.Send(m))
			time.Sleep(100 * time.Millisecond) // the link drops what does not fit into its queue
		}
		asked := map[pow.Hash]bool{}
		for len(asked) < messages*wire.MaxHave {
			m := s.wants(wire.KindWant).(*wire.Want)
			for _, hash := range m.Hashes {
				if asked[hash] {
					t.Fatalf("%v is requested twice", hash)
				}
				asked[hash] = true
			}
			w.must(s.Send(&wire.Absent{Request: wire.KindWant, Hashes: m.Hashes}))
		}
	})
}

// A thousand records that one node accepts at once, as after a reorganisation, reach
// all others.
func TestManyRecordsAtOnce(t *testing.T) {
	bubble(t, func(w *world) {
		nodes := w.mesh(6, 2)
		records := w.payments(1000)
		nodes[3].add(records...)
		begin := time.Now()
		w.waitFor(5*time.Second, "all are pooled", func() bool {
			return !slices.ContainsFunc(nodes, func(n *testNode) bool { return !n.pooled(records...) })
		})
		t.Log("after", time.Since(begin))
		for _, n := range nodes {
			if s := n.Status(); s.Discouraged > 0 || len(s.Gone) > 0 {
				t.Errorf("%d addresses are discouraged; left: %+v", s.Discouraged, s.Gone)
			}
		}
	})
}

// What the link to a slow peer drops is announced to it later.
func TestSlowPeerHearsAll(t *testing.T) {
	bubble(t, func(w *world) {
		n := w.node()
		host := w.host()
		s := w.greet(n, host)
		host.Freeze()
		heard := map[pow.Hash]bool{}
		n.onLoop(func() {
			for i := range 10000 {
				r := anyRecord(byte(i%200), uint64(i/200))
				heard[r.FullHash()] = false
				n.records.handleAll(relay.Accepted{Record: r})
			}
		})
		time.Sleep(9 * time.Second)
		n.onLoop(func() {
			for _, p := range n.peers {
				if p.link.Dropped() == 0 {
					t.Error("the link has dropped nothing")
				}
			}
		})
		host.Thaw()
		time.Sleep(20 * time.Second)
		for len(s.got) > 0 {
			switch m := (<-s.got).(type) {
			case *wire.Have:
				for _, hash := range m.Hashes {
					heard[hash] = true
				}
			case *wire.Records:
				for _, raw := range m.Records {
					heard[pow.Sum(raw)] = true
				}
			}
		}
		missing := 0
		for _, ok := range heard {
			if !ok {
				missing++
			}
		}
		if missing > 2 { // a few may seem known to the peer
			t.Errorf("the peer has not heard of %d records of %d", missing, len(heard))
		}
	})
}
