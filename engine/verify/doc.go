// Package verify checks streams of headers and of blocks of any length.
//
// [Headers] reads 80-byte headers, [Blocks] reads blk files and raw blocks
// (package blockfile). Both read ahead while the devices of the engine check a
// batch, apply the rules that need earlier headers (package headerchain), and
// return a [Report]: how many items were there, how many are valid, and the
// first that is not, as an [Invalid]. Blocks are parsed and hashed on
// [Options.Workers] goroutines. Memory does not grow with the stream.
//
// An item that is not valid does not end the work: the items after it are
// checked too, against the headers before them as they are. So one changed
// header is two invalid items, if the next one names the right parent.
//
// What of a block file is no block is a [Gap]: it is passed over, and the next
// block is read. If that is not a child of the last block before the gap, it is
// taken as the first of a chain at an unknown height, since nobody knows how many
// blocks the gap has swallowed.
//
// An error means that not everything could be read. The report then holds what
// was read.
package verify
