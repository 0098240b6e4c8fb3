// Package blobs stores sealed recipients' data ([stele/node/ledger/recipient]) until
// they expire.
//
// A [Store] is a folder with one file per blob, named by the SHA-256 of the blob.
// The modification time of a file is the time at which the blob expires. So the
// store needs no index that could disagree with the files. [Store.Purge] removes
// expired blobs.
//
// A new blob is unclaimed and expires soon. When the record of a shipment names
// it, the node extends its time with [Store.Expire].
//
// A [Request] is a carrier's signed request for a blob.
//
// # Caveats
//
// The store is separate from the chain's database, which keeps old bytes until it
// compacts. A file is removed, not overwritten: copies made by the file system or
// by a backup remain. They are sealed too.
package blobs
