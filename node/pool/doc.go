// Package pool keeps the valid records that wait for a block.
//
//   - [Pool.Add] admits records, many at a time. A record that it accepts is in the
//     journal on disk: a crash does not lose it.
//   - [Pool.Follow] follows the chain: it removes mined records, and takes back those
//     of disconnected blocks. [Pool.Flush] then writes the journal.
//   - [Pool.Select] chooses records for a block, the best fee rate first.
//   - [Pool.ByFullHash], [Pool.Records] and [Pool.Recent] return records to relay them
//     and to rebuild blocks; [Options.Accepted] gets those that others should learn of.
//   - [Pool.NextSeq] returns the sequence number of an author's next record.
//
// # Queues
//
// The records of an account wait in a queue, in the order of their sequence numbers
// and without a gap. Each is valid in the state of the next block after those before
// it in its own queue. What other records in the pool would pay to the account does
// not count: they may never be mined, and accounts would depend on each other.
//
// A queue belongs to the account, so records that follow a KEY_ROTATE wait behind it
// under the new key. Two queues may still exclude each other, for example if both
// grant the same role. Then a block can have one of them. The other is left out by
// Select, which applies what it selects, and dropped by the next Follow.
//
// # Suspects
//
// A record costs its author nothing if it is never mined. So it must not displace
// others as long as it seems that it cannot be mined. Suspects are
//
//   - records that name a key which a KEY_ROTATE of another queue retires
//     (rules.CurrentKeys),
//   - records that did not apply when Select tried them, until they do,
//   - and the records behind one of those in its queue.
//
// Suspects are treated like others while there is room, but they are worth nothing:
// a full pool evicts them first, whatever their fees, and admits no more of them.
// Select tries them last. It tries at most maxUnapplied records that do not apply,
// and a record that did not apply in maxStrikes epochs (between two calls of Follow)
// is dropped. What a pooled record makes invalid in another way is found only by
// Select, so a node that makes no templates keeps it until it is mined or expires.
//
// # Order
//
// A fee rate is the fee per 1000 bytes. Select takes the best first among the heads
// of the queues. When the pool is full, it evicts the last record of the queue whose
// cheapest record is the cheapest of all: about the one that Select would take last.
//
// # Limits
//
// [Options.MaxBytes] bounds memory: a record counts with its size and what the pool
// keeps about it. [Options.MaxPerAccount] bounds a queue. A record leaves the pool
// when it
//
//   - is mined, or conflicts with what was mined,
//   - can no longer be mined at the next height,
//   - did not apply in maxStrikes epochs,
//   - is replaced,
//   - or is evicted because the pool is full.
//
// It never leaves it otherwise: only Add (replacement, eviction) and Follow remove
// records.
//
// # Changes in parts
//
// The chain reports a long reorganisation in parts ([chain.Change.Partial]). At a tip
// in between, a record may seem invalid that is valid after the last part: an account
// gets its money in blocks of both branches. So nothing is judged, chosen, expired or
// evicted for a part, and returned records displace no others. They wait in the
// journal, not in memory, until everything is judged after the last part.
//
// The journal may have more than the pool has room for: of what is read from it at
// most twice MaxBytes are in memory, the best fee rates first. Add continues
// meanwhile, and what it accepts is judged again at the end.
//
// # Locks
//
// The chain calls Follow with its lock held, right after each change, so no method
// of the pool asks the chain for anything but its view and context, which take no
// lock. Between a change of the state and the Follow for it, Add may see more of
// the chain than the pool knows. So it drops nothing then, and Follow judges again
// what Add has accepted if that block touched its account.
package pool
