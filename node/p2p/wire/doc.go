// Package wire defines the messages that nodes send to each other, version 1 of
// the protocol "stele". Each message has one encoding and a maximum length.
//
// # Main types
//
//   - [Message] is one of the messages: [Hello], [Headers], [Compact] ...
//   - [Kind] is the number of a message on the wire.
//   - [Limits] encodes and decodes messages, and says how long one may be before a
//     byte of it is read.
//   - [ShortIDKey] computes the short ids of records in a [Compact] block.
//
// # Format
//
// A message is a frame:
//
//	length  4 bytes  of the body
//	kind    1 byte
//	body    length bytes
//
// All integers are little-endian. Hashes and headers are in internal byte order, as
// in package pow. A list is its count, then its elements; the comment of a message
// gives the size of the count. A record is its length in two bytes and its encoding,
// so that a reader can skip a record of a type that it does not know.
//
// A body has no optional fields and ends after the last one. The meaning of a kind
// never changes: a new meaning is a new kind. Kinds 64 to 127 are for later
// versions; this version decodes them as [Unknown] and ignores them. Every other
// unknown kind is an error that ends the connection.
//
// # Reading
//
// A reader takes [HeaderSize] bytes, decodes them with [DecodeHeader], calls
// [Limits.Check], and only then allocates and reads the body for [Limits.Decode].
// It reports whether it has an open request for the message, since what a peer sends
// without one has tighter limits.
//
// # Caveats
//
// The package checks the form of messages, nothing else: whether headers are linked,
// records valid and addresses reachable is for others to check. It has no goroutines
// and reads no clock. Decoding never panics, and allocates at most twice the length
// of the body and 64 kB.
package wire
