package p2p

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/p2p/book"
	"stele/node/p2p/link"
	"stele/node/p2p/simnet"
	"stele/node/p2p/wire"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	testNetwork = chaintest.Network()
	// testVerifier is shared by all nodes, so that a signature is checked once.
	testVerifier = record.NewVerifier(1<<16, 1)
)

// cacheBytes is the cache of the store of each node.
var cacheBytes int64 = 4 << 20

// peersPort is where all nodes listen.
const peersPort = 28699

// world is a network of nodes in virtual time. Its nodes have the addresses 10.1.0.1,
// 10.2.0.1 and so on, each in a group of its own.
type world struct {
	*testing.T
	net     *simnet.Net
	builder *chaintest.Builder // of blocks and records; all nodes are of its network
	begin   time.Time          // of the bubble
	ahead   atomic.Int64       // what the clocks of the nodes are ahead, in nanoseconds
	nodes   []*testNode
	hosts   int
}

// bubble runs a test in virtual time, with a latency of 20 ms one way.
func bubble(t *testing.T, test func(w *world)) { bubbleOf(t, testNetwork, test) }

// bubbleOf is bubble for another network.
func bubbleOf(t *testing.T, params *network.Params, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, net: simnet.New(1), builder: chaintest.New(params, 1), begin: time.Now()}
		w.net.SetDefault(simnet.Line{Latency: 20 * time.Millisecond})
		t.Cleanup(func() {
			for _, n := range w.nodes {
				n.stop()
			}
			w.net.Close()
		})
		test(w)
	})
}

// clock returns the time by the clocks of the nodes: a year after the genesis block, so
// that the times of all blocks of the builder are in the past.
func (w *world) clock() time.Time {
	start := time.Unix(int64(w.builder.Params.GenesisTime), 0).AddDate(1, 0, 0)
	return start.Add(time.Since(w.begin) + time.Duration(w.ahead.Load()))
}

// must fails the test for an error.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// waitFor waits until ok, which must be within a time.
func (w *world) waitFor(within time.Duration, what string, ok func() bool) {
	w.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("not within %v: %s", within, what)
		}
	}
}

// host returns a machine with the next address.
func (w *world) host() *simnet.Host {
	w.hosts++
	return w.net.Host(netip.AddrFrom4([4]byte{10, byte(w.hosts), 0, 1}))
}

// testNode is a node: a real store in memory, chain, pool and server.
type testNode struct {
	*Server
	w       *world
	host    *simnet.Host
	options Options // the next start has these
	fs      vfs.FS
	keep    uint32 // see chain.Options

	store  *store.Store
	chain  *chain.Chain
	pool   *pool.Pool
	cancel context.CancelFunc // nil: not running
	done   chan error         // of Run
}

