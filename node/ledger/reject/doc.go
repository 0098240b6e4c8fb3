// Package reject is the one table of reasons for which records, headers,
// blocks and undo data are rejected. All layers of a node share it, so that a
// program, a test and a person see the same words for the same fault.
//
// # Main types
//
//   - Reason is a stable word such as "bad-signature".
//   - Error is a reason with the text of one case.
//
// [New] makes an error, [Of] finds the reason in one that was wrapped. The
// reason tells with [Reason.Permanent] whether to try again later, and with
// [Reason.BodyMismatch] whether the hash of a block may be remembered as
// invalid.
//
// # Caveats
//
// Reasons are part of the interface of a node: one that was published is never
// renamed and never gets another meaning. Faults of the machine, such as a full
// disk, are no reasons: they say nothing about what was refused.
package reject
