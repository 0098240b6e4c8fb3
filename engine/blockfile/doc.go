// Package blockfile reads Bitcoin blocks as they lie in files.
//
//   - [Reader] takes a stream apart into blocks: the blk files of a full node
//     (blk00000.dat), or one raw block.
//   - [Block] is a parsed block. It takes transactions apart just as far as is
//     needed to know their ids, and checks the Merkle root, the witness
//     commitment, and the rules about transactions that need nothing but the
//     block.
//   - [Error] tells what is wrong and at which byte.
//
// Memory is bounded: a block is at most [MaxBlockSize] bytes, every length is
// checked against the bytes that are there before anything is allocated for
// it, and the parts that grow with a block are used again for the next one.
//
// Scripts and signatures are not checked, and nothing is known about earlier
// blocks.
package blockfile
