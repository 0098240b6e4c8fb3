package p2p

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"time"

	"golang.org/x/time/rate"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/reject"
	"stele/node/p2p/relay"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

const (
	maxCompactDepth = 8  // blocks below the tip whose compact form and parts are served
	maxServed       = 2  // compact forms of this node that are kept
	maxFresh        = 1  // blocks that are kept until they are connected, for requests for parts
	maxServing      = 32 // requests for other compact forms that wait
	maxNewHeaders   = 64 // headers of new blocks that are remembered
	maxAnnounces    = 10 // messages of a peer in a minute that say how it wants to hear of blocks
)

const (
	// maxFormBytes bounds the compact forms of peers, and the parts for them.
	maxFormBytes = 2 << 20
	maxFormSize  = 700 << 10 // of one compact form in memory
)

// compactBytes returns the most memory that the compactor uses for blocks of a maximum
// size, but for what it shares with the pool: the forms, one block that is rebuilt,
// those that are not connected, and what is served.
func compactBytes(maxBlockSize int) int {
	return maxFormBytes + (1+maxFresh)*maxBlockSize + maxServed*maxFormSize
}

// compactor spreads new blocks. It rebuilds those that peers send in compact form and
// pushes them on before they are connected, and it announces each new tip. What to do
// decides [relay.Blocks]; the compactor does it.
type compactor struct {
	s *Server
	m *relay.Blocks

	// nonce makes the short ids of all blocks that this node sends, so that a block
	// has one compact form for all peers.
	nonce   uint64
	limits  map[slots.ID]*rate.Limiter // of announce messages
	forms   map[formKey]*form          // their number is bounded by the machine
	bytes   int                        // of the forms
	headers *bounded.Map[pow.Hash, pow.Header]
	served  *bounded.Map[pow.Hash, *wire.Compact]
	fresh   *bounded.Map[pow.Hash, *block.Block]
	serving int // requests that wait for the encoder
	// encoding has the calls that wait for the compact form of a block.
	encoding map[pow.Hash][]func(*wire.Compact)
	isQuiet  bool // the tip was not announced, as the node was catching up

	rebuilder mailbox // calls of the goroutine that rebuilds blocks
	encoder   mailbox // calls of the goroutine that reads blocks and makes compact forms
}

// formKey names a compact form that a peer has sent.
type formKey struct {
	peer slots.ID
	hash pow.Hash
}

// form is a compact form that a peer has sent, and what was made of it.
type form struct {
	peer    *peer
	compact *wire.Compact
	rebuild *relay.Rebuild // nil before the first attempt; while working it belongs to the rebuilder
	parts   [][]byte       // that have arrived for it
	block   *block.Block   // once it is whole
	bytes   int            // of compact and parts
}

func newCompactor(s *Server) *compactor {
	var nonce [8]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return &compactor{
		s: s, m: relay.NewBlocks(), nonce: binary.LittleEndian.Uint64(nonce[:]),
		limits:    map[slots.ID]*rate.Limiter{},
		forms:     map[formKey]*form{},
		headers:   bounded.NewMap[pow.Hash, pow.Header](maxNewHeaders),
		served:    bounded.NewMap[pow.Hash, *wire.Compact](maxServed),
		fresh:     bounded.NewMap[pow.Hash, *block.Block](maxFresh),
		encoding:  map[pow.Hash][]func(*wire.Compact){},
		rebuilder: newMailbox(),
		encoder:   newMailbox(),
	}
}

// run starts the goroutines.
func (c *compactor) run() {
	c.s.work.Go(func() { serveMailbox(c.s.ctx, &c.rebuilder) })
	c.s.work.Go(func() { serveMailbox(c.s.ctx, &c.encoder) })
}

// serveMailbox makes the calls of a mailbox, one at a time, until ctx ends.
func serveMailbox(ctx context.Context, box *mailbox) {
	defer box.close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-box.more:
			for _, f := range box.take() {
				if ctx.Err() == nil {
					f()
				}
			}
		}
	}
}

func (c *compactor) ready(p *peer) {
	if p.kind == slots.Feeler {
		return
	}
	c.limits[p.id] = rate.NewLimiter(rate.Every(time.Minute/maxAnnounces), maxAnnounces)
	c.do(c.m.Ready(c.s.now(), relay.PeerID(p.id), p.isOutbound(), p.hello.Tip))
}

func (c *compactor) gone(p *peer) {
	delete(c.limits, p.id)
	c.do(c.m.Gone(c.s.now(), relay.PeerID(p.id)))
}

func (c *compactor) due() time.Time {
	if c.isQuiet && c.s.syncer.atTip() {
		return c.s.now()
	}
	return c.m.Due()
}

