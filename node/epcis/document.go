package epcis

import (
	"stele/node/ledger/record"
	"stele/node/query"
)

// Document is an EPCIS document. Its JSON is JSON-LD, valid against GS1's schema of
// EPCIS 2.0.
type Document struct{}

// Of returns the document of an item from the records of its history, in the order of
// the chain, and the recalls of its product. Records that say nothing about the goods
// are left out.
func Of(gtin record.GTIN, serial record.Serial, events []query.Event) Document { return Document{} }
