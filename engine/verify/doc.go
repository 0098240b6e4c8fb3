// Package verify checks streams of headers and of blocks of any length.
//
// [Headers] reads 80-byte headers, and [Blocks] reads blk files and raw blocks
// (package blockfile). Both read ahead while the devices of the engine check a
// batch, and apply the rules that need earlier headers (package headerchain). They
// return a [Report]: the number of items, the number of valid ones, and the first
// invalid one as an [Invalid]. The goroutine that reads blocks also parses them;
// [Options.Workers] goroutines hash them and check their contents. Memory does not
// grow with the stream.
//
// # Caveats
//
// An invalid item does not end the verification: the items after it are checked
// against the headers before them as they are. So one changed header makes two
// items invalid if the next header names the original parent.
//
// Bytes of a block file that are not a block are a [Gap]: they are skipped, and
// the next block is read. If that block is not a child of the last block before
// the gap, it starts a new chain at an unknown height, because the number of
// blocks lost in the gap is unknown.
//
// An error means that not everything could be read. The report then covers the
// part that was read.
package verify
