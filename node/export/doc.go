// Package export writes tables of what the chain says as files: CSV, JSON Lines and
// Parquet. Each file has a manifest that says as of which block it was made and what
// it must contain.
//
// # Main types
//
//   - [Tables] lists the tables, with their columns. Those of the ledger have a row
//     for each thing, as of a block; those of the chain a row for each record or block
//     up to that block.
//   - [Query] names a table, narrows it down and names the block. [Write] writes its
//     rows in a [Format] from the parts of a node in a [Source].
//   - [Manifest] describes the file. [Manifest.Check] compares it with the bytes of a
//     file, [Manifest.Diff] with the manifest of another export.
//
// # Determinism
//
// The same query as of the same block gives the same bytes in every run and on every
// node, whatever its version, as long as [Schema] is the same.
//
// # Caveats
//
// A manifest is not signed. It proves that a file is whole, and says what to ask a
// node for to compare. Memory does not grow with the number of rows, except for
// Parquet by a row group, and for its index at the end by about a kilobyte for each
// row group.
package export
