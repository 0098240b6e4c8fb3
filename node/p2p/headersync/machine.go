package headersync

import (
	"fmt"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/reject"
)

// MaxBatch is the maximum number of headers in an answer. An answer with fewer ends
// the peer's chain.
const MaxBatch = 2000

// MaxOwed is the number of answers that a peer may give late, because they were not
// waited for or an announcement was taken for them.
const MaxOwed = 2

const (
	maxAnnounced   = 8 // headers that a peer may send without a request
	askTimeout     = 20 * time.Second
	minAskInterval = 2 * time.Second // between requests because of unknown parents
	maxRestarts    = 3               // of a presync whose peer goes over to another branch
	futureLimit    = 2 * 60 * 60     // seconds by which the time of a header may be ahead
	reorgDepth     = 288             // headers at the end of a chain that may honestly change between the two passes
)

// The reasons of [Disconnect] that are no rule of headers. The words are stable.
const (
	// Protocol: the peer sent what it may not send.
	Protocol = "protocol"
	// Stalling: the peer did not answer in time.
	Stalling = "stalling"
)

// State is what a machine does.
type State uint8

// The states.
const (
	Idle          State = iota // nothing, or it adds batches as they come
	Presync                    // it measures the work of the peer's chain
	Ready                      // it knows that work, and waits for [Redownload]
	Redownloading              // it gets the headers again, and adds them
	Stopped                    // it has returned [Disconnect]
)

// String returns the name of the state.
func (s State) String() string {
	return [...]string{"idle", "presync", "ready", "redownloading", "stopped"}[s]
}

// Event is what a machine can handle: [Start], [Headers], [Redownload], [Connected]
// or [Tick].
type Event interface{ event() }

// Start says that the peer claims more work than the node's best chain has, or more than
// it offers. A machine that is neither idle nor [Ready] ignores it.
type Start struct{}

// Headers is a message of the peer: encoded headers, one after the other.
type Headers struct{ Encoded []byte }

// Redownload lets a machine that is [Ready] get the headers. A machine that has just
// asked whether the peer has more ignores it, and offers again.
type Redownload struct{}

// Connected says that the block at this height is the last of the active chain. A
// machine assumes 0 until it comes.
type Connected struct{ Height uint32 }

// Tick says only what time it is. Send it each second.
type Tick struct{}

func (Start) event()      {}
func (Headers) event()    {}
func (Redownload) event() {}
func (Connected) event()  {}
func (Tick) event()       {}

// Action is what the owner of a machine has to do: [Ask], [Add], [Offer] or
// [Disconnect].
type Action interface{ action() }

// Ask sends the peer a request for the headers after the first hash of the locator
// that the peer knows.
type Ask struct{ Locator []pow.Hash }

// Add adds headers to the tree. Each is the child of the one before it, and the first
// of one in the tree. The tree may have some of them. Their chain has shown the work
// Proven.
type Add struct {
	Headers []pow.Header
	Proven  pow.Work
}

// Offer says that the machine is [Ready], with a chain of this work.
type Offer struct{ Work pow.Work }

// Disconnect ends the connection. It is the last action of a machine.
type Disconnect struct {
	Reason     string // a reason of package reject, [Protocol] or [Stalling]
	Text       string // what was found and what was expected
	Discourage bool   // the peer broke a rule that nobody breaks by accident
}

func (Ask) action()        {}
func (Add) action()        {}
func (Offer) action()      {}
func (Disconnect) action() {}

// Options are what a machine asks of the node. All are needed. The functions are
// called by Handle, and must not change what they are about.
type Options struct {
	Params      *pow.Params
	GenesisTime uint32 // seconds since 1970

	// Find returns a header of the node's tree.
	Find func(pow.Hash) (Point, bool)
	// Locator returns hashes of the branch with the most work, from its end back to
	// the genesis block, less and less dense.
	Locator func() []pow.Hash
	// Enough returns the work with which a branch is worth its memory: usually that
	// of the tip less some blocks, and at least what the network is known to have.
	// A node that knows nothing yet returns the greatest work, so that it compares
	// what several peers offer.
	Enough func() pow.Work
	// Verify checks encoded headers as [pow.Verify] does with linked set. After an
	// error, which is not the peer's fault, the machine is idle until the next
	// [Start].
	Verify func(headers []byte, verdicts []pow.Verdict) error

	// Salt is drawn at random for each machine. It hides which headers are
	// remembered, and how.
	Salt [32]byte
}

// limits are the numbers that tests make smaller.
type limits struct {
	batch  int    // headers of a full answer
	period uint32 // headers for a bit
	depth  int    // headers above one that is added, in periods
	ahead  uint32 // headers above the last connected block
}

// Machine fetches the headers of one peer. Not safe for concurrent use.
type Machine struct {
	o      Options
	limits limits
	state  State

	isAsking  bool
	owes      int       // answers that may still come: an announcement may have been taken for one
	asked     time.Time // when the last request was made
	restarts  int
	connected uint32
	tail      tail // the last header
	hasMore   bool // the last batch was full, and the next one was not asked for

	memory memory // of the presync
	buffer redownload
}

