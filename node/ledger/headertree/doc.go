// Package headertree keeps all known headers in memory, as a tree with the
// genesis block as its root, and chooses the branch with the most work.
//
//   - [Tree.Add] accepts a header if the rules allow it after its parent:
//     nBits, median time, and the two rules of BIP 54 about time.
//   - [Node] is a header in the tree, with what follows from its place: height,
//     total work, median time, what its children must look like.
//   - [Tree.SetBody] and [Tree.MarkInvalid] say which blocks can be used, and
//     [Tree.Best] is the best of those.
//   - [Tree.BestHeader] is the best of all headers, and [Node.FirstMissing] the first
//     block on the way to it whose body is not known. [Tree.Remove] removes the end of
//     a branch that has no bodies.
//   - [TooNew] is the rule that needs a clock. It stands apart, since its
//     verdict does not last.
//
// # Caveats
//
// The tree trusts the hashes that it is given: whether a hash is that of the
// header, and meets its target, is checked before (engine.Verify for many,
// package block for one). It forgets no header by itself, at about 300 bytes each:
// the caller decides whether a header is worth keeping. It has no lock.
package headertree
