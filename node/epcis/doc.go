// Package epcis writes the history of an item as an EPCIS 2.0 document (GS1, ISO/IEC
// 19987, with the words of the Core Business Vocabulary 2.0) in JSON-LD. docs/epcis.md
// says which records become which events.
//
// [Of] makes a [Document] from the records of an item's history. It is a pure function.
//
// # Names
//
// An item is named by its GS1 Digital Link at [digitallink.Canonical]. A party is named
// by the did:key of the key that the record names, so a party that rotates its key has
// several names. Events and business transactions are named by the ids of records, as ni
// URIs ([Name]).
//
// # Caveats
//
// An event is at the time that its author claims, which nothing proves; its record time
// is that of its block, as the miner says. The ledger has no places, so events have no
// read points and business locations.
package epcis
