// Package gbt mines to a node of Bitcoin's protocol by getblocktemplate (BIP 22,
// 23 and 145), as a source of package miner.
//
//   - Client is the source. It asks for templates with long polling, lets the
//     node judge the block before it is hashed, and submits what is found.
//
// # Caveats
//
// The payout is an output script in hex; an address is not understood. A share
// is a block: its target is that of the template.
package gbt