func (c *compactor) tick(now time.Time) {
	c.do(c.m.Tick(now))
	if c.isQuiet && c.s.syncer.atTip() {
		c.announceTip()
	}
}

func (c *compactor) handle(p *peer, m wire.Message) (<-chan struct{}, error) {
	switch m := m.(type) {
	case *wire.Compact:
		return nil, c.received(p, m)
	case *wire.Parts:
		return nil, c.receivedParts(p, m)
	case *wire.GetCompact:
		c.serveCompact(p, m.Hash)
	case *wire.GetParts:
		return nil, c.serveParts(p, m)
	case *wire.Absent:
		c.absent(p, m)
	case *wire.Announce:
		if l := c.limits[p.id]; l != nil && !l.AllowN(c.s.now(), 1) {
			return nil, broke(wire.ReasonTooMuch, "more than %d announce messages in a minute", maxAnnounces)
		}
		c.m.Asked(relay.PeerID(p.id), m.Push)
	}
	return nil, nil
}

// received handles a compact block, pushed or requested.
func (c *compactor) received(p *peer, m *wire.Compact) error {
	hash, id := m.Header.Hash(), relay.PeerID(p.id)
	key := formKey{p.id, hash}
	requested := c.m.HasRequest(id, hash, false)
	if requested {
		expect(p, wire.KindCompact, -1)
	}
	if c.forms[key] != nil {
		return nil
	}
	ref, use, err := c.place(p, m.Header, hash, requested)
	f := &form{peer: p, compact: m, bytes: formSize(m)}
	if use && c.bytes+f.bytes > maxFormBytes {
		use = false
		c.s.syncer.learned(p, []pow.Header{m.Header})
	}
	if !use {
		c.m.Knows(id, hash)
		_, actions := c.m.Absent(c.s.now(), id, hash, false)
		c.do(actions)
		return err
	}
	c.s.syncer.seen(hash)
	c.headers.Put(hash, m.Header)
	c.forms[key] = f
	c.bytes += f.bytes
	c.do(c.m.Compact(c.s.now(), id, ref))
	return nil
}

// formSize returns about how much memory the rebuilding of a compact form needs, without
// the records that are missing.
func formSize(m *wire.Compact) int {
	size := 16 * m.Count() // short ids, and pointers to records
	for _, p := range m.Prefilled {
		size += len(p.Record)
	}
	return size
}

// discard forgets a compact form.
func (c *compactor) discard(key formKey) {
	if f := c.forms[key]; f != nil {
		c.bytes -= f.bytes
		delete(c.forms, key)
	}
}

// place returns where a block is in the tree, and whether its compact form is of use.
// It has what else follows from the header done, and returns the fault of the peer, if
// it has one.
func (c *compactor) place(p *peer, h pow.Header, hash pow.Hash, requested bool) (ref relay.BlockRef, use bool, err error) {
	if known, ok := c.s.o.Chain.Header(hash); ok && (known.Invalid || c.s.o.Chain.HasBody(hash)) {
		if known.Invalid && requested {
			c.s.syncer.learned(p, []pow.Header{h})
		}
		return ref, false, nil
	}
	if err := c.s.o.Chain.CheckHeader(h); err != nil {
		return ref, false, c.judge(p, h, err)
	}
	parent, ok := c.s.o.Chain.Header(h.Prev)
	if !ok || !c.s.syncer.atTip() || !c.s.o.Chain.HasBody(h.Prev) || parent.Height+maxCompactDepth < c.s.o.Chain.Tip().Height {
		c.s.syncer.learned(p, []pow.Header{h})
		return ref, false, nil
	}
	return relay.BlockRef{Hash: hash, Parent: h.Prev, Height: parent.Height + 1}, true, nil
}

// judge returns the fault that a wrong header is, if it is one: a verdict that depends
// on what this node has seen so far is none.
func (c *compactor) judge(p *peer, h pow.Header, err error) error {
	reason, rejected := reject.Of(err)
	switch {
	case !rejected:
		return nil // of this node
	case reason == reject.UnknownParent:
		c.s.syncer.ask(p)
	case reason == reject.TimeTooNew:
		c.s.syncer.learned(p, []pow.Header{h}) // which keeps it until it is due
	case reason.Fault():
		return broke(wire.Reason(reason), "header of a compact block: %v", err)
	}
	return nil
}

