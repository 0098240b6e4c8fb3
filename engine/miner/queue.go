package miner

// maxWaiting bounds the shares of a source that wait, and the blocks.
const maxWaiting = 1 << 14

// queued is a share that waits to be submitted.
type queued struct {
	Share
	block      bool
	generation uint64 // of the source's work
}

// queue holds the shares that wait, in the order in which they were found, but
// blocks before all others.
type queue struct{ blocks, others []queued }

func (q *queue) len() int { return len(q.blocks) + len(q.others) }

// add appends a share. It returns false if there is no room.
func (q *queue) add(s queued) bool {
	to := &q.others
	if s.block {
		to = &q.blocks
	}
	if len(*to) >= maxWaiting {
		return false
	}
	*to = append(*to, s)
	return true
}

// next removes and returns the next share. It returns false if the queue is empty.
func (q *queue) next() (s queued, ok bool) {
	from := &q.blocks
	if len(*from) == 0 {
		from = &q.others
	}
	if len(*from) == 0 {
		*q = queue{} // releases the memory
		return s, false
	}
	s = (*from)[0]
	(*from)[0] = queued{} // releases its work
	*from = (*from)[1:]
	return s, true
}
