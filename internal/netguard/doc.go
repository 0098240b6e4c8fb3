// Package netguard protects the servers of the program against their clients.
//
//   - [Limit] bounds the connections of a listener, in total and per address.
//   - [Accept] retries when the system cannot accept a connection.
//   - [Address] is the address of a peer as the limits count it.
//   - [Rates] bounds how often an address may do something.
//   - [TrustedHost] rejects names in the Host of HTTP requests, against DNS
//     rebinding.
//   - [Proxies] finds the client behind trusted reverse proxies.
//   - [Bearer] and [Loopback] report whether a client may do more than read.
//
// # Caveats
//
// Connections from this machine have no limit per address: clients behind a proxy
// on the same machine share the total.
package netguard
