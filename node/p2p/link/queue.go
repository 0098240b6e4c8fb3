package link

import (
	"errors"
	"sync"

	"stele/internal/wake"
	"stele/node/p2p/wire"
)

// Sizes of the queues of messages to a peer, in bytes.
const (
	maxUrgent   = 256 << 10
	maxOrdinary = 1 << 20
	laterSize   = 128 // of a message that is made when it is written
)

var (
	// ErrTooSlow means that a peer does not read what it is sent.
	ErrTooSlow = errors.New("peer reads too slowly")
	// ErrClosed means that the link has ended, or is about to.
	ErrClosed = errors.New("link is closed")
)

// item is a message in a queue: its frame, or the function that makes it.
type item struct {
	frame []byte
	later func() (wire.Message, error)
	size  int // as the queue counts it
}

// queue has the messages to a peer that are not written. Make one with newQueue. Safe
// for concurrent use.
type queue struct {
	more wake.Signal // there is something to write, or closing
	room wake.Signal // the ordinary messages fit again

	mu       sync.Mutex
	urgent   []item
	ordinary []item
	sizes    struct{ urgent, ordinary int }
	closing  bool // nothing is added any more, and only urgent messages are written
	dropped  uint64
}

func newQueue() *queue { return &queue{more: wake.New(), room: wake.New()} }

// isUrgent reports whether messages of a kind go before others.
func isUrgent(k wire.Kind) bool {
	switch k {
	case wire.KindHello, wire.KindHeaders, wire.KindCompact, wire.KindPing, wire.KindPong, wire.KindBye:
		return true
	}
	return false
}

// isDroppable reports whether messages of a kind may get lost.
func isDroppable(k wire.Kind) bool { return k == wire.KindHave || k == wire.KindRecords }

// add adds a message.
//
// Errors: [ErrClosed], [ErrTooSlow].
func (q *queue) add(k wire.Kind, i item) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch full := q.sizes.ordinary+i.size > maxOrdinary; {
	case q.closing:
		return ErrClosed
	case isUrgent(k):
		if q.sizes.urgent+i.size > maxUrgent && len(q.urgent) > 0 {
			return ErrTooSlow
		}
		q.urgent = append(q.urgent, i)
		q.sizes.urgent += i.size
	case full && isDroppable(k):
		q.dropped++
		return nil
	case q.sizes.ordinary > 2*maxOrdinary: // the reader pauses long before
		return ErrTooSlow
	default:
		q.ordinary = append(q.ordinary, i)
		q.sizes.ordinary += i.size
	}
	q.more.Wake()
	return nil
}

// close adds the last messages, which are written after the urgent ones.
func (q *queue) close(last []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closing {
		q.closing = true
		q.urgent = append(q.urgent, last...)
		q.ordinary, q.sizes.ordinary = nil, 0
	}
	q.more.Wake()
	q.room.Wake()
}

// next removes the message to write now. ok is false if there is none, and isLast
// reports whether none will come.
func (q *queue) next() (i item, ok, isLast bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.urgent) > 0:
		i, q.urgent = q.urgent[0], q.urgent[1:]
		q.sizes.urgent -= i.size
		return i, true, false
	case q.closing:
		return item{}, false, true
	case len(q.ordinary) > 0:
		i, q.ordinary = q.ordinary[0], q.ordinary[1:]
		if q.sizes.ordinary -= i.size; q.sizes.ordinary <= maxOrdinary {
			q.room.Wake()
		}
		return i, true, false
	}
	return item{}, false, false
}

// isClosing reports whether the last message is in the queue, or written.
func (q *queue) isClosing() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closing
}

// hasRoom reports whether requests of the peer may be read.
func (q *queue) hasRoom() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closing || q.sizes.ordinary <= maxOrdinary
}
