// Package stratum is the Stratum V1 protocol, the language between miners and
// pools: one JSON message per line. It is used in both directions, by the client
// in engine/miner/stratum and the server in node/stratum.
//
//   - [Message] is one line. [ParseMessage] reads it, [Message.Append] writes it.
//   - [Configure], [Configured] and [Subscription] are the handshake.
//   - [Notify] is a job, [Submit] a share.
//   - [Reconnect] and the functions beside it read the other notifications of a
//     server.
//   - [Error] is the error of an answer.
//
// The package is pure: it has no socket, clock or goroutine. Its functions and
// types are safe for concurrent use as long as nobody changes the value.
//
// Stratum V1 has no standard. The package reads what pools and miners are known
// to send, and writes the form that all of them read. docs/stratum.md lists the
// dialect as a table. The sources are Slush Pool's description of the protocol,
// BIP 310 (version rolling), BIP 320 (which bits) and the source of cgminer.
//
// Package stratumtest has a strict pool to test miners with.
//
// # Byte order
//
// The version, nBits, time and nonce of a header travel as 8 hex digits of the
// number, most significant first. The hash of the parent travels in the order in
// which the header has it, but with the bytes of each group of four reversed.
// Everything else travels as it is hashed. The fields of the types here are
// numbers, and hashes in internal order.
//
// # Caveats
//
// The parsers bound the length of each field, but not that of a line: whoever
// reads lines limits them to [MaxLine] or [MaxRequest]. Text in a [Message] or a
// parsed value is as the other side sent it, except in [Error]: clean it before
// it is shown (internal/text).
package stratum
