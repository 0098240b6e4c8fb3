// Package engine finds nonces and checks batches of 80-byte headers on every
// device of a machine. It knows headers and targets but no block contents, so it
// serves any chain with Bitcoin's header.
//
// The main types are [Device], one piece of hardware; [Job], a header and the
// target to meet; and [Engine], which drives the devices:
//
//   - [Engine.Search] scans a range of nonces once,
//   - [Engine.Mine] keeps the devices busy with the newest job,
//   - [Engine.Verify] checks a batch of headers,
//   - [Engine.Status] reports the state and the work of each device.
//
// # Pieces
//
// The engine hands out work in pieces. A piece lasts a fixed time on its device,
// by the speed measured there. Pieces get smaller towards the end, so that all
// devices finish together. Every call starts one goroutine per lane of each
// device, and waits for all of them before it returns.
//
// # Versions
//
// A job may let the search change bits of the version (BIP 310, BIP 320). Its
// versions are then searched in groups of [MaxVersions], each group with every
// nonce. A device that can share work among the versions of a group is a
// [VersionScanner]; any other device searches them one after the other. Each pair
// of version and nonce is one hash and counts once.
//
// # Trust
//
// The engine trusts no device. Package pow hashes every hit again before the
// engine reports it, confirms every verdict but "valid", and checks one "valid"
// verdict of each piece.
//
//   - A device that gives wrong answers becomes [Sick]. The other devices repeat
//     all that it did for the calls under way. It stays out of use until
//     [Engine.Retry] has tested it.
//   - A device that fails becomes [Dead]. The others do what it left unfinished.
//     It is reopened unless it is lost to the process ([ErrLost]).
//   - [Engine.Rest] stops a device, for example when it is too hot.
//
// # Caveats
//
// A device that leaves out hits, and never gives a wrong answer, stays in use. Its
// Hits fall behind its ExpectedHits in the status.
package engine
