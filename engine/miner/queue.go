package miner

// mostWaiting is how many shares of a source wait, and how many blocks.
const mostWaiting = 1 << 14

// queued is a share that waits to be sent.
type queued struct {
	Share
	block      bool
	generation uint64
}

// queue holds the shares that wait, in the order in which they were found, but
// blocks before all others.
type queue struct{ blocks, others []queued }

func (q *queue) len() int { return len(q.blocks) + len(q.others) }

// add puts a share in; false: there is no room.
func (q *queue) add(s queued) bool {
	to := &q.others
	if s.block {
		to = &q.blocks
	}
	if len(*to) >= mostWaiting {
		return false
	}
	*to = append(*to, s)
	return true
}

// next takes a share out; false: there is none.
func (q *queue) next() (s queued, ok bool) {
	from := &q.blocks
	if len(*from) == 0 {
		from = &q.others
	}
	if len(*from) == 0 {
		*q = queue{} // lets go of the memory
		return s, false
	}
	s = (*from)[0]
	(*from)[0] = queued{} // lets go of its work
	*from = (*from)[1:]
	return s, true
}
