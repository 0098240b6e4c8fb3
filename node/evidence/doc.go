// Package evidence collects the bundle of a case ([stele/node/ledger/bundle]) from
// a node's chain and views.
//
// [Collect] is its only function. The bundle of a claim includes the sale under
// which the claim was made. The bundle of a voucher includes the sale of its
// replacement.
//
// # Caveats
//
// The views follow the chain a moment behind it, so a bundle may lack the records
// of the newest block.
package evidence
