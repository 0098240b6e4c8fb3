package headersync

import (
	"crypto/sha256"

	"stele/engine/pow"
)

// memory is what a machine keeps of the headers of a presync: a bit for each period.
type memory struct {
	base uint32 // height of the header below the first one
	bits []byte // the n-th of them is bit n%8 of byte n/8
	n    uint32 // bits so far

	work pow.Work // of the chain, once its end is known
	end  uint32   // height of the last header
}

// isCommitted reports whether the header at a height has a bit. The salt decides at
// which height of each period it is.
func (m *Machine) isCommitted(height uint32) bool {
	return height%m.limits.period == uint32(m.o.Salt[31])%m.limits.period
}

// bit returns the bit of a header: it depends on the salt, so that a peer cannot make
// another header with the same one but by guessing.
func (m *Machine) bit(hash pow.Hash) byte {
	sum := sha256.Sum256(append(m.o.Salt[:], hash[:]...))
	return sum[0] & 1
}

// remember appends the bits of headers, of which the first is above base.
func (m *Machine) remember(base uint32, all []pow.Header) {
	for i, h := range all {
		if !m.isCommitted(base + 1 + uint32(i)) {
			continue
		}
		k := &m.memory
		if k.n%8 == 0 {
			k.bits = append(k.bits, 0)
		}
		k.bits[k.n/8] |= m.bit(h.Hash()) << (k.n % 8)
		k.n++
	}
}

// remembered returns the bit of the header at a height that is committed, and false
// if the presync did not reach it.
func (m *Machine) remembered(height uint32) (bit byte, ok bool) {
	k := &m.memory
	if height <= k.base || height > k.end {
		return 0, false
	}
	n := m.periods(height) - m.periods(k.base) - 1
	return k.bits[n/8] >> (n % 8) & 1, true
}

// periods returns the number of heights up to this one that are committed.
func (m *Machine) periods(height uint32) uint32 {
	offset := uint32(m.o.Salt[31]) % m.limits.period
	if height < offset {
		return 0
	}
	return (height-offset)/m.limits.period + 1
}
