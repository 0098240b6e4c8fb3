// Package chain connects blocks: it decides which are valid, keeps the valid
// branch with the most work as the chain, and writes it to the store.
//
//   - [Chain.Submit] is the one way in for a block, from whatever source. Its
//     [Outcome], or the reason of its error, says what became of the block.
//   - [Chain.AddHeaders] is the way in for headers whose blocks follow.
//     [Chain.BestHeader] and [Chain.Missing] say which blocks are needed.
//   - [Chain.Tip], [Chain.View], [Chain.BlockAt], [Chain.Find] and the like read.
//   - [Chain.Past] reads the state after an earlier block.
//   - [Chain.Subscribe] follows the chain: each [Subscription] returns, at the pace
//     of its subscriber, how the chain changed since its position.
//   - [Check] replays a whole store from the genesis block and compares everything
//     stored with what the rules give.
//
// # How a block is connected
//
// Submit runs the cheapest checks first: proof of work, parent, nBits and times,
// then what the block shows by itself (block.Check), then signatures, then the
// ledger's rules on top of the state of its parent. A block on the tip is written
// in one atomic, synced batch: header, body, index, undo data, state and digest.
//
// Signatures and rules overlap: other processors check the signatures while the goroutine
// of Submit applies the records to a state over that of the store, and fills the batch. A
// bad signature drops both, and is reported even if a rule is broken too, so that the
// verdict does not depend on the timing. A block with bad signatures costs the node as
// much as a valid one without its commit. It costs its sender the work of the header, and
// is remembered.
//
// Once Submit has returned, the block survives a crash, except while the node catches
// up with its peers: then blocks are synced in groups ([Chain.CatchUp]).
//
// A block elsewhere is stored with its body. When its branch has more work than
// the chain, the chain reorganises: back to the fork block by block, by the undo
// data, and forward on the branch; each step is a batch of its own, and a long way is
// synced at its end. The records of
// a disconnected block go back into the journal of the pool in the same batch, so
// that a crash loses none of them. A block that turns out to be invalid on the way
// is marked, for good, and the best of the other branches is taken, which is the
// former chain. What is too deep to be kept is pruned only at the end, because the
// way back may need it. A crash in between leaves a shorter chain, and [Open]
// finishes the reorganisation.
//
// # Who follows the chain
//
// The pool follows in step: Options.OnChange runs under the lock of the chain, in
// memory, so that the pool has judged its records by a new state before the next
// block can change it again. Its write to disk, Options.Flush, runs without the
// lock.
//
// Everybody else subscribes. A new tip is published right after its commit: Submit
// sets a signal for each subscription and goes on. A subscription has no queue of
// blocks. It remembers a position, and computes the way from there to the tip when
// its subscriber asks. So a slow subscriber costs the chain nothing, loses nothing,
// and gets the changes that it missed merged into one.
//
// # What is not remembered
//
// Only a verdict that can never change is remembered with the hash of a block.
// These are not: an unknown parent, a time too far ahead of the local clock, and a
// body that does not belong to its header, since another body may.
//
// # Low work
//
// Headers cost memory, and bodies disk space. So a block is rejected, and nothing of it
// stored, when its chain would have less work than the chain had [MaxReorg] blocks ago,
// counted with the work of the tip: an attacker who builds on an old, easy block must
// first do the work of nearly the whole chain.
//
// A branch that comes block by block cannot show its work before its end. So a branch
// of any depth comes by its headers first. AddHeaders takes them if they have proven
// the same work, and then their blocks are not asked for it again. So the branch with
// the most work wins, however long the two halves of a network were apart.
//
// Headers without bodies are in memory only. A body is stored only on a stored parent,
// and so is the mark of an invalid block: each header in the store has its parent there.
// Headers whose branch has proven less work than the chain has go after an hour, and
// those of the least work go where there are 20,000 more of them than of the chain.
//
// A branch can make its difficulty fall, by times far apart. Of blocks off the chain
// with less than an eighth of the tip's work only 4096, and 64 MB, are kept. Then others
// are rejected, until the chain has left those behind, except on the branch whose
// headers have proven more work than all others.
//
// A node that prunes cannot follow a branch that leaves the chain below its oldest
// body. It rejects that, and reports a branch with more work ([Chain.Trouble]).
//
// # Caveats
//
// There is one writer: Submit holds the lock of the chain until the block is on
// disk and Options.OnChange has returned, which must not call Submit.
//
// During a reorganisation the view shows states in between; Tip shows the new tip
// at the end. The blocks that leave and join the chain are in memory until then.
// Where they exceed 32 MB, Options.OnChange is called for parts of the way, with
// [Change.Partial] set, and Tip still shows the old tip. Only if the store fails on
// the way does Tip show the block in between at which the state is then, and
// [Event.Partial] is set.
package chain
