// Package stratum speaks Stratum V1, the protocol between miners and pools: one
// JSON message per line over TCP or TLS.
//
//   - [Client] is a [miner.Source]: one pool, over as many connections as it takes.
//   - [Message] is one line; [ParseMessage] reads it, [Message.Append] writes it.
//   - [Notify], [Submit], [Subscription], [Configure] and [Error] are what the
//     messages carry. A server uses the same types.
//
// There is no standard. The package reads what pools and miners are known to
// send and writes the form that all of them read. docs/stratum.md has the
// dialect as a table. The sources are Slush Pool's description of the protocol,
// BIP 310 (version rolling), BIP 320 (which bits) and the source of cgminer.
//
// # Byte order
//
// The version, nBits, time and nonce of a header travel as 8 hex digits of the
// number, most significant first. The hash of the parent travels as it stands in
// the header, but with the bytes of each group of four reversed. All else
// travels as it is hashed. The fields of the types here are numbers, and hashes in
// internal order.
//
// # Caveats
//
// Without TLS everybody on the path can read the password, and can replace the
// pool by another that takes the shares. A pinned fingerprint takes the place of
// the system's certificate authorities; it does not add to them.
package stratum
