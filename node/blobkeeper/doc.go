// Package blobkeeper keeps sealed recipients' data for as long as their parcels
// need them, gives them to those who carry the parcels, and then forgets them.
//
// A [Keeper] joins a folder of blobs ([stele/node/blobs]) with the chain. The
// record of a shipment, or of a handover, names a blob by its hash. Until then
// the blob is unclaimed and lives for a short time only. From then on the ledger
// tells how long it is kept: see [Keeper.Sweep].
//
// A keeper also publishes the carriers' notices ([stele/node/recipient.Notice]),
// by which senders know to which key to seal.
//
// # Who gets a blob
//
// Whoever signs a request with the key of an account that a record with the
// blob's hash names as the next carrier, or that has the parcel now.
//
// # Caveats
//
// Each node keeps what was given to it. Blobs do not travel between nodes.
package blobkeeper
