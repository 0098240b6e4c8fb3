// Package corpus holds blocks and records, valid ones and ones that break a
// single rule, each with the verdict that every node must give.
//
// [Build] makes them, always the same bytes. Run them in order, on a node that begins
// with the genesis block of Corpus.Params and whose clock shows Corpus.Now: blocks
// that are accepted become part of its chain, and later cases build on them.
//
//	for _, c := range corpus.Build().Cases {
//		// submit c.Bytes to the node; compare with c.Outcome or c.Reason
//	}
//
// Each reason for which the rules reject something has at least one case, except for
// those that the package's test lists with why. The after-sales cases come from
// scenarios.
//
// Cases are bytes as they are sent over a wire, so that they serve for a node in
// the same process and for one at the other end of a connection. The idea is that of btcd's
// fullblocktests.
//
// # Caveats
//
// A case of a record is judged by the rules alone, against the state after the
// tip. A pool may have reasons of its own to reject it.
package corpus