// New returns an idle machine.
func New(o Options) *Machine {
	return &Machine{o: o, limits: limits{batch: MaxBatch, period: 256, depth: 24, ahead: 10_000}}
}

// State returns what the machine does.
func (m *Machine) State() State { return m.state }

// Work returns the work of the chain that the peer offers; zero unless the machine is
// [Ready] or [Redownloading].
func (m *Machine) Work() pow.Work {
	if m.state == Ready || m.state == Redownloading {
		return m.memory.work
	}
	return pow.Work{}
}

// IsAsking reports whether the peer owes an answer.
func (m *Machine) IsAsking() bool { return m.isAsking }

// Reset makes the machine idle and forgets the headers of the peer, as after they were
// not added to the tree. An answer that the peer owes may still come, and need not.
func (m *Machine) Reset() {
	if m.state != Stopped {
		m.idle()
		m.isAsking, m.restarts = false, 0
	}
}

// Handle returns what to do about an event.
func (m *Machine) Handle(now time.Time, e Event) []Action {
	if m.state == Stopped {
		return nil
	}
	switch e := e.(type) {
	case Start:
		if m.isAsking || m.hasMore {
			return nil
		}
		if m.state == Ready && m.inTree() { // others have given what it offers
			m.idle()
		}
		if m.state == Idle || m.state == Ready {
			m.checkTail()
			return m.ask(now)
		}
	case Headers:
		return m.headers(now, e.Encoded)
	case Redownload:
		if m.state == Ready && !m.isAsking {
			m.state, m.buffer, m.tail = Redownloading, redownload{}, tail{}
			return m.ask(now)
		}
	case Connected:
		m.connected = e.Height
		m.checkTail()
		return m.proceed(now)
	case Tick:
		if m.isAsking && now.Sub(m.asked) >= askTimeout {
			return m.stop(Stalling, false, "no headers within %v", askTimeout)
		}
	}
	return nil
}

// inTree reports whether the tree has the last header.
func (m *Machine) inTree() bool {
	_, known := m.o.Find(m.tail.hash)
	return m.tail.isSet && known
}

// checkTail forgets the tail if the tree has: an answer would begin after it.
func (m *Machine) checkTail() {
	if m.state == Idle && m.tail.isSet && !m.isAsking && !m.knows(m.tail.hash) {
		m.tail = tail{}
	}
}

// ask returns the request for the headers after the last one.
func (m *Machine) ask(now time.Time) []Action {
	m.isAsking, m.owes, m.asked, m.hasMore = true, min(m.owes+1, MaxOwed), now, false
	locator := m.o.Locator()
	if m.tail.isSet {
		locator = append([]pow.Hash{m.tail.hash}, locator...)
	}
	return []Action{Ask{locator}}
}

// stop returns the end of the connection.
func (m *Machine) stop(reason string, discourage bool, format string, args ...any) []Action {
	*m = Machine{o: m.o, limits: m.limits, state: Stopped}
	return []Action{Disconnect{reason, fmt.Sprintf(format, args...), discourage}}
}

// idle forgets all that was learned from the peer.
func (m *Machine) idle() {
	m.state, m.tail, m.memory, m.buffer, m.hasMore = Idle, tail{}, memory{}, redownload{}, false
}

// headers handles a message.
func (m *Machine) headers(now time.Time, encoded []byte) []Action {
	n := len(encoded) / pow.HeaderSize
	isLong := n > maxAnnounced
	isAnswer := m.isAsking || m.owes > 0 && isLong
	if n == 0 || isLong {
		m.owes = max(0, m.owes-1)
	}
	switch {
	case len(encoded) != n*pow.HeaderSize:
		return m.stop(Protocol, true, "%d bytes of headers, expected a multiple of %d", len(encoded), pow.HeaderSize)
	case n > m.limits.batch:
		return m.stop(Protocol, true, "%d headers, expected at most %d", n, m.limits.batch)
	case !isAnswer && isLong:
		return m.stop(Protocol, true, "%d headers without a request, expected at most %d", n, maxAnnounced)
	case !isAnswer && (n == 0 || m.hasMore || m.state != Idle && m.state != Ready):
		return nil // it comes with an answer later
	case m.isAsking && n > 0 && !isLong && !m.knows(pow.Hash(encoded[4:36])):
		return nil // an announcement that has crossed the request; the answer comes after it
	}
	m.isAsking = false
	if n == 0 {
		return m.end()
	}
	actions, ok := m.place(now, pow.Hash(encoded[4:36]), isAnswer)
	if !ok {
		return actions
	}
	base := m.tail.height
	all, actions := m.check(encoded)
	if actions != nil || all == nil {
		return actions
	}
	return m.take(now, base, all)
}

// knows reports whether headers with this parent can be placed.
func (m *Machine) knows(parent pow.Hash) bool {
	_, known := m.o.Find(parent)
	return known || m.state != Idle && m.tail.isSet && m.tail.hash == parent
}

