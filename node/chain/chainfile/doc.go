// Package chainfile keeps the blocks of a chain in a file: as a backup, and to start
// a node without downloading them from peers.
//
//   - [Export] writes the blocks of a store.
//   - [Import] submits the blocks of a file to a chain, under the same rules as blocks
//     from peers.
//   - [Writer] and [Reader] are the file.
//
// # Format
//
// All integers are little-endian. Hashes are in internal byte order.
//
//	magic     8 bytes  "stele-b1"; the digit is the version
//	network   4 bytes  id of the network
//	genesis  32 bytes  hash of block 0, which is not in the file
//	first     4 bytes  height of the first block, at least 1
//
//	then for each block, in ascending order of height without a gap:
//	length    4 bytes  of the encoded block, at least 80
//	block              as [stele/node/ledger/block.Decode] reads it
//
//	end       4 bytes  0, in the place of a length
//	count     4 bytes  number of blocks
//	last     32 bytes  hash of the last block; zero if there is none
//
// Nothing follows. There are no checksums: the proof of work of a header covers the
// header and the ids of the records, and the coinbase commits to the signatures.
//
// # Caveats
//
// A file that ends early is reported as such, also between two blocks, but the blocks
// before its end can be read.
package chainfile
