// Package casetest makes the payloads of after-sales records, for tests.
//
// [Acts] has a method for what each party to a case can do: a sale, a shipment, a
// claim, and so on to the evaluation. It makes payloads only; tests of the rules
// apply them to a state, package chaintest and the corpus put them into blocks.
//
// # Caveats
//
// An Acts belongs to one goroutine.
package casetest