// place moves the tail to the parent of headers that came. It returns false, and what
// to do instead, if they are not to be used.
func (m *Machine) place(now time.Time, parent pow.Hash, isAnswer bool) (actions []Action, ok bool) {
	if m.state != Idle && m.tail.isSet && m.tail.hash == parent {
		if m.state == Ready { // new blocks on the chain that the peer offers
			m.state = Presync
		}
		return nil, true
	}
	point, known := m.o.Find(parent)
	switch {
	case !known && isAnswer:
		return m.stop(Protocol, false, "the headers begin after %v, which is not in the locator", parent), false
	case !known && now.Sub(m.asked) < minAskInterval:
		return nil, false
	case !known:
		if m.state == Idle {
			m.tail = tail{}
		}
		return m.ask(now), false
	case !isAnswer && uint64(point.Height) >= m.limit():
		return nil, false
	}
	isFirst := m.state == Redownloading && !m.tail.isSet
	if m.state != Idle && !(isFirst && point.Height >= m.memory.base) { // the peer is on another branch now
		if m.restarts == maxRestarts {
			return m.stop(Protocol, false, "the peer changed its branch more than %d times", maxRestarts), false
		}
		m.restarts++
		m.idle()
	}
	m.tail = newTail(point)
	return nil, true
}

// limit returns the height up to which headers may be added.
func (m *Machine) limit() uint64 { return uint64(m.connected) + uint64(m.limits.ahead) }

// check checks encoded headers and moves the tail to the last one. If one is invalid
// it returns the end of the connection. It returns nothing if the check failed.
func (m *Machine) check(encoded []byte) ([]pow.Header, []Action) {
	verdicts := make([]pow.Verdict, len(encoded)/pow.HeaderSize)
	if err := m.o.Verify(encoded, verdicts); err != nil {
		m.idle()
		return nil, nil
	}
	all := make([]pow.Header, len(verdicts))
	for i, v := range verdicts {
		one := encoded[i*pow.HeaderSize:][:pow.HeaderSize]
		all[i], _ = pow.DecodeHeader(one) // of the right length
		switch {
		case v&pow.BadLink != 0:
			return nil, m.stop(Protocol, true, "header %d of the batch is not the child of the one before it", i)
		case v&pow.BadBits != 0:
			return nil, m.stop(string(reject.BadBits), true, "header %d of the batch has invalid nBits %v", i, all[i].Bits)
		case v != pow.Valid:
			return nil, m.stop(string(reject.HighHash), true, "header %d of the batch: %v", i, v)
		}
	}
	for i, h := range all {
		var hash pow.Hash
		if i+1 < len(all) {
			hash = all[i+1].Prev // saves hashing it
		} else {
			hash = h.Hash()
		}
		if err := m.tail.append(m.o.Params, h, hash); err != nil {
			return nil, m.stop(string(reasonOf(err)), true, "height %d: %v", m.tail.height+1, err)
		}
	}
	return all, nil
}

// take handles checked headers, of which the first is above base.
func (m *Machine) take(now time.Time, base uint32, all []pow.Header) (actions []Action) {
	isFull := len(all) == m.limits.batch
	if m.state == Idle && m.tail.work.Cmp(m.o.Enough()) >= 0 {
		m.hasMore, m.restarts = isFull, 0
		return append([]Action{Add{all, m.tail.work}}, m.proceed(now)...)
	}
	switch m.state {
	case Idle:
		m.state, m.memory = Presync, memory{base: base}
		fallthrough
	case Presync:
		if int64(m.tail.height) > now.Unix()-int64(m.o.GenesisTime)+futureLimit {
			return m.stop(string(reject.LowWork), false, "%d headers, more than one for each second since the genesis block", m.tail.height)
		}
		m.remember(base, all)
		if isFull {
			return m.ask(now)
		}
		return m.end()
	default:
		if a := m.compare(base, all); a != nil {
			return a
		}
		if !isFull && !m.buffer.isComplete {
			return m.end()
		}
		m.hasMore = isFull
		return m.proceed(now)
	}
}

// end handles the end of the peer's chain.
func (m *Machine) end() []Action {
	switch {
	case m.state == Redownloading && !m.tail.isSet: // the tree has them all by now
		m.idle()
	case m.state == Presync || m.state == Ready:
		m.state = Ready
		m.memory.work, m.memory.end = m.tail.work, m.tail.height
		return []Action{Offer{m.memory.work}}
	case m.state == Redownloading:
		return m.stop(string(reject.LowWork), false, "the headers end at height %d, before the work that the peer had shown", m.tail.height)
	}
	return nil
}

// proceed adds what may be added, and asks for more if there is room.
func (m *Machine) proceed(now time.Time) (actions []Action) {
	if m.state == Redownloading {
		actions = m.release()
		if m.buffer.isComplete && len(m.buffer.headers) == 0 {
			last, hasMore := m.tail, m.hasMore
			m.idle()
			m.tail, m.hasMore, m.restarts = last, hasMore, 0
		}
	}
	hasRoom := uint64(m.tail.height) < m.limit()
	if m.state == Redownloading {
		hasRoom = !m.buffer.isComplete && len(m.buffer.headers) <= m.lookahead()
	}
	if m.isAsking || !m.hasMore || !hasRoom {
		return actions
	}
	return append(actions, m.ask(now)...)
}
