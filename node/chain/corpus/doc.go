// Package corpus holds blocks and records, valid ones and ones that break a
// single rule, each with the verdict that every node must give.
//
// [Build] makes them, always the same bytes. They are a play to be followed in
// order, by a node that begins with the genesis block of Corpus.Params and
// whose clock shows Corpus.Now: blocks that are accepted become part of its
// chain, and later cases build on them.
//
//	for _, c := range corpus.Build().Cases {
//		// give c.Bytes to the node; compare with c.Outcome or c.Reason
//	}
//
// Each reason for which the rules reject something is there at least once, but for
// those that the package's test lists with why. The after-sales cases are scenes
// of a play.
//
// Cases are bytes as they come over a wire, so that they serve for a node that
// is called, and for one that is connected to. The idea is that of btcd's
// fullblocktests.
//
// # Caveats
//
// A case of a record is judged by the rules alone, against the state after the
// tip. A pool may have reasons of its own to reject it.
package corpus
