package headersync

import (
	"slices"

	"stele/engine/pow"
	"stele/node/ledger/reject"
)

// redownload holds the headers of the second pass that are not added yet.
type redownload struct {
	base       uint32 // height of the header below the first one
	headers    []pow.Header
	isComplete bool // they have shown the work of the presync
}

// lookahead returns the number of headers that must stand above one that is added.
func (m *Machine) lookahead() int { return m.limits.depth * int(m.limits.period) }

// compare compares headers, of which the first is above base, with the bits of the
// presync, and buffers them. If one differs it returns the end of the connection.
func (m *Machine) compare(base uint32, all []pow.Header) []Action {
	for i, h := range all {
		height := base + 1 + uint32(i)
		if !m.isCommitted(height) {
			continue
		}
		bit, ok := m.remembered(height)
		if ok && bit != m.bit(h.Hash()) {
			// The end of a chain may change honestly between the two passes.
			isOld := uint64(height)+reorgDepth < uint64(m.memory.end)
			return m.stop(Protocol, isOld, "the header at height %d is not the one that the peer had shown", height)
		}
	}
	r := &m.buffer
	if len(r.headers) == 0 {
		r.base = base
	}
	r.headers = append(r.headers, all...)
	r.isComplete = m.tail.work.Cmp(m.memory.work) >= 0
	if !r.isComplete && m.tail.height >= m.memory.end {
		return m.stop(string(reject.LowWork), false, "less work at height %d than the peer had shown", m.tail.height)
	}
	return nil
}

// release returns the headers that may be added: those far enough below the last
// one, all if the work is shown, and none far above the last connected block.
func (m *Machine) release() []Action {
	r := &m.buffer
	n := int64(len(r.headers))
	if !r.isComplete {
		n -= int64(m.lookahead())
	}
	n = min(n, int64(m.limit())-int64(r.base))
	if n <= 0 {
		return nil
	}
	add := Add{slices.Clone(r.headers[:n]), m.memory.work}
	r.headers = slices.Delete(r.headers, 0, int(n))
	r.base += uint32(n)
	return []Action{add}
}
