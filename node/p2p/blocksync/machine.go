package blocksync

import (
	"slices"
	"time"

	"stele/engine/pow"
)

// Limits of the download.
const (
	Window      = 512      // bodies from the lowest one that the chain has not accepted
	WindowBytes = 16 << 20 // bytes of the bodies that wait to be accepted
	MaxOpen     = 16       // open requests of a peer
	// Open requests for one body, without those that are 20 s old or older: to peers that
	// have sent bodies, and to others, which may be many that send none.
	MaxCopies         = 3
	MaxUntestedCopies = 8
)

// TickEvery is how often the caller sends a [Tick] while [Machine.Idle] is false.
const TickEvery = 250 * time.Millisecond

// Reason is the stable word for why a peer is dropped.
type Reason string

// The reasons of [Drop].
const (
	Stalling     Reason = "stalling"      // holds up the window
	Late         Reason = "late"          // leaves a request open
	InvalidBlock Reason = "invalid-block" // sent an invalid body
)

// PeerID names a connection to a peer. The caller chooses it, and never uses one for
// a second connection.
type PeerID uint64

// Event is what happens outside the machine: one of the types of this package that
// say so.
type Event interface{ apply(*Machine) }

type (
	// Tick is an event without content: time has passed.
	Tick struct{}

	// Branch is the event that the chain needs other bodies: those of all headers of
	// its best branch without a body, in order. First is the height of the first one,
	// and no hash occurs twice. Bodies that are in the previous branch too keep their
	// state.
	Branch struct {
		First  uint32
		Hashes []pow.Hash
	}

	// PeerReady is the event that a peer serves the bodies of heights Low to High of
	// the branch: a new peer, or other heights of a known one, which no longer counts
	// as busy. Up to Shown it has sent or announced the headers, and beyond it only says
	// so.
	PeerReady struct {
		Peer      PeerID
		Low, High uint32
		Shown     uint32
	}

	// PeerGone is the event that a connection has ended.
	PeerGone struct{ Peer PeerID }

	// Received is the event that a peer has sent a whole body, of Size encoded bytes.
	// It has no effect without an open request ([Machine.HasRequest]): the caller
	// does not keep such a body.
	Received struct {
		Peer PeerID
		Hash pow.Hash
		Size int
	}

	// Absent is the event that a peer answers a request without a body: it has none
	// for this height or lower ones, or cannot give it now, as one that is too busy or
	// not on the branch yet.
	Absent struct {
		Peer PeerID
		Hash pow.Hash
		Busy bool
	}

	// Checked is the event that the caller has done a [Check]. It is not sent for a
	// body that was discarded meanwhile.
	Checked struct {
		Peer  PeerID
		Hash  pow.Hash
		Valid bool
	}

	// Accepted is the event that the chain has the body of Hash, and those before it
	// in the branch, whether the machine delivered them or not.
	Accepted struct{ Hash pow.Hash }
)

// Action is what the caller must do: one of the types of this package that say so.
type Action interface{ action() }

type (
	// Request is the action to request bodies from a peer, 1 to [MaxOpen], lowest
	// first.
	Request struct {
		Peer   PeerID
		Hashes []pow.Hash
	}

	// Check is the action to decode the body of Hash that Peer sent, to check that it
	// belongs to its header, and to send [Checked].
	Check struct {
		Peer PeerID
		Hash pow.Hash
	}

	// Deliver is the action to submit the body of Hash that Peer sent to the chain,
	// and to send [Accepted]. Bodies are delivered in the order of the branch. While
	// the chain cannot accept a body, as on a full disk, the caller keeps it and tries
	// again; if the body breaks a rule, the caller sends another [Branch].
	Deliver struct {
		Peer   PeerID
		Hash   pow.Hash
		Height uint32
	}

	// Discard is the action to forget the body of Hash that Peer sent.
	Discard struct {
		Peer PeerID
		Hash pow.Hash
	}

	// Drop is the action to disconnect a peer. To the machine the peer is gone;
	// [PeerGone] for it has no effect.
	Drop struct {
		Peer   PeerID
		Reason Reason
	}
)

func (Request) action() {}
func (Check) action()   {}
func (Deliver) action() {}
func (Discard) action() {}
func (Drop) action()    {}

// Machine decides which peer to ask for which body. Make one with [New]. Not safe
// for concurrent use.
type Machine struct {
	now     time.Time // of the current event
	actions []Action  // of the current event

	branch []*body // in order; the chain has accepted those before
	byHash map[pow.Hash]*body
	peers  []*peer // in the order in which they joined

	waiting  int // bytes of the bodies that are held
	received int // bodies that have arrived, ever
	bytes    int64

	recent ring // the last bodies that arrived

	stall    time.Duration // a peer may hold up the window this long at least
	lastDrop time.Time     // of a peer that stalled or was late
	blocker  *body         // the lowest missing body while it holds up a full window
	blocked  time.Time     // since when
}

// New returns a machine without branch and peers.
func New() *Machine {
	return &Machine{byHash: map[pow.Hash]*body{}, stall: minLate}
}

// Handle takes an event and the time, and returns the actions that follow, in the
// order in which to take them. The time must not be before that of the last event.
// Events about unknown peers and bodies have no effect.
func (m *Machine) Handle(now time.Time, e Event) []Action {
	m.now = now
	e.apply(m)
	m.deliver()
	m.request()
	if m.dropOne() {
		m.request()
	}
	for _, p := range m.peers {
		if len(p.asked) > 0 {
			m.do(Request{p.id, p.asked})
			p.asked = nil
		}
	}
	actions := m.actions
	m.actions = nil
	return actions
}

func (m *Machine) do(a Action) { m.actions = append(m.actions, a) }

func (Tick) apply(*Machine) {}

// Status describes the download.
type Status struct {
	Height  uint32   // of the first body that the chain has not accepted; 0 if it needs none
	First   pow.Hash // that body
	Blocked bool     // it has not arrived
	// Unavailable: it has not arrived, and there are peers, but none serves it.
	Unavailable bool
	Needed      int           // bodies that the chain has not accepted
	Held        int           // of these, bodies that have arrived
	Waiting     int           // bytes of the held bodies
	Open        int           // open requests
	Received    int           // bodies that have arrived since the start, including second copies
	Bytes       int64         // of them
	Late        time.Duration // a request is late after this time
	Stall       time.Duration // a peer may hold up the window for at least this time
}

// Status returns the state of the download.
func (m *Machine) Status() Status {
	s := Status{Needed: len(m.branch), Waiting: m.waiting, Received: m.received, Bytes: m.bytes, Late: m.late(), Stall: m.stall}
	if len(m.branch) > 0 {
		first := m.branch[0]
		s.Height, s.First, s.Blocked = first.height, first.hash, first.state == missing
		s.Unavailable = s.Blocked && len(m.peers) > 0 && !slices.ContainsFunc(m.peers, func(p *peer) bool { return p.serves(first) })
	}
	for _, b := range m.window() {
		if b.state != missing {
			s.Held++
		}
	}
	for _, p := range m.peers {
		s.Open += len(p.open)
	}
	return s
}

// Idle reports whether the machine needs no [Tick]: the chain needs no bodies, and no
// request is open.
func (m *Machine) Idle() bool {
	for _, p := range m.peers {
		if len(p.open) > 0 {
			return false
		}
	}
	return len(m.branch) == 0
}

// HasRequest reports whether a request to a peer for a body is open: whether the peer
// may send it.
func (m *Machine) HasRequest(peer PeerID, hash pow.Hash) bool {
	b := m.byHash[hash]
	return b != nil && b.requestTo(peer) != nil
}
