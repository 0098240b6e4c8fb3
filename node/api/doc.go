// Package api gives a node's chain, pool and state to programs as JSON over
// HTTP, and takes records in. docs/node.md describes its routes; the node itself
// describes them as OpenAPI 3.1 at /openapi.json.
//
// [New] makes an [API] of the parts of a node; [API.Handler] is its
// http.Handler, with all limits; [API.Serve] serves it on a listener until a
// context ends.
//
// Errors are problems as in RFC 9457. Where a rule of the ledger refused
// something, the member "reason" is the stable reason of package reject.
//
// Whoever can send a request is not trusted: a body has at most 64 kB, headers
// 16 kB, lists are cut into pages, an address has a rate, and a connection that
// is slow is closed. A web page that is open in a browser of the same machine
// can send requests too: names other than localhost in Host are refused, against
// DNS rebinding, and so are writes from another origin. Records are taken from
// loopback addresses, or from whoever has the token, if there is one.
package api
