// Package anomaly finds patterns in the sales of sellers that an honest market rarely
// has: what supervisors look at first. docs/alerts.md explains each of them, and what it
// does not prove.
//
//   - [Kind] is a kind of pattern, and [Finding] one that the chain has.
//   - [Index] follows the chain as a table in the files of the views (package views).
//   - [Reader] lists findings.
//
// # How it follows the chain
//
// The index counts: sales, evaluations and deliveries of each seller in a span of blocks.
// A [Tally] is such a count. It is kept in all its versions, one for each block that
// changed it, with the records that the block added. So a block is taken back by removing
// the entries of its height. Whenever a block changes a count, the rules of detect.go,
// which are pure functions of counts, decide whether there is a finding.
//
// # Caveats
//
// A finding proves nothing. Buyers use a new key for each voucher, so an invented sale
// and a real one leave the same records (docs/credit.md). Whoever knows the bounds can
// stay below them.
//
// A finding has the figures of the last block that counted for it. Spans have fixed ends:
// a pattern that lies across two of them counts half in each.
package anomaly
