// Package bundle puts the evidence of a case, a voucher or a claim, into one
// file that anybody can check without a node and without trusting whoever wrote
// it.
//
//   - [Bundle] is the file: the records of the case, the proof for each that it
//     is in a block, and the headers from there on.
//   - [Collect] makes one from a [Source], which a chain is.
//   - [Bundle.Check] checks all of it offline and returns a [Report]: who signed
//     what, when, and under how much work.
//
// # Caveats
//
// A bundle proves what is in it. It cannot prove that nothing was left out: for
// that, ask a node. If the headers do not begin with the genesis block, the
// reader must compare the last one with a chain that it trusts, or go by the
// work that was done; the report says which.
package bundle
