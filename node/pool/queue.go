package pool

import (
	"slices"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// Rate is a fee rate: units of 1e-8 per 1000 bytes of the encoded record,
// rounded down.
type Rate uint64

// RateOf returns the fee rate of a record.
func RateOf(r *record.Record) Rate {
	return Rate(uint64(r.Fee) * 1000 / uint64(r.Size())) // a fee has at most 53 bits
}

// entry is a record in the pool. It has a copy of what the orders compare, since the
// records of a large pool lie far apart in memory.
type entry struct {
	*record.Record
	rate    Rate
	floor   Rate   // minimum worth of this entry and those before it in the queue
	arrival uint64 // of two with the same rate the earlier one comes first
	until   uint32 // ValidUntil
	expiry  uint32 // minimum of until of this entry and those before it in the queue

	strikes uint8  // in how many epochs Select found that it does not apply
	struck  uint64 // the last of these epochs
}

// strike notes that the entry did not apply, at most once in each epoch.
func (e *entry) strike(epoch uint64) {
	if e.strikes == 0 || e.struck != epoch {
		e.strikes, e.struck = e.strikes+1, epoch
	}
}

// isSuspect reports whether the entry, or one before it in its queue, may never be mined.
// An entry that pays nothing, from a disconnected block, counts too.
func (e *entry) isSuspect() bool { return e.floor == 0 }

// rank is the place of the entry among those that may come next in a block.
func (e *entry) rank() rank { return rank{^uint64(e.rate), e.arrival} }

// overhead is the memory of a record, in bytes, apart from twice its encoding: the decoded
// record, its entry, and its part of a queue, of the state of the queue and of the indexes.
// BenchmarkMemory compares it with the real memory.
const overhead = 1400

// nameOverhead is the memory, in bytes, of a key in the index of names.
const nameOverhead = 300

// charge returns how many bytes a record counts against Options.MaxBytes.
func charge(r *record.Record) int64 {
	return 2*int64(r.Size()) + overhead + nameOverhead*int64(len(rules.CurrentKeys(r.Payload)))
}

// queue has the records of one account that wait, in the order of their
// sequence numbers, without a gap. It is never empty.
type queue struct {
	account record.Key // its name, rules.Account.ID
	first   uint64     // sequence number of the first entry
	entries []entry
	place   [orders]int // in each order of the pool
	mined   int         // number of entries that Follow has found in blocks

	// state is the state of the next block with all entries applied, or nil. It is
	// valid in the epoch of the pool in which it was made.
	state *rules.State
	epoch uint64
}

func newQueue(account record.Key) *queue {
	return &queue{account: account, place: [orders]int{absent, absent, absent}}
}

// next returns the sequence number that follows.
func (q *queue) next() uint64 { return q.first + uint64(len(q.entries)) }

func (q *queue) head() *entry { return &q.entries[0] }
func (q *queue) tail() *entry { return &q.entries[len(q.entries)-1] }

// at returns the entry with a sequence number, or nil. The queue may be nil.
func (q *queue) at(seq uint64) *entry {
	if q == nil || seq < q.first || seq >= q.next() {
		return nil
	}
	return &q.entries[seq-q.first]
}

// splice replaces n entries from index i on by others, which must leave no gap in the
// sequence numbers. It returns the removed ones.
func (q *queue) splice(i, n int, with ...entry) []entry {
	removed := slices.Clone(q.entries[i : i+n])
	q.entries = slices.Replace(q.entries, i, i+n, with...)
	if i == 0 && len(q.entries) > 0 {
		q.first = q.head().Seq
	}
	q.state = nil
	return removed
}
