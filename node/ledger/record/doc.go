// Package record defines the signed record, which blocks are made of: its frame,
// its payloads, its encoding, its JSON form for people, and its signatures.
//
// # Main types
//
//   - Record is the frame: network, sequence number, validity, fee, author, a
//     Payload, and the signatures.
//   - Payload is what a record says. Each type has a file and a line in the
//     table of type.go.
//   - Key, Signature and PrivateKey are Ed25519; Amount is money.
//   - Verifier checks the signatures of many records and remembers good ones.
//
// The way in is [Decode], or [New] and [Sign]. [Record.Check] and
// [Record.Verify] are the rules that need only the record. Those that need the
// state are in package rules. All of them return errors of package reject.
//
// # Encoding
//
// All integers are little-endian and have a fixed width. A value has one
// encoding, and every other is rejected.
//
//	body:   network u32 | type u8 | version u8 | sequence u64 |
//	        valid-until u32 | fee u64 | key 32 | payload length u16 | payload
//	record: body | number of signatures u8 | signatures, 64 bytes each
//
// The id of a record is the double SHA-256 of its body: no signature, and so
// nobody but the signers, can change it. Two sets of signatures give the same
// id and differ in [Record.FullHash].
//
// # Signatures
//
// Signatures are Ed25519 (RFC 8032) over "aftersales/tx/v1", the network id and
// the body. Which ones are valid is defined by ZIP-215, so that all programs
// agree, alone and in batches: never verify with crypto/ed25519, which rejects
// some of them. Keys of small order, for which everybody can sign, are rejected
// by [Record.Check].
//
// # Caveats
//
// A Record from Decode, New or Sign keeps its encoding and hashes, and is safe for
// concurrent use. It must not be modified: modify a copy and pass that to New.
package record
