// Package store keeps a chain on disk: headers, bodies of blocks, undo data, the
// record index, the ledger's state and the journal of the pool, in one Pebble
// database. It knows bytes, hashes and heights, but none of the rules.
//
// # Main types
//
//   - [Store] is an open store. Reads are safe for concurrent use.
//   - [Batch] collects writes. Commit makes them durable, all or none. CommitLater
//     leaves that to [Store.Sync], one for many batches.
//   - [Snapshot] is the store as it was at one moment.
//   - [Damage] says where stored data differ from what was written.
//
// # Layout
//
// The folder of a store holds
//
//	IDENTITY   schema version and network, as text
//	LOCK       locks out a second process
//	SEAL       size and SHA-256 of every file, while the store is closed
//	SEAL.old   the seal before the last opening for writing
//	db/        the files of Pebble
//
// and, beside them, the node's folders views, blobs and p2p, which the store ignores.
//
// A key is a letter, followed by the parts listed here; heights are 4 bytes,
// big-endian, so that they sort.
//
//	b  height hash   body: the encoded block
//	c  height        the block of the active chain: hash, digest
//	h  height hash   header: 80 bytes, status, whether body and undo are stored
//	n  hash          height of a known header
//	p  id            record in the journal of the pool
//	r  id            place of a record in the active chain: height, index
//	s  key           entry of the ledger's state
//	t                tip: hash, height, digest
//	u  height hash   undo data of a block of the active chain
//
// Pebble writes bodies and undo data from 1 KiB on into blob files, and moves only their
// keys later. They are sorted by height, so that a blob file holds those of neighbouring
// heights, and is removed when they are pruned. Stores of older versions have them in
// tables, and go on with blob files.
//
// Integers in values are little-endian. All values except
// those of the state end with their CRC-32C. Entries of the state are stored as the
// ledger encodes them; the digest of the tip covers them.
//
// # When the disk fails
//
// After the first write that fails, for instance because the disk is full, nothing
// more reaches the files: they stay as a crash at that moment would leave them. The
// failed Commit changes nothing. Reads continue, and every later Commit tries to
// open the database again, which is the recovery from a crash. Once there is space,
// the store recovers by itself.
//
// What was committed by CommitLater and is not durable yet stays in memory, at most 16
// MB, and the next database gets it again. Until then reads fail where they would need
// it.
//
// Damage that Pebble finds is final: Commit returns ErrCorrupt until the process
// ends. Reads of undamaged entries still work.
//
// # Caveats
//
// Checksums find damage, not forgery: whoever can write the files can also change
// seal and checksums. Only a replay of the chain proves the state.
//
// Pebble works in goroutines of its own. A panic in one of them ends the
// process, as a crash would.
package store
