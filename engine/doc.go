// Package engine finds nonces and checks batches of 80-byte headers on every
// device of a machine. It knows headers and targets, and nothing of what a
// block holds, so it serves any chain with Bitcoin's header.
//
// The main types are [Device], one piece of hardware; [Job], a header and the
// target to meet; and [Engine], which drives the devices:
//
//   - [Engine.Search] scans a range of nonces once,
//   - [Engine.Mine] keeps the devices busy with the newest job,
//   - [Engine.Verify] checks a batch of headers,
//   - [Engine.Status] tells how each device does.
//
// The engine hands work out in pieces. A piece lasts a fixed time on its
// device by the speed measured there, and pieces get smaller towards the end
// so that all devices finish together. Every call starts one goroutine per
// lane of each device and has waited for all of them when it returns.
//
// A job may let the search change bits of the version (BIP 310, BIP 320). Then
// its versions are searched before the job is used up: [MaxVersions] of them at
// once, with each nonce. A device that can share work among them is a
// [VersionScanner]; any other searches the versions of its piece one after the
// other. Each pair of version and nonce is a hash, and is counted once.
//
// No device is trusted. Every hit is hashed again by package pow before it is
// told, every verdict but "valid" is confirmed there, and one "valid" verdict
// of each piece is checked too. A device that gives wrong answers becomes
// [Sick], and stays out until [Engine.Retry] tests it and takes it in again. One
// that fails becomes [Dead], and is tried again unless it is lost to the process
// ([ErrLost]). What a dead device left open, and all that a sick
// one did for the calls then under way, is done again by the others. A device
// that leaves out hits and is never caught at a wrong answer is not put aside;
// its Hits fall behind its ExpectedHits in the status. [Engine.Rest] stops a
// device that is too hot.
package engine
