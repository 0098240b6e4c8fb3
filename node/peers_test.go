package node

import (
	"slices"
	"testing"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/template"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// peerOptions returns options of a node without miner and API, with peers.
func peerOptions(t *testing.T, p *network.Params, peers ...string) Options {
	o := testOptions(t)
	o.Params, o.Engine, o.API, o.Traffic = p, nil, "", 0
	o.Store.FS = vfs.NewMem()
	o.P2P = &P2P{Listen: "127.0.0.1:0", Peers: peers, Private: true}
	return o
}

// mineOne mines a block of the records that wait in the pool.
func (n *testNode) mineOne() pow.Hash {
	n.Helper()
	tmpl, err := template.Build(n.chain.Tip(), n.pool, n.chain.View(), template.Options{Params: n.options.Params, Payout: record.PublicOf(network.DevFaucets()[0]), Now: n.o.now})
	if err != nil {
		n.Fatal(err)
	}
	h := tmpl.Header(1, tmpl.Version, tmpl.Time)
	chaintest.Mine(&h)
	if _, err := n.chain.Submit(tmpl.Block(1, h)); err != nil {
		n.Fatal(err)
	}
	return h.Hash()
}

// agree waits until the nodes have a block as their tip.
func agree(tip pow.Hash, nodes ...*testNode) {
	for _, n := range nodes {
		n.Helper()
		n.wait("the tip "+tip.String(), func(s query.Status) bool { return s.Tip == tip && s.Waiting == "" })
	}
}

// Three nodes agree on a chain; a record that one gets is mined by another; a node that
// was away catches up.
func TestNodesAgree(t *testing.T) {
	p := chaintest.Network()
	hub := start(t, peerOptions(t, p))
	second := start(t, peerOptions(t, p, hub.p2p.Addr()))
	awayOptions := peerOptions(t, p, hub.p2p.Addr())
	away := start(t, awayOptions)
	hub.wait("two peers", func(s query.Status) bool { return s.Connected() == 2 && len(s.Peers.Gone) == 0 })

	b := chaintest.New(p, 1)
	pay := b.Pay(b.Genesis, b.Funded(b.Genesis, 1), b.Funded(b.Genesis, 2), 5)
	if err := away.pool.Add(pay)[0]; err != nil {
		t.Fatal(err)
	}
	second.wait("the record", func(s query.Status) bool { return s.Pool.Records == 1 })
	agree(second.mineOne(), hub, second, away)
	for i, n := range []*testNode{hub, second, away} {
		if found, err := n.chain.Find(pay.ID()); err != nil || found.Place.Height != 1 {
			t.Errorf("node %d: the record is at %+v, %v", i, found.Place, err)
		}
		if s := n.Status(); s.Pool.Records != 0 {
			t.Errorf("node %d: %d records in the pool", i, s.Pool.Records)
		}
	}

	away.stop()
	var tip pow.Hash
	for range 30 {
		tip = hub.mineOne()
	}
	agree(tip, second)
	agree(tip, start(t, awayOptions))
	if s := second.Status(); s.Peers.Sync.State != query.SyncDone || s.Peers.Connected[0].Blocks == 0 {
		t.Errorf("peers %+v", s.Peers)
	}
}

// On a network of many machines a node without peers mines nothing, and says why.
func TestWaitsForPeers(t *testing.T) {
	p := chaintest.Network(func(p *network.Params) { p.ID++ })
	o := peerOptions(t, p)
	o.Engine = testOptions(t).Engine
	n := start(t, o)
	if s := n.wait("the reason", func(s query.Status) bool { return s.Waiting != "" }); s.Waiting != "no peers" || s.Height != 0 {
		t.Errorf("waiting %q at height %d", s.Waiting, s.Height)
	}
	start(t, peerOptions(t, p, n.p2p.Addr()))
	if s := n.reach(1); s.Waiting != "" {
		t.Errorf("waiting %q with a peer", s.Waiting)
	}
}

// What is wrong with the options about peers ends Open.
func TestOpenPeersFails(t *testing.T) {
	p := chaintest.Network()
	taken := start(t, peerOptions(t, p))
	for what, edit := range map[string]func(*P2P){
		"a port in use":   func(o *P2P) { o.Listen = taken.p2p.Addr() },
		"an invalid peer": func(o *P2P) { o.Peers = []string{"nowhere"} },
	} {
		o := peerOptions(t, p)
		edit(o.P2P)
		if n, err := Open(t.Context(), o); err == nil {
			t.Errorf("%s: no error", what)
			_ = n.Close()
		}
	}
}

// A deep reorganisation is a warning.
func TestDeepReorg(t *testing.T) {
	o := peerOptions(t, chaintest.Network())
	o.P2P = nil
	n := start(t, o)
	b := chaintest.New(o.Params, 2)
	give := func(tip *chaintest.Block) {
		t.Helper()
		for _, blk := range tip.Chain()[1:] {
			if _, err := n.chain.Submit(blk.Block); err != nil {
				t.Fatal(err)
			}
		}
	}
	give(b.Grow(b.Genesis, 6, 0))
	has := func() bool {
		return slices.ContainsFunc(n.Status().Warnings, func(w query.Warning) bool { return w.Kind == query.DeepReorg })
	}
	if has() {
		t.Error("a warning without a reorganisation")
	}
	give(b.Grow(b.Genesis, 7, 0))
	if s := n.Status(); !has() || s.Height != 7 {
		t.Errorf("height %d, warnings %+v", s.Height, s.Warnings)
	}
}
