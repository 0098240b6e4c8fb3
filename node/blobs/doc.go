// Package blobs keeps sealed recipients' data ([stele/node/recipient]) for a
// time, and then forgets them.
//
// A [Store] is a folder with a file for each blob, named by its SHA-256. The
// modification time of a file is the time at which it expires, so that a store
// needs no index that could disagree with the files. [Store.Purge] removes what
// has expired.
//
// A blob that comes in is unclaimed: it lives for a short time only. When a
// shipment's record names it, the node claims it with [Store.Expire], until the
// rules say that it must go.
//
// A [Request] is a carrier's signed question for a blob.
//
// # Caveats
//
// The store is apart from the chain's database, since that keeps old bytes
// until it compacts. A file is removed, not overwritten: copies that the file
// system or a backup made are not reached. They are sealed all the same.
package blobs
