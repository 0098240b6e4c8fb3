package p2p

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/p2p/link"
	"stele/node/p2p/relay"
	"stele/node/p2p/simnet"
	"stele/node/p2p/wire"
)

// monkey sends messages of all kinds at random, made of what the network knows and of
// what nobody knows.
type monkey struct {
	hello   wire.Hello
	r       *rand.Rand
	blocks  []*chaintest.Block // some of which the node lacks
	records []*record.Record
}

func (k *monkey) block() *chaintest.Block { return k.blocks[k.r.IntN(len(k.blocks))] }

// hash returns the hash of a block or a record, or that of nothing.
func (k *monkey) hash() (h pow.Hash) {
	switch k.r.IntN(3) {
	case 0:
		return k.block().Hash()
	case 1:
		return k.records[k.r.IntN(len(k.records))].FullHash()
	}
	h[0] = byte(k.r.IntN(8))
	return h
}

func (k *monkey) hashes(max int) (all []pow.Hash) {
	for range 1 + k.r.IntN(max) {
		all = append(all, k.hash())
	}
	return all
}

// spoil changes a byte, sometimes.
func (k *monkey) spoil(b []byte) []byte {
	b = bytes.Clone(b)
	if k.r.IntN(20) == 0 {
		b[k.r.IntN(len(b))] ^= byte(1 << k.r.IntN(8))
	}
	return b
}

func (k *monkey) raws(max int) (all [][]byte) {
	for range 1 + k.r.IntN(max) {
		all = append(all, k.spoil(k.records[k.r.IntN(len(k.records))].Encode()))
	}
	return all
}

func (k *monkey) headers() (all []pow.Header) {
	for b := k.block(); len(all) < 8 && k.r.IntN(4) > 0; {
		h := b.Header
		if len(all) == 0 && k.r.IntN(5) == 0 {
			h.Time += uint32(k.r.IntN(100))
			chaintest.Mine(&h)
		}
		all = append([]pow.Header{h}, all...)
		i := slices.IndexFunc(k.blocks, func(x *chaintest.Block) bool { return x.Hash() == h.Prev })
		if i < 0 {
			break
		}
		b = k.blocks[i]
	}
	return all
}

func (k *monkey) compact() wire.Message {
	b := k.block()
	var lacking []uint32
	for i := range b.Records {
		if k.r.IntN(2) == 0 {
			lacking = append(lacking, uint32(i))
		}
	}
	m := relay.NewCompact(b.Block, k.r.Uint64(), lacking)
	if len(m.IDs) > 0 && k.r.IntN(3) == 0 {
		m.IDs[k.r.IntN(len(m.IDs))] = wire.ShortID(k.r.IntN(3))
	}
	if k.r.IntN(3) == 0 {
		m.Header.Time++
		chaintest.Mine(&m.Header)
	}
	return m
}

// message returns one of any kind.
func (k *monkey) message() wire.Message {
	requests := []wire.Kind{wire.KindGetBlocks, wire.KindGetCompact, wire.KindGetParts, wire.KindWant, wire.KindGetHeaders, wire.KindPing, wire.KindGetBlob}
	kind := k.r.IntN(21)
	if (kind == 7 || kind == 8 || kind == 9 || kind == 14) && k.r.IntN(30) > 0 {
		kind = 0 // an answer that nobody wants ends the connection
	}
	switch kind {
	case 0:
		return &wire.Ping{Nonce: k.r.Uint64()}
	case 1:
		return &wire.Pong{Nonce: k.r.Uint64()}
	case 2:
		return &wire.GetHeaders{Locator: k.hashes(5), Stop: k.hash()}
	case 3, 4, 5:
		return &wire.Headers{Headers: k.headers()}
	case 6:
		return &wire.GetBlocks{Hashes: k.hashes(16)}
	case 7, 8:
		return &wire.Block{Raw: k.spoil(k.block().Encode())}
	case 9:
		return &wire.Absent{Request: requests[k.r.IntN(len(requests))], Cause: wire.Cause(k.r.IntN(4)), Hashes: k.hashes(4)}
	case 10, 11:
		return k.compact()
	case 12:
		return &wire.GetCompact{Hash: k.hash()}
	case 13:
		return &wire.GetParts{Block: k.hash(), Indices: []uint32{uint32(k.r.IntN(3)), 3, 4 + uint32(k.r.IntN(1000))}}
	case 14:
		return &wire.Parts{Block: k.hash(), Records: k.raws(5)}
	case 15:
		return &wire.Have{Hashes: k.hashes(10)}
	case 16:
		return &wire.Want{Hashes: k.hashes(10)}
	case 17:
		return &wire.Records{Records: k.raws(8)}
	case 18:
		return &wire.FeeRate{Min: k.r.Uint64()}
	case 19:
		return &wire.Announce{Push: k.r.IntN(2) == 0}
	case 20:
		return &wire.Addrs{Addrs: []wire.Addr{{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(k.r.IntN(256)), 0, 1}), 1)}}}
	}
	return &wire.GetAddrs{}
}