// receivedParts handles the missing records of a compact block.
func (c *compactor) receivedParts(p *peer, m *wire.Parts) error {
	id, now := relay.PeerID(p.id), c.s.now()
	report := func() (bool, []relay.BlockAction) { return c.m.Parts(now, id, m.Block) }
	if f := c.forms[formKey{p.id, m.Block}]; f != nil && c.m.HasRequest(id, m.Block, true) {
		size := 0
		for _, raw := range m.Records {
			size += len(raw)
		}
		if c.bytes+size > maxFormBytes { // no room: as if the peer had not sent them
			report = func() (bool, []relay.BlockAction) { return c.m.Absent(now, id, m.Block, true) }
		} else {
			f.parts, f.bytes, c.bytes = m.Records, f.bytes+size, c.bytes+size
		}
	}
	requested, actions := report()
	if !requested {
		return broke(wire.ReasonProtocol, "parts of block %v, which were not requested", m.Block)
	}
	expect(p, wire.KindParts, -1)
	c.do(actions)
	return nil
}

// expect notes that n more answers of a kind are expected of a peer, or that it has not
// what it was asked for.
func expect(p *peer, answer wire.Kind, n int) {
	p.expect(answer, n)
	p.expect(wire.KindAbsent, n)
}

// absent handles the answer of a peer that it does not serve a compact form or parts
// that were requested.
func (c *compactor) absent(p *peer, m *wire.Absent) {
	parts, answer := m.Request == wire.KindGetParts, wire.KindCompact
	if parts {
		answer = wire.KindParts
	}
	for _, hash := range m.Hashes {
		requested, actions := c.m.Absent(c.s.now(), relay.PeerID(p.id), hash, parts)
		if requested {
			expect(p, answer, -1)
		}
		c.do(actions)
	}
}

// fetch gets the block of a header that a peer has announced, and reports whether it
// does; if it does not succeed, it hands the header to the syncer. The header is valid
// and a child of the tip. It must not be in the tree meanwhile, so that the block is
// not fetched whole, too.
func (c *compactor) fetch(p *peer, h pow.Header) bool {
	hash := h.Hash()
	parent, ok := c.s.o.Chain.Header(h.Prev)
	if _, known := c.s.o.Chain.Header(hash); known || !ok {
		c.m.Knows(relay.PeerID(p.id), hash)
		return false
	}
	c.headers.Put(hash, h)
	ref := relay.BlockRef{Hash: hash, Parent: h.Prev, Height: parent.Height + 1}
	taken, actions := c.m.Announced(c.s.now(), relay.PeerID(p.id), ref)
	c.do(actions)
	return taken
}

// do takes the actions of the machine.
func (c *compactor) do(actions []relay.BlockAction) {
	for _, a := range actions {
		switch a := a.(type) {
		case relay.RequestCompact:
			if p := c.s.peers[slots.ID(a.Peer)]; p != nil {
				expect(p, wire.KindCompact, 1)
				p.send(&wire.GetCompact{Hash: a.Hash})
			}
		case relay.RequestParts:
			c.requestParts(formKey{slots.ID(a.Peer), a.Hash})
		case relay.Assemble:
			c.assemble(formKey{slots.ID(a.Peer), a.Hash})
		case relay.Discard:
			c.discard(formKey{slots.ID(a.Peer), a.Hash})
		case relay.Submit:
			c.submit(formKey{slots.ID(a.Peer), a.Hash}, a.Requested)
		case relay.GiveUp:
			c.giveUp(a)
		case relay.Push:
			c.push(a)
		case relay.SendHeaders:
			c.sendHeaders(a)
		case relay.AskPush:
			if p := c.s.peers[slots.ID(a.Peer)]; p != nil {
				p.send(&wire.Announce{Push: a.Push})
			}
		case relay.Late:
			if p := c.s.peers[slots.ID(a.Peer)]; p != nil {
				c.s.drop(p, slow(wire.ReasonLate, "no answer to a request for block %v in 20 s", a.Hash))
			}
		}
	}
}

// requestParts requests the missing records of a block.
func (c *compactor) requestParts(key formKey) {
	if p := c.s.peers[key.peer]; p != nil {
		expect(p, wire.KindParts, 1)
		p.send(&wire.GetParts{Block: key.hash, Indices: c.forms[key].rebuild.Missing()})
	}
}

// submit hands a whole block to the chain.
func (c *compactor) submit(key formKey, requested bool) {
	f := c.forms[key]
	how := fromPush
	if requested {
		how = fromAnswer
	}
	c.s.syncer.submit(f.peer, f.block, how, func(outcome chain.Outcome, err error) {
		if err != nil || outcome != chain.Extended && outcome != chain.Reorganized {
			return
		}
		c.do(c.m.Gave(c.s.now(), relay.PeerID(key.peer)))
	})
}

// giveUp leaves a block to the syncer.
func (c *compactor) giveUp(a relay.GiveUp) {
	h, ok := c.headers.Get(a.Hash)
	if !ok {
		return
	}
	for _, id := range a.Peers {
		if p := c.s.peers[slots.ID(id)]; p != nil {
			c.s.syncer.learned(p, []pow.Header{h})
		}
	}
}
