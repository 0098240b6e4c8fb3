package p2p

import (
	"crypto/rand"
	"time"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/reject"
	"stele/node/p2p/blocksync"
	"stele/node/p2p/headersync"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// maxHeadersAhead is the height above the tip up to which announced headers are
// taken. Those that a peer is asked for are bounded by package headersync.
const maxHeadersAhead = 10_000

// newMachine returns the state of the headers of a new peer.
func (y *syncer) newMachine() *headersync.Machine {
	params := y.s.o.Params
	o := headersync.Options{
		Params: params.Pow, GenesisTime: params.GenesisTime,
		Find: y.find, Locator: y.locator, Enough: y.enough, Verify: y.s.o.Verify,
	}
	_, _ = rand.Read(o.Salt[:]) // never fails
	m := headersync.New(o)
	m.Handle(y.s.now(), headersync.Connected{Height: y.s.o.Chain.Tip().Height})
	return m
}

func (y *syncer) find(hash pow.Hash) (headersync.Point, bool) {
	p, ok := y.s.o.Chain.HeaderPoint(hash)
	return headersync.Point(p), ok
}

// locator returns the locator of a request. It begins below the best header, so that
// a peer that has this one answers with it, and shows how far it is.
func (y *syncer) locator() []pow.Hash {
	all := y.s.o.Chain.Locator()
	if len(all) > 1 {
		all = all[1:]
	}
	return all[:min(len(all), wire.MaxLocator-1)] // one more may go before it
}

// enough returns the work with which headers are added at once.
func (y *syncer) enough() pow.Work {
	if y.isFirstSync() {
		return pow.Work{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
	}
	return y.s.o.Chain.Enough()
}

// isFirstSync reports whether the node cannot know how much work to expect.
func (y *syncer) isFirstSync() bool {
	return y.s.o.Params.MinWork == (pow.Work{}) && y.s.o.Chain.Tip().Height == 0
}

// headers hands an event to the machine of a peer, and does what it says.
func (y *syncer) headers(sp *syncPeer, e headersync.Event) {
	for _, a := range sp.headers.Handle(y.s.now(), e) {
		switch a := a.(type) {
		case headersync.Ask:
			sp.askedAt = y.s.now()
			if sp.requests[wire.KindHeaders].Load() < headersync.MaxOwed {
				sp.expect(wire.KindHeaders, 1)
			}
			sp.send(&wire.GetHeaders{Locator: a.Locator})
		case headersync.Add:
			if !y.add(sp, a.Headers, a.Proven) {
				sp.headers.Reset()
				return
			}
		case headersync.Offer:
			sp.claim = a.Work
		case headersync.Disconnect:
			reason := wire.Reason(a.Reason)
			y.s.drop(sp.peer, &fault{
				reason: reason, text: a.Text, discourage: a.Discourage, failed: reason == wire.ReasonStalling,
			})
			return
		}
	}
}

// takeHeaders handles headers of a peer: an answer, or an announcement.
func (y *syncer) takeHeaders(sp *syncPeer, m *wire.Headers) {
	n := len(m.Headers)
	if (n == 0 || n > wire.MaxUnsolicitedHeaders) && sp.expects(wire.KindHeaders) {
		sp.expect(wire.KindHeaders, -1)
	}
	if 0 < n && n <= wire.MaxUnsolicitedHeaders && !sp.headers.IsAsking() {
		if parent, ok := y.s.o.Chain.HeaderPoint(m.Headers[0].Prev); ok {
			y.announced(sp, m.Headers, parent)
			return
		}
	}
	wasAsking := sp.headers.IsAsking()
	y.headers(sp, headersync.Headers{Encoded: encodeHeaders(m.Headers)})
	if y.s.peers[sp.id] != sp.peer {
		return
	}
	if n > 0 {
		y.learnedOf(sp, m.Headers[n-1].Hash())
		if _, ok := y.s.o.Chain.Header(m.Headers[n-1].Hash()); !ok && !wasAsking && !sp.headers.IsAsking() {
			y.ask(sp.peer) // the machine has asked too lately
		}
	}
	if wasAsking && !sp.headers.IsAsking() && sp.headers.State() == headersync.Idle && n < wire.MaxHeaders {
		y.showed(sp, m.Headers)
	}
	y.choose()
}

// encodeHeaders returns encoded headers, one after the other.
func encodeHeaders(headers []pow.Header) []byte {
	encoded := make([]byte, 0, len(headers)*pow.HeaderSize)
	for _, h := range headers {
		one := h.Encode()
		encoded = append(encoded, one[:]...)
	}
	return encoded
}

// learnedOf notes that a peer has a header, if the tree has it.
func (y *syncer) learnedOf(sp *syncPeer, hash pow.Hash) {
	if h, ok := y.s.o.Chain.Header(hash); ok && !h.Invalid {
		y.has(sp, h.Height, h.Work)
	}
}

// showed replaces what a peer claimed by what it has shown at the end of its headers.
func (y *syncer) showed(sp *syncPeer, last []pow.Header) {
	if len(last) == 0 { // no more than the node has
		y.lower(sp)
		return
	}
	if h, ok := y.s.o.Chain.Header(last[len(last)-1].Hash()); ok {
		sp.claim = h.Work
	}
}

// lower lowers what a peer claims to what the node has headers for.
func (y *syncer) lower(sp *syncPeer) {
	if best := y.s.o.Chain.BestHeader().Work; sp.claim.Cmp(best) > 0 {
		sp.claim = best
	}
}

// announced handles headers that a peer announces on a known parent.
func (y *syncer) announced(sp *syncPeer, headers []pow.Header, parent chain.HeaderPoint) {
	last := headers[len(headers)-1].Hash()
	if h, ok := y.s.o.Chain.Header(last); ok && !h.Invalid {
		y.has(sp, h.Height, h.Work)
		return
	}
	y.seen(last)
	if len(headers) == 1 && parent.Hash == y.s.o.Chain.Tip().Hash && y.atTip() && y.s.compact != nil {
		if err := y.s.o.Chain.CheckHeader(headers[0]); err != nil {
			y.headerVerdict(sp.peer, headers[:1], err)
			return
		}
		if y.s.compact.fetch(sp.peer, headers[0]) {
			return
		}
	}
	y.learned(sp.peer, headers)
}

// learned takes headers as if the peer had announced them: at most 8, on a parent that
// is known. If it is not, the peer is asked for those between.
func (y *syncer) learned(p *peer, headers []pow.Header) {
	sp := y.peers[p.id]
	if sp == nil || len(headers) == 0 {
		return
	}
	parent, ok := y.s.o.Chain.HeaderPoint(headers[0].Prev)
	if !ok {
		y.ask(p)
		return
	}
	if uint64(parent.Height) >= uint64(y.s.o.Chain.Tip().Height)+maxHeadersAhead {
		return
	}
	work, f := y.checkAnnounced(headers, parent.Work)
	switch {
	case f != nil:
		y.s.drop(p, f)
	case work == (pow.Work{}): // not checked
	case y.add(sp, headers, work):
		y.learnedOf(sp, headers[len(headers)-1].Hash())
	}
}

// expire ends the time in which a peer's answer may come late; see package headersync.
func (y *syncer) expire(now time.Time, sp *syncPeer) {
	for !sp.headers.IsAsking() && sp.expects(wire.KindHeaders) && now.Sub(sp.askedAt) >= lateAnswer {
		sp.expect(wire.KindHeaders, -1)
	}
}

// lateAnswer is how long an answer with headers may come after one that may have been it.
const lateAnswer = 20 * time.Second

// checkAnnounced checks what headers show by themselves. It returns the work of their
// chain, which has that of the parent below them; none if the check failed.
func (y *syncer) checkAnnounced(headers []pow.Header, work pow.Work) (pow.Work, *fault) {
	verdicts := make([]pow.Verdict, len(headers))
	if err := y.s.o.Verify(encodeHeaders(headers), verdicts); err != nil {
		y.s.warnSeldom("headers not checked", "err", err)
		return pow.Work{}, nil
	}
	for i, v := range verdicts {
		switch {
		case v&pow.BadLink != 0:
			return work, broke(wire.ReasonProtocol, "announced header %d is not the child of the one before it", i)
		case v&pow.BadBits != 0:
			return work, broke(wire.Reason(reject.BadBits), "announced header %d has invalid nBits %v", i, headers[i].Bits)
		case v != pow.Valid:
			return work, broke(wire.Reason(reject.HighHash), "announced header %d: %v", i, v)
		}
		target, err := headers[i].Bits.Target()
		if err != nil {
			return work, broke(wire.Reason(reject.BadBits), "announced header %d: %v", i, err)
		}
		work = work.Add(target.Work())
	}
	return work, nil
}

// add adds headers to the tree, and reports whether it took them.
func (y *syncer) add(sp *syncPeer, headers []pow.Header, proven pow.Work) bool {
	if y.withheld.has(y.s.now(), headers) {
		y.lower(sp) // it is asked again when the pause ends
		return false
	}
	added, err := y.s.o.Chain.AddHeaders(headers, proven)
	if added > 0 {
		y.seen(headers[len(headers)-1].Hash())
		y.refresh()
	}
	if err == nil {
		return true
	}
	y.lower(sp) // the same headers need not be asked for again
	y.headerVerdict(sp.peer, headers, err)
	return false
}

// ask asks a peer for headers, once in 2 s: if that is too early, later.
func (y *syncer) ask(p *peer) {
	sp := y.peers[p.id]
	if sp == nil {
		return
	}
	now := y.s.now()
	if next := sp.started.Add(minAsk); now.Before(next) {
		sp.toAsk = true
		y.wakeAt(next)
		return
	}
	sp.started, sp.toAsk = now, false
	y.headers(sp, headersync.Start{})
}

// askLater asks those peers for headers for which it was too early.
func (y *syncer) askLater() {
	for _, sp := range y.copyOfPeers() {
		if sp.toAsk {
			y.ask(sp.peer)
		}
	}
}

// restart asks one peer that claims more work than the node has headers for, after an
// earlier request led to nothing.
func (y *syncer) restart(now time.Time) {
	best := y.s.o.Chain.BestHeader().Work
	for _, sp := range y.order {
		if s := sp.headers.State(); s != headersync.Idle || sp.headers.IsAsking() {
			continue
		}
		if sp.claim.Cmp(best) > 0 && now.Sub(sp.started) >= minRestart {
			sp.started = now
			y.headers(sp, headersync.Start{})
			return
		}
	}
}

// choose has the peer with the most work send its headers again, if one is to.
func (y *syncer) choose() {
	now := y.s.now()
	var machines []*headersync.Machine
	isReady := false
	for _, sp := range y.order {
		machines = append(machines, sp.headers)
		isReady = isReady || sp.headers.State() == headersync.Ready
	}
	switch {
	case !isReady:
		y.offered = time.Time{}
		return
	case y.offered.IsZero():
		y.offered = now
	}
	best := y.s.o.Chain.BestHeader().Work
	if enough := y.s.o.Chain.Enough(); enough.Cmp(best) > 0 {
		best = enough
	}
	m := headersync.Choose(machines, best, y.isFirstSync(), now.Sub(y.offered))
	for _, sp := range y.order {
		if m != nil && sp.headers == m {
			y.headers(sp, headersync.Redownload{})
			return
		}
	}
}

// refresh gives the machine of the bodies the branch with the most work, if it is
// another one than before or if the machine has few bodies of it left.
func (y *syncer) refresh() {
	best := y.s.o.Chain.BestHeader()
	status := y.bodies.Status()
	end := uint64(status.Height) + uint64(status.Needed)
	if best.Hash == y.best && (status.Needed >= blocksync.Window || status.Needed == 0 || end > uint64(best.Height)) {
		return
	}
	y.best = best.Hash
	y.newBranch()
}

// maxBranch is the number of bodies that the machine knows of at one time.
const maxBranch = 10_000

// newBranch gives the machine the bodies that are missing.
func (y *syncer) newBranch() {
	first, hashes := y.s.o.Chain.Missing(maxBranch)
	y.do(y.bodies.Handle(y.s.now(), blocksync.Branch{First: first, Hashes: hashes}))
	y.wake()
}

// offerBodies says which bodies a peer has.
func (y *syncer) offerBodies(sp *syncPeer) {
	e := blocksync.PeerReady{Peer: blocksync.PeerID(sp.id), High: sp.height, Shown: sp.shown}
	switch {
	case sp.kind == slots.Feeler:
		return
	case sp.hello.Services.Has(wire.ServesBlocks):
	case sp.hello.Services.Has(wire.ServesRecentBlocks):
		e.Low = sp.height - min(sp.height, recentBodies)
	default:
		return
	}
	y.do(y.bodies.Handle(y.s.now(), e))
}

// recentBodies is how many bodies a peer with [wire.ServesRecentBlocks] has at least.
const recentBodies = 288
