package blocksync

func (e Received) apply(m *Machine) {
	b := m.byHash[e.Hash]
	var r *request
	if b != nil {
		r = b.requestTo(e.Peer)
	}
	if r == nil {
		return
	}
	m.received++
	m.bytes += int64(e.Size)
	m.recent.add(m.now.Sub(r.at), e.Size)
	r.peer.measure(m.now, r)
	m.end(r)
	if !b.inBranch || b.state != missing {
		m.do(Discard{e.Peer, e.Hash})
		return
	}
	b.state, b.from, b.size = checking, e.Peer, e.Size
	m.waiting += b.size
	m.do(Check{e.Peer, e.Hash})
	m.shrink()
}

// shrink discards the highest bodies while more bytes wait than may. It keeps the
// first body of the branch, for which the chain waits.
func (m *Machine) shrink() {
	window := m.window()
	for i := len(window) - 1; i > 0 && m.waiting > WindowBytes; i-- {
		if b := window[i]; b.state == checking || b.state == ready {
			m.release(b)
		}
	}
}

func (e Checked) apply(m *Machine) {
	b := m.byHash[e.Hash]
	if b == nil || b.state != checking || b.from != e.Peer {
		return
	}
	if e.Valid {
		b.state = ready
		return
	}
	m.release(b)
	if p := m.peer(e.Peer); p != nil {
		m.remove(p)
		m.do(Drop{e.Peer, InvalidBlock})
	}
}

// deliver hands out the bodies whose turn it is.
func (m *Machine) deliver() {
	for _, b := range m.window() {
		switch b.state {
		case delivered:
			continue
		case ready:
			b.state = delivered
			m.do(Deliver{b.from, b.hash, b.height})
		default:
			return
		}
	}
}

func (e Accepted) apply(m *Machine) {
	last := m.byHash[e.Hash]
	if last == nil || !last.inBranch {
		return
	}
	for last.inBranch {
		b := m.branch[0]
		m.branch = m.branch[1:]
		m.leave(b)
		m.stall = max(minLate, m.stall*85/100)
	}
}
