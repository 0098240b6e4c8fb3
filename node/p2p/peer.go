package p2p

import (
	"net/netip"
	"sync/atomic"
	"time"

	"stele/node/p2p/link"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// peer is a node at the other end of a connection. Its fields belong to the loop,
// except where they say otherwise.
type peer struct {
	id    slots.ID // of the connection; no other connection ever has it
	kind  slots.Kind
	addr  netip.AddrPort
	key   link.ID
	hello wire.Hello // of the peer
	since time.Time
	link  *link.Link

	// requests counts the open requests by the kind of the answer, for readers.
	requests [1 + maxKind]atomic.Int32

	gaveBlocks, gaveRecords uint64 // that this peer was the first to give
}

// maxKind is the highest kind of message that has a meaning.
const maxKind = wire.KindNotice

// expect notes that n more answers of a kind are expected of the peer; fewer, if n
// is negative. While any is expected, the answer may come, with the larger limits of
// solicited messages. Safe for concurrent use.
func (p *peer) expect(k wire.Kind, n int) { p.requests[k].Add(int32(n)) }

// expects reports whether an answer of a kind is expected. Safe for concurrent use.
func (p *peer) expects(k wire.Kind) bool { return k <= maxKind && p.requests[k].Load() > 0 }

// send queues a message to the peer. It never waits. A peer whose queue is full is
// disconnected by its link, or does not get the message: nothing that the sender
// must handle.
func (p *peer) send(m wire.Message) { _ = p.link.Send(m) }

// takesRecords reports whether records are exchanged with the peer.
func (p *peer) takesRecords() bool {
	return p.kind != slots.BlocksOnly && p.kind != slots.Feeler && p.hello.Services.Has(wire.TakesRecords)
}

// isOutbound reports whether this node called the peer.
func (p *peer) isOutbound() bool { return p.kind != slots.Inbound }
