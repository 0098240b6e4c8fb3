// Package reject is the table of all reasons for which records, headers and blocks
// are rejected. All layers of a node share it, so that programs, tests and people
// see one word for one fault.
//
// # Main types
//
//   - [Reason] is a stable word such as "bad-signature".
//   - [Error] is a reason with a text about one case.
//
// [New] makes an error, [Of] returns the reason of one, even if it was wrapped.
// [Reason.Permanent] reports whether it is useless to try again later,
// [Reason.BodyMismatch] that the hash of a block must not be remembered as invalid, and
// [Reason.Fault] that whoever sent it could have known.
//
// # Caveats
//
// Reasons are part of the interface of a node: a published one is never renamed and
// never gets another meaning. Faults of the machine, such as a full disk, are no
// reasons: they say nothing about the record or block.
package reject
