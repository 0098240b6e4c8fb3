package relay

// maxKnownRecords is how many records are remembered for each peer, at least half as many.
const maxKnownRecords = 16384

// knownRecords are the last records that a peer is known to have, in two halves: when the young
// one is full, it replaces the old one. An entry is a part of a [shortHash], so that
// one record of 10^5 may seem known and is not announced to one peer; others announce it.
type knownRecords struct{ young, old map[uint32]struct{} }

// has reports whether the peer is known to have a record.
func (k *knownRecords) has(s shortHash) bool {
	_, isYoung := k.young[uint32(s)]
	_, isOld := k.old[uint32(s)]
	return isYoung || isOld
}

// add notes that the peer has a record, and reports whether that is new.
func (k *knownRecords) add(s shortHash) bool {
	if k.has(s) {
		return false
	}
	if k.young == nil || len(k.young) >= maxKnownRecords/2 {
		k.young, k.old = map[uint32]struct{}{}, k.young
	}
	k.young[uint32(s)] = struct{}{}
	return true
}
