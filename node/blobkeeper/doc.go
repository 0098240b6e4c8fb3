// Package blobkeeper keeps sealed recipients' data as long as their parcels need
// them, serves them to the carriers of the parcels, and then deletes them.
//
// A [Keeper] connects a folder of blobs ([stele/node/blobs]) with the chain. The
// record of a shipment, or of a handover, names a blob by its hash. Until then
// the blob is unclaimed and expires soon. From then on the state of the shipment
// determines how long it is kept: see [Keeper.Sweep].
//
// A keeper also publishes the carriers' notices
// ([stele/node/ledger/recipient.Notice]), from which senders learn the key to
// seal to.
//
// # Who gets a blob
//
// A request must be signed with the key of an account that has the parcel now, or
// that a record with the blob's hash names as the next carrier.
//
// # Caveats
//
// Each node keeps the blobs that it received itself, and no copies of those of others.
// A request that it cannot answer is passed on to peers by package p2p.
package blobkeeper
