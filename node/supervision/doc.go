// Package supervision answers what a supervisor asks of the whole market: is every
// record checked, what is overdue and who must act, how fast are answers, remedies and
// rulings, who did not carry out an order, where are goods stuck, whom has a recall
// reached, what was corrected. docs/supervision.md says what each answer proves, and what
// it does not.
//
//   - [Index] follows the chain, as a table in the files of the views (package views).
//   - [Reader] asks it, the other lists of the views, and the state of the ledger.
//     [Reader.Within] narrows it down to a span of time.
//   - [Series] are the kinds of events that are counted, [Measure] the kinds of times that
//     are measured.
//
// # Every number opens what is behind it
//
// A counter and the list of what it counts are written in the same batch. Overdue claims
// open as [Reader.OverdueClaims], a percentile as [Reader.Slowest], a recall's numbers as
// [Reader.ReachedBy].
//
// # How it follows the chain
//
// The records of a block are valid, so the index does not check them again. It follows
// only what decides the times of a claim (claim.go) and of a shipment. Counters keep all
// their versions, one for each block that changed them: so a block is taken back by
// removing the entries of its height, and the difference of two versions is the count of
// the blocks between.
//
// # Caveats
//
// Times are counted in buckets whose width is at most 1/32 of their values
// ([Times]): a percentile is up to that much too high, and never too low. Claims that
// nobody answered have no time of an answer: see overdue claims.
package supervision
