// Package stratum is a Stratum V1 client: it makes a pool a source of work.
//
//   - [Client] is a [miner.Source]: one pool, over as many connections as it takes.
//   - [Options] name the pool and the user.
//
// The messages are in stele/engine/stratum. docs/stratum.md describes how the
// client behaves.
//
// # Caveats
//
// Without TLS everybody on the path can read the password, and can replace the
// pool by another that takes the shares. A pinned fingerprint replaces the
// system's certificate authorities; it does not add to them.
package stratum
