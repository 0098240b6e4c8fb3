package relay

// The size of [knownRecords]. A peer seems to know a record that it does not know with a
// probability of 10^-5.
const (
	maxKnownRecords = 16384
	filterBits      = 1 << 18
	filterHashes    = 8
)

// filter is a Bloom filter.
type filter [filterBits / 64]uint64

// bit returns the place of the i-th bit of a hash.
func (*filter) bit(s shortHash, i int) (word int, mask uint64) {
	n := (uint64(s) + uint64(i)*(uint64(s)>>32|1)) % filterBits
	return int(n / 64), 1 << (n % 64)
}

func (f *filter) has(s shortHash) bool {
	for i := range filterHashes {
		if word, mask := f.bit(s, i); f[word]&mask == 0 {
			return false
		}
	}
	return true
}

func (f *filter) add(s shortHash) {
	for i := range filterHashes {
		word, mask := f.bit(s, i)
		f[word] |= mask
	}
}

// knownRecords are the last records that a peer is known to have, at most
// maxKnownRecords and at least half as many, in two halves: when the young one is full,
// it replaces the old one. A record may seem known by chance. Then it is not announced
// to this peer, but others announce it.
type knownRecords struct {
	young, old *filter // nil: empty
	count      int     // in young
}

// has reports whether the peer is known to have a record.
func (k *knownRecords) has(s shortHash) bool {
	return k.young != nil && k.young.has(s) || k.old != nil && k.old.has(s)
}

// add notes that the peer has a record, and reports whether that is new.
func (k *knownRecords) add(s shortHash) bool {
	if k.has(s) {
		return false
	}
	if k.young == nil || k.count == maxKnownRecords/2 {
		k.young, k.old, k.count = &filter{}, k.young, 0
	}
	k.young.add(s)
	k.count++
	return true
}
