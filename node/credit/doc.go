// Package credit computes the score of every seller and product, from the chain alone and
// the same on every node. docs/credit.md explains the method, and what it cannot stop. It
// is no rule of the ledger: nothing is valid or invalid because of a score.
//
//   - [Params.Score] computes a score from the buckets of the periods; [MarketOf] the two
//     numbers that a period takes from all sellers. They are pure functions of integers.
//   - [Index] follows the chain, as a table in the files of the views (package views).
//   - [Reader] asks it: [Reader.Sellers] and [Reader.Products] rank, [Reader.Explain] shows
//     a score at any height with all that it follows from, [Reader.Evidence] lists the
//     vouchers behind it, and [Reader.Offers] has the sellers of a product.
//
// # How it follows the chain
//
// The records of a block are valid, so the index does not check them. It follows only
// what decides how a claim ends (claim.go), and what a voucher says (outcome.go). Each
// entry is kept in all its versions, one for each block that changed it, so a block is
// taken back by removing the entries of its height, and every height can be asked. What
// the ranking needs of the tip is in memory (board.go), and so are the vouchers that were
// read or written last, up to a million in 40 MB (cache.go). The others that a block
// changes are read in the order of their places, which takes a fraction of the time.
// BenchmarkIndex measures all that for a million evaluations of 10,000 sellers:
//
//	go test ./node/credit -run '^$' -bench Index -benchtime 1x
//
// # Caveats
//
// A score is as good as the roots that grant the role of a seller, and as the supervisors
// who look: see docs/credit.md.
package credit
