// Package blockfile reads Bitcoin blocks from files.
//
//   - [Reader] splits a stream into blocks: the blk files of a full node
//     (blk00000.dat), or one raw block. It fills a [Batch] with parsed blocks, which a
//     [Hasher] hashes together.
//   - [Block] is a parsed block. It parses transactions only as far as their ids
//     require, and checks the Merkle root, the witness commitment, and the rules
//     about transactions that need only the block.
//   - [Error] reports what is wrong and at which byte.
//
// # Memory
//
// Memory is bounded: a block has at most [MaxBlockSize] bytes, every length is
// checked against the bytes available before anything is allocated for it, and
// the buffers that grow with a block are reused for the next one. A batch has at
// most 5 MB of blocks.
//
// # Caveats
//
// Scripts and signatures are not checked, and no rule that needs earlier blocks
// is. Nothing here is safe for concurrent use, but one goroutine can read a batch
// while another hashes the one before.
package blockfile
