// Package netguard has what every server of the program needs against those who
// connect to it.
//
//   - [Limit] bounds the connections of a listener, in all and of each address.
//   - [Accept] goes on where no connection can be taken for a time.
//   - [Address] is what limits count as the address of a peer.
//   - [Rates] bounds how often an address may do something.
//   - [TrustedHost] refuses names in the Host of HTTP requests, against DNS
//     rebinding.
//   - [Proxies] finds the client behind reverse proxies that are trusted.
//   - [Bearer] and [Loopback] tell who may do more than read.
//
// # Caveats
//
// Connections from this machine have no limit for each address: programs behind
// a proxy on the same machine share all that there is.
package netguard
