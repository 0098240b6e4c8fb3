// Package simnet is a network in memory: hosts with addresses, and TCP-like
// connections between them with latency, limited rates and faults. With it, many
// nodes run in one process, in real time or in the virtual time of testing/synctest.
//
// # Main types
//
//   - [Net] is the network. [New] makes one from a seed.
//   - [Host] is a machine with an address: it dials, listens and fails.
//   - [Line] is the quality of the way between two hosts.
//
// Connections are ordinary [net.Conn] values with deadlines, listeners ordinary
// [net.Listener] values, and addresses are [*net.TCPAddr], so that TLS, limits by
// address and everything else above TCP works unchanged.
//
// # Model
//
// A connection accepts 256 kB of data that the other side has not read; then Write
// blocks. Data leaves a host in chunks of at most 16 kB, and of at most 50 ms at the
// slowest rate on the way; connections of a host take turns. A chunk passes the
// sender's upload rate, the line's rate, the latency of the line with its jitter, and
// the receiver's download rate. Bytes of a connection stay in order.
//
// A dial takes one round trip. It is refused where nobody listens, and waits where
// nobody answers, until its context ends.
//
// # Faults
//
//   - [Net.Cut] and [Net.CutOneWay] lose everything on the way until [Net.Heal], and
//     neither side learns of it. Then what was lost is sent again, as TCP does.
//   - [Host.Freeze] stops a process as SIGSTOP does: connections stay and their
//     buffers fill, until [Host.Thaw].
//   - [Host.Kill] ends a process: the system closes its connections.
//   - [Host.PowerOff] ends a machine: its connections are half-open at the peers,
//     which notice nothing until they send after [Host.PowerOn].
//
// # Caveats
//
// The seed fixes the jitter of each chunk. It does not fix the order in which the
// scheduler runs goroutines, so that two runs with one seed have the same faults and
// delays, and not always the same order of messages.
//
// In a bubble of testing/synctest, make the Net within the bubble. The package keeps
// no goroutine: it has one timer, and one for each deadline. [Net.Close] stops them.
//
// The model has no packets, no congestion control and no loss other than by faults.
// The buffer of a connection has room as soon as the receiver reads, without an
// acknowledgement on the way. A connection that is cut never times out by itself, and
// goes on as soon as the cut ends, for which TCP may need as long again as the cut.
// Freezing a host stops neither its timers nor its deadlines.
package simnet
