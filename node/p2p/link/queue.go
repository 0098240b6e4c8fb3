package link

import (
	"errors"
	"sync"

	"stele/internal/wake"
	"stele/node/p2p/wire"
)

// Sizes of the queues of messages to a peer, in bytes. What is being written counts. A
// frame over maxShort counts as long, and needs a share of Options.SendBudget.
const (
	maxUrgent   = 128 << 10
	maxOrdinary = 128 << 10
	maxExtra    = 64 << 10 // of ordinary messages that are not dropped, when others would be
	maxLong     = 1 << 20
	maxShort    = 64 << 10
	laterSize   = 128 // of a message that is made when it is written
)

// PeerBytes is about the most memory in bytes that a link uses beside its shares of the
// budgets: the queues, a short frame that is read, and the buffers of TLS and of the
// reader.
const PeerBytes = maxUrgent + maxOrdinary + maxExtra + firstBuffer + 48<<10

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
	most  int    // what later makes has at most so many bytes, if it may be long; else 0
	size  int    // as the queue counts it
	share *share // for a long frame
	in    *int   // what counts the size
}

// queue has the messages to a peer that are not written. Make one with newQueue. Safe
// for concurrent use.
type queue struct {
	more wake.Signal // there is something to write, or closing
	room wake.Signal // the ordinary messages fit again

	mu       sync.Mutex
	urgent   []item
	ordinary []item
	sizes    struct{ urgent, ordinary, long int }
	closing  bool // nothing is added any more, and only urgent messages are written
	ended    bool // nothing is written any more
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

// add adds a message. A long one is dropped, whatever its kind, if the other links have
// the whole budget.
//
// Errors: [ErrClosed], [ErrTooSlow].
func (q *queue) add(k wire.Kind, i item) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &q.sizes
	isLong := len(i.frame) > maxShort
	switch {
	case q.closing || q.ended:
		return ErrClosed
	case isLong:
		full := s.long > 0 && s.long+i.size > maxLong
		if full && !isDroppable(k) {
			return ErrTooSlow
		}
		if full || i.share.try(i.size) != nil {
			i.share.shrink(0) // it does not wait
			q.dropped++
			return nil
		}
		i.in = &s.long
	case isUrgent(k):
		if s.urgent+i.size > maxUrgent {
			return ErrTooSlow
		}
		i.in = &s.urgent
	case isDroppable(k) && s.ordinary+i.size > maxOrdinary:
		q.dropped++
		return nil
	case s.ordinary+i.size > maxOrdinary+maxExtra: // the reader pauses long before
		return ErrTooSlow
	default:
		i.in = &s.ordinary
	}
	*i.in += i.size
	if isUrgent(k) {
		q.urgent = append(q.urgent, i)
	} else {
		q.ordinary = append(q.ordinary, i)
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
		var made []item
		for _, i := range q.urgent {
			if i.later == nil {
				made = append(made, i)
			} else { // it may have to wait
				q.settle(i)
			}
		}
		q.urgent = append(made, last...)
		q.drop(&q.ordinary)
	}
	q.more.Wake()
	q.room.Wake()
}

// end discards all that is queued.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.drop(&q.urgent)
	q.drop(&q.ordinary)
}

// drop discards messages.
func (q *queue) drop(all *[]item) {
	for _, i := range *all {
		q.settle(i)
	}
	*all = nil
}

// settle takes a message out of what the queue counts.
func (q *queue) settle(i item) {
	i.share.shrink(0)
	if i.in != nil {
		*i.in -= i.size
	}
}

// next removes the message to write now; done must be called with it. ok is false if
// there is none, and isLast reports whether none will come. A message that is made now
// needs room in the budget for the longest that it may be; if there is none, freed is
// closed when next should be called again.
func (q *queue) next() (i item, ok, isLast bool, freed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	from := &q.urgent
	switch {
	case len(q.urgent) > 0:
		if len(q.ordinary) > 0 {
			q.ordinary[0].share.pause() // others need not wait while this link writes
		}
	case q.closing:
		return item{}, false, true, nil
	case len(q.ordinary) > 0:
		from = &q.ordinary
	default:
		return item{}, false, false, nil
	}
	i = (*from)[0]
	if i.most > 0 {
		if freed := i.share.try(i.most); freed != nil {
			return item{}, false, false, freed
		}
	}
	*from = (*from)[1:]
	return i, true, false, nil
}

// done notes that a message was written, or that it failed.
func (q *queue) done(i item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settle(i)
	if q.fits() {
		q.room.Wake()
	}
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
	return q.closing || q.fits()
}

func (q *queue) fits() bool { return q.sizes.ordinary <= maxOrdinary && q.sizes.long <= maxLong/2 }
