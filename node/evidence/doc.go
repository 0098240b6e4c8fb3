// Package evidence collects the bundle of a case ([stele/node/ledger/bundle]) from a
// node's chain and views.
//
// [Collect] is all of it. A claim's case holds the sale under which it was made;
// a voucher's case holds the sale of its replacement.
//
// # Caveats
//
// The views follow the chain a moment behind it: what was mined just now may be
// missing.
package evidence
