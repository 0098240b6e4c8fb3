package p2p

import (
	"net/netip"
	"time"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/node/chain"
	"stele/node/p2p/blocksync"
	"stele/node/p2p/headersync"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// syncer keeps the chain of the node in step with that of its peers: it gets headers
// and bodies, and serves them. Its methods belong to the loop.
type syncer struct {
	s     *Server
	peers map[slots.ID]*syncPeer
	order []*syncPeer // as they joined

	bodies    *blocksync.Machine
	best      pow.Hash // end of the branch that bodies has
	held      map[heldKey]*body
	checks    checks
	connector connector
	// connecting has the blocks that wait to be submitted, or are being submitted.
	connecting map[pow.Hash]*job
	formerly   *bounded.Set[pow.Hash] // blocks that were in the active chain, and are served too

	starved  starved
	withheld withheld
	replaced time.Time // when an outbound peer that prunes was replaced last
	offered  time.Time // since when a machine is ready, in a first sync; zero: none is
	next     time.Time // of tick
	begun    time.Time

	catchingUp bool
	lastTip    time.Time // when the tip changed last
	isUnsynced bool      // it changed in a catch-up, and may not be durable
	isStale    bool      // no new tip for long
	future     future
	invalid    *bounded.Map[netip.Addr, int] // how many invalid branches came from an address
	unknown    unknownRules
	progress   progress
}

// syncPeer is what the synchronisation knows of a peer.
type syncPeer struct {
	*peer
	headers *headersync.Machine
	claim   pow.Work  // of its chain: as it said, until its headers show it
	shown   uint32    // height of the highest header that it has sent, of those in the tree
	useless int       // how often it sent what is of no use
	started time.Time // when it was asked for headers last by ask, restart or ready
	askedAt time.Time // when the last request for headers was sent
	toAsk   bool      // it is to be asked for headers, which was too early
	excused bool      // bodies that it was asked for may come although they are not needed
	keep    bool      // it is one of the peers that stay although they are behind
	lag     lag
}

func newSyncer(s *Server) *syncer {
	return &syncer{
		s: s, peers: map[slots.ID]*syncPeer{},
		bodies: blocksync.New(), best: s.o.Chain.Tip().Hash, held: map[heldKey]*body{},
		checks: checks{newQueue[*body]()}, connector: connector{newQueue[*job]()},
		connecting: map[pow.Hash]*job{},
		formerly:   bounded.NewSet[pow.Hash](maxFormerly),
		begun:      s.now(), lastTip: s.now(), invalid: bounded.NewMap[netip.Addr, int](maxSuspects),
		progress: newProgress(), withheld: newWithheld(),
	}
}

// Limits of tables, in entries.
const (
	maxFormerly = 2048
	maxSuspects = 4096
)

// run starts the goroutines.
func (y *syncer) run() {
	for range checkers() {
		y.s.work.Go(func() { y.checks.run(y) })
	}
	y.s.work.Go(func() { y.connector.run(y) })
}

// ready implements [part].
func (y *syncer) ready(p *peer) {
	o := &y.s.o
	sp := &syncPeer{peer: p, claim: p.hello.Work}
	sp.headers = y.newMachine()
	y.peers[p.id] = sp
	y.order = append(y.order, sp)
	y.protect(sp)
	y.offerBodies(sp)
	if p.hello.Work.Cmp(o.Chain.BestHeader().Work) > 0 {
		sp.started = y.s.now()
		y.headers(sp, headersync.Start{})
	}
	y.wake()
}

// gone implements [part].
func (y *syncer) gone(p *peer) {
	sp := y.peers[p.id]
	if sp == nil {
		return
	}
	delete(y.peers, p.id)
	for i, other := range y.order {
		if other == sp {
			y.order = append(y.order[:i:i], y.order[i+1:]...)
			break
		}
	}
	y.do(y.bodies.Handle(y.s.now(), blocksync.PeerGone{Peer: blocksync.PeerID(p.id)}))
	y.choose()
}

// handle implements [part].
func (y *syncer) handle(p *peer, m wire.Message) (<-chan struct{}, error) {
	sp := y.peers[p.id]
	if sp == nil {
		return nil, nil
	}
	defer y.wake()
	switch m := m.(type) {
	case *wire.GetHeaders:
		y.serveHeaders(p, m)
	case *wire.GetBlocks:
		y.serveBlocks(p, m)
	case *wire.Headers:
		y.takeHeaders(sp, m)
	case *wire.Block:
		return nil, y.takeBody(sp, m)
	case *wire.Absent:
		return nil, y.takeAbsent(sp, m)
	}
	return nil, nil
}

// changed implements [part].
func (y *syncer) changed(e chain.Event) {
	now := y.s.now()
	for _, point := range e.Disconnected {
		y.formerly.Add(point.Hash)
	}
	if len(e.Connected) > 0 {
		y.lastTip = now
		y.isUnsynced = y.catchingUp
	}
	y.do(y.bodies.Handle(now, blocksync.Accepted{Hash: e.Position.Hash}))
	for _, sp := range y.copyOfPeers() {
		y.headers(sp, headersync.Connected{Height: e.Position.Height})
	}
	y.refresh()
	y.measure(now)
	y.wake()
}

// Times of the synchronisation.
const (
	idleTick     = time.Second
	minRestart   = 30 * time.Second // between requests for headers because a peer's claim is open
	minAsk       = 2 * time.Second  // between requests for headers of a peer by ask
	claimCounts  = 2 * time.Minute  // that a claim without headers keeps the node from mining
	claimsCount  = 10 * time.Minute // after the start, that any claim does
	manyBehind   = 24               // blocks; further behind, the node catches up
	nearlySynced = 1                // blocks; as close, it does no longer
)

// due implements [part].
func (y *syncer) due() time.Time { return y.next }

// wake has tick called soon, if it waits for the work that may have begun.
func (y *syncer) wake() {
	every := idleTick
	if !y.bodies.Idle() {
		every = blocksync.TickEvery
	}
	y.wakeAt(y.s.now().Add(every))
}

// wakeAt has tick called at a time, or earlier.
func (y *syncer) wakeAt(at time.Time) {
	if y.next.IsZero() || at.Before(y.next) {
		y.next = at
	}
}

// tick implements [part].
func (y *syncer) tick(now time.Time) {
	y.next = time.Time{}
	y.do(y.bodies.Handle(now, blocksync.Tick{}))
	for _, sp := range y.copyOfPeers() {
		y.headers(sp, headersync.Tick{})
		y.expire(now, sp)
	}
	y.askLater()
	y.refresh() // headers may have been removed
	y.choose()
	y.restart(now)
	y.forget(now)
	y.retryFuture(now)
	y.careForTip(now)
	y.syncStore(now)
	y.measure(now)
	if len(y.peers) > 0 || !y.bodies.Idle() || len(y.future.blocks) > 0 {
		y.wake()
	}
}

// maxUnsynced is after what time without a new block the last ones become durable. While
// blocks come, the chain takes care of that.
const maxUnsynced = time.Second

// syncStore makes the last blocks durable where a catch-up has come to a halt.
func (y *syncer) syncStore(now time.Time) {
	if !y.isUnsynced || now.Sub(y.lastTip) < maxUnsynced {
		return
	}
	y.isUnsynced = false
	y.connector.put(&job{call: func() {
		if err := y.s.o.Chain.Sync(); err != nil {
			y.s.log.Warn("sync failed", "err", err)
		}
	}})
}

// copyOfPeers returns the peers, for a loop that may lose some.
func (y *syncer) copyOfPeers() []*syncPeer { return append([]*syncPeer(nil), y.order...) }

// atTip reports whether the node is not catching up.
func (y *syncer) atTip() bool { return !y.catchingUp }

// has notes that a peer has a block of this height and work.
func (y *syncer) has(sp *syncPeer, height uint32, work pow.Work) {
	if work.Cmp(sp.claim) > 0 {
		sp.claim = work
	}
	if height > sp.height || height > sp.shown {
		sp.height, sp.shown = max(height, sp.height), max(height, sp.shown)
		y.offerBodies(sp)
	}
}
