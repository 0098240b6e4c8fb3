package p2p

import (
	"time"

	"stele/node/chain"
	"stele/node/p2p/wire"
)

// part is one concern of the server, such as the synchronisation of the chain. Its
// methods are called by the loop, one at a time, and never wait: work that takes
// long goes to a goroutine of the part's own, started by run, which hands results
// back with Server.do.
type part interface {
	// ready: the hellos with the peer were exchanged.
	ready(p *peer)
	// gone: the connection has ended. It is called once for each peer that was ready.
	gone(p *peer)
	// handle handles a message of a kind of this part, or an absent that answers a request
	// of such a kind. If it returns a channel, the
	// peer's next message is read only after the channel is closed. An error ends
	// the connection: a *fault says with which consequences.
	handle(p *peer, m wire.Message) (<-chan struct{}, error)
	// changed: the chain has another tip.
	changed(e chain.Event)
	// due returns when tick should be called next; zero: only when something has
	// happened.
	due() time.Time
	// tick does what is due at now.
	tick(now time.Time)
}
