// Package link is a secured connection between two nodes, which carries the messages
// of package wire under limits of size, time and memory.
//
// # Main types
//
//   - [Transport] dials and listens: [TCP], or a host of package simnet.
//   - [Key] is the identity of a node, and [ID] how others name it.
//   - [Client] and [Server] do the handshake of TLS 1.3 on a connection.
//   - [Link] carries messages over a connection. [Link.Run] reads and writes until the
//     link ends, [Link.Send] and [Link.SendLater] queue messages, [Link.Close] ends
//     the link with a last one.
//   - [Budget] bounds the memory of the long frames of all links.
//
// # Rules
//
//   - The length of a frame is checked before memory is allocated for it, and
//     whether it may come without a request. The buffer grows with the bytes that have
//     arrived: a promise of 4 MB and one byte holds 64 kB.
//   - A frame of n bytes must be complete 10 s + n/(20 kB/s) after its first byte, and
//     must be written in that time. A peer that sends nothing for 110 s is gone.
//   - Headers, compact blocks, pings and pongs go first, in a queue of 128 kB. A peer
//     that lets it overflow is too slow, and the link ends.
//   - All other messages have a queue of 128 kB. If it is full, announcements of
//     records and records are dropped and counted, and nothing is read from the peer
//     until there is room. Blocks are queued as functions, which the writer calls one
//     at a time.
//   - Frames over 64 kB count apart, to 1 MB for a link, and need a share of the
//     budget, in which all links compete: a peer that reads slowly is dropped when
//     others wait for its share. What is received without a request has a budget of its
//     own, and is skipped after 1 s without a share, so that it delays no answer.
//
// # Caveats
//
// A key proves only that the same node is at the other end as before: anybody can
// make keys. The dates and names in certificates mean nothing.
//
// In TLS 1.3 the client is done before the server has checked its certificate: a
// client that the server rejects notices at its first read.
//
// The package bounds neither how many messages a peer sends, nor how many links there
// are, and it sends no pings: the caller does all that. While a peer is silent the
// caller should ping it before 110 s have passed.
package link