// node makes and starts a node. It knows no peers, and calls only those that an edit
// adds.
func (w *world) node(edit ...func(*Options)) *testNode {
	w.Helper()
	n := &testNode{w: w, host: w.host(), fs: vfs.NewMem()}
	n.options = Options{
		Listen: ":28699", OnlyPeers: true, Private: true, Agent: "stele/test", Transport: n.host, Now: w.clock,
		Group: func(a netip.Addr) book.Group { return must(a.Prefix(16)) },
		Log:   slog.New(slog.NewTextHandler(w.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", n.host.Addr()),
	}
	for _, f := range edit {
		f(&n.options)
	}
	w.nodes = append(w.nodes, n)
	n.start()
	return n
}

// peersOf is an edit for [world.node]: the node stays connected to others.
func peersOf(others ...*testNode) func(*Options) {
	return func(o *Options) {
		for _, n := range others {
			o.Peers = append(o.Peers, n.address())
		}
	}
}

// start starts the node, on what its store has.
func (n *testNode) start() {
	n.w.Helper()
	w, params, err := n.w, n.w.builder.Params, error(nil)
	id := store.Identity{Network: params.ID, Genesis: block.Genesis(params).Hash()}
	n.store, err = store.Open("store", id, store.Options{FS: n.fs, CacheBytes: cacheBytes})
	w.must(err)
	n.chain, err = chain.Open(context.Background(), chain.Options{
		Store: n.store, Params: params, Verifier: testVerifier, Clock: w.clock, Log: n.options.Log, Keep: n.keep,
		OnChange: func(c chain.Change) { w.must(n.pool.Follow(c)) },
		Flush:    func() { w.must(n.pool.Flush()) },
	})
	w.must(err)
	n.pool, err = pool.New(pool.Options{
		Params: params, View: n.chain.View, Context: n.chain.NextContext, Verifier: testVerifier,
		Journal: pool.StoreJournal(n.store), Log: n.options.Log,
		Accepted: func(records []*record.Record) { n.Accepted(records) },
	})
	w.must(err)
	o := n.options
	o.Params, o.Chain, o.Pool, o.Verifier = params, n.chain, n.pool, testVerifier
	n.Server, err = New(o)
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel, n.done = cancel, make(chan error, 1)
	go func() { n.done <- n.Run(ctx) }()
}

// stop stops the node, within 5 s. A stopped one stays so.
func (n *testNode) stop() {
	n.w.Helper()
	if n.cancel == nil {
		return
	}
	n.cancel()
	n.cancel = nil
	stopped := time.Now()
	if err := <-n.done; err != nil {
		n.w.Error(err)
	}
	if took := time.Since(stopped); took > 5*time.Second {
		n.w.Errorf("the node took %v to stop", took)
	}
	if err := n.store.Close(); err != nil {
		n.w.Error(err)
	}
}

// address returns where the node listens.
func (n *testNode) address() string {
	return netip.AddrPortFrom(n.host.Addr(), peersPort).String()
}

// peerAt returns the status of the connection to another node, if there is one.
func (n *testNode) peerAt(other *testNode) (query.Peer, bool) {
	for _, p := range n.Status().Connected {
		if addr := netip.MustParseAddrPort(p.Address); addr.Addr() == other.host.Addr() {
			return p, true
		}
	}
	return query.Peer{}, false
}

// goneFrom returns the last connection to an address that has ended.
func (n *testNode) goneFrom(addr netip.Addr) (query.GonePeer, bool) {
	for _, p := range n.Status().Gone {
		if netip.MustParseAddrPort(p.Address).Addr() == addr {
			return p, true
		}
	}
	return query.GonePeer{}, false
}

// give submits blocks to the node's chain.
func (n *testNode) give(blocks ...*chaintest.Block) {
	n.w.Helper()
	for _, b := range blocks {
		if _, err := n.chain.Submit(b.Block); err != nil {
			n.w.Fatalf("height %d: %v", b.Height(), err)
		}
	}
}

// has reports whether a block is the tip of the node.
func (n *testNode) has(b *chaintest.Block) bool { return n.chain.Tip().Hash == b.Hash() }

// onLoop runs a function on the loop of the node, and waits for it.
func (n *testNode) onLoop(f func()) {
	done := make(chan struct{})
	n.do(func() {
		defer close(done)
		f()
	})
	<-done
}

// stranger is the other end of a connection to a node, for a test that sends what no
// node would send. It answers pings.
type stranger struct {
	*link.Link
	w    *world
	id   link.ID           // of the node
	got  chan wire.Message // from the node
	done chan error        // of Run
}

// call connects to a node as a stranger at a host, without a hello.
func (w *world) call(n *testNode, from *simnet.Host) *stranger {
	w.Helper()
	conn, err := from.Dial(context.Background(), n.address())
	w.must(err)
	secured, id, err := link.Client(context.Background(), conn, must(link.NewKey()), nil)
	w.must(err)
	s := &stranger{w: w, id: id, got: make(chan wire.Message, 10000), done: make(chan error, 1)}
	s.Link = link.New(secured, link.Options{
		Limits: wire.Limits{MaxBlockSize: w.builder.Params.MaxBlockSize}, Budget: link.NewBudget(link.BudgetBytes),
		Solicited: func(wire.Kind) bool { return true },
	})
	ctx, cancel := context.WithCancel(context.Background())
	w.Cleanup(cancel)
	go func() {
		s.done <- s.Run(ctx, func(m wire.Message) error {
			s.got <- m
			if ping, ok := m.(*wire.Ping); ok {
				return s.Send(&wire.Pong{Nonce: ping.Nonce})
			}
			return nil
		})
		close(s.got)
	}()
	return s
}

// hello returns the hello that a stranger sends to be welcome.
func (w *world) hello() *wire.Hello {
	genesis := w.builder.Genesis
	return &wire.Hello{
		Protocol: wire.Protocol, MinProtocol: wire.MinProtocol, Network: w.builder.Params.ID, Genesis: genesis.Hash(),
		Services: wire.ServesBlocks | wire.TakesRecords, Tip: genesis.Hash(), Work: genesis.Work(),
		Nonce: w.builder.Rand.Uint64(), Agent: "stranger",
	}
}

// greet connects to a node as a stranger, and exchanges hellos.
func (w *world) greet(n *testNode, from *simnet.Host, edit ...func(*wire.Hello)) *stranger {
	w.Helper()
	s, h := w.call(n, from), w.hello()
	for _, f := range edit {
		f(h)
	}
	w.must(s.Send(h))
	s.wants(wire.KindHello)
	return s
}

// wants returns the next message of a kind, within a minute. Others are skipped.
func (s *stranger) wants(k wire.Kind) wire.Message {
	s.w.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case m, ok := <-s.got:
			if !ok {
				s.w.Fatalf("the link ended before a %s: %v", k, <-s.done)
			}
			if m.Kind() == k {
				return m
			}
		case <-timeout:
			s.w.Fatalf("no %s within a minute", k)
		}
	}
}

// wantsBye checks that the node ends the connection for a reason.
func (s *stranger) wantsBye(want wire.Reason) {
	s.w.Helper()
	bye := s.wants(wire.KindBye).(*wire.Bye)
	if bye.Reason != want {
		s.w.Errorf("bye %s, %s; want %s", bye.Reason, bye.Text, want)
	}
	<-s.done
}

// must returns the value of a call that cannot fail in a test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// learn adds addresses to the book of the node, on its loop.
func (n *testNode) learn(w *world, addrs ...string) {
	for _, a := range addrs {
		addr := netip.MustParseAddrPort(a)
		n.book.Add(w.clock(), addr.Addr(), book.Announced{Addr: addr, Services: uint64(wire.ServesBlocks | wire.TakesRecords), Seen: w.clock()})
	}
	n.dialer.hurry()
}

// isDiscouraged reports whether the node avoids an address.
func isDiscouraged(n *testNode, addr string) (is bool) {
	n.onLoop(func() { is = n.book.IsDiscouraged(n.now(), netip.MustParseAddr(addr)) })
	return is
}

// lines is a log that keeps the event and the reason of each line above Debug.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) logger() *slog.Logger { return slog.New(lineHandler{l}) }

func (l *lines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

type lineHandler struct{ *lines }

func (h lineHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level > slog.LevelDebug
}
func (h lineHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h lineHandler) WithGroup(string) slog.Handler      { return h }

func (h lineHandler) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "reason" {
			text += " " + a.Value.String()
		}
		return true
	})
	h.all = append(h.all, text)
	return nil
}
