// Package epcis writes the history of an item as an EPCIS 2.0 document (GS1, ISO/IEC
// 19987) in JSON-LD. docs/epcis.md says which records become which events.
//
// [Of] makes a [Document] from the records of an item's history.
package epcis
