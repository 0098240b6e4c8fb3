// Package bench measures how fast devices search nonces and verify headers,
// and proves that the work behind the numbers was done.
//
// The main types:
//
//   - [Case] is one thing to measure: a mode, a device, a kernel, a number of
//     threads, and the [Workload] that does the work.
//   - [Measure] runs cases interleaved, in short slices, and gives one
//     [Sample] for each case and round. A case that fails does not end the
//     others. Around each slice of a GPU its [GPUState] is read.
//   - [Walk] is the workload of a search. It walks through a fixed range of a
//     published header and collects the exact set of nonces with at least so
//     many zero bits, so that the measured work itself is the [Proof].
//   - [Result] is the file: environment, settings, cases with all samples and
//     what follows from them, proofs. [Parse] reads it, [Check] verifies it on
//     any CPU, [Compare] sets two of them side by side.
//
// Caveats. A proof shows that a kernel found the right set, no nonce missing
// and none wrong. It does not show how long that took: the times are what the
// program read from its clock. The 95 % intervals suppose that samples are
// independent. Slow disturbances break this, so a run also tells its drift
// and how many of its slices were disturbed.
package bench
