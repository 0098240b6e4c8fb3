// Package bench measures how fast devices search nonces and verify headers, and how
// fast a node's work is, and proves that the work behind the numbers was done.
//
// The main types:
//
//   - [Case] is one thing to measure: a mode, a device, a kernel, a number of
//     threads, and the [Workload] that does the work.
//   - [Measure] runs cases interleaved, in short slices, and returns one [Sample]
//     for each case and round. A case that fails does not end the others. The
//     [GPUState] of a GPU is read before and after each slice.
//   - [Walk] is the workload of a search. It walks through a fixed range of a
//     published header and collects the exact set of nonces whose hashes have a
//     minimum number of zero bits. So the measured work itself is the [Proof].
//   - [Repeat] is the workload of a list whose answers are known: signatures, records
//     and nodes to be hashed, blocks. A [Worker] does the items. The digest of all its
//     answers is the proof.
//   - [Result] is the file: environment, settings, cases with all samples and the
//     figures derived from them, and proofs. [Parse] reads it, [Check] verifies it
//     on any CPU, and [Compare] compares two of them.
//   - [Machine] identifies where a result was measured. [Merge] merges runs of one
//     machine, and [Rank] puts machines side by side.
//
// # Caveats
//
// A proof shows that a kernel found the right set, no nonce missing and none
// wrong. It does not show how long that took: the program itself read the times
// from its clock.
//
// The 95 % intervals assume that samples are independent. Slow disturbances break
// this, so a run also reports its drift and the part of its slices that was
// disturbed.
package bench
