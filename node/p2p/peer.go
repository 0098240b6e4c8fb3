package p2p

import (
	"context"
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
	id       slots.ID // of the connection; no other connection ever has it
	kind     slots.Kind
	addr     netip.AddrPort
	key      link.ID
	hello    wire.Hello // of the peer
	since    time.Time
	protocol uint16         // the highest version that both speak
	local    netip.AddrPort // of this node, in the connection
	link     *link.Link     // nil before the handshake

	height     uint32 // of the best block that it is known to have
	minFeeRate uint64 // of records that it takes
	ping       ping
	asked      bool // for addresses, and the answer is open
	gotAddrs   bool // addresses, before the hello; or of this node, after it

	greeted   func()                  // frees the place of an inbound connection that has no slot yet
	stop      context.CancelCauseFunc // ends the connection at once
	helloTime *time.Timer             // ends it if no hello comes
	isReady   bool                    // the hellos were exchanged
	end       *fault                  // why it ends; nil: it does not

	meter          *meter
	received, sent atomic.Uint64 // bytes
	heard          atomic.Int64  // time of the last frame, in nanoseconds since 1970

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
