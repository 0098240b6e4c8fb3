// Package api serves a node's chain, pool and ledger as JSON over HTTP, and accepts
// records. docs/node.md describes its routes; the node describes them as OpenAPI
// 3.1 at /openapi.json. The answers come from package query; this package maps
// them to HTTP.
//
// [New] makes an [API] from the parts of a node. [API.Handler] is its
// http.Handler, with all limits. [API.Serve] serves it on a listener until a
// context ends.
//
// Errors are problems as in RFC 9457. If a rule of the ledger rejected something,
// the member "reason" is the stable reason of package reject.
//
// # Limits
//
// Clients are not trusted. A body has at most 64 kB and headers 16 kB, lists are
// paged, requests are limited per address, and slow connections are closed. A web
// page in a browser on the same machine can send requests too. So the API rejects
// a Host other than localhost or an address (DNS rebinding), and writes from
// another origin. It accepts records from loopback addresses, or with a token from
// whoever sends it.
package api