// answer returns what may answer a message of the node, sometimes.
func (k *monkey) answer(m wire.Message) wire.Message {
	if k.r.IntN(3) == 0 {
		return nil
	}
	byHash := func(hash pow.Hash) *chaintest.Block {
		for _, b := range k.blocks {
			if b.Hash() == hash {
				return b
			}
		}
		return k.block()
	}
	switch m := m.(type) {
	case *wire.Ping:
		return &wire.Pong{Nonce: m.Nonce}
	case *wire.GetHeaders:
		return &wire.Headers{Headers: after(k.blocks, m.Locator)}
	case *wire.GetBlocks:
		return &wire.Block{Raw: k.spoil(byHash(m.Hashes[0]).Encode())}
	case *wire.GetCompact:
		return compactOf(byHash(m.Hash).Block)
	case *wire.GetParts:
		p, b := &wire.Parts{Block: m.Block}, byHash(m.Block)
		for _, i := range m.Indices {
			p.Records = append(p.Records, k.spoil(b.Records[int(i)%len(b.Records)].Encode()))
		}
		return p
	case *wire.Want:
		return &wire.Records{Records: k.raws(5)}
	}
	return nil
}

// run plays until a time, with one connection after the other.
func (k *monkey) run(n *testNode, host *simnet.Host, until time.Time) {
	for time.Now().Before(until) {
		conn, err := host.Dial(context.Background(), n.address())
		if err != nil {
			return
		}
		secured, _, err := link.Client(context.Background(), conn, must(link.NewKey()), nil)
		if err != nil {
			time.Sleep(time.Second)
			continue
		}
		l := link.New(secured, link.Options{Limits: n.limits(), Solicited: func(wire.Kind) bool { return true }})
		ctx, stop := context.WithDeadline(context.Background(), until)
		ended := make(chan struct{})
		answers := make(chan wire.Message, 1000)
		go func() {
			defer close(ended)
			_ = l.Run(ctx, func(m wire.Message) error {
				answers <- m
				return nil
			})
		}()
		hello := k.hello
		hello.Nonce, hello.Height, hello.Work = k.r.Uint64(), uint32(k.r.IntN(100)), pow.Work{0, uint64(k.r.IntN(2))}
		_ = l.Send(&hello)
		for isOpen := true; isOpen; {
			select {
			case <-ended:
				isOpen = false
			case m := <-answers:
				if a := k.answer(m); a != nil {
					_ = l.Send(a)
				}
			case <-time.After(time.Duration(k.r.IntN(50)) * time.Millisecond):
				_ = l.Send(k.message())
			}
		}
		stop()
		time.Sleep(400 * time.Millisecond)
	}
}

// Whatever peers send, in whatever order, the node goes on. STELE_SEED=N runs another play
// than the first.
func TestMonkeys(t *testing.T) {
	seed, _ := strconv.ParseUint(os.Getenv("STELE_SEED"), 10, 64)
	bubble(t, func(w *world) {
		c := w.crowd(20)
		var blocks []*chaintest.Block
		blocks = append(blocks, c.blocks...)
		tip := c.tip()
		records := c.records(60 * crowdRecord)
		for i := range 6 {
			tip = w.builder.Extend(tip, records[i*10:i*10+10]...)
			blocks = append(blocks, tip)
		}
		side := w.builder.Extend(blocks[8], records[20:25]...)
		n := w.node()
		n.give(c.blocks...)
		n.add(records[:30]...)
		until := time.Now().Add(30 * time.Second)
		for i := range 12 {
			k := &monkey{hello: *w.hello(), r: rand.New(rand.NewPCG(seed, uint64(i))), blocks: append(blocks[len(c.blocks)-3:len(blocks)-i%3:len(blocks)-i%3], side), records: records}
			host := w.host()
			go k.run(n, host, until)
		}
		time.Sleep(31 * time.Second)
		q := n.Status()
		t.Logf("%v %v %v", q.Counts.Disconnects, q.Counts.Rebuilds, q.Counts.Records)
		honest := w.node(peersOf(n))
		honest.give(blocks...)
		n.reaches(lastOf(blocks), time.Minute)
		for _, other := range n.Status().Gone {
			if addr := netip.MustParseAddrPort(other.Address); addr.Addr() == honest.host.Addr() {
				t.Errorf("the honest node went: %+v", other)
			}
		}
		time.Sleep(30 * time.Second)
		n.onLoop(func() {
			if forms, bytes := len(n.compact.forms), n.compact.bytes; forms > 0 || bytes > 0 {
				t.Errorf("%d compact forms are kept, of %d bytes", forms, bytes)
			}
			if s := n.records.relay.Status(); s.Judging > 0 || len(n.records.held) > 0 || n.records.queue.len() > 0 || n.records.queue.reserved > 0 {
				t.Errorf("records: %+v", s)
			}
			if len(n.syncer.held) > 0 || len(n.syncer.connecting) > 0 || len(n.compact.encoding) > 0 || n.compact.serving > 0 {
				t.Errorf("bodies: %d, %d", len(n.syncer.held), len(n.syncer.connecting))
			}
		})
	})
}
