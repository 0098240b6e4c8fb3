// Package casetest tells the story of a sale in blocks, for tests of what is
// derived from the chain.
//
// [New] begins a [Story] on a builder of package chaintest: roles are granted,
// and a product is registered. Each step mines a block: [Story.Sell],
// [Story.Send], [Story.HandOver], [Story.Deliver], [Story.Complain],
// [Story.Refund] and [Story.Evaluate], in this order. Recipient's data are
// sealed as package recipient does it, so that tests can look for them.
//
// # Caveats
//
// The network should have days of a day: see [Network]. Functions panic where a
// test did something impossible.
package casetest
